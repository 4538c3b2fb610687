"""Where on a photo the cells that a model attends to lie: a grid, or regions.

Both know the photo's size in pixels, after EXIF rotation, and both answer `boxes()`, one box per
cell in the photo's pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in the photo's pixels, x1 and y1 exclusive


@dataclass(frozen=True)
class Grid:
    """h x w cells, rows first, on one part of the photo.

    `box` is the region of the photo (after EXIF rotation) that the grid covers, in photo pixels:
    the whole photo when it was stretched, the central part when it was cropped, and more than the
    photo (negative or beyond its size) when it was padded. Grid cell (row, column) covers the
    corresponding part of `box`."""

    width: int
    height: int
    box: Box
    shape: tuple[int, int]  # (h, w)

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    def cell_box(self, row: int, column: int) -> Box:
        """The part of the photo, in its pixels, that a grid cell stands for."""
        h, w = self.shape
        x0, y0, x1, y1 = self.box
        dx, dy = (x1 - x0) / w, (y1 - y0) / h
        return (x0 + column * dx, y0 + row * dy, x0 + (column + 1) * dx, y0 + (row + 1) * dy)

    def boxes(self) -> np.ndarray:
        """(L, 4) the box of every cell, rows first."""
        h, w = self.shape
        return np.array([self.cell_box(row, column) for row in range(h) for column in range(w)])


@dataclass(frozen=True)
class Regions:
    """L boxes anywhere on the photo; they may overlap and need not cover it."""

    width: int
    height: int
    places: tuple[Box, ...] = field(repr=False)  # L

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int]:
        """(L,): the shape of a map over regions."""
        return (len(self.places),)

    def boxes(self) -> np.ndarray:
        """(L, 4) the box of every region."""
        return np.array(self.places, dtype=float).reshape(-1, 4)

    def on_grid(self, side: int = 32) -> tuple[Grid, np.ndarray]:
        """A grid over the whole photo, `side` cells along its longer side, and (L, h * w) how each
        region's weight is spread over its cells: evenly over the part of its box that lies on the
        photo, so that a map keeps its sum. A box beside the photo has nothing to spread over."""
        longest = max(self.width, self.height)
        h, w = (max(1, round(side * edge / longest)) for edge in (self.height, self.width))
        grid = Grid(self.width, self.height, (0.0, 0.0, self.width, self.height), (h, w))
        boxes, cells = self.boxes()[:, None], grid.boxes()[None]
        low, high = (
            np.maximum(boxes[..., :2], cells[..., :2]),
            np.minimum(boxes[..., 2:], cells[..., 2:]),
        )
        shared = np.maximum(high - low, 0).prod(-1)  # (L, h * w)
        return grid, shared / np.maximum(shared.sum(1, keepdims=True), 1e-12)


Where = Grid | Regions
