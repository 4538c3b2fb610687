"""Maps beside attention that claim to say which cells a word depends on, and how maps compare.

All are signed scores per cell, (L,): high where covering the cell should hurt the word.
"""

import numpy as np
import torch
from torch import Tensor

from saccade.models.attention.additive import Memory
from saccade.models.decoders.soft_attention.decoder import SoftAttentionDecoder
from saccade.values.evidence import Agreement

TILES = 7  # occlusion covers windows of about a seventh of the grid's side


TOGETHER = 32  # words whose gradients are computed at a time: each holds a grid of its own


def gradient_times_input(
    decoder: SoftAttentionDecoder, grid: Tensor, ids: tuple[int, ...], places: list[int], bos: int
) -> np.ndarray:
    """grid (L, F), the sentence's ids (T,), some P places in it -> (P, L): per cell, the gradient
    of that word's log-probability times the annotation vector a_i that attention sees, summed over
    its width (Shrikumar et al. 2016, arXiv 1605.01713)."""
    with torch.no_grad():
        values = decoder.memory(grid.unsqueeze(0)).values
    return np.concatenate(
        [
            _gradients(decoder, values, ids, places[i : i + TOGETHER], bos)
            for i in range(0, len(places), TOGETHER)
        ]
    )


@torch.enable_grad()
def _gradients(
    decoder: SoftAttentionDecoder, values: Tensor, ids: tuple[int, ...], places: list[int], bos: int
) -> np.ndarray:
    """The same from annotation vectors (1, L, C)."""
    P, T = len(places), max(places) + 1
    inputs = torch.tensor([bos, *ids][:T], device=values.device).expand(P, 1, T)
    lengths = torch.tensor(places, device=values.device).unsqueeze(1) + 1  # (P, 1)
    values = values.expand(P, -1, -1).contiguous().requires_grad_()
    unrolled = decoder.unroll_memory(
        Memory(values, decoder.attention.keys(values)), inputs, lengths
    )
    last = lengths.flatten().cumsum(0) - 1  # live words come picture by picture
    logits = decoder.output(unrolled.outputs[last])  # (P, V)
    words = torch.tensor([ids[place] for place in places], device=values.device)
    logprobs = logits.log_softmax(-1).gather(1, words.unsqueeze(1))
    (gradient,) = torch.autograd.grad(logprobs.sum(), values)
    return (gradient * values).sum(-1).detach().double().cpu().numpy()


def tiles(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows that tile a grid: masks (M, L) bool, and for each cell the window it is in (L,)."""
    height, width = max(1, round(h / TILES)), max(1, round(w / TILES))
    across = -(-w // width)
    rows, columns = np.arange(h) // height, np.arange(w) // width
    index = (rows[:, None] * across + columns).ravel()
    return np.arange(index.max() + 1)[:, None] == index, index


def descending(scores: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """scores (L,) -> the cells from the highest to the lowest; equal ones in random order, since a
    map that can't tell cells apart must not gain by their numbering."""
    return np.lexsort((generator.random(len(scores)), -scores))


def shown(scores: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Signed scores (L,) -> the map (h, w) that `saccade.values.evidence` wants: what speaks for
    the word, summing to 1; all zero where nothing does."""
    positive = np.maximum(np.nan_to_num(scores), 0.0)
    total = positive.sum()
    return ((positive / total) if total > 0 else positive).reshape(grid)


def agreement(one: np.ndarray, other: np.ndarray) -> Agreement:
    """How two maps' scores (L,) agree: rank correlation, and which share of the top tenth of cells
    both name, ties counted in proportion."""
    k = max(1, round(len(one) / 10))
    return Agreement(spearman(one, other), float(_in_top(one, k) @ _in_top(other, k)) / k)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one of the two is flat."""
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float(a @ b) / norm if norm > 0 else 0.0


def _ranks(scores: np.ndarray) -> np.ndarray:
    """(L,) ranks from 1 on; equal scores share the mean of theirs."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def _in_top(scores: np.ndarray, k: int) -> np.ndarray:
    """(L,) how much each cell belongs to the k highest: cells equal to the k-th share its place."""
    edge = np.partition(scores, -k)[-k]
    above, at = scores > edge, scores == edge
    return above + at * ((k - above.sum()) / at.sum())
