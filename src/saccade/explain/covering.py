"""What a captioner says when cells of the grid are covered: many ways at once.

The picture is encoded once. A covered cell holds another grid's features there (the training set's
mean, say); since all that the decoder does to a cell before attending to it, it does cell by cell,
covering is a choice between two precomputed rows. Runs differ in their masks and share everything
else, so they step together, each only as far as it is wanted.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from saccade.models.decoders.soft_attention.stepping import Stepper, SteppingState

BLOCK = 128  # runs that step together; fewer are slower, more only take more memory


class Coverings:
    """One picture, ready to be covered cell by cell with what `fillers` hold there."""

    @torch.no_grad()
    def __init__(self, stepper: Stepper, grid: Tensor, fillers: Tensor, bos: int) -> None:
        """grid (L, F) of the picture; fillers (M, L, F), grids to cover it with."""
        self.stepper, self.bos = stepper, bos
        state = stepper.start(torch.cat((grid.unsqueeze(0), fillers.to(grid))))
        self.values, self.keys, self.bounded = state.values, state.keys, state.bounded

    def state(self, masks: Tensor, filler: int = 0) -> SteppingState:
        """masks (R, L) bool, which cells are covered in each run -> where the runs begin."""
        masks = masks.to(self.values.device).unsqueeze(-1)
        values, keys = (
            torch.where(masks, x[1 + filler], x[0]) for x in (self.values, self.keys)
        )  # (R, L, C), (R, L, A)
        return self.stepper.begin(values, keys, self.bounded)

    def logprobs(
        self, masks: np.ndarray, ids: tuple[int, ...], wanted: np.ndarray, filler: int = 0
    ) -> np.ndarray:
        """masks (R, L) bool, ids (T,), wanted (R, T) -> (R, T) as `logprobs`. A test holds it equal
        to the decoder itself on grids with the cells replaced, run by run."""

        def begin(runs: np.ndarray) -> SteppingState:
            return self.state(torch.from_numpy(masks[runs]), filler)

        return logprobs(self.stepper, begin, ids, wanted, self.bos)


@torch.no_grad()
def logprobs(
    stepper: Stepper,
    begin: Callable[[np.ndarray], SteppingState],
    ids: tuple[int, ...],
    wanted: np.ndarray,
    bos: int,
) -> np.ndarray:
    """Log-probabilities of a sentence's words in R runs that say it word by word.

    begin(runs (r,)) gives the state before the first word of some runs; ids (T,) the words; wanted
    (R, T) bool, which words of which run -> (R, T) float64, nan where nothing was wanted."""
    found = np.full(wanted.shape, np.nan)
    length = (wanted * np.arange(1, len(ids) + 1)).max(1, initial=0)  # (R,) how far each must go
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
            deep, state, _, _ = stepper.advance(tokens, state)
            rows = np.flatnonzero(wanted[runs[:live], t])
            if rows.size:
                logits = stepper.output(deep[torch.from_numpy(rows).to(deep.device)])
                values = logits[:, ids[t]] - logits.logsumexp(1)
                found[runs[rows], t] = values.double().cpu().numpy()
    return found


def cells(share: float, L: int) -> int:
    """How many of L cells a share is: at least one and not all between 0 and 1, and those of a
    share and of the rest are all cells (but for half of an odd number)."""
    if share in (0.0, 1.0):
        return round(share * L)
    if share > 0.5:
        return L - cells(round(1 - share, 9), L)
    return min(max(1, round(share * L)), max(1, L - 1))


def first_covered(order: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """order (L,) of the cells -> (S, L) bool: for each share, that share of the cells covered, the
    first in the order first."""
    L = len(order)
    rank = np.empty(L, dtype=int)
    rank[order] = np.arange(L)
    return rank < np.array([cells(share, L) for share in shares])[:, None]
