"""Attention maps laid over the photo: heats (`saccade.values.places`) in the colours of `scale`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from saccade.errors import PictureError
from saccade.photos.opening import open_photo
from saccade.values.captions import Caption
from saccade.values.places import Grid, Where, shown_size
from saccade.viz import scale

Normalise = Literal["each", "shared"]

SIZE = 512
PEAK_SIZE = 256  # of the heat whose peak the colour scale goes by


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


def top_of(drawn: np.ndarray, grid: Grid, count: int, sigma: float | None = None) -> float:
    """The weight at the colour scale's end for one map (h, w) over L = count cells or regions, on
    the grid that it is drawn on.

    The peak is that of the heat at one size, so that all pictures of a map have one scale."""
    heat = grid.heat(drawn, PEAK_SIZE, sigma)
    return scale.top(float(heat.max(initial=0.0)), count)


def render_photo(photo: Image.Image, where: Where, size: int | None = SIZE) -> Image.Image:
    """The photo at `shown_size`, ready for `blend`."""
    height, width = shown_size(where, size)
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

    T is 0 where the model has no attention. "each" scales every map as `scale` says; "shared"
    scales all like the one with the highest peak, so that a word's map can be compared with
    another's.
    """
    if normalise not in ("each", "shared"):
        raise ValueError(f"normalise is 'each' or 'shared', not {normalise!r}")
    where = caption.where
    shape = shown_size(where, size)
    if caption.alphas is None:
        return np.zeros((0, *shape), dtype=np.float32)
    grid, drawn = where.drawn(caption.alphas)
    maps = [grid.heat(one, size, sigma) for one in drawn]
    stack = np.array(maps, dtype=np.float32).reshape(-1, *shape)
    if not len(stack):
        return stack
    tops = np.array([top_of(one, grid, len(where), sigma) for one in drawn])
    if normalise == "shared":
        tops[:] = tops.max()
    return np.clip(stack / tops[:, None, None], 0, 1).astype(np.float32)


def blend(
    photo: Image.Image, heat: np.ndarray, cmap: str = scale.CMAP, strength: float = scale.STRENGTH
) -> Image.Image:
    """Lay `heat` (H, W), 0 to 1, over `photo` (W x H pixels): an RGB picture of the same size, in
    the colours of `scale.inks`."""
    pixels = np.asarray(photo.convert("RGB"), dtype=np.float32) / 255  # (H, W, 3)
    if heat.shape != pixels.shape[:2]:
        raise ValueError(f"the heat is {heat.shape}, the photo {pixels.shape[:2]}")
    steps = np.rint(255 * np.clip(heat, 0, 1)).astype(np.intp)
    ink = scale.inks(cmap, strength)[steps]  # (H, W, 4)
    colour, opacity = ink[..., :3], ink[..., 3:]
    mixed = pixels + (colour - pixels) * opacity
    return Image.fromarray((np.clip(mixed, 0, 1) * 255 + 0.5).astype(np.uint8))
