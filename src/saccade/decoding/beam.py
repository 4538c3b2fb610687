"""Beam search, batched over pictures.

The search of the paper's own code: at every step the K best continuations of a picture are kept;
those that end leave the beam to others, and the search is over when none is left, when the words
are used up, or when nothing alive can still enter the best `keep`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saccade.decoding.protocol import RUNNERS_UP, Hypothesis, StepModel, Tokens, normalise
from saccade.decoding.words import likeliest


@dataclass
class _Record:
    """One step of the search, of the pictures still searched then; only what a backtrack needs."""

    position: np.ndarray  # (B,) picture -> its row here, -1 when it was done
    parents: np.ndarray  # (b, K) slot of the step before
    ids: np.ndarray  # (b, K)
    logprobs: np.ndarray  # (b, K)
    alphas: np.ndarray  # (b, K_before, L) by the parent's slot
    betas: np.ndarray  # (b, K_before)
    top_ids: np.ndarray  # (b, K_before, R) runners-up, by the parent's slot
    top_values: np.ndarray


@dataclass(frozen=True)
class _End:
    """A hypothesis that left the beam: where to start walking back."""

    step: int
    slot: int
    score: float
    finished: bool


@torch.no_grad()
def beam_search(
    model: StepModel,
    state: Any,
    pictures: int,
    tokens: Tokens,
    beams: int = 5,
    max_words: int = 20,
    length_power: float = 0.0,
    keep: int = 1,
) -> list[list[Hypothesis]]:
    """The best `keep` sentences of each of B pictures, best first (at least one, at most `beams`).

    state: one hypothesis per picture, as `start` gives it. `keep` only says how long the search
    must go on: the first `keep` are those of a search to the very end. A sentence that reaches
    `max_words` words is cut there (`finished` false) and competes with its score so far."""
    keep = min(keep, beams)
    active = np.arange(pictures)  # row -> picture
    words = torch.full((pictures,), tokens.bos)
    scores = torch.zeros(pictures, 1, dtype=torch.float64)  # (b, K), -inf: the slot is empty
    ends: list[list[_End]] = [[] for _ in range(pictures)]
    records: list[_Record] = []
    for step in range(max_words):
        width = scores.size(1)
        logits, state, alpha, beta = model.step(words.to(state.device), state)
        # Best per hypothesis, then best over hypotheses: no sort over K * V.
        found = likeliest(logits, max(beams, RUNNERS_UP), tokens.banned)
        values, ids = (x.cpu().unflatten(0, (-1, width)) for x in found)  # (b, K, R)
        top = ids.size(2)
        del logits  # so that the next step may write where it stood, still in the cache
        totals = scores.unsqueeze(-1) + values.double()
        scores, flat = totals.flatten(1).topk(min(beams, width * top))  # (b, K')
        parents = flat // top
        chosen = ids.flatten(1).gather(1, flat)
        position = np.full(pictures, -1)
        position[active] = np.arange(len(active))
        records.append(
            _Record(
                position,
                parents.numpy(),
                chosen.numpy(),
                values.flatten(1).gather(1, flat).numpy(),
                alpha.float().cpu().unflatten(0, (-1, width)).numpy(),
                beta.float().cpu().unflatten(0, (-1, width)).numpy(),
                ids[..., :RUNNERS_UP].numpy(),
                values[..., :RUNNERS_UP].numpy(),
            )
        )
        last = step + 1 == max_words
        leaving = (scores > -torch.inf) & (last | (chosen == tokens.eos))
        for row, slot in leaving.nonzero().tolist():
            score = normalise(scores[row, slot].item(), step + 1, length_power)
            finished = int(chosen[row, slot]) == tokens.eos
            ends[active[row]].append(_End(step, slot, score, finished))
        scores = scores.masked_fill(leaving, -torch.inf)
        going = _going_on(scores, active, ends, keep, max_words, length_power)
        if last or not going.any():
            break
        rows = torch.arange(len(active)).unsqueeze(1) * width + parents  # (b, K')
        device = state.device
        state = state.select(rows.flatten().to(device))
        words = chosen
        if not going.all():
            kept = going.nonzero().flatten()
            state = state.select_pictures(kept.to(device))
            active, scores, words = active[kept.numpy()], scores[kept], words[kept]
        words = words.flatten()
    return [
        [
            _walk_back(records, picture, end)
            for end in sorted(ends[picture], key=lambda end: -end.score)
        ]
        for picture in range(pictures)
    ]


def _going_on(
    scores: Tensor,
    active: np.ndarray,
    ends: list[list[_End]],
    keep: int,
    max_words: int,
    length_power: float,
) -> Tensor:
    """(b,) whether anything alive could still enter the best `keep` of its picture.

    A log-probability only falls, and dividing it by a larger length raises it at most to that of
    the longest sentence."""
    best = scores.amax(1)
    bound = best / max_words**length_power
    floor = torch.full_like(bound, -torch.inf)
    for row, picture in enumerate(active):
        found = sorted((end.score for end in ends[picture]), reverse=True)
        if len(found) >= keep:
            floor[row] = found[keep - 1]
    return (best > -torch.inf) & (bound > floor)


def _walk_back(records: list[_Record], picture: int, end: _End) -> Hypothesis:
    """The sentence that ended at `end`, its words and looks gathered along the back-pointers."""
    path = []
    slot = end.slot
    for record in reversed(records[: end.step + 1]):
        row = record.position[picture]
        parent = int(record.parents[row, slot])
        path.append((record, row, slot, parent))
        slot = parent
    path.reverse()
    logprobs = [float(record.logprobs[row, slot]) for record, row, slot, _ in path]
    end_logprob = logprobs.pop() if end.finished else 0.0
    places = path[: len(logprobs)]
    cells = path[0][0].alphas.shape[-1]
    return Hypothesis(
        ids=tuple(int(record.ids[row, slot]) for record, row, slot, _ in places),
        logprobs=tuple(logprobs),
        alphas=np.array([r.alphas[row, parent] for r, row, _, parent in places]).reshape(-1, cells),
        betas=np.array([record.betas[row, parent] for record, row, _, parent in places]),
        score=end.score,
        end_logprob=end_logprob,
        finished=end.finished,
        runners_up=tuple(
            tuple(
                (int(i), float(v))
                for i, v in zip(r.top_ids[row, parent], r.top_values[row, parent], strict=True)
                if v > -np.inf
            )
            for r, row, _, parent in places
        ),
    )
