"""CHAIR: objects that captions name and that are not on the picture.

Rohrbach et al. 2018, "Object Hallucination in Image Captioning" (arXiv 1809.02156, section 3.1):
CHAIR-i, the share of named objects that are not there, and CHAIR-s, the share of captions that name
such an object. An object is there when it is annotated or a reference names it. What differs from
the paper's code: the list of words is ours (or the user's); a word for several kinds of object
("bike") is true when one of them is there; of two names in a row only the second counts.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from saccade.errors import DataError
from saccade.metrics.hallucination import Hallucination, ranked
from saccade.metrics.resample import mean_interval
from saccade.text.naming import naming_words
from saccade.values.evidence import Interval

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Chair:
    """Hallucinated objects of many captions; intervals by a bootstrap over pictures."""

    instance: Interval | None  # CHAIR-i: false mentions / mentions; None without a mention
    sentence: Interval  # CHAIR-s: captions with a false mention / captions
    mentions: int  # of objects, each time one is named
    captions: int
    false: Mapping[Hashable, tuple[str, ...]]  # by picture: the words for what is not there
    words: tuple[Hallucination, ...]  # the same by word, the most frequent first


def object_hallucination(
    captions: Mapping[Key, Sequence[str]],
    references: Mapping[Key, Sequence[Sequence[str]]],
    objects: Mapping[Key, frozenset[str]],
    names: Mapping[str, frozenset[str]],
    pairs: Container[str] = frozenset(),
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Chair:
    """CHAIR of captions, words by picture.

    references: the words of each picture's references, which may be none; objects: the categories
    annotated on it; names: word, or two words with a space -> the categories it can mean; pairs:
    two words that are never taken for one of them. Raises DataError when a picture has no entry in
    `objects`, or there is no caption."""
    if not captions:
        raise DataError("there is no caption to compare with objects.")
    said: dict[str, int] = {}
    wrong: dict[str, list[Hashable]] = {}
    false: dict[Hashable, tuple[str, ...]] = {}
    counts: list[tuple[int, int]] = []  # of each picture: false mentions, mentions
    for picture, words in captions.items():
        if picture not in objects:
            raise DataError(f"picture {picture} has no annotated objects; give it an entry.")
        there = set(objects[picture])
        for reference in references.get(picture, ()):
            for _, _, kinds in naming_words(reference, names, pairs):
                there |= kinds
        mentioned = naming_words(words, names, pairs)
        absent = []
        for start, stop, kinds in mentioned:
            word = " ".join(words[start:stop]).lower()
            said[word] = said.get(word, 0) + 1
            if not kinds & there:
                absent.append(word)
                wrong.setdefault(word, []).append(picture)
        if absent:
            false[picture] = tuple(absent)
        counts.append((len(absent), len(mentioned)))
    strange, mentions = np.array(counts, dtype=float).T
    return Chair(
        instance=mean_interval(strange, mentions, resamples, seed) if mentions.any() else None,
        sentence=mean_interval((strange > 0).astype(float), None, resamples, seed),
        mentions=int(mentions.sum()),
        captions=len(captions),
        false=false,
        words=ranked(wrong, said, {word: word for word in wrong}),
    )
