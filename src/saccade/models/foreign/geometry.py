"""Which part of a photo an image processor of transformers shows to its model.

The box is computed from the processor's own settings (pad to a square, resize, crop, pad), and
`check_geometry` proves it on a picture whose every pixel says where it is, so that a processor that
does anything else is refused instead of drawn wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.models.foreign.checking import MOST_PIXELS
from saccade.values.places import Box, Grid

if TYPE_CHECKING:
    from transformers import BaseImageProcessor

# Wide, tall, and small: larger and smaller than inputs are.
_SAMPLES = ((330, 190), (170, 410), (40, 23))
_TOLERANCE = 0.02  # of the sample's side, where the box's edge is compared with the pixels'


class Fitting(Protocol):
    """How photos enter a model: photo -> pixels of 0 to 255, and their box.

    Normalising is left to `normalised`, so that pixels stay small and can be covered."""

    @property
    def processor(self) -> BaseImageProcessor: ...

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the pixels."""
        ...

    def pixels(self, photo: Image.Image) -> Tensor:
        """An RGB photo -> (3, H, W) uint8."""
        ...

    def normalised(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) of 0 to 255 -> as the model takes them."""
        ...

    def mean_colour(self) -> Tensor:
        """(3,) uint8, what the model's zero looks like."""
        ...

    def where(self, size: tuple[int, int], shape: tuple[int, int]) -> Grid:
        """Of a photo's (width, height) and a grid of (h, w) cells."""
        ...


def _are_numbers(values: Any, count: int, least: float, most: float) -> bool:
    """Whether it is a number, or `count` of them, between two others."""
    values = values if isinstance(values, list | tuple) else [values] * count
    return len(values) == count and all(
        type(value) in (int, float) and least <= value <= most for value in values
    )


def check_pixels(settings: Mapping[str, Any]) -> None:
    """Raises ValueError for sizes that no model takes, which would fill the memory."""
    for name in ("size", "crop_size", "pad_size", "max_image_size"):
        entry = settings.get(name)
        for value in entry.values() if isinstance(entry, Mapping) else [entry]:
            if value is not None and not _are_numbers(value, 1, 1, MOST_PIXELS):
                raise ValueError(f"{name} is {value!r:.80}, not 1 to {MOST_PIXELS} pixels")
    resample = settings.get("resample")
    if resample is not None and not isinstance(resample, int):
        raise ValueError(f"resample is {resample!r:.80}, not one of Pillow's filters, 0 to 5")


class Normalise:
    """Rescaling and normalising by an image processor's settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Raises ValueError for settings that are no such numbers."""
        scale = settings.get("rescale_factor", 1 / 255)
        if not _are_numbers(scale, 1, 1e-6, 1e6):
            raise ValueError(f"rescale_factor is {scale!r:.80}, not a number above 0")
        self.scale = float(scale) if settings.get("do_rescale", True) else 1.0
        self.mean, self.std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
        if settings.get("do_normalize", True):
            mean, std = (settings.get(f"image_{kind}") for kind in ("mean", "std"))
            if not _are_numbers(mean, 3, -1e6, 1e6):
                raise ValueError(f"image_mean is {mean!r:.80}, not three numbers")
            if not _are_numbers(std, 3, 1e-6, 1e6):
                raise ValueError(f"image_std is {std!r:.80}, not three numbers above 0")
            if self.scale == 1 and _are_numbers(mean, 3, -1, 1) and _are_numbers(std, 3, 0, 1):
                raise ValueError("image_mean is of pixels from 0 to 1, but do_rescale is off")
            self.mean, self.std = (
                torch.tensor(values, dtype=torch.float32).expand(3).view(3, 1, 1)
                for values in (mean, std)
            )

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) of 0 to 255 -> as the model takes them."""
        mean, std = self.mean.to(pixels.device), self.std.to(pixels.device)
        return (pixels.float() * self.scale - mean) / std

    def zero(self) -> Tensor:
        """(3,) uint8, the colour that becomes 0."""
        return (self.mean.flatten() / self.scale).round().clamp(0, 255).to(torch.uint8)


class Processed:
    """The `Fitting` of an image processor that fits every photo to one size by itself."""

    def __init__(
        self, processor: BaseImageProcessor, options: Mapping[str, Any] | None = None
    ) -> None:
        """options: laid over the processor's settings, as a family needs them. Raises ValueError
        for settings that can't be."""
        options = options or {}
        self.processor = processor
        self.options = {**options, "do_rescale": False, "do_normalize": False}
        self.settings: dict[str, Any] = {**processor.to_dict(), **options}
        check_pixels(self.settings)
        white = np.array(self.pixels(Image.new("RGB", (64, 64), "white")).shape[1:])
        self.size = (int(white[0]), int(white[1]))  # (H, W) of the pixels
        self.normalise = Normalise(self.settings)

    def pixels(self, photo: Image.Image) -> Tensor:
        """See `Fitting`."""
        made = self.processor(images=photo, return_tensors="pt", **self.options)
        pixels = np.asarray(made["pixel_values"], dtype=np.float32)
        pixels = pixels.reshape(-1, *pixels.shape[-3:])[0]
        return torch.from_numpy(pixels.round().clip(0, 255).astype(np.uint8))

    def normalised(self, pixels: Tensor) -> Tensor:
        """See `Fitting`."""
        return self.normalise(pixels)

    def mean_colour(self) -> Tensor:
        """See `Fitting`."""
        return self.normalise.zero()

    def where(self, size: tuple[int, int], shape: tuple[int, int]) -> Grid:
        """See `Fitting`."""
        return Grid(*size, input_box(size, self.settings, self.size), shape)


