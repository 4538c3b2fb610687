"""How a map becomes colours: one rule for attention pictures, GIFs, the report and the explorer.

A map is scaled to its own peak, but to at least `LEAST` times uniform weights, so that a map
without a peak looks flat. Uniform is 1/L, with L counting what the map is over: a grid's cells, or
regions. A map that sums to less than 1, because part of the attention is on no cell, is not
renormalised: its colours are as faint as its weights. The explorer's page holds what is worked out
here (`top`, `inks`), so that its program needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import matplotlib
import numpy as np

LEAST = 4.0  # times uniform
NEARLY_UNIFORM = 2.0  # a peak of less than so many times a map's own mean

CMAP = "inferno"
DIM, STRENGTH = 0.55, 0.62  # where a map is 0, the photo is dimmed; at its top, tinted: opacities


def top(peak: float, count: int) -> float:
    """The weight that is drawn as the colour scale's end.

    peak: the map's highest weight as it is drawn (a blur lowers it); count: L. A map over fewer
    than `LEAST` cells can't exceed L times uniform, so L takes its place."""
    return max(peak, min(LEAST, count) / count)


def times_uniform(maps: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """maps (T, *shape) -> (T,) each map's highest weight as a multiple of 1/L, not renormalised."""
    values = np.asarray(maps, dtype=np.float64)
    if not values.size:  # a caption without words
        return np.zeros(len(values))
    values = values.reshape(len(values), -1)
    return values.max(axis=1) * values.shape[1]


def nearly_uniform(maps: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """maps (T, *shape) -> (T,) bool: whether a map names no place.

    True where the highest of L weights is less than `NEARLY_UNIFORM` times their mean; over fewer
    than 4 weights, less than sqrt(L) times, halfway (as a ratio) between uniform and one-hot. Not
    by entropy: at 196 cells that of a map with one cell at 10 times uniform is still 0.99 of the
    largest. A map that is all zero says nothing, and is not called uniform."""
    values = np.asarray(maps, dtype=np.float64)
    if not values.size:
        return np.zeros(len(values), dtype=bool)
    values = values.reshape(len(values), -1)
    total, count = values.sum(axis=1), values.shape[1]
    least = min(NEARLY_UNIFORM, count**0.5)
    flat: np.ndarray = (total > 0) & (values.max(axis=1) * count < least * total)
    return flat


def peak_text(times: float, flat: bool) -> str:
    """The peak of a map for people: "12.3× uniform", "1.3× uniform: nearly uniform"."""
    return f"{times:.1f}× uniform" + (": nearly uniform" if flat else "")


@lru_cache(maxsize=16)
def inks(cmap: str = CMAP, strength: float = STRENGTH) -> np.ndarray:
    """(256, 4) float32: colour and opacity, 0 to 1, of what is laid over the photo for a heat of 0
    to 1. Where the heat is low the photo is dimmed but stays readable; where it is high it keeps
    its own light, tinted by the colour map with at most `strength` opacity."""
    t = np.linspace(0, 1, 256)
    dark, tint = DIM * (1 - t), strength * t**0.75
    whole = 1 - (1 - dark) * (1 - tint)  # black beneath, the tint above
    # The dark end of the map would only blacken what is dimmed already: start where it glows.
    colour = matplotlib.colormaps[cmap](0.25 + 0.70 * t)[:, :3]
    part = np.divide(tint, whole, out=np.zeros(256), where=whole > 0)
    table = np.column_stack((colour * part[:, None], whole)).astype(np.float32)
    table.flags.writeable = False
    return table
