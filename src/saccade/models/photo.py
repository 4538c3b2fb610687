"""From a photo to an encoder's input, and where that input lies on the photo."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.types import Box, Geometry


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


def to_input(
    photo: Image.Image, target: tuple[int, int], fit: str, grid: tuple[int, int]
) -> tuple[Tensor, Geometry]:
    """An RGB photo -> pixels (3, H, W) uint8 of the encoder's size, and the geometry that maps its
    grid cells back. Padding is mid grey."""
    box = fit_box(photo.size, target, fit)
    height, width = target
    if fit == "pad":
        left, top, right, bottom = box
        scale_x, scale_y = width / (right - left), height / (bottom - top)
        inner = (max(1, round(photo.width * scale_x)), max(1, round(photo.height * scale_y)))
        canvas = Image.new("RGB", (width, height), (128, 128, 128))
        canvas.paste(
            photo.resize(inner, Image.Resampling.BILINEAR, reducing_gap=2.0),
            (round(-left * scale_x), round(-top * scale_y)),
        )
        resized = canvas
    else:
        resized = photo.resize((width, height), Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    pixels = torch.from_numpy(np.array(resized, dtype=np.uint8)).permute(2, 0, 1)
    return pixels.contiguous(), Geometry(photo.width, photo.height, box, grid)
