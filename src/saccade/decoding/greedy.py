"""Greedy decoding: the likeliest word, every time."""

from typing import Any

import numpy as np
import torch

from saccade.decoding.protocol import RUNNERS_UP, Hypothesis, StepModel, Tokens, normalise
from saccade.decoding.words import likeliest


@torch.no_grad()
def greedy(
    model: StepModel,
    state: Any,
    pictures: int,
    tokens: Tokens,
    max_words: int = 20,
    length_power: float = 0.0,
) -> list[Hypothesis]:
    """The likeliest next word until the end token or `max_words` words, for all B pictures at once.

    state: one hypothesis per picture, as `start` gives it. Returns one Hypothesis per picture."""
    words = torch.full((pictures,), tokens.bos)
    ended = torch.zeros(pictures, dtype=torch.bool)
    rows: list[tuple] = []
    for _ in range(max_words):
        logits, state, alpha, beta = model.step(words.to(state.device), state)
        values, ids = likeliest(logits, RUNNERS_UP, tokens.banned)
        words = ids[:, 0].cpu()
        rows.append(tuple(x.float().cpu().numpy() for x in (values, ids, alpha, beta)))
        ended |= words == tokens.eos
        if bool(ended.all()):
            break
    values, ids, alphas, betas = (np.stack(part, 1) for part in zip(*rows, strict=True))
    return [
        _hypothesis(values[b], ids[b].astype(int), alphas[b], betas[b], tokens.eos, length_power)
        for b in range(pictures)
    ]


def _hypothesis(
    values: np.ndarray,
    ids: np.ndarray,
    alphas: np.ndarray,
    betas: np.ndarray,
    eos: int,
    length_power: float,
) -> Hypothesis:
    """values, ids (T, R) best first; alphas (T, L); betas (T,), of one picture."""
    ends = np.flatnonzero(ids[:, 0] == eos)
    finished = ends.size > 0
    length = int(ends[0]) if finished else len(ids)
    end_logprob = float(values[length, 0]) if finished else 0.0
    logprob = float(values[:length, 0].sum(dtype=np.float64)) + end_logprob
    return Hypothesis(
        ids=tuple(ids[:length, 0].tolist()),
        logprobs=tuple(values[:length, 0].tolist()),
        alphas=alphas[:length],
        betas=betas[:length],
        score=normalise(logprob, length + finished, length_power),
        end_logprob=end_logprob,
        finished=finished,
        runners_up=tuple(
            tuple((int(i), float(v)) for i, v in zip(ids[t], values[t], strict=True) if v > -np.inf)
            for t in range(length)
        ),
    )
