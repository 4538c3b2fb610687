"""Constrained beam search (Anderson et al. 2017, arXiv 1612.00576): words that must come.

Each forced word, or set of alternatives, has come in a sentence or not; a beam of its own is kept
for each of the 2^C subsets of the C sets that have come (the states of the paper's finite-state
machine), and a sentence may end only where all of them have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis, Tokens, normalise
from saccade.decoding.recorder import End, Recorder, going_on
from saccade.decoding.rules import Rule
from saccade.decoding.words import under_rules
from saccade.errors import UsageError
from saccade.models.contract import State, Stepper


@torch.no_grad()
def constrained_beam_search(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule] = (),
    beams: int = 5,
    max_words: int = 20,
    length_power: float = 0.0,
    keep: int = 1,
) -> list[list[Hypothesis]]:
    """The best sentences of each of B pictures, best first, that hold a word of each set of
    `tokens.forced`: of the last beam, that of the sentences in which all have come, at least the
    first `keep` (at most `beams`). Otherwise as `saccade.decoding.beam.beam_search`; without a set
    the two are one.

    Raises UsageError where the rules and `max_words` leave no such sentence."""
    B, device, K = state.count, state.device, beams
    keep = min(keep, beams)
    forced = _Forced(tokens.forced)
    S = forced.states
    recorder, everyone = Recorder(B), np.arange(B)
    state = state.select(torch.arange(B, device=device).repeat_interleave(S * K))
    words = torch.full((B * S * K,), tokens.bos, device=device)
    history = torch.zeros(B * S * K, 0, dtype=torch.long, device=device)
    scores = torch.full((B, S, K), -torch.inf, dtype=torch.float64)
    scores[:, 0, 0] = 0.0
    ends: list[list[End]] = [[] for _ in range(B)]
    for step in range(max_words):
        logits, state, attention = model.step(words, state)
        logprobs = under_rules(logits, rules, history).cpu()  # (N, V)
        top = logprobs.topk(min(RUNNERS_UP, logprobs.size(1)))
        by_state = logprobs.view(B, S, K, -1)
        by_state[:, :-1, :, tokens.eos] = -torch.inf  # the last state is where all have come
        scores, parents, chosen = forced.continued(scores, by_state)  # each (B, S, K)
        slots, picked = parents.flatten(1), chosen.flatten(1)  # (B, S * K)
        own = by_state.flatten(1, 2).gather(1, slots.unsqueeze(2).expand(-1, -1, logprobs.size(1)))
        own = own.gather(2, picked.unsqueeze(2)).squeeze(2)
        values, ids = (x.unflatten(0, (B, S * K)) for x in top)
        recorder.record(everyone, slots, picked, own, (values, ids), attention)
        last = step + 1 == max_words
        leaving = (scores > -torch.inf) & (last | (chosen == tokens.eos))
        leaving[:, :-1] = False
        for picture, slot in leaving.flatten(1).nonzero().tolist():
            score = normalise(scores.view(B, -1)[picture, slot].item(), step + 1, length_power)
            finished = int(picked[picture, slot]) == tokens.eos
            ends[picture].append(End(step, slot, score, finished))
        scores = scores.masked_fill(leaving, -torch.inf)
        going = going_on(scores.flatten(1), everyone, ends, keep, max_words, length_power)
        scores[~going] = -torch.inf
        if last or not going.any():
            break
        rows = (torch.arange(B).unsqueeze(1) * (S * K) + slots).flatten().to(device)
        words = picked.flatten().to(device)
        history = torch.cat((history[rows], words.unsqueeze(1)), 1)
        state = state.select(rows)
    if not all(ends):
        raise UsageError(
            f"no caption of up to {max_words} words holds all forced words and keeps the rules; "
            "force fewer words, relax the rules, or raise decode.max_words."
        )
    return recorder.best_first(ends)


class _Forced:
    """The sets of words, and how words lead from state to state: bit c of a state is set where
    set c has come."""

    def __init__(self, sets: Sequence[Sequence[int]]) -> None:
        self.states = 2 ** len(sets)  # S
        ids = sorted({word for words in sets for word in words})
        self.ids = torch.tensor(ids, dtype=torch.long)  # (F,)
        bits = [sum(2**c for c, words in enumerate(sets) if word in words) for word in ids]
        sources = torch.arange(self.states).unsqueeze(1)
        self.targets = sources | torch.tensor(bits, dtype=torch.long)  # (S, F)

    def continued(self, scores: Tensor, logprobs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """scores (B, S, K), logprobs (B, S, K, V) of the next word -> of the best K sentences of
        each state now: scores, the slot (of S * K) that each goes on from, and its word."""
        B, S, K, V = logprobs.shape
        F = len(self.ids)
        leading = logprobs[..., self.ids].double() + scores.unsqueeze(3)  # (B, S, K, F)
        others = logprobs.index_fill(3, self.ids, -torch.inf)
        values, words = others.topk(min(K, V), 3)  # (B, S, K, R)
        staying = (values.double() + scores.unsqueeze(3)).flatten(2)  # (B, S, K * R)
        slots = torch.arange(S * K).view(S, K, 1)
        results = []
        for target in range(S):
            there = (self.targets == target).view(S, 1, F)
            coming = leading.masked_fill(~there, -torch.inf).flatten(1)  # (B, S * K * F)
            totals = torch.cat((staying[:, target], coming), 1)
            stayed = slots[target].expand(K, words.size(3)).flatten()
            from_slots = torch.cat((stayed, slots.expand(S, K, F).flatten()))
            ids = torch.cat((words[:, target].flatten(1), self.ids.repeat(S * K).expand(B, -1)), 1)
            best, flat = totals.topk(K, 1)
            results.append((best, from_slots[flat], ids.gather(1, flat)))
        best, parents, chosen = (torch.stack(part, 1) for part in zip(*results, strict=True))
        return best, parents, chosen