def placed(grid: Grid, extent: tuple[float, float], shift: tuple[float, float]) -> Grid:
    """A grid over a share of the pixels, from their left and top, moved right and down by a share
    of a cell."""
    (h, w), (x0, y0, x1, y1) = grid.shape, grid.box
    x1, y1 = x0 + extent[0] * (x1 - x0), y0 + extent[1] * (y1 - y0)
    x, y = shift[0] * (x1 - x0) / w, shift[1] * (y1 - y0) / h
    return replace(grid, box=(x0 + x, y0 + y, x1 + x, y1 + y))


def input_box(size: tuple[int, int], settings: Mapping[str, Any], final: tuple[int, int]) -> Box:
    """The region of a photo (width, height) that pixels (H, W) = `final` show, in its pixels."""
    width, height = map(float, size)
    left = top = 0.0  # of the region worked on, in the photo's pixels
    squared = bool(settings.get("do_pad")) and not settings.get("pad_size")
    if squared and "max_image_size" not in settings:  # LLaVA: a square around the photo first
        side = max(width, height)
        left, top = -((side - width) // 2), -((side - height) // 2)
        width = height = side
    scaled = (width, height)
    if settings.get("do_resize", True):
        scaled = _resized((width, height), settings, final)
    x, y = width / scaled[0], height / scaled[1]  # photo pixels for each pixel of the input
    first = (0.0, 0.0)
    if settings.get("do_center_crop"):
        first = ((scaled[0] - final[1]) // 2, (scaled[1] - final[0]) // 2)
    x0, y0 = left + first[0] * x, top + first[1] * y
    return (x0, y0, x0 + final[1] * x, y0 + final[0] * y)


def _resized(
    size: tuple[float, float], settings: Mapping[str, Any], final: tuple[int, int]
) -> tuple[float, float]:
    """(width, height) after the processor's resize."""
    wanted = dict(settings.get("size") or {})
    short = wanted.get("shortest_edge")
    if short and settings.get("do_center_crop"):
        width, height = size
        least = min(size)
        return (
            (short, int(short * height / width))
            if width == least
            else (int(short * width / height), short)
        )
    if wanted.get("height") and wanted.get("width"):
        return float(wanted["width"]), float(wanted["height"])
    return float(final[1]), float(final[0])


def check_geometry(fitting: Fitting, name: str) -> None:
    """Raises CheckpointError unless the box is right: red says how far right a pixel of the photo
    is, green how far down, and so the pixels say themselves where they are from."""
    for width, height in _SAMPLES:
        ramp = np.zeros((height, width, 3), dtype=np.uint8)
        ramp[..., 0] = np.linspace(40, 250, width)
        ramp[..., 1] = np.linspace(40, 250, height)[:, None]
        ramp[..., 2] = 255
        pixels = fitting.pixels(Image.fromarray(ramp)).numpy().astype(float)
        (_, H, W), box = pixels.shape, fitting.where((width, height), (1, 1)).box
        good = fitting.size == (H, W)
        if good:
            rows, columns = np.nonzero(pixels[2] > 250)
            inside = rows.size > 0
            seen_x = (pixels[0][rows, columns] - 40) / 210 * (width - 1) + 0.5
            seen_y = (pixels[1][rows, columns] - 40) / 210 * (height - 1) + 0.5
            x = box[0] + (columns + 0.5) * (box[2] - box[0]) / W
            y = box[1] + (rows + 0.5) * (box[3] - box[1]) / H
            within = (x > 0) & (x < width) & (y > 0) & (y < height)
            wrong = max(
                np.abs(np.clip(x, 0.5, width - 0.5) - seen_x).max(initial=0) / width,
                np.abs(np.clip(y, 0.5, height - 0.5) - seen_y).max(initial=0) / height,
            )
            good = bool(
                inside and within.mean() > 0.9 and wrong <= _allowed(fitting, width, height)
            )
        if not good:
            kind = type(fitting.processor).__name__
            raise CheckpointError(
                f"{name}: its image processor ({kind}) fits photos to the model in a way that "
                "Saccade does not know, so no map could be drawn at the right place; such models "
                "are not supported."
            )


def _allowed(fitting: Fitting, width: int, height: int) -> float:
    """Half a pixel of the input, and what rounding colours costs."""
    H, W = fitting.size
    return max(_TOLERANCE, 1.0 / min(H, W), 1.5 / min(width, height))
