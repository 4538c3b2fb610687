"""ROUGE-L: how long a common subsequence of words a caption shares with its references.

Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), as coco-caption's `rouge.py`:
F-measure with beta 1.2 of the best precision and the best recall over the references, which may
come from two different references. Texts are split at single spaces there, so an empty text is
one empty word, and the tokenizer's no-break spaces stay inside their word; both are kept here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BETA2 = 1.2**2


def common_length(masks: dict[str, int], length: int, words: Sequence[str]) -> int:
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
    """ROUGE-L of one tokenized hypothesis against its tokenized references."""
    words = hypothesis.split(" ")
    length = len(words)
    masks: dict[str, int] = {}
    for position, word in enumerate(words):
        masks[word] = masks.get(word, 0) | 1 << position
    precision = recall = 0.0
    for reference in references:
        others = reference.split(" ")
        common = common_length(masks, length, others)
        precision = max(precision, common / length)
        recall = max(recall, common / len(others))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA2) * precision * recall / (recall + _BETA2 * precision)


def rouge_l(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> tuple[float, np.ndarray]:
    """ROUGE-L of the whole set (the mean) and of each picture (pictures,), from tokenized texts."""
    scores = np.array([sentence(*pair) for pair in zip(hypotheses, references, strict=True)])
    return float(scores.mean()), scores
