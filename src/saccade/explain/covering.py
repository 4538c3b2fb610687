"""Which cells are covered: shares of the cells in some order."""

import numpy as np


def cells(share: float, L: int) -> int:
    """How many of L cells a share is: at least one and not all between 0 and 1, and those of a
    share and of the rest are all cells (but for half of an odd number)."""
    if share in (0.0, 1.0):
        return round(share * L)
    if share > 0.5:
        return L - cells(round(1 - share, 9), L)
    return min(max(1, round(share * L)), max(1, L - 1))


def first_covered(order: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """order (L,) of the cells -> (S, L) bool: for each share, that share of the cells covered, the
    first in the order first."""
    L = len(order)
    rank = np.empty(L, dtype=int)
    rank[order] = np.arange(L)
    return rank < np.array([cells(share, L) for share in shares])[:, None]
