"""How sure a figure is: bootstrap over pictures, and a paired test between two systems.

Efron & Tibshirani, "An introduction to the bootstrap" (1993), percentile intervals; for comparing
systems on the same pictures, Koehn, "Statistical significance tests for machine translation
evaluation" (2004). Pictures are drawn with replacement; every draw recomputes the corpus figure:
BLEU from summed counts, the others as means. CIDEr's document frequencies stay those of the whole
set: they define the metric, and the pictures drawn are a sample of what it is applied to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saccade.errors import DataError
from saccade.metrics import bleu
from saccade.metrics.scores import Scores
from saccade.values.evidence import Interval

_CHUNK = 4_000_000  # picture draws in memory at a time: 32 MB


@dataclass(frozen=True)
class Comparison:
    """System A minus system B on the same pictures."""

    metric: str
    difference: float
    low: float
    high: float
    p: float  # two-sided: how often a resample turns the sign, twice
    level: float = 0.95

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def sentence(self, a: str = "A", b: str = "B") -> str:
        """In words: "A beats B by 1.3 CIDEr, 95% interval 0.4 to 2.2"."""
        first, second, sign = (a, b, 1) if self.difference >= 0 else (b, a, -1)
        low, high = sorted((100 * sign * self.low, 100 * sign * self.high))
        verb = "beats" if self.sure else "is not clearly better than"
        return (
            f"{first} {verb} {second}: {abs(100 * self.difference):.1f} {self.metric}, "
            f"{100 * self.level:.0f}% interval {low:.1f} to {high:.1f}, p = {self.p:.3f}"
        )


def intervals(
    scores: Scores, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """A bootstrap interval for every metric of `scores`."""
    draws = _draw_figures([scores], resamples, seed)[0]
    bounds = np.quantile(draws, _tails(level), axis=0)  # (2, metrics)
    return {
        name: Interval(value, float(bounds[0, i]), float(bounds[1, i]), level)
        for i, (name, value) in enumerate(scores.values.items())
    }


def compare(
    a: Scores, b: Scores, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Comparison]:
    """The paired bootstrap test of A against B, for every metric that both have.

    Both must be scored on the same pictures in the same order, and against the same references."""
    if a.ids != b.ids:
        raise DataError("a paired test needs both systems scored on the same pictures.")
    names = [name for name in a.values if name in b.values]
    first, second = _draw_figures([a, b], resamples, seed)
    compared = {}
    for name in names:
        drawn = first[:, list(a.values).index(name)] - second[:, list(b.values).index(name)]
        compared[name] = _comparison(name, a.values[name] - b.values[name], drawn, level)
    return compared


def _comparison(name: str, difference: float, drawn: np.ndarray, level: float) -> Comparison:
    """drawn (R,): the difference in every resample."""
    low, high = np.quantile(drawn, _tails(level))
    turned = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    p = min(1.0, 2 * (turned + 1) / (len(drawn) + 1))
    return Comparison(name, difference, float(low), float(high), p, level)


def _tails(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise DataError(f"an interval's level lies between 0 and 1, not {level}.")
    return (1 - level) / 2, (1 + level) / 2


def _draw_figures(systems: list[Scores], resamples: int, seed: int) -> list[np.ndarray]:
    """Corpus figures of each system on the same resamples: (resamples, metrics) each."""
    if resamples < 1:
        raise DataError(f"a bootstrap needs at least 1 resample, not {resamples}.")
    pictures = systems[0].pictures
    drawn: list[list[np.ndarray]] = [[] for _ in systems]
    for counts in _draws(pictures, resamples, seed):
        for system, figures in zip(systems, drawn, strict=True):
            figures.append(_figures(system, counts))
    return [np.concatenate(figures) for figures in drawn]


def _draws(pictures: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each picture is in each resample: (some resamples, pictures), chunk by chunk."""
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // pictures)
    for start in range(0, resamples, rows):
        now = min(rows, resamples - start)
        picks = rng.integers(pictures, size=(now, pictures))
        picks += np.arange(now)[:, None] * pictures
        yield np.bincount(picks.ravel(), minlength=now * pictures).reshape(now, pictures)


