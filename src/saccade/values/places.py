"""Where on a photo the cells that a model attends to lie: a grid, or regions.

Both know the photo's size in pixels, after EXIF rotation, and both answer `boxes()`, one box per
cell in the photo's pixels, and `heat()`, a map over the cells on the photo's own pixels. There,
upsampling, blurring and laying the grid on the photo are linear and separable, so each is done once
per axis as a small matrix: heat = Y @ weights @ X.T.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in the photo's pixels, x1 and y1 exclusive

BLUR = 0.4  # of a cell: the default blur of a heat


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

    def drawn(self, maps: np.ndarray) -> tuple[Grid, np.ndarray]:
        """The grid that maps (..., h, w) are drawn on, and the maps there: themselves."""
        return self, maps

    @property
    def blur(self) -> float:
        """The default blur of a heat in photo pixels: `BLUR` of a cell."""
        h, w = self.shape
        x0, y0, x1, y1 = self.box
        return BLUR * float(np.sqrt((x1 - x0) / w * (y1 - y0) / h))

    def heat(
        self, weights: np.ndarray, size: int | None = None, sigma: float | None = None
    ) -> np.ndarray:
        """weights (h, w) -> (H, W) float32 on the photo, of the shape that `shown_size` says.

        Bilinear between the cells' centres, then a Gaussian blur of `sigma` photo pixels (default:
        `blur`; 0: none) that is reflected at the edges of `box`; outside the box the heat is 0.
        Values keep the unit of `weights` (a uniform map stays 1/L), and what falls on the photo
        keeps its sum: heat.sum() * (pixels per cell)**-1 == weights.sum() unless the box reaches
        past the photo."""
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != tuple(self.shape):
            raise ValueError(f"the map is {weights.shape}, the grid {self.shape}")
        sigma = self.blur if sigma is None else float(sigma)
        if not sigma >= 0:
            raise ValueError(f"sigma must be 0 or more photo pixels, not {sigma}")
        height, width = shown_size(self, size)
        h, w = self.shape
        x0, y0, x1, y1 = self.box
        sx, sy = width / self.width, height / self.height  # shown pixels per photo pixel
        rows = _axis(h, y0 * sy, y1 * sy, height, sigma * sy)  # (H, h)
        columns = _axis(w, x0 * sx, x1 * sx, width, sigma * sx)  # (W, w)
        return (rows @ weights @ columns.T).astype(np.float32)


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
        low = np.maximum(boxes[..., :2], cells[..., :2])
        high = np.minimum(boxes[..., 2:], cells[..., 2:])
        shared = np.maximum(high - low, 0).prod(-1)  # (L, h * w) pixels
        return grid, shared / np.maximum(shared.sum(1, keepdims=True), 1e-12)

    def drawn(self, maps: np.ndarray) -> tuple[Grid, np.ndarray]:
        """The fine grid that maps (..., L) are drawn on, and the maps there, (..., h, w).

        Each cell shows the weight of the region there, so that uniform weights are uniform on the
        photo. Where regions overlap it is the mean, in which the smaller of them counts for more;
        places in no region are 0."""
        grid, spread = self.on_grid()
        share = spread / np.maximum(spread.sum(0), 1e-12)  # (L, h * w)
        return grid, (np.asarray(maps) @ share).reshape(*np.shape(maps)[:-1], *grid.shape)

    def heat(
        self, weights: np.ndarray, size: int | None = None, sigma: float | None = None
    ) -> np.ndarray:
        """weights (L,) -> (H, W) float32 on the photo: `Grid.heat` of the map as it is drawn."""
        grid, drawn = self.drawn(weights)
        return grid.heat(drawn, size, sigma)


Where = Grid | Regions


def shown_size(where: Where, size: int | None = None) -> tuple[int, int]:
    """Height and width to show a photo at: its own, or with its long side brought to `size`."""
    longest = max(where.width, where.height)
    scale = 1.0 if size is None or longest <= size else size / longest
    return max(1, round(where.height * scale)), max(1, round(where.width * scale))


@lru_cache(maxsize=64)
def _axis(cells: int, start: float, end: float, pixels: int, sigma: float) -> np.ndarray:
    """(pixels, cells): how much each cell lights each pixel, along one axis.

    Worked out on a fine lattice that divides the cells evenly, so that the blur's reflection
    falls exactly on the box's edges; then averaged over each pixel's true extent."""
    fine = 2 * max(1, int(np.ceil((end - start) / cells / 2)))  # lattice points per cell, even
    fine = min(fine, 2 * max(1, 2048 // (2 * cells)))  # a box far past the photo needs no more
    n = cells * fine
    step = (end - start) / n  # rendered pixels per lattice point

    where = np.clip((np.arange(n) + 0.5) / fine - 0.5, 0, cells - 1)  # in cells, 0 = first centre
    weights = np.maximum(0, 1 - np.abs(where[:, None] - np.arange(cells)))  # (n, cells)

    spread = sigma / step
    if spread > 0:
        # A blur wider than twice the box is flat already; more would only cost time.
        spread = min(spread, 2.0 * n)
        radius = int(np.ceil(4 * spread))
        offsets = np.arange(-radius, radius + 1)
        kernel = np.exp(-0.5 * (offsets / spread) ** 2)
        kernel /= kernel.sum()
        blur = np.zeros((n, n))
        for offset, weight in zip(offsets, kernel, strict=True):
            folded = (np.arange(n) + offset) % (2 * n)  # reflection, as often as needed
            blur[np.where(folded < n, folded, 2 * n - 1 - folded), np.arange(n)] += weight
        weights = blur @ weights

    edges = start + step * np.arange(n + 1)
    left, right = np.arange(pixels)[:, None], np.arange(1, pixels + 1)[:, None]
    overlap = np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1])  # (pixels, n)
    return np.maximum(0, overlap) @ weights
