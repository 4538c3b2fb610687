"""Chances beside what came true: a logistic model, the area under its ROC curve, its calibration.

Letters: N cases, C clues. An outcome lies between 0 and 1: a peak that several cells share can be
half right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saccade.errors import DataError
from saccade.metrics.resample import Resampled
from saccade.values.evidence import Interval
from saccade.values.logistic import Logistic, sigmoid

RIDGE = 1.0  # of the weights of standardised clues: as much as one case says, not more
BINS = 10


def fit_logistic(clues: np.ndarray, outcomes: np.ndarray, ridge: float = RIDGE) -> Logistic:
    """Maximum likelihood with a ridge on the weights, not on the bias, by Newton's method.

    clues (N, C), outcomes (N,). Without clues (C = 0) the base rate. Raises DataError for none."""
    if not len(clues):
        raise DataError("there is nothing to fit: no word can be judged.")
    mean, scale = clues.mean(0), clues.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    rows = np.concatenate(((clues - mean) / scale, np.ones((len(clues), 1))), 1)  # (N, C + 1)
    penalty = np.full(rows.shape[1], ridge)
    penalty[-1] = 1e-6  # all right or all wrong: still a finite bias
    theta = np.zeros(rows.shape[1])
    for _ in range(100):
        chances = sigmoid(rows @ theta)
        gradient = rows.T @ (outcomes - chances) - penalty * theta
        curvature = (rows * (chances * (1 - chances))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        theta += step * min(1.0, 5 / max(float(abs(step).max()), 1e-12))
        if abs(step).max() < 1e-9:
            break
    return Logistic(mean, scale, theta[:-1], float(theta[-1]))


def fit_monotone(
    clues: np.ndarray, outcomes: np.ndarray, directions: Sequence[int], ridge: float = RIDGE
) -> Logistic:
    """`fit_logistic` whose chance rises with the clues of direction 1 and falls with those of -1:
    a clue that would count the other way counts nothing (one at a time, the worst first).

    clues (N, C), outcomes (N,), directions (C,). Raises DataError for none."""
    signs = np.asarray(directions)
    kept = np.arange(clues.shape[1])
    while True:
        model = fit_logistic(clues[:, kept], outcomes, ridge)
        along = model.weights * signs[kept]
        if not len(kept) or along.min() >= 0:
            break
        kept = np.delete(kept, along.argmin())
    whole = fit_logistic(clues[:, :0], outcomes, ridge)
    mean, scale, weights = np.zeros(len(signs)), np.ones(len(signs)), np.zeros(len(signs))
    mean[kept], scale[kept], weights[kept] = model.mean, model.scale, model.weights
    return Logistic(mean, scale, weights, model.bias if len(kept) else whole.bias)


def group_effects(
    chances: np.ndarray, outcomes: np.ndarray, groups: Sequence[str], prior: float
) -> dict[str, float]:
    """What each group of cases adds to the log-odds that a model gives them: one step of Newton's
    method from none, drawn towards none by `prior` cases' worth of certainty.

    chances, outcomes (N,), groups (N,) the name of each case's group."""
    names, of = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    beyond = np.bincount(of, outcomes - chances, len(names))
    certainty = np.bincount(of, chances * (1 - chances), len(names))
    return dict(zip(names.tolist(), (beyond / (certainty + prior)).tolist(), strict=True))


def roc_area(chances: np.ndarray, outcomes: np.ndarray, weights: np.ndarray | None = None) -> float:
    """How often a case that came true has the higher chance than one that did not, ties half: (N,)
    each. A case with outcome 0.3 is 0.3 of one that did and 0.7 of one that did not; weights: how
    often each counts. nan where only one of the two is there."""
    weights = np.ones(len(chances)) if weights is None else weights
    values, which = np.unique(chances, return_inverse=True)
    right = np.bincount(which, weights * outcomes, len(values))
    wrong = np.bincount(which, weights * (1 - outcomes), len(values))
    below = np.cumsum(wrong) - wrong / 2
    total = right.sum() * wrong.sum()
    return float(right @ below / total) if total > 0 else float("nan")


def bins_of(chances: np.ndarray, bins: int = BINS) -> np.ndarray:
    """(N,) -> which of up to `bins` groups of equally many cases each is in; equal chances share
    one."""
    edges = np.quantile(chances, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(np.unique(edges), chances, side="right")


def calibration_error(
    chances: np.ndarray,
    outcomes: np.ndarray,
    weights: np.ndarray | None = None,
    bins: np.ndarray | None = None,
) -> float:
    """Expected calibration error (Naeini et al. 2015, with bins of equally many cases): the mean
    over the cases of how far the mean chance of their bin is from its share of outcomes."""
    weights = np.ones(len(chances)) if weights is None else weights
    bins = bins_of(chances) if bins is None else bins
    gaps = np.bincount(bins, weights * (chances - outcomes))
    return float(abs(gaps).sum() / weights.sum())


def chance_error(chances: np.ndarray, draws: int = 200, seed: int = 0) -> float:
    """The calibration error that chances would have on average which are exactly right: so few
    cases a bin are off by luck alone."""
    rng = np.random.default_rng(seed)
    bins = bins_of(chances)
    drawn = rng.random((draws, len(chances))) < chances
    return float(np.mean([calibration_error(chances, row, None, bins) for row in drawn]))


def with_intervals(
    chances: np.ndarray,
    outcomes: np.ndarray,
    of: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Interval, Interval]:
    """The area under the ROC curve and the calibration error, with intervals by bootstrap over
    pictures; of (N,): which picture each case is of. Bins stay those of the whole set."""
    drawn = Resampled(int(of.max()) + 1, resamples, seed).counts[:, of].astype(np.float64)
    bins = bins_of(chances)
    areas = [roc_area(chances, outcomes, weights) for weights in drawn]
    errors = [calibration_error(chances, outcomes, w, bins) for w in drawn if w.sum()]
    return (
        _interval(roc_area(chances, outcomes), np.array(areas)),
        _interval(calibration_error(chances, outcomes), np.array(errors)),
    )


def area_gain(
    chances: np.ndarray,
    others: np.ndarray,
    outcomes: np.ndarray,
    of: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """How much larger the area under the ROC curve is with `chances` than with `others` (N,), with
    an interval by bootstrap over pictures, the same ones for both."""
    drawn = Resampled(int(of.max()) + 1, resamples, seed).counts[:, of].astype(np.float64)
    gains = [roc_area(chances, outcomes, w) - roc_area(others, outcomes, w) for w in drawn]
    value = roc_area(chances, outcomes) - roc_area(others, outcomes)
    return _interval(value, np.array(gains))


def _interval(value: float, drawn: np.ndarray) -> Interval:
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return Interval(value, low, high)
