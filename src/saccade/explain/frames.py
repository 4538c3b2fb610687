"""Maps of any resolution, brought to the cells that a model attends to."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from saccade.errors import UsageError
from saccade.values.places import Box, Grid, Where

# What a map lies on: the photo, the part of it that the model sees, the cells themselves; "auto":
# the cells for a map of their shape, else the photo, which it must have the proportions of.
Frame = Literal["auto", "photo", "input", "cells"]
FRAMES: tuple[Frame, ...] = get_args(Frame)


def on_cells(values: np.ndarray, where: Where, frame: Frame, name: str) -> np.ndarray:
    """A map (h', w') -> scores (L,): the mean over each cell's area, 0 where the cell is beside the
    map (padding), so that a cell half beside it counts half. A map that is flat stays flat.

    Raises UsageError, with the map's name, for one that does not fit."""
    if values.min() == values.max():
        return np.zeros(len(where))
    if frame == "cells" or (frame == "auto" and values.shape == where.shape):
        if values.shape != where.shape:
            raise UsageError(
                f"{name} is {_size(values.shape)}, the model's cells are {_size(where.shape)}; "
                "leave out --frame cells, or save the map at that size."
            )
        return values.ravel()
    if values.ndim == 1:
        raise UsageError(f"{name} has {len(values)} values, the model {len(where)} cells.")
    if frame == "auto":
        _check_shape(values.shape, where, name)
    photo = (0.0, 0.0, float(where.width), float(where.height))
    box = where.box if frame == "input" and isinstance(where, Grid) else photo
    return _means(values, box, where.boxes())


def _means(values: np.ndarray, box: Box, places: np.ndarray) -> np.ndarray:
    """A map (h', w') on a box of the photo -> its mean over each of the places (L, 4), 0 beside
    the box."""
    h, w = values.shape
    down = _overlaps(places[:, 1::2], np.linspace(box[1], box[3], h + 1))  # (L, h')
    across = _overlaps(places[:, 0::2], np.linspace(box[0], box[2], w + 1))  # (L, w')
    areas = (places[:, 2:] - places[:, :2]).prod(1)
    return np.einsum("lh,lh->l", down, across @ values.T) / np.maximum(areas, 1e-12)


def _overlaps(spans: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """spans (L, 2), edges (m + 1,) rising -> (L, m) the length that each span shares with each
    interval between edges."""
    low = np.maximum(spans[:, :1], edges[:-1])
    high = np.minimum(spans[:, 1:], edges[1:])
    return np.maximum(high - low, 0)


def _check_shape(shape: tuple[int, ...], where: Where, name: str) -> None:
    """Raise UsageError unless a map has the photo's proportions, to a pixel of rounding."""
    h, w = shape
    if abs(w - h * where.width / where.height) < 1 or abs(h - w * where.height / where.width) < 1:
        return
    cells = ""
    if isinstance(where, Grid):
        box = " ".join(f"{edge:.0f}" for edge in where.box)
        cells = f", --frame input if it lies on the part that the model sees ({box})"
    raise UsageError(
        f"{name} is {_size(shape)}, which has not the proportions of the photo, {where.width}x"
        f"{where.height}; add --frame photo if it lies on the whole photo all the same{cells}."
    )


def _size(shape: tuple[int, ...]) -> str:
    """(h, w) as people write it: w x h."""
    return "x".join(str(edge) for edge in reversed(shape))
