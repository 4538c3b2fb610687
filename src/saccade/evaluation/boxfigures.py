"""Figures of maps over words with boxes: by map, size of box and kind of thing, compared in pairs.

All intervals and tests come from one bootstrap over pictures (Efron & Tibshirani 1993): every draw
recomputes every figure as the sum over its pictures' words by their number. So the difference of
two figures has its own interval, also where two captioners wrote other words about the same
pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from saccade.evaluation.boxed import BASELINES, SIZES, BoxedWord
from saccade.metrics.resample import Comparison, Resampled
from saccade.values.evidence import Interval

HEADS, ALL = "the thing's word", "all words"
VERDICTS = ("supported", "weak", "contradicted")
SEEN = ("seen", "partly", "guessed")
PEAK, MASS = "peak in the box", "mass in the box"


@dataclass(frozen=True)
class Group:
    """Some of the words, and every map's figures over them."""

    name: str
    words: int
    pictures: int  # that have one
    peak: Mapping[str, Interval]  # by map
    mass: Mapping[str, Interval]


@dataclass(frozen=True)
class BoxFigures:
    """What `box_figures` measured."""

    maps: tuple[str, ...]  # those of the model, then "uniform" and "centre"
    heads: Group
    all: Group
    sizes: tuple[Group, ...]  # heads by the size of their boxes
    kinds: tuple[Group, ...]  # heads by kind, the commonest first
    verdicts: tuple[Group, ...]  # heads by verdict, where it was measured
    seen: tuple[Group, ...]  # heads by seen / partly / guessed, where it was measured
    tested: str  # the map that verdicts are about; "" where there are none
    pairs: tuple[Comparison, ...]  # of maps over heads, by name: "attention - centre, peak ..."

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def box_figures(
    words: Sequence[BoxedWord], *, resamples: int = 1000, seed: int = 0
) -> BoxFigures | None:
    """Figures of every map; None where no word has a box."""
    heads = [word for word in words if word.head]
    if not heads:
        return None
    maps = map_names(words)
    drawn = Resampled(1 + max(word.picture for word in words), resamples, seed)

    def group(name: str, some: Sequence[BoxedWord]) -> Group:
        peak = {one: drawn.interval(*per_picture(some, PEAK, one, drawn.pictures)) for one in maps}
        mass = {one: drawn.interval(*per_picture(some, MASS, one, drawn.pictures)) for one in maps}
        return Group(name, len(some), len({word.picture for word in some}), peak, mass)

    def groups(parts: Mapping[str, Sequence[BoxedWord]]) -> tuple[Group, ...]:
        return tuple(group(name, some) for name, some in parts.items() if some)

    kinds = Counter(kind for word in heads for kind in word.kinds).most_common()
    measured = [(word, word.evidence) for word in heads if word.evidence is not None]
    return BoxFigures(
        maps,
        group(HEADS, heads),
        group(ALL, words),
        groups({size: [w for w in heads if w.size == size] for size in SIZES}),
        groups({kind: [w for w in heads if kind in w.kinds] for kind, _ in kinds}),
        groups({name: [w for w, found in measured if found.verdict == name] for name in VERDICTS}),
        groups({name: [w for w, found in measured if found.seen == name] for name in SEEN}),
        next((word.tested for word in heads if word.tested), ""),
        tuple(
            drawn.compare(
                f"{a} - {b}, {what}",
                per_picture(heads, what, a, drawn.pictures),
                per_picture(heads, what, b, drawn.pictures),
            )
            for what in (PEAK, MASS)
            for a, b in combinations(maps, 2)
            if not {a, b} <= set(BASELINES)
        ),
    )


def compare_models(
    one: Sequence[BoxedWord], other: Sequence[BoxedWord], *, resamples: int = 1000, seed: int = 0
) -> tuple[Comparison, ...]:
    """Each map of one captioner against the same map of another, on the same pictures, over heads:
    every captioner over the words of its own captions, paired by picture. "centre" is compared,
    too: it says how much the words differ, since any map hits larger things more often."""
    ones, others = ([word for word in words if word.head] for words in (one, other))
    if not ones or not others:
        return ()
    drawn = Resampled(1 + max(word.picture for word in (*ones, *others)), resamples, seed)
    both = [name for name in map_names(one) if name in map_names(other)]
    return tuple(
        drawn.compare(
            f"{name}, {what}",
            per_picture(ones, what, name, drawn.pictures),
            per_picture(others, what, name, drawn.pictures),
        )
        for what in (PEAK, MASS)
        for name in both
    )


def map_names(words: Sequence[BoxedWord]) -> tuple[str, ...]:
    """The maps that all words have, the baselines last."""
    own = [name for name in words[0].peak if all(name in word.peak for word in words)]
    return (*(name for name in own if name not in BASELINES), *BASELINES)


def per_picture(
    words: Sequence[BoxedWord], what: str, name: str, pictures: int
) -> tuple[np.ndarray, np.ndarray]:
    """(P,) sums of a map's hits or masses over each picture's words, and (P,) their numbers."""
    of = np.array([word.picture for word in words], dtype=int)
    values = [(word.peak if what == PEAK else word.mass)[name] for word in words]
    return np.bincount(of, values, pictures), np.bincount(of, minlength=pictures).astype(float)
