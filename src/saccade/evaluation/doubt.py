"""How doubtful words are, fitted on a checkpoint's captions of one split and measured on pictures
left out.

A content word is wrong when no reference of its picture has it, not even in another form or as
another word for the same thing (`saccade.metrics.hallucination.in_no_reference`); of a drawn scene,
when it is not true. The pictures are split in two by turns, as for `saccade.evaluation.chances`;
the model that is kept is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from saccade.evaluation.chances import (
    LEAST,
    ChanceBin,
    ChanceRow,
    bins_with,
    by_halves,
)
from saccade.evaluation.split import Captioned, encoded_batches
from saccade.evaluation.truth import truth_of
from saccade.explain.doubt import Clues, content_places
from saccade.explain.record import plain
from saccade.metrics.calibration import (
    area_gain,
    chance_error,
    fit_monotone,
    group_effects,
    with_intervals,
)
from saccade.metrics.resample import mean_interval
from saccade.progress import progress
from saccade.text.english import stem
from saccade.values.doubt import DIRECTIONS, DOUBTFUL, ENTROPY, LOGPROB, DoubtModel
from saccade.values.evidence import Interval

BATCH = 32
ALL = "all clues, and the word itself"
PRIOR = 4.0  # how many undecided cases a word's own effect is weighed against
BASELINES = ((LOGPROB,), (LOGPROB, ENTROPY))


@dataclass(frozen=True)
class JudgedWords:
    """The N content words of many captions."""

    clues: tuple[str, ...]  # C
    known: np.ndarray  # (N, C)
    stems: np.ndarray  # (N,) of str
    wrong: np.ndarray  # (N,) 1 where the word is wrong, else 0
    of: np.ndarray  # (N,) which picture each is of, from 0
    scenes: bool  # whether wrong means not true, instead of in no reference

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """(N, some of the clues)"""
        return self.known[:, [self.clues.index(name) for name in names]]


@dataclass(frozen=True)
class DoubtFigures:
    """What `measure_doubt` found. Shares are of content words, with intervals over pictures."""

    words: int
    pictures: int
    scenes: bool
    wrong: Interval  # how many are wrong
    rows: tuple[ChanceRow, ...]  # all clues, the baselines, then all clues but one
    gain: Interval  # of the area: all clues beside log-probability and entropy
    by_luck: float  # the calibration error that exactly right doubts would have on as many words
    bins: tuple[ChanceBin, ...]  # of all clues
    doubtful: Interval | None  # how many of the doubtful words are wrong; None without any
    caught: Interval | None  # how many of the wrong words are doubtful
    kept: DoubtModel = field(repr=False)  # fitted on all words

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return plain({**asdict(self), "kept": self.kept.to_json()})


def judged_words(
    clues: Clues,
    captioned: Sequence[Captioned],
    show: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> JudgedWords:
    """The content words of captions, with what is known of them and whether they are wrong. A
    picture that can't be read any more is left out; stop: called after each batch, as in
    `evaluate`."""
    tables, stems, wrong, of = [np.empty((0, len(clues.names)))], [], [], []
    with progress("Doubting", len(captioned), show) as task:
        batches = encoded_batches(
            clues.engine,
            list(enumerate(captioned)),
            lambda entry: entry[1].example.image,
            BATCH,
            task.advance,
        )
        for kept, encoded in batches:
            found = clues.of([one.caption for _, one in kept], encoded)
            for (number, one), table in zip(kept, found, strict=True):
                truth = truth_of(one.example, one.caption)
                places = content_places(one.caption)
                judged = [truth is not None and truth[t] is not None for t in places]
                tables.append(table[np.array(judged, dtype=bool)])
                stems += [
                    stem(one.caption.words[t])
                    for t, good in zip(places, judged, strict=True)
                    if good
                ]
                wrong += [truth[t] for t in places if truth and truth[t] is not None]
                of += [number] * sum(judged)
            if stop():
                break
    pictures = np.unique(of, return_inverse=True)[1] if of else np.zeros(0, dtype=int)
    scenes = any(one.example.scene is not None for one in captioned)
    return JudgedWords(
        clues.names,
        np.concatenate(tables),
        np.array(stems, dtype=np.str_),
        np.array(wrong, dtype=float),
        pictures,
        scenes,
    )


def fit_doubt(
    words: JudgedWords,
    names: Sequence[str],
    some: np.ndarray | None = None,
    by_word: bool = True,
    directions: Mapping[str, int] = DIRECTIONS,
) -> DoubtModel:
    """A model of some of the words (N,) bool, monotone in the clues named, as `directions` has
    them; by_word: also with what the word itself tells beyond these."""
    chosen = np.ones(len(words.wrong), dtype=bool) if some is None else some
    known, wrong, stems = words.columns(names)[chosen], words.wrong[chosen], words.stems[chosen]
    model = fit_monotone(known, wrong, [directions[name] for name in names])
    effects = group_effects(model.chances(known), wrong, stems.tolist(), PRIOR) if by_word else {}
    return DoubtModel(tuple(names), model, effects)


def left_out_doubts(
    words: JudgedWords,
    names: Sequence[str],
    by_word: bool = True,
    directions: Mapping[str, int] = DIRECTIONS,
) -> np.ndarray:
    """(N,) each word's probability to be wrong, from a model of the other half of the pictures."""
    known = words.columns(names)
    return by_halves(
        words.of,
        lambda others, these: fit_doubt(words, names, others, by_word, directions).wrong(
            known[these], words.stems[these].tolist()
        ),
    )


