"""ROUGE-L: how long a common subsequence of words a caption shares with its references.

Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), as coco-caption's `rouge.py`:
F-measure with beta 1.2 of the best precision and the best recall over the references, which may
come from two different references. Texts are split at single spaces there, so an empty text is
one empty word, and the tokenizer's no-break spaces stay inside their word; both are kept here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from saccade.errors import DataError

Word = TypeVar("Word", str, int)  # text, or a word id

_BETA2 = 1.2**2
_LONG = 1000  # words from which on a caption is treated as a long one
_RARE = 64  # times that a word of a long caption occurs in it
_MOST_PAIRS = 10**10  # of words, compared in about 2 seconds


def common_length(masks: Mapping[Word, int], length: int, words: Sequence[Word]) -> int:
    """Length of the longest common subsequence of two lists of words.

    `masks` has, for each word of the first list, the bits of its positions; `length` is how many
    words that list has. Bits of one integer hold a whole row of the dynamic programme, so a word
    of the second list costs three operations (Hyyrö, "Bit-parallel LCS-length computation
    revisited", 2004), and none at all when the first list lacks it."""
    row = full = (1 << length) - 1
    for word in words:
        if word in masks:
            kept = row & masks[word]
            row = (row + kept) | (row - kept)
    return length - (row & full).bit_count()


def sentence(hypothesis: str, references: Sequence[str]) -> float:
    """ROUGE-L of one tokenized hypothesis against its tokenized references.

    Raises DataError for two captions of so many words that it would take minutes."""
    words = hypothesis.split(" ")
    length = len(words)
    short = length <= _LONG
    masks = word_masks(words) if short else {}
    precision = recall = 0.0
    for reference in references:
        others = reference.split(" ")
        common = common_length(masks, length, others) if short else _common_of_long(words, others)
        precision = max(precision, common / length)
        recall = max(recall, common / len(others))
    return f_measure(precision, recall)


def f_measure(precision: float, recall: float) -> float:
    """With beta 1.2."""
    if not precision or not recall:
        return 0.0
    return (1 + _BETA2) * precision * recall / (recall + _BETA2 * precision)


def word_masks(words: Sequence[Word]) -> dict[Word, int]:
    """For each word the bits of its positions, for `common_length`."""
    masks: dict[Word, int] = {}
    for position, word in enumerate(words):
        masks[word] = masks.get(word, 0) | 1 << position
    return masks


def _common_of_long(words: Sequence[str], others: Sequence[str]) -> int:
    """The same for a list of thousands of words: `_masks` would take time that grows with its
    square. What both begin and end with, and words that only one has, are left out first."""
    start = _shared_start(words, others)
    words, others = words[start:], others[start:]
    end = _shared_start(words[::-1], others[::-1])
    words, others = words[: len(words) - end], others[: len(others) - end]
    shared = set(words) & set(others)
    words = [word for word in words if word in shared]
    others = [word for word in others if word in shared]
    if len(words) * len(others) > _MOST_PAIRS:
        raise DataError(
            f"the caption {' '.join(words[:8])!r}... has {len(words)} words and a reference "
            f"{len(others)}, too many to compare; is a whole file in one caption, after a missing "
            "quotation mark?"
        )
    places: dict[str, list[int]] = {word: [] for word in shared}
    for position, word in enumerate(words):
        places[word].append(position)
    # A mask is as long as the list: rare words' masks are made when they are needed, not kept.
    masks = {
        word: _mask(positions, len(words))
        for word, positions in places.items()
        if len(positions) > _RARE
    }
    row = full = (1 << len(words)) - 1
    for word in others:
        kept = row & (masks[word] if word in masks else _mask(places[word], len(words)))
        row = (row + kept) | (row - kept)
    return start + end + len(words) - (row & full).bit_count()


def _mask(positions: Sequence[int], length: int) -> int:
    bits = bytearray(length // 8 + 1)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(bits, "little")


def _shared_start(words: Sequence[str], others: Sequence[str]) -> int:
    pairs = zip(words, others, strict=False)
    shortest = min(len(words), len(others))
    return next((i for i, (word, other) in enumerate(pairs) if word != other), shortest)


def rouge_l(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> tuple[float, np.ndarray]:
    """ROUGE-L of the whole set (the mean) and of each picture (pictures,), from tokenized texts."""
    scores = np.array([sentence(*pair) for pair in zip(hypotheses, references, strict=True)])
    return float(scores.mean()), scores
