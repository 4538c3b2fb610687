"""What maps are made from: one sentence about one picture, and runs of it that are there anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saccade.engine import Engine, Reading
from saccade.models.contract import Features, Layers
from saccade.values.places import Grid, Where

WINDOWS = 7  # occlusion covers windows of about a seventh of a grid's side
TOGETHER = 32  # words whose gradients are computed at a time: each holds features of its own

Span = tuple[int, int]  # a range of pieces


class Absent(NamedTuple):
    """Why a model has no such map."""

    reason: str


class CellGradients(NamedTuple):
    """Sums over the width of features of the gradient g of each word's log-probability."""

    times_input: np.ndarray  # (W, L) sum over k of g[i, k] x[i, k]
    channels: np.ndarray  # (W, L) sum over k of mean_j(g[j, k]) x[i, k]


@dataclass(frozen=True)
class Measured:
    """One sentence about one encoded picture, and what covering its cells does to W words of it."""

    engine: Engine
    where: Where  # the cells lie
    features: Features  # of one picture
    filler: Tensor  # (X + L, F) what covered rows hold
    ids: tuple[int, ...]  # P pieces
    spans: tuple[Span, ...]  # W, of the words under question
    full: np.ndarray  # (W,) their log-probabilities with the whole picture
    attention: np.ndarray | None  # (W, L), the mean over a word's pieces
    windows: np.ndarray  # (W, M) their log-probabilities with each window covered
    window: np.ndarray  # (L,) which window each cell is in
    masks: np.ndarray  # (R, U, L) bool, R random orders covered to U shares of the cells
    random: np.ndarray  # (R, U, W) the words' log-probabilities under them

    def read(self, cells: Tensor, spans: Sequence[Span], heads: bool = False) -> Reading:
        """Each word with cells (W, L, F) of its own, so that one backward pass serves them all."""
        wanted = self.wanted(spans)
        mask, extra = (
            None if part is None else part.expand(len(spans), *part.shape[1:])
            for part in (self.features.mask, self.features.extra)
        )
        return self.engine.read(Features(cells, mask, extra), self.ids, wanted, heads=heads)

    def wanted(self, spans: Sequence[Span]) -> Tensor:
        """(W, P + 1) bool: each word's pieces."""
        wanted = torch.zeros(len(spans), len(self.ids) + 1, dtype=torch.bool)
        for run, (first, last) in enumerate(spans):
            wanted[run, first:last] = True
        return wanted

    @cached_property
    @torch.no_grad()
    def layers(self) -> Layers | None:
        """The attention of all layers in one run of the sentence."""
        return self.engine.read(self.features, self.ids, heads=True).layers

    @cached_property
    def gradients(self) -> CellGradients:
        """At the cells, by teacher forcing."""
        parts = [
            self._gradients(self.spans[i : i + TOGETHER])
            for i in range(0, len(self.spans), TOGETHER)
        ]
        return CellGradients(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    @torch.enable_grad()
    def _gradients(self, spans: Sequence[Span]) -> CellGradients:
        cells = self.features.cells.detach()
        copies = cells.expand(len(spans), -1, -1).clone().requires_grad_()
        logprobs = self.read(copies, spans).logprobs
        values = logprobs[self.wanted(spans).to(logprobs.device)]
        (gradient,) = torch.autograd.grad(values.sum(), copies)
        sums = (gradient * cells).sum(-1), (gradient.mean(1, keepdim=True) * cells).sum(-1)
        return CellGradients(*(part.detach().double().cpu().numpy() for part in sums))


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
