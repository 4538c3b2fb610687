"""What a decoder takes and gives: the one contract that decoding, training and evidence rely on.

Letters: B pictures, K captions or beams of each, N = B * K, T words, L cells, F feature width,
X extra vectors, V vocabulary. The rows of one picture are consecutive.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class Features(NamedTuple):
    """What an encoder says of B pictures."""

    cells: Tensor  # (B, L, F)
    mask: Tensor | None = None  # (B, L) bool, which cells there are; None: all
    extra: Tensor | None = None  # (B, X, F) seen by the model, with no place on the photo

    def rows(self) -> Tensor:
        """(B, X + L, F) the extra vectors and the cells, one after the other."""
        return self.cells if self.extra is None else torch.cat((self.extra, self.cells), 1)

    def pictures(self, chosen: Tensor | slice) -> Features:
        """Those of some pictures."""
        cells, *rest = self
        return Features(cells[chosen], *(x if x is None else x[chosen] for x in rest))


class Attention(NamedTuple):
    """Where a decoder looked. A map sums to 1, or to less by what `elsewhere` holds."""

    weights: Tensor  # (..., L), not negative; 0 at cells that are not there
    elsewhere: Tensor | None = None  # (...) the share on `extra` or on a sentinel
    gate: Tensor | None = None  # (...) how much of what was seen is let in, 0 to 1
    heads: Tensor | None = None  # (..., H, L) on request


class Layers(NamedTuple):
    """Attention by layer and head in R runs of one sentence, from the features on, in the graph of
    what is predicted: gradients can be taken at each tensor. M rows of a picture (its extra
    vectors, then its cells), S places of the decoder's sequence, H heads; rows sum to 1."""

    pieces: Tensor  # (P + 1,) the place in S at which each piece is predicted, the end last
    cells: Tensor  # (L,) the place of each cell: in M, or in S where `cross` is empty
    cross: tuple[Tensor, ...] = ()  # each (R, H, S, M); empty where the picture is part of S
    # Each (R, H, S, S), self-attention, that of a layer before its `cross`. Empty for a recurrence.
    own: tuple[Tensor, ...] = ()
    picture: tuple[Tensor, ...] = ()  # each (R, H, M, M), among the picture's rows, before all else


