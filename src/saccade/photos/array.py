"""Pixel arrays as photos."""

import numpy as np
from PIL import Image

from saccade.errors import PictureError


def array_photo(pixels: np.ndarray) -> Image.Image:
    """An array (H, W, 3), (H, W, 4), (H, W, 1) or (H, W) of uint8 as a Pillow image. Raises
    PictureError for any other."""
    shape = pixels.shape
    channels = shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise PictureError(
            f"an array of shape {shape} and type {pixels.dtype} is not a photo; give uint8 values, "
            "0 to 255, of shape (H, W, 3) or (H, W)."
        )
    if 0 in shape:
        raise PictureError(f"an array of shape {shape} has no pixels.")
    plain = pixels[:, :, 0] if pixels.ndim == 3 and channels == 1 else pixels
    return Image.fromarray(np.ascontiguousarray(plain))
