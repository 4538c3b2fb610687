"""Does attention fall on what a word names? The pointing game, beside its baselines.

A look hits when the centre of the cell with the largest alpha lies in a box of what a word names
(Zhang et al. 2016, arXiv 1608.00507, with a cell's centre for the point and no tolerance). Two
looks that need no model stand beside it: a cell drawn uniformly, and the photo's centre.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from saccade.types import Box, Geometry


@dataclass(frozen=True)
class Look:
    """One word's look: whether the peak hit, and what the baselines would have scored."""

    word: str
    peak: float  # 1.0 or 0.0
    uniform: float  # share of cells whose centre lies in a box
    centre: float  # 1.0 or 0.0


@dataclass(frozen=True)
class Pointing:
    """Hit rates over many looks."""

    looks: int
    peak: float
    uniform: float
    centre: float


def _inside(x: float, y: float, boxes: Sequence[Box]) -> bool:
    return any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes)


def look(word: str, alpha: np.ndarray, geometry: Geometry, boxes: Sequence[Box]) -> Look:
    """alpha (h, w) against the boxes, in photo pixels, of what the word names. Without a box (what
    is named is not there) no look can be right: all three are 0."""
    h, w = geometry.grid
    hits = np.zeros((h, w))
    for row in range(h):
        for column in range(w):
            x0, y0, x1, y1 = geometry.cell_box(row, column)
            hits[row, column] = _inside((x0 + x1) / 2, (y0 + y1) / 2, boxes)
    centre = _inside(geometry.width / 2, geometry.height / 2, boxes)
    return Look(word, float(hits.flat[int(alpha.argmax())]), float(hits.mean()), float(centre))


def pointing(looks: Iterable[Look]) -> Pointing:
    """Average hit rates; zeros when there is no look at all."""
    table = np.array([(item.peak, item.uniform, item.centre) for item in looks]).reshape(-1, 3)
    peak, uniform, centre = table.mean(0).tolist() if len(table) else (0.0, 0.0, 0.0)
    return Pointing(len(table), peak, uniform, centre)
