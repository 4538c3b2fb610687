"""Reading one sentence about many coverings of one picture.

A covered cell holds another picture's features there (the training set's mean, say). The generic
way builds each covered picture and reads the sentence. Where a decoder treats cells one by one
before it attends to them, covering is a choice between rows computed once, and the runs step
together, each only as far as needed; a test holds the two ways equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saccade.engine.contract import Engine
from saccade.models.contract import Cellwise, Features, State, Stepper

BLOCK = 128  # runs that step together; fewer are slower, more only take more memory
CELLS = 2**24  # numbers of covered features at a time in the generic way: 64 MiB


@dataclass(frozen=True)
class ReadCoverings:
    """Any engine's way: cover, then read."""

    engine: Engine
    features: Features  # of one picture
    fillers: Tensor  # (M, X + L, F)

    @torch.no_grad()
    def logprobs(
        self, masks: np.ndarray, ids: tuple[int, ...], wanted: np.ndarray, filler: int = 0
    ) -> np.ndarray:
        """See `saccade.engine.contract.Coverings`."""
        values = np.full(wanted.shape, np.nan)
        ends = np.zeros((len(wanted), 1), dtype=bool)  # the end of the sentence is not needed
        places = torch.from_numpy(np.concatenate((wanted, ends), 1))
        order = np.argsort(-_lengths(wanted), kind="stable")
        order = order[wanted[order].any(1)]
        block = max(1, min(BLOCK, CELLS // self.features.cells[0].numel()))
        for start in range(0, len(order), block):
            runs = torch.from_numpy(order[start : start + block])
            covered = self.engine.cover(
                self.features, torch.from_numpy(masks)[runs], self.fillers[filler]
            )
            read = self.engine.read(covered, ids, places[runs]).logprobs[:, :-1]
            values[runs.numpy()] = read.double().cpu().numpy()
        return values


class CellwiseCoverings:
    """The way of a decoder that treats cells one by one."""

    @torch.no_grad()
    def __init__(self, stepper: Cellwise, features: Features, fillers: Tensor, bos: int) -> None:
        """features of one picture; fillers (M, L, F)."""
        self.stepper, self.bos = stepper, bos
        cells = torch.cat((features.cells, fillers.to(features.cells)))
        mask = None if features.mask is None else features.mask.expand(len(cells), -1)
        self.memory = stepper.memory(Features(cells, mask))  # each (1 + M, L, ...)

    def logprobs(
        self, masks: np.ndarray, ids: tuple[int, ...], wanted: np.ndarray, filler: int = 0
    ) -> np.ndarray:
        """See `saccade.engine.contract.Coverings`."""

        def begin(runs: np.ndarray) -> State:
            covered = torch.from_numpy(masks[runs])
            memory = {
                name: torch.where(
                    covered.to(part.device).view(*covered.shape, *(1,) * (part.dim() - 2)),
                    part[1 + filler],
                    part[0],
                )
                for name, part in self.memory.items()
            }
            return self.stepper.begin(memory)

        return step_through(self.stepper, begin, ids, wanted, self.bos)


def _lengths(wanted: np.ndarray) -> np.ndarray:
    """(R, P) bool -> (R,) how far each run must go."""
    return (wanted * np.arange(1, wanted.shape[1] + 1)).max(1, initial=0)


@torch.no_grad()
def step_through(
    stepper: Stepper,
    begin: Callable[[np.ndarray], State],
    ids: tuple[int, ...],
    wanted: np.ndarray,
    bos: int,
) -> np.ndarray:
    """Log-probabilities of a sentence in R runs that say it piece by piece.

    begin(runs (r,)) gives the state before the first piece of some runs; ids (P,); wanted (R, P)
    bool, which pieces of which run -> (R, P) float64, nan elsewhere."""
    values = np.full(wanted.shape, np.nan)
    length = _lengths(wanted)
    order = np.argsort(-length, kind="stable")
    order = order[length[order] > 0]
    inputs = (bos, *ids)
    for start in range(0, len(order), BLOCK):
        runs = order[start : start + BLOCK]  # the longest first
        state = begin(runs)
        for t in range(int(length[runs[0]])):
            live = int((length[runs] > t).sum())
            state = state.select_pictures(slice(live))
            tokens = torch.full((live,), inputs[t], device=state.device)
            rows = np.flatnonzero(wanted[runs[:live], t])
            of = torch.from_numpy(rows).to(state.device)
            logits, state, _ = stepper.step(tokens, state, of)
            if rows.size:
                logprobs = logits[:, ids[t]] - logits.logsumexp(1)
                values[runs[rows], t] = logprobs.double().cpu().numpy()
    return values
