"""Words with boxes: what every map says of them, word by word.

Two questions are kept apart. *Does the map name what the word depends on?* Covering decides
(`saccade.explain`). *Does it name the thing?* Boxes decide, here: a map that hits the box of its
word's thing is right about where the thing is, whether or not the word was written because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from saccade.data.boxes import Boxes
from saccade.data.naming import phrase_boxes
from saccade.data.scenes import ground
from saccade.data.scenes.language import is_kind
from saccade.engine import Engine, encode
from saccade.errors import PictureError
from saccade.explain.explainer import Explainer
from saccade.explain.maps import OF_CAPTIONS
from saccade.explain.sentences import teacher_forced
from saccade.metrics.grounding import centre_map, coverage, hits, uniform_map
from saccade.progress import progress
from saccade.text import has_words
from saccade.values.captions import Caption
from saccade.values.evidence import WordEvidence
from saccade.values.examples import Example, NamedWord
from saccade.values.places import Grid

UNIFORM, CENTRE = "uniform", "centre"
BASELINES = (UNIFORM, CENTRE)  # maps that need no model
SMALL, LARGE = 0.25, 0.5  # shares of the photo between which a box is of middle size
SIZES = ("under a quarter", "a quarter to a half", "over half")  # of the photo


@dataclass(frozen=True)
class BoxedWord:
    """A word that names something with boxes, and where the maps are for it."""

    picture: int  # which of the pictures
    id: str
    place: int  # in the caption
    word: str
    head: bool  # the thing's own word, or a word about it
    kinds: tuple[str, ...]
    area: float  # the share of the photo that its boxes cover together
    # By map, "uniform" and "centre" among them: whether the peak is in a box (between 0 and 1 where
    # several cells share the peak), and how much of the map is.
    peak: Mapping[str, float]
    mass: Mapping[str, float]
    evidence: WordEvidence | None = field(default=None, repr=False)  # where it was measured
    tested: str = ""  # the map that its verdict is about

    def to_json(self) -> dict[str, Any]:
        """As plain values; of the evidence its verdicts."""
        found = self.evidence
        judged = {} if found is None else {"verdict": found.verdict, "seen": found.seen}
        return {
            "id": self.id,
            "place": self.place,
            "word": self.word,
            "head": self.head,
            "kinds": list(self.kinds),
            "area": round(self.area, 6),
            "peak": {name: round(value, 6) for name, value in self.peak.items()},
            "mass": {name: round(value, 6) for name, value in self.mass.items()},
            **judged,
        }

    @property
    def size(self) -> str:
        """How large the boxes are."""
        return SIZES[(self.area >= SMALL) + (self.area > LARGE)]


def named_words(example: Example, caption: Caption, boxes: Boxes | None) -> tuple[NamedWord, ...]:
    """The words of a caption that name something with boxes in the caption's photo: of drawn scenes
    those that are true, else those that `boxes` know, or without these the data themselves."""
    if example.scene is not None:
        return tuple(
            NamedWord(place, theirs, head=is_kind(caption.words[place]))
            for place, theirs in ground(caption.text, example.scene, sizes=True)
            if theirs
        )
    if boxes is None:
        return phrase_boxes(example.image.name, example.boxes).words(caption.words)
    known = boxes.picture(example.image, caption.where.width, caption.where.height)
    return () if known is None else known.words(caption.words)


def reference_captions(
    engine: Engine,
    examples: Sequence[Example],
    show: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> list[tuple[Example, Caption]]:
    """The first reference of each picture as the engine reads it, so that all engines have the same
    words; a word that an engine does not know is read as unknown, and names nothing. Pictures
    without a reference, and those that can't be opened, are left out. stop: called after each."""
    captions = []
    with progress("Reading references", len(examples), show) as task:
        for example in examples:
            task.advance()
            first = next(filter(has_words, example.captions), None)
            if first is None:
                continue
            try:
                encoded = encode(engine, [example.image])
            except PictureError:
                continue
            ids = engine.words.reference(first)
            captions.append((example, teacher_forced(engine, encoded, ids)))
            if stop():
                break
    return captions


def boxed_words(
    captions: Sequence[tuple[Example, Caption]],
    boxes: Boxes | None,
    engine: Engine,
    explainer: Explainer | None,
    show: bool = True,
    stop: Callable[[], bool] = lambda: False,
    maps: Sequence[str] = ("attention",),
) -> tuple[BoxedWord, ...]:
    """Every word of the captions that names something with boxes in view.

    With an explainer its maps are made, and the evidence of each word; without one those of `maps`
    (of `OF_CAPTIONS`), which need the captions' attention only. A picture that can't be opened any
    more is left out. stop: called after each picture."""
    words: list[BoxedWord] = []
    named = [(i, e, c, named_words(e, c, boxes)) for i, (e, c) in enumerate(captions)]
    named = [entry for entry in named if entry[3]]
    with progress("Maps of words with boxes", len(named), show and explainer is not None) as task:
        for number, example, caption, theirs in named:
            task.advance()
            seen = [(word, cells) for word in theirs if (cells := _cells(caption, word)).any()]
            if not seen:
                continue
            places = [word.place for word, _ in seen]
            evidence: Sequence[WordEvidence | None] = [None] * len(places)
            tested = ""
            if explainer is not None:
                try:
                    features = encode(engine, [example.image]).features
                except PictureError:
                    continue
                evidence, tested = explainer.words(caption, features, places)
            for (word, cells), measured in zip(seen, evidence, strict=True):
                made: dict[str, np.ndarray] = {}
                if measured is not None:
                    made = dict(measured.maps)
                elif caption.alphas is not None:
                    alphas = caption.alphas[word.place]
                    made = {name: OF_CAPTIONS[name](caption.where, alphas) for name in maps}
                entry = boxed_word(number, example.id, caption, word, cells, made)
                words.append(replace(entry, evidence=measured, tested=tested))
            if stop():
                break
    return tuple(words)


def boxed_word(
    picture: int,
    id: str,
    caption: Caption,
    word: NamedWord,
    cells: np.ndarray,
    maps: Mapping[str, np.ndarray],
) -> BoxedWord:
    """Maps of a word against its boxes. cells, of the maps' shape: the share of each in the boxes.

    The peak is the centre of the largest cell; where several are equally large it counts in
    proportion, so that a map of windows gains or loses nothing by the order of its cells. A map
    that says nothing (all 0) counts as uniform."""
    where = caption.where
    inside = hits(where, word.boxes)
    even, middle = uniform_map(where), centre_map(where)
    photo = Grid(where.width, where.height, (0, 0, where.width, where.height), (1, 1))
    x, y = where.width / 2, where.height / 2
    centre = any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in word.boxes)
    peak = {UNIFORM: float((inside * even).sum()), CENTRE: float(centre)}
    mass = {UNIFORM: float((cells * even).sum()), CENTRE: float((cells * middle).sum())}
    for name, values in maps.items():
        nothing = not values.any()
        highest = values == values.max()
        peak[name] = peak[UNIFORM] if nothing else float(inside[highest].mean())
        mass[name] = mass[UNIFORM] if nothing else float((values * cells).sum())
    return BoxedWord(
        picture,
        id,
        word.place,
        caption.words[word.place],
        word.head,
        word.kinds,
        float(coverage(photo, word.boxes)[0, 0]),
        peak,
        mass,
    )


def _cells(caption: Caption, word: NamedWord) -> np.ndarray:
    return coverage(caption.where, word.boxes)
