"""From a photo to an encoder's input, and where that input lies on the photo."""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.values.places import Box, Grid


def fit_box(size: tuple[int, int], target: tuple[int, int], fit: str) -> Box:
    """The region of a photo that an encoder sees, in the photo's pixels.

    size: (width, height) of the photo; target: (H, W) of the input. "stretch" sees all of it at
    another aspect ratio; "crop" the largest centred part of the input's aspect ratio; "pad" the
    smallest centred region of that ratio that holds it all (so beyond the photo's edges)."""
    width, height = size
    if fit == "stretch":
        return (0.0, 0.0, float(width), float(height))
    ratio = target[1] / target[0]
    wider = width / height > ratio
    if wider == (fit == "crop"):
        span_x, span_y = height * ratio, float(height)
    else:
        span_x, span_y = float(width), width / ratio
    left, top = (width - span_x) / 2, (height - span_y) / 2
    return (left, top, left + span_x, top + span_y)


def least_size(size: tuple[int, int], target: tuple[int, int], fit: str) -> tuple[int, int]:
    """The (width, height) below which a photo of `size` should not be decoded: twice what the input
    shows of it. (At once, decoding at half the size moves MobileNetV2's features by 10%; at twice,
    less than resizing in two steps does, which everybody does: docs/performance.md.)"""
    x0, y0, x1, y1 = fit_box(size, target, fit)
    return (
        math.ceil(2 * target[1] * size[0] / (x1 - x0)),
        math.ceil(2 * target[0] * size[1] / (y1 - y0)),
    )


def _decoded_at(decoded: tuple[int, int], size: tuple[int, int]) -> int:
    """1, 2, 4 or 8: the last pixels of a JPEG decoded at a part of its size stick out. (In a photo
    that EXIF turns they are the first ones: less than half a pixel of the input, left as it is.)"""
    return next(
        part
        for part in (1, 2, 4, 8)
        if decoded == (math.ceil(size[0] / part), math.ceil(size[1] / part))
    )


def to_input(
    photo: Image.Image,
    target: tuple[int, int],
    fit: str,
    grid: tuple[int, int],
    size: tuple[int, int] | None = None,
) -> tuple[Tensor, Grid]:
    """An RGB photo -> pixels (3, H, W) uint8 of the encoder's size, and the where that maps its
    grid cells back. size: the photo's own, where `photo` was decoded at a part of it. Padding is
    mid grey."""
    size = size or photo.size
    box = fit_box(size, target, fit)
    height, width = target
    part = _decoded_at(photo.size, size)
    if fit == "pad":
        left, top, right, bottom = box
        scale_x, scale_y = width / (right - left), height / (bottom - top)
        inner = (max(1, round(size[0] * scale_x)), max(1, round(size[1] * scale_y)))
        whole = (0, 0, size[0] / part, size[1] / part)
        canvas = Image.new("RGB", (width, height), (128, 128, 128))
        canvas.paste(
            photo.resize(inner, Image.Resampling.BILINEAR, whole, reducing_gap=2.0),
            (round(-left * scale_x), round(-top * scale_y)),
        )
        resized = canvas
    else:
        seen = (box[0] / part, box[1] / part, box[2] / part, box[3] / part)
        resized = photo.resize((width, height), Image.Resampling.BILINEAR, seen, reducing_gap=2.0)
    pixels = torch.from_numpy(np.array(resized, dtype=np.uint8)).permute(2, 0, 1)
    return pixels.contiguous(), Grid(*size, box, grid)