def _figures(scores: Scores, counts: np.ndarray) -> np.ndarray:
    """The corpus figures of resamples: (resamples, metrics)."""
    weights = counts.astype(np.float64)
    others = [name for name in scores.values if name not in bleu.NAMES]
    means = weights @ np.stack([scores.per_picture[name] for name in others], axis=1)
    columns = dict(zip(others, means.T / scores.pictures, strict=True))
    if scores.statistics.size:
        sums = weights @ scores.statistics.astype(np.float64)  # exact: integers below 2**53
        columns |= dict(zip(bleu.NAMES, bleu.from_statistics(sums).T, strict=True))
    return np.stack([columns[name] for name in scores.values], axis=1)


class Resampled:
    """One bootstrap over pictures for any number of figures, each a sum over pictures divided by
    another (hits by words, say), so that any two figures have a paired difference.

    sums, weights (P,): of each picture; a resample without weight says nothing and is left out."""

    def __init__(self, pictures: int, resamples: int = 1000, seed: int = 0) -> None:
        if resamples < 1 or pictures < 1:
            raise DataError("a bootstrap needs at least 1 resample of at least 1 picture.")
        self.pictures = pictures
        # How often a picture is drawn is at most a handful: a byte each.
        self.counts = np.concatenate(
            [counts.astype(np.uint8) for counts in _draws(pictures, resamples, seed)]
        )  # (R, P)

    def draws(self, sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(R,) the figure in every resample; nan where nothing has weight."""
        columns = np.stack((sums, weights), 1).astype(np.float64)
        rows = max(1, _CHUNK // len(columns))
        total = np.concatenate(
            [
                self.counts[start : start + rows].astype(np.float64) @ columns
                for start in range(0, len(self.counts), rows)
            ]
        )
        shares = np.full(len(total), np.nan)
        return np.divide(total[:, 0], total[:, 1], out=shares, where=total[:, 1] > 0)

    def interval(self, sums: np.ndarray, weights: np.ndarray) -> Interval:
        """sum(sums) / sum(weights) with its 95% interval."""
        if weights.sum() <= 0:
            raise DataError("a bootstrap interval needs at least 1 picture that counts.")
        low, high = np.nanquantile(self.draws(sums, weights), _tails(0.95)).tolist()
        return Interval(float(sums.sum() / weights.sum()), low, high)

    def compare(
        self, name: str, a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]
    ) -> Comparison:
        """The paired test of one figure (sums, weights) against another on the same pictures."""
        drawn = self.draws(*a) - self.draws(*b)
        difference = float(a[0].sum() / a[1].sum() - b[0].sum() / b[1].sum())
        return _comparison(name, difference, drawn[~np.isnan(drawn)], 0.95)


def mean_interval(
    values: np.ndarray, weights: np.ndarray | None = None, resamples: int = 1000, seed: int = 0
) -> Interval:
    """sum(values) / sum(weights) with its 95% interval over pictures.

    values (P,): one sum per picture; weights (P,): how many things each sum is over (default 1
    each, the plain mean). Resamples in which nothing has weight say nothing and are left out."""
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or values.shape != weights.shape:
        raise DataError(f"one value and one weight per picture: {values.shape}, {weights.shape}.")
    if resamples < 1:
        raise DataError("a bootstrap interval needs at least 1 resample.")
    total = float(weights.sum())
    if total <= 0:
        raise DataError("a bootstrap interval needs at least 1 picture that counts.")
    value = float(values.sum()) / total
    columns = np.stack((values, weights), 1)
    sums = np.concatenate(
        [counts.astype(np.float64) @ columns for counts in _draws(len(values), resamples, seed)]
    )  # (resamples, 2)
    sums = sums[sums[:, 1] > 0]
    drawn = sums[:, 0] / sums[:, 1] if len(sums) else np.array([value])
    low, high = np.quantile(drawn, _tails(0.95)).tolist()
    return Interval(value, low, high)
