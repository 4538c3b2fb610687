"""Attention maps on the photo's own pixels.

Upsampling, blurring and laying the grid on the photo are linear and separable, so each is done
once per axis as a small matrix: heat = Y @ alpha @ X.T. The attention stays inside the part of
the photo that the model saw, and none of it is lost or made on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from PIL import Image

from saccade.errors import PictureError
from saccade.photos.opening import open_photo
from saccade.values.captions import Caption
from saccade.values.places import Grid

Normalise = Literal["each", "shared"]

CMAP = "inferno"
STRENGTH = 0.62
SIZE = 512


def default_sigma(where: Grid) -> float:
    """The default blur, in photo pixels: 0.4 of a cell."""
    h, w = where.shape
    x0, y0, x1, y1 = where.box
    return 0.4 * float(np.sqrt((x1 - x0) / w * (y1 - y0) / h))


def render_size(where: Grid, size: int | None = SIZE) -> tuple[int, int]:
    """Height and width to draw a photo at: its own, or with its long side brought to `size`."""
    longest = max(where.width, where.height)
    scale = 1.0 if size is None or longest <= size else size / longest
    return max(1, round(where.height * scale)), max(1, round(where.width * scale))


def upsample(
    alpha: np.ndarray, where: Grid, sigma: float | None = None, *, size: int | None = SIZE
) -> np.ndarray:
    """One attention map (h, w) on the photo: (H, W) float32, by `render_size`.

    Bilinear between the cells' centres, then a Gaussian blur of `sigma` photo pixels (0: none)
    that is reflected at the edges of `where.box`; outside the box the heat is 0. Values keep
    the unit of `alpha` (a uniform map stays 1/L), and what falls on the photo keeps its sum:
    heat.sum() * (pixels per cell)**-1 == alpha.sum() unless the box reaches past the photo."""
    alpha = np.asarray(alpha, dtype=np.float64)
    if alpha.shape != tuple(where.shape):
        raise ValueError(f"the map is {alpha.shape}, the grid {where.shape}")
    sigma = default_sigma(where) if sigma is None else float(sigma)
    if not sigma >= 0:
        raise ValueError(f"sigma must be 0 or more photo pixels, not {sigma}")
    height, width = render_size(where, size)
    h, w = where.shape
    x0, y0, x1, y1 = where.box
    sx, sy = width / where.width, height / where.height  # rendered pixels per photo pixel
    rows = _axis(h, y0 * sy, y1 * sy, height, sigma * sy)  # (H, h)
    columns = _axis(w, x0 * sx, x1 * sx, width, sigma * sx)  # (W, w)
    return (rows @ alpha @ columns.T).astype(np.float32)


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


def photo_of(caption: Caption, photo: Image.Image | Path | str | None = None) -> Image.Image:
    """The pixels a caption is about, RGB: `photo` if given, else its image, else its file."""
    chosen = photo if photo is not None else caption.image
    if chosen is None:
        chosen = caption.photo
    if chosen is None:
        raise PictureError("This caption carries no picture; pass photo=... to draw it.")
    name = "The picture" if isinstance(chosen, Image.Image) else str(chosen)
    pixels = chosen.convert("RGB") if isinstance(chosen, Image.Image) else open_photo(Path(chosen))
    # A smaller copy of the same photo is fine; another shape would put the heat in wrong places.
    width, height = caption.where.width, caption.where.height
    shorter = min(pixels.width / width, pixels.height / height)
    if abs(pixels.width - shorter * width) > 1.5 or abs(pixels.height - shorter * height) > 1.5:
        raise PictureError(
            f"{name} is {pixels.width}x{pixels.height} pixels, but the caption was made from a "
            f"photo of {width}x{height}; give the same photo, or caption this one again."
        )
    return pixels


def on_grid(caption: Caption) -> tuple[Grid, np.ndarray | None]:
    """Where a caption's maps lie as a grid, and its maps (T, h, w); None without attention. Maps
    over regions are spread over a fine grid."""
    where, alphas = caption.where, caption.alphas
    if isinstance(where, Grid):
        return where, alphas
    grid, spread = where.on_grid()
    return grid, None if alphas is None else (alphas @ spread).reshape(-1, *grid.shape)


def render_photo(photo: Image.Image, where: Grid, size: int | None = SIZE) -> Image.Image:
    """The photo at `render_size`, ready for `blend`."""
    height, width = render_size(where, size)
    if photo.size == (width, height):
        return photo.convert("RGB")
    return photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def heats(
    caption: Caption,
    sigma: float | None = None,
    *,
    normalise: Normalise = "each",
    size: int | None = SIZE,
) -> np.ndarray:
    """Every word's heat as (T, H, W) float32 between 0 and 1.

    T is 0 where the model has no attention. "each" scales every map to its own peak; "shared"
    scales all by the caption's highest peak, so that a diffuse map looks fainter than a sharp one.
    """
    if normalise not in ("each", "shared"):
        raise ValueError(f"normalise is 'each' or 'shared', not {normalise!r}")
    where, alphas = on_grid(caption)
    maps = [
        upsample(alpha, where, sigma, size=size) for alpha in (() if alphas is None else alphas)
    ]
    stack = np.array(maps, dtype=np.float32).reshape(-1, *render_size(where, size))
    if not len(stack):
        return stack
    peaks = stack.max(axis=(1, 2), keepdims=True)
    if normalise == "shared":
        peaks = np.full_like(peaks, peaks.max())
    return np.clip(stack / np.maximum(peaks, np.finfo(np.float32).tiny), 0, 1)


def times_uniform(alphas: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """(T,): each map's highest cell as a multiple of uniform attention, 1/L. Never below 1."""
    maps = np.asarray(alphas, dtype=np.float64)
    if not maps.size:  # a caption without words
        return np.zeros(len(maps))
    maps = maps.reshape(len(maps), -1)
    return maps.max(axis=1) * maps.shape[1] / np.maximum(maps.sum(axis=1), 1e-12)


def blend(
    photo: Image.Image, heat: np.ndarray, cmap: str = CMAP, strength: float = STRENGTH
) -> Image.Image:
    """Lay `heat` (H, W), 0 to 1, over `photo` (W x H pixels): an RGB picture of the same size.

    Where the heat is low the photo is dimmed and greyed but stays readable; where it is high the
    photo keeps its own light, tinted by the colour map with at most `strength` opacity."""
    pixels = np.asarray(photo.convert("RGB"), dtype=np.float32) / 255  # (H, W, 3)
    if heat.shape != pixels.shape[:2]:
        raise ValueError(f"the heat is {heat.shape}, the photo {pixels.shape[:2]}")
    t = np.clip(heat, 0, 1)[..., None].astype(np.float32)  # (H, W, 1)
    grey = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    calm = 0.45 * (0.35 * pixels + 0.65 * grey[..., None])
    lit = calm + (pixels - calm) * t
    # The dark end of the map would only blacken; start where the map has colour of its own.
    colour = matplotlib.colormaps[cmap](0.25 + 0.70 * t[..., 0])[..., :3].astype(np.float32)
    opacity = strength * t**0.75
    mixed = lit * (1 - opacity) + colour * opacity
    return Image.fromarray((np.clip(mixed, 0, 1) * 255 + 0.5).astype(np.uint8))
