"""Orders and comparisons of maps: signed scores per cell, (L,), high where covering the cell should
hurt the word."""

import numpy as np

from saccade.values.evidence import Agreement


def descending(scores: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """scores (L,) -> the cells from the highest to the lowest; equal ones in random order, since a
    map that can't tell cells apart must not gain by their numbering."""
    return np.lexsort((generator.random(len(scores)), -scores))


def shown(scores: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Signed scores (L,) -> the map, of `where.shape`, that `saccade.values.evidence` wants:
    what speaks for the word, summing to 1; all zero where nothing does."""
    positive = np.maximum(np.nan_to_num(scores), 0.0)
    total = positive.sum()
    return ((positive / total) if total > 0 else positive).reshape(shape)


def agreement(one: np.ndarray, other: np.ndarray) -> Agreement:
    """How two maps' scores (L,) agree: rank correlation, and which share of the top tenth of cells
    both name, ties counted in proportion."""
    k = max(1, round(len(one) / 10))
    return Agreement(spearman(one, other), float(_in_top(one, k) @ _in_top(other, k)) / k)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one of the two is flat."""
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float(a @ b) / norm if norm > 0 else 0.0


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(L,) ranks from 1 on; equal scores share the mean of theirs."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def _in_top(scores: np.ndarray, k: int) -> np.ndarray:
    """(L,) how much each cell belongs to the k highest: cells equal to the k-th share its place."""
    edge = np.partition(scores, -k)[-k]
    above, at = scores > edge, scores == edge
    return above + at * ((k - above.sum()) / at.sum())
