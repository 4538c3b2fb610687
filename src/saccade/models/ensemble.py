"""Several decoders as one: the mean of their probabilities at every word.

The cells of several encoders stand side by side in one `Features`: the common grid has the most
rows and columns of all, each cell of an encoder is held by the common cell at its centre, and the
widths F of the encoders come one after the other. So a cell that is covered is covered for every
member, and gradients at a cell are those through every member.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from saccade.models.contract import (
    Attention,
    Cellwise,
    Decoder,
    Features,
    Predictions,
    State,
    Step,
    Stepper,
)

Mean = Literal["arithmetic", "geometric"]
MEANS: tuple[Mean, ...] = ("arithmetic", "geometric")


class Layout(NamedTuple):
    """Where the cells of one encoder, on a grid of its own, stand in the common features."""

    first: int  # of the common features' width, where this encoder's F columns begin
    width: int  # F
    places: Tensor | None = None  # (Lm,) the common cell that holds each; None: the same grid
    shares: Tensor | None = None  # (Lm, L) the share of each on the common cells it lies on

    def own(self, common: Features) -> Features:
        """This encoder's features out of the common ones."""
        cells = common.cells[..., self.first : self.first + self.width]
        if self.places is None:
            return Features(cells, common.mask, common.extra)
        mask = None if common.mask is None else common.mask[:, self.places]
        return Features(cells[:, self.places], mask)

    def spread(self, weights: Tensor) -> Tensor:
        """A map (..., Lm) over the common cells (..., L); its sum stays."""
        return weights if self.shares is None else weights @ self.shares.to(weights)


def layouts(grids: Sequence[tuple[int, int]], widths: Sequence[int]) -> list[Layout]:
    """The layout of each encoder, of its grid (h, w) and its features' width."""
    h, w = (max(sides) for sides in zip(*grids, strict=True))
    made: list[Layout] = []
    first = 0
    for (rows, columns), width in zip(grids, widths, strict=True):
        places = shares = None
        if (rows, columns) != (h, w):
            down, across = ((torch.arange(n) + 0.5) / n for n in (rows, columns))
            places = ((down * h).long().unsqueeze(1) * w + (across * w).long()).flatten()
            shares = torch.kron(_overlaps(rows, h), _overlaps(columns, w))
        made.append(Layout(first, width, places, shares))
        first += width
    return made


def common(parts: Sequence[Tensor], placed: Sequence[Layout]) -> Tensor:
    """Cells (B, Lm, F) of each encoder -> the common ones (B, L, sum of F), 0 where a cell of an
    encoder holds nothing."""
    L = max(part.size(1) for part in parts)
    L = next((layout.shares.size(1) for layout in placed if layout.shares is not None), L)
    joined = parts[0].new_zeros(parts[0].size(0), L, sum(part.size(2) for part in parts))
    for part, layout in zip(parts, placed, strict=True):
        columns = joined[..., layout.first : layout.first + layout.width]
        if layout.places is None:
            columns.copy_(part)
        else:
            columns[:, layout.places.to(part.device)] = part
    return joined


def _overlaps(cells: int, finer: int) -> Tensor:
    """(cells, finer) which share of each of `cells` equal parts of a line is on each of `finer`."""
    edges, other = (torch.arange(n + 1, dtype=torch.float64) / n for n in (cells, finer))
    low = torch.maximum(edges[:-1, None], other[None, :-1])
    high = torch.minimum(edges[1:, None], other[None, 1:])
    return (high - low).clamp(min=0) * cells


def mean_logits(logits: Sequence[Tensor], mean: Mean) -> Tensor:
    """Logits (..., V) of each member -> logits whose softmax is the mean of their probabilities:
    arithmetic, or geometric (the mean of log-probabilities, normalised)."""
    if len(logits) == 1:
        return logits[0]
    every = torch.stack([one.float().log_softmax(-1) for one in logits])
    return every.mean(0) if mean == "geometric" else every.logsumexp(0) - math.log(len(logits))


def mean_attention(
    maps: Sequence[Attention | None], placed: Sequence[Layout], heads: bool
) -> Attention | None:
    """The mean of the members' maps over the common cells, of those that have any; `heads`: also
    each member's own (..., M, L). The gate is the mean where every member has one."""
    kept = [(one, layout) for one, layout in zip(maps, placed, strict=True) if one is not None]
    if not kept:
        return None
    weights = torch.stack([layout.spread(one.weights) for one, layout in kept], -2)
    gates = [one.gate for one, _ in kept if one.gate is not None]
    outside = [one.elsewhere for one, _ in kept if one.elsewhere is not None]
    return Attention(
        weights.mean(-2),
        torch.stack(outside).sum(0) / len(kept) if outside else None,
        torch.stack(gates).mean(0) if len(gates) == len(maps) else None,
        weights if heads else None,
    )


@dataclass(frozen=True)
class EnsembleSettings:
    """How many members there are, and the mean that is taken."""

    members: int
    mean: Mean
    kind: Literal["ensemble"] = "ensemble"


