"""Random changes of pixels while an encoder is trained: crops and colours.

Simplified: a crop is resized without regard to what captions say of the edges, and hues stay.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Augment = Callable[[Tensor, np.random.Generator], Tensor]  # (3, H, W) uint8 -> the same

_ASPECTS = (3 / 4, 4 / 3)  # of a crop, relative to the picture's own
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def augmentation(crop: float, colour: float) -> Augment | None:
    """Random resized crops of at least the share `crop` of the picture's area (Szegedy et al. 2015,
    arXiv 1409.4842, section 6), and brightness, contrast and saturation each times 1 - `colour` to
    1 + `colour`. None where there is nothing to do (crop 1, colour 0)."""
    if crop == 1 and not colour:
        return None

    def change(pixels: Tensor, rng: np.random.Generator) -> Tensor:
        values = pixels.float()
        if crop < 1:
            values = _cropped(values, rng, crop)
        if colour:
            values = _coloured(values, rng, colour)
        return values.round().clamp(0, 255).to(torch.uint8)

    return change


def _cropped(values: Tensor, rng: np.random.Generator, least: float) -> Tensor:
    _, H, W = values.shape
    area = rng.uniform(least, 1)
    low, high = _ASPECTS
    aspect = math.exp(rng.uniform(math.log(low), math.log(high)))
    h = min(H, max(1, round(H * math.sqrt(area / aspect))))
    w = min(W, max(1, round(W * math.sqrt(area * aspect))))
    top, left = int(rng.integers(H - h + 1)), int(rng.integers(W - w + 1))
    part = values[None, :, top : top + h, left : left + w]
    return F.interpolate(part, (H, W), mode="bilinear", antialias=True)[0]


def _coloured(values: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    values = values * brightness
    grey = (values * values.new_tensor(_GREY).view(3, 1, 1)).sum(0)  # (H, W)
    values = values * contrast + grey.mean() * (1 - contrast)
    grey = grey * contrast + grey.mean() * (1 - contrast)
    return values * saturation + grey * (1 - saturation)
