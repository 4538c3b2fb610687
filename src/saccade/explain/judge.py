"""Maps from elsewhere put to the test that a model's own maps take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saccade.errors import UsageError
from saccade.explain.frames import Frame, on_cells
from saccade.explain.mapfiles import GivenMaps
from saccade.values.captions import Caption


def of_words(given: GivenMaps, words: Sequence[str]) -> dict[int, np.ndarray]:
    """Places of a caption's T words -> the map of each. Raises UsageError for another number of
    maps, and for words that the caption does not have."""
    T, sentence = len(words), " ".join(words)
    if not T:
        raise UsageError("the caption has no words; there is nothing to judge.")
    if given.words is None:
        if len(given.maps) not in (1, T):
            raise UsageError(
                f"there are {len(given.maps)} maps for the {T} words of '{sentence}'; save one for "
                "each word, one for all of them, or an .npz file with maps by word."
            )
        return {place: given.maps[place % len(given.maps)] for place in range(T)}
    said, theirs = [word.casefold() for word in words], [w.casefold() for w in given.words]
    if given.whole:
        if said != theirs:
            raise UsageError(
                f"the maps are of the words '{' '.join(given.words)}', the caption is "
                f"'{sentence}'; judge them with --caption and their sentence."
            )
        return dict(enumerate(given.maps))
    for word, own in zip(theirs, given.words, strict=True):
        if word not in said:
            raise UsageError(
                f"there is a map of '{own}', which is not a word of '{sentence}'; name its "
                "words, or add --caption with the sentence that the maps are of."
            )
    maps = dict(zip(theirs, given.maps, strict=True))
    return {place: maps[word] for place, word in enumerate(said) if word in maps}


def claims(
    given: GivenMaps, caption: Caption, frame: Frame
) -> tuple[np.ndarray, tuple[int, ...], tuple[str, ...]]:
    """Scores (T, L) on the cells, nan where a word has no map; the places that have one; and the
    words whose map is flat, which names no cell."""
    maps = of_words(given, caption.words)
    scores = np.full((len(caption.words), len(caption.where)), np.nan)
    for place, values in maps.items():
        scores[place] = on_cells(
            values, caption.where, frame, f"the map of '{caption.words[place]}'"
        )
    flat = tuple(caption.words[place] for place in maps if np.ptp(scores[place]) == 0)
    return scores, tuple(maps), flat