class EnsembleDecoder(Decoder):
    """Decoders of any kinds with one vocabulary as one; layouts: of each one's encoder."""

    def __init__(
        self, decoders: Sequence[Decoder], placed: Sequence[Layout], mean: Mean = "arithmetic"
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(decoders)
        self.layouts = tuple(placed)
        self.vocabulary = decoders[0].vocabulary
        self.settings = EnsembleSettings(len(decoders), mean)

    def _decoders(self) -> list[Decoder]:
        return [cast("Decoder", member) for member in self.members]

    def start(self, features: Features) -> State:
        """See `saccade.models.contract.Decoder`."""
        return _start([d.start for d in self._decoders()], features, self.layouts)

    def step(self, tokens: Tensor, state: State) -> Step:
        """See `saccade.models.contract.Decoder`."""
        steps = [
            decoder.step(tokens, _part(state, i)) for i, decoder in enumerate(self._decoders())
        ]
        return _mean_step(steps, self.layouts, self.settings.mean)

    def teach(
        self, features: Features, inputs: Tensor, lengths: Tensor, heads: bool = False
    ) -> Predictions:
        """See `saccade.models.contract.Decoder`; the heads are the members."""
        taught = [
            decoder.teach(layout.own(features), inputs, lengths)
            for decoder, layout in zip(self._decoders(), self.layouts, strict=True)
        ]
        return Predictions(
            mean_logits([one.logits for one in taught], self.settings.mean),
            taught[0].live,
            mean_attention([one.attention for one in taught], self.layouts, heads),
        )

    def stepper(self) -> Stepper:
        """The members' own steppers, together."""
        steppers = tuple(decoder.stepper() for decoder in self._decoders())
        return SteppingEnsemble(steppers, self.layouts, self.settings.mean)


@dataclass(frozen=True)
class SteppingEnsemble:
    """The steppers of several decoders as one."""

    steppers: tuple[Stepper, ...]
    layouts: tuple[Layout, ...]
    mean: Mean

    @torch.no_grad()
    def start(self, features: Features) -> State:
        return _start([one.start for one in self.steppers], features, self.layouts)

    @torch.no_grad()
    def step(self, tokens: Tensor, state: State, of: Tensor | None = None) -> Step:
        steps = [one.step(tokens, _part(state, i), of) for i, one in enumerate(self.steppers)]
        return _mean_step(steps, self.layouts, self.mean)

    def cellwise(self) -> Cellwise | None:
        """Where all members are, on one grid."""
        cellwise = [one.cellwise() for one in self.steppers]
        members = tuple(one for one in cellwise if one is not None)
        if len(members) < len(cellwise) or any(x.places is not None for x in self.layouts):
            return None
        return CellwiseEnsemble(members, self.layouts, self.mean)


@dataclass(frozen=True)
class CellwiseEnsemble:
    """The steppers of several decoders that all treat cells one by one."""

    steppers: tuple[Cellwise, ...]
    layouts: tuple[Layout, ...]
    mean: Mean

    def memory(self, features: Features) -> dict[str, Tensor]:
        """See `saccade.models.contract.Cellwise`."""
        pairs = zip(self.steppers, self.layouts, strict=True)
        return _joined([one.memory(layout.own(features)) for one, layout in pairs])

    def begin(self, memory: Mapping[str, Tensor]) -> State:
        """See `saccade.models.contract.Cellwise`."""
        return _together([one.begin(_of(memory, i)) for i, one in enumerate(self.steppers)])

    def start(self, features: Features) -> State:
        """See `saccade.models.contract.Stepper`."""
        return self.begin(self.memory(features))

    def step(self, tokens: Tensor, state: State, of: Tensor | None = None) -> Step:
        """See `saccade.models.contract.Stepper`."""
        return SteppingEnsemble(self.steppers, self.layouts, self.mean).step(tokens, state, of)

    def cellwise(self) -> CellwiseEnsemble:
        """Itself."""
        return self


def _start(
    starts: Sequence[Callable[[Features], State]], features: Features, placed: Sequence[Layout]
) -> State:
    return _together(
        [start(layout.own(features)) for start, layout in zip(starts, placed, strict=True)]
    )


def _mean_step(steps: Sequence[Step], placed: Sequence[Layout], mean: Mean) -> Step:
    return Step(
        mean_logits([step.logits for step in steps], mean),
        _together([step.state for step in steps]),
        mean_attention([step.attention for step in steps], placed, heads=True),
    )


def _joined(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all members, each name with its member's number before it."""
    return {f"{i}.{name}": x for i, one in enumerate(members) for name, x in one.items()}


def _of(joined: Mapping[str, Tensor], member: int) -> dict[str, Tensor]:
    mark = f"{member}."
    return {name.removeprefix(mark): x for name, x in joined.items() if name.startswith(mark)}


def _together(states: Sequence[State]) -> State:
    rows = _joined([state.rows for state in states])
    return State(states[0].count, rows, _joined([state.pictures for state in states]))


def _part(state: State, member: int) -> State:
    return State(state.count, _of(state.rows, member), _of(state.pictures, member))
