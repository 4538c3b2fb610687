"""Where most of the attention is: attention summed in a window around each cell."""

import numpy as np

from saccade.values.places import Grid, Where

SIGMA = 1 / 6  # of the window, of the photo's width and height


def density(where: Where, weights: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """weights (..., L) -> (..., L), sums 1 (or 0 everywhere): the attention in a Gaussian window
    around each cell's centre, as the kernel estimate of a density without correction at the edges
    (Parzen 1962).

    A thing covers several cells, so its cells vote for each other, and a single bright cell
    elsewhere counts for less. A window at the photo's edge holds less of it: attention that says
    nothing has its peak in the middle of the cells, the best guess without a model. So it's a map
    to point with; it doesn't show a flat map as flat."""
    boxes = where.boxes()
    scale = np.array((where.width, where.height), dtype=float) * sigma
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / scale  # (L, 2)
    apart = ((centres[:, None] - centres[None]) ** 2).sum(-1)
    summed = np.asarray(weights, dtype=float) @ np.exp(-apart / 2)
    total = summed.sum(-1, keepdims=True)
    return np.divide(summed, total, out=np.zeros_like(summed), where=total > 0)


def density_of(where: Where, alphas: np.ndarray) -> np.ndarray:
    """The same for maps of the cells' own shape: (..., h, w) on a grid, (..., L) over regions."""
    cells = np.shape(alphas)[: -2 if isinstance(where, Grid) else -1]
    return density(where, np.reshape(alphas, (*cells, -1))).reshape(np.shape(alphas))
