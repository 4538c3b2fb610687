"""Chances of pointing right, fitted on words with boxes and measured on pictures left out.

The pictures are split in two by turns; each half's words get their chances from a model that was
fitted on the other half, so that every word counts and none is judged by a model that has seen its
picture. The model that is kept is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saccade.evaluation.boxed import BoxedWord
from saccade.explain.chance import PointingChance, clues, table
from saccade.explain.record import plain
from saccade.metrics.calibration import (
    bins_of,
    chance_error,
    fit_logistic,
    with_intervals,
)
from saccade.text.english import stem
from saccade.values.evidence import Interval

LEAST = 20  # words; from a few hundred on the figures say something
ALONE = ("log of peak over uniform", "effect", "loss without the picture", "log-probability")


@dataclass(frozen=True)
class ChanceRow:
    """How well some clues tell right words from wrong ones."""

    name: str
    area: Interval  # under the ROC curve; 0.5 by chance
    error: Interval  # expected calibration error


@dataclass(frozen=True)
class ChanceBin:
    """Words of about the same chance."""

    words: int
    chance: float  # their mean
    share: float  # how many of them come true: point right, or are wrong


@dataclass(frozen=True)
class ChanceFigures:
    """What `measure_chances` found."""

    words: int
    pictures: int
    rows: tuple[ChanceRow, ...]  # all clues first, then one by one, then the base rate
    by_luck: float  # the error that exactly right chances would have on as many words
    bins: tuple[ChanceBin, ...]  # of all clues
    kept: PointingChance = field(repr=False)  # fitted on all words

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "words": self.words,
            "pictures": self.pictures,
            "rows": [
                plain(vars(row) | {"area": vars(row.area), "error": vars(row.error)})
                for row in self.rows
            ],
            "by luck": round(self.by_luck, 6),
            "bins": [plain(vars(entry)) for entry in self.bins],
        }


def measure_chances(words: Sequence[BoxedWord]) -> ChanceFigures | None:
    """Of the things' words whose evidence was measured; None where there are too few."""
    heads = [word for word in words if word.head and word.evidence is not None]
    if len(heads) < LEAST:
        return None
    tested = heads[0].tested
    names, rows = table([clues(w.evidence, tested) for w in heads if w.evidence is not None])
    outcomes = np.array([word.peak[tested] for word in heads])
    _, of = np.unique([word.picture for word in heads], return_inverse=True)
    chosen: Mapping[str, list[int]] = {
        "all clues": list(range(len(names))),
        **{f"{name} alone": [names.index(name)] for name in ALONE if name in names},
        "none: the base rate": [],
    }
    measured = []
    for name, columns in chosen.items():
        chances = left_out_chances(rows[:, columns], outcomes, of)
        measured.append((ChanceRow(name, *with_intervals(chances, outcomes, of)), chances))
    chances = measured[0][1]
    return ChanceFigures(
        len(heads),
        int(of.max()) + 1,
        tuple(row for row, _ in measured),
        chance_error(chances),
        bins_with(chances, outcomes),
        PointingChance(
            tested,
            names,
            fit_logistic(rows, outcomes),
            frozenset(stem(word.word) for word in heads),
        ),
    )


def by_halves(
    of: np.ndarray, predict: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """of (N,) the picture of each case -> (N,) chances: predict(others, these), of masks (N,) of
    the two halves of the pictures, gives those of each half in turn."""
    chances = np.empty(len(of))
    for half in (0, 1):
        these = of % 2 == half
        chances[these] = predict(~these, these)
    return chances


def left_out_chances(rows: np.ndarray, outcomes: np.ndarray, of: np.ndarray) -> np.ndarray:
    """rows (N, C), outcomes (N,), of (N,) the pictures -> (N,) chances, each from a model of the
    other half of the pictures."""
    return by_halves(
        of, lambda others, these: fit_logistic(rows[others], outcomes[others]).chances(rows[these])
    )


def bins_with(chances: np.ndarray, outcomes: np.ndarray) -> tuple[ChanceBin, ...]:
    """The cases (N,) in groups of about the same chance."""
    bins = bins_of(chances)
    return tuple(
        ChanceBin(
            int((bins == b).sum()),
            float(chances[bins == b].mean()),
            float(outcomes[bins == b].mean()),
        )
        for b in np.unique(bins)
    )