def measure_doubt(
    words: JudgedWords,
    samples: int = 0,
    about: Mapping[str, Any] | None = None,
    resamples: int = 1000,
) -> DoubtFigures | None:
    """Fit and measure; None where there are too few words, or all are right or all wrong.
    samples: of how many the clue about samples is; about: what to keep with the model;
    resamples: of the intervals."""
    wrong, of = words.wrong, words.of
    if len(wrong) < LEAST or not 0 < wrong.mean() < 1 or of.max() < 3:
        return None

    def measured(name: str, chosen: Sequence[str], by_word: bool) -> tuple[ChanceRow, np.ndarray]:
        chances = left_out_doubts(words, chosen, by_word)
        return ChanceRow(name, *with_intervals(chances, wrong, of, resamples)), chances

    first, chances = measured(ALL, words.clues, True)
    rows, baseline = [first], chances
    for names in BASELINES:
        row, baseline = measured(f"{' and '.join(names)} alone", names, False)
        rows.append(row)
    rows.append(measured("all but the word itself", words.clues, False)[0])
    for name in words.clues:
        others = [other for other in words.clues if other != name]
        rows.append(measured(f"all but {name}", others, True)[0])
    doubtful = chances >= DOUBTFUL
    kept = replace(
        fit_doubt(words, words.clues),
        samples=samples,
        about={
            **(about or {}),
            "words": len(wrong),
            "pictures": int(of.max()) + 1,
            "wrong_means": "not true of the scene" if words.scenes else "in no reference",
            "area_under_roc": round(first.area.value, 4),
            "calibration_error": round(first.error.value, 4),
        },
    )
    return DoubtFigures(
        len(wrong),
        int(of.max()) + 1,
        words.scenes,
        _share(wrong, np.ones(len(wrong)), of),
        tuple(rows),
        area_gain(chances, baseline, wrong, of, resamples),
        chance_error(chances),
        bins_with(chances, wrong),
        _share(wrong * doubtful, doubtful, of) if doubtful.any() else None,
        _share(wrong * doubtful, wrong, of),
        kept,
    )


def _share(hits: np.ndarray, words: np.ndarray, of: np.ndarray) -> Interval:
    return mean_interval(np.bincount(of, hits), np.bincount(of, words))