@dataclass(frozen=True)
class State:
    """Where N = B * K hypotheses stand: tensors by name, so that selecting is written once."""

    count: int  # B
    rows: Mapping[str, Tensor] = field(default_factory=dict)  # first axis N
    pictures: Mapping[str, Tensor] = field(default_factory=dict)  # first axis B

    @property
    def device(self) -> torch.device:
        return next(iter(self.rows.values())).device

    def advance(self, **rows: Tensor) -> State:
        """The same pictures with new rows."""
        return replace(self, rows=rows)

    def select(self, rows: Tensor) -> State:
        """The state of hypotheses `rows` (N',), in that order: pictures stay in their order and
        all keep equally many hypotheses. What belongs to pictures is not touched."""
        return replace(self, rows={name: value[rows] for name, value in self.rows.items()})

    def select_pictures(self, pictures: Tensor | slice) -> State:
        """The state of some pictures (B',) only, with all their hypotheses; nothing is copied for
        a slice."""
        rows = {
            name: value.unflatten(0, (self.count, value.size(0) // self.count))[pictures].flatten(
                0, 1
            )
            for name, value in self.rows.items()
        }
        if isinstance(pictures, slice):
            count = len(range(*pictures.indices(self.count)))
        else:
            count = pictures.numel()
        kept = {name: value[pictures] for name, value in self.pictures.items()}
        return State(count, rows, kept)


class Step(NamedTuple):
    """What one word's worth of decoding returns."""

    logits: Tensor  # (N, V)
    state: State
    attention: Attention | None  # weights (N, L); None: the decoder has no attention


class Predictions(NamedTuple):
    """What teacher forcing says about captions (B, K, T), of which M words count."""

    logits: Tensor  # (M, V) where there are words, in the order of `live`
    live: Tensor  # (B, K, T) bool
    attention: Attention | None  # weights (B, K, T, L), zero after a caption's end
    layers: Layers | None = None  # on request, of one caption for each picture (K = 1)


class Stepper(Protocol):
    """One word further, for decoding: no gradients, weights as they were when it was made."""

    def start(self, features: Features) -> State:
        """The state of one hypothesis per picture (N = B)."""
        ...

    def step(self, tokens: Tensor, state: State, of: Tensor | None = None) -> Step:
        """tokens (N,), the word before -> the next word's logits, of the rows `of` (N',) only where
        they are given, the new state, and where it looked."""
        ...

    def cellwise(self) -> Cellwise | None:
        """Itself, where it treats each cell by itself at first; else None."""
        ...


class Cellwise(Stepper, Protocol):
    """The stepper of a decoder that treats each cell by itself before it attends to them: what it
    keeps of pictures can then be put together from the cells of several."""

    def memory(self, features: Features) -> dict[str, Tensor]:
        """What is kept of pictures: tensors (B, L, ...), each cell's from that cell alone."""
        ...

    def begin(self, memory: Mapping[str, Tensor]) -> State:
        """`start` from such a memory."""
        ...


class Decoder(nn.Module, ABC):
    """From features to words. Stepping and teaching agree to rounding; beside what is written here
    a decoder keeps no state."""

    vocabulary: int  # V
    settings: Any  # a frozen dataclass with its `kind`: saccade.models.build

    @abstractmethod
    def start(self, features: Features) -> State:
        """The state of one hypothesis per picture (N = B)."""

    @abstractmethod
    def step(self, tokens: Tensor, state: State) -> Step:
        """tokens (N,), the word before, BOS first -> the next word's logits."""

    @abstractmethod
    def teach(
        self, features: Features, inputs: Tensor, lengths: Tensor, heads: bool = False
    ) -> Predictions:
        """Teacher forcing: inputs (B, K, T) word ids, BOS first; lengths (B, K) how many of them
        count, 0 where a picture has fewer captions. heads: keep each head's map, where there are
        several, and for K = 1 `layers`. Differentiable, also at the features."""

    @abstractmethod
    def stepper(self) -> Stepper:
        """What decoding uses: `PlainStepper`, or a faster twin that a test holds equal."""


@dataclass(frozen=True)
class PlainStepper:
    """A decoder's own `start` and `step` as a `Stepper`."""

    decoder: Decoder

    @torch.no_grad()
    def start(self, features: Features) -> State:
        return self.decoder.start(features)

    @torch.no_grad()
    def step(self, tokens: Tensor, state: State, of: Tensor | None = None) -> Step:
        logits, state, attention = self.decoder.step(tokens, state)
        return Step(logits if of is None else logits[of], state, attention)

    def cellwise(self) -> None:
        """Nothing is known of what the decoder does to cells."""


def live_places(inputs: Tensor, lengths: Tensor) -> Tensor:
    """inputs (B, K, T), lengths (B, K) -> (B, K, T) bool, which places hold words."""
    places = torch.arange(inputs.size(2), device=inputs.device)
    return places < lengths.unsqueeze(-1)


def picture_mean(features: Features) -> Tensor:
    """(B, F) the mean of a picture's cells, those that are there."""
    if features.mask is None:
        return features.cells.mean(1)
    there = features.mask.unsqueeze(-1).to(features.cells.dtype)
    return (features.cells * there).sum(1) / there.sum(1).clamp(min=1)


def absent_bias(features: Features) -> Tensor | None:
    """(B, L) what to add to attention's energies: -inf where there is no cell, else 0; None where
    all cells are there. Raises ValueError for `extra`: a decoder that calls this can't see it."""
    if features.extra is not None:
        raise ValueError("this decoder attends to cells only; it has no use for extra vectors")
    if features.mask is None:
        return None
    bias = torch.zeros(features.mask.shape, device=features.mask.device, dtype=features.cells.dtype)
    return bias.masked_fill_(~features.mask, -torch.inf)
