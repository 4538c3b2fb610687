"""Photos on a square canvas, for processors that would cut each photo into a grid of its own.

Such a processor takes a picture of the canvas's size as it is. All photos then share one grid,
their proportions are kept, and what lies beside a photo is grey, as where a processor pads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.models.foreign.checking import MOST_PIXELS
from saccade.values.places import Grid

if TYPE_CHECKING:
    from transformers import BaseImageProcessor

GREY = 128


class Canvas:
    """See `saccade.models.foreign.geometry.Fitting`."""

    def __init__(
        self,
        processor: BaseImageProcessor,
        side: int,
        normalise: Callable[[Tensor], Tensor],
        colour: Tensor | None = None,
    ) -> None:
        """side: of the canvas, in pixels; normalise: (B, 3, H, W) of 0 to 255 -> as the processor
        would; colour (3,) uint8: what its zero looks like, else grey. Raises ValueError for a side
        that no model takes."""
        if not 1 <= side <= MOST_PIXELS:
            raise ValueError(f"pictures have a side of {side} pixels, not 1 to {MOST_PIXELS}")
        self.processor, self.side = processor, side
        self.size = (side, side)
        self.normalise = normalise
        self.colour = torch.full((3,), GREY, dtype=torch.uint8) if colour is None else colour

    def place(self, photo: Image.Image) -> Image.Image:
        """An RGB photo, its longer side the canvas's, in the middle."""
        width, height, left, top = self._placed(photo.size)
        canvas = Image.new("RGB", (self.side, self.side), (GREY, GREY, GREY))
        canvas.paste(photo.resize((width, height), Image.Resampling.BICUBIC), (left, top))
        return canvas

    def _placed(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(width, height, left, top) on the canvas of a photo of size (width, height)."""
        scale = self.side / max(size)
        width, height = (max(1, round(edge * scale)) for edge in size)
        return width, height, (self.side - width) // 2, (self.side - height) // 2

    def pixels(self, photo: Image.Image) -> Tensor:
        """See `Fitting`."""
        return torch.from_numpy(np.array(self.place(photo))).permute(2, 0, 1).contiguous()

    def normalised(self, pixels: Tensor) -> Tensor:
        """See `Fitting`."""
        return self.normalise(pixels)

    def mean_colour(self) -> Tensor:
        """See `Fitting`."""
        return self.colour

    def where(self, size: tuple[int, int], shape: tuple[int, int]) -> Grid:
        """See `Fitting`."""
        width, height, left, top = self._placed(size)
        x, y = size[0] / width, size[1] / height  # photo pixels for each of the canvas
        box = (-left * x, -top * y, (self.side - left) * x, (self.side - top) * y)
        return Grid(*size, box, shape)


def check_canvas(
    canvas: Canvas, patches: Callable[[Tensor], Tensor], entry: str, name: str
) -> Canvas:
    """The canvas. Raises CheckpointError unless the processor takes a picture of its size as it is,
    and cuts and normalises it as we do; entry: where it puts patches."""
    noise = np.random.default_rng(0).integers(0, 256, (*canvas.size, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    theirs = np.asarray(canvas.processor(images=picture, return_tensors="pt")[entry])
    ours = patches(canvas.normalised(canvas.pixels(picture)[None])).numpy()
    theirs = theirs.reshape(-1, theirs.shape[-1])
    ours = ours.reshape(-1, ours.shape[-1])
    # What follows is padding.
    same = theirs.shape[1:] == ours.shape[1:] and len(ours) <= len(theirs)
    if not same or np.abs(theirs[: len(ours)] - ours).max() > 1e-3 or theirs[len(ours) :].any():
        raise CheckpointError(
            f"{name}: its image processor ({type(canvas.processor).__name__}) changes a picture of "
            f"{canvas.side}x{canvas.side} pixels in a way that Saccade does not know; such models "
            "are not supported."
        )
    return canvas
