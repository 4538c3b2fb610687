"""Maps that claim to say which cells a word depends on: a table, name -> function.

A function takes what is measured of one sentence (`Measured`) and gives signed scores (W, L) for
the W words under question, high where covering the cell should hurt the word; or None, where the
model has no such map. A new map is a function and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saccade.engine import Engine
from saccade.models.contract import Features
from saccade.values.places import Grid, Where

WINDOWS = 7  # occlusion covers windows of about a seventh of a grid's side
TOGETHER = 32  # words whose gradients are computed at a time: each holds features of its own

Span = tuple[int, int]  # a range of pieces


@dataclass(frozen=True)
class Measured:
    """One sentence about one encoded picture, and what covering windows of cells does to it."""

    engine: Engine
    features: Features  # of one picture
    ids: tuple[int, ...]  # P pieces
    spans: tuple[Span, ...]  # W, of the words under question
    full: np.ndarray  # (W,) their log-probabilities with the whole picture
    attention: np.ndarray | None  # (W, L), the mean over a word's pieces
    windows: np.ndarray  # (W, M) their log-probabilities with each window covered
    window: np.ndarray  # (L,) which window each cell is in


def attention(measured: Measured) -> np.ndarray | None:
    """The model's own weights."""
    return measured.attention


def gradient_times_input(measured: Measured) -> np.ndarray:
    """Per cell, the gradient of the word's log-probability at the cell's features times these
    features, summed over their width (Shrikumar et al. 2016, arXiv 1605.01713)."""
    spans = measured.spans
    return np.concatenate(
        [_gradients(measured, spans[i : i + TOGETHER]) for i in range(0, len(spans), TOGETHER)]
    )


@torch.enable_grad()
def _gradients(measured: Measured, spans: tuple[Span, ...]) -> np.ndarray:
    """The same of some words, each with a copy of the features of its own."""
    cells = measured.features.cells.detach()
    copies = cells.expand(len(spans), -1, -1).clone().requires_grad_()
    mask, extra = (
        None if part is None else part.expand(len(spans), *part.shape[1:])
        for part in (measured.features.mask, measured.features.extra)
    )
    wanted = torch.zeros(len(spans), len(measured.ids) + 1, dtype=torch.bool)
    for run, (first, last) in enumerate(spans):
        wanted[run, first:last] = True
    read = measured.engine.read(Features(copies, mask, extra), measured.ids, wanted)
    values: Tensor = read.logprobs[wanted.to(copies.device)]
    (gradient,) = torch.autograd.grad(values.sum(), copies)
    return (gradient * copies).sum(-1).detach().double().cpu().numpy()


def occlusion(measured: Measured) -> np.ndarray:
    """What covering the window around a cell costs (Zeiler and Fergus 2014, arXiv 1311.2901)."""
    return (measured.full[:, None] - measured.windows)[:, measured.window]


MAPS: Mapping[str, Callable[[Measured], np.ndarray | None]] = {
    "attention": attention,
    "gradient": gradient_times_input,
    "occlusion": occlusion,
}


def windows(where: Where) -> tuple[np.ndarray, np.ndarray]:
    """Windows that tile the cells: masks (M, L) bool, and for each cell the window it is in (L,).
    Each region is a window of its own."""
    if not isinstance(where, Grid):
        index = np.arange(len(where))
        return np.eye(len(where), dtype=bool), index
    h, w = where.shape
    height, width = max(1, round(h / WINDOWS)), max(1, round(w / WINDOWS))
    across = -(-w // width)
    rows, columns = np.arange(h) // height, np.arange(w) // width
    index = (rows[:, None] * across + columns).ravel()
    return np.arange(index.max() + 1)[:, None] == index, index
