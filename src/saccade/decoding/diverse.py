"""Diverse beam search (Vijayakumar et al. 2016, arXiv 1610.02424): groups of beams that avoid each
other's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from saccade.config import ranged
from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis, Tokens, normalise
from saccade.decoding.recorder import End, Recorder
from saccade.decoding.rules import Rule, RuleSettings, check_decode, none_left
from saccade.decoding.words import under_rules
from saccade.errors import UsageError
from saccade.models.contract import State, Stepper


@dataclass(frozen=True)
class DiverseBeamSettings:
    """Groups of beams that avoid each other's words."""

    beams: int = ranged(6, 1, 1000)
    groups: int = ranged(3, 1, 1000)  # num_beam_groups; divides `beams`
    diversity: float = ranged(0.5, 0.0, 1000.0)  # diversity_penalty, nats
    length_power: float = ranged(0.0, 0.0, 100.0)
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False
    rules: RuleSettings = field(default_factory=RuleSettings)
    strategy: Literal["diverse_beam"] = "diverse_beam"

    def __post_init__(self) -> None:
        check_decode(self)
        if self.beams % self.groups:
            raise UsageError(
                f"decode.groups ({self.groups}) must divide decode.beams ({self.beams}) evenly; "
                "change one."
            )


@torch.no_grad()
def diverse_beam_search(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule] = (),
    beams: int = 6,
    groups: int = 3,
    diversity: float = 0.5,
    max_words: int = 20,
    length_power: float = 0.0,
) -> list[list[Hypothesis]]:
    """The sentences of each of B pictures, best first: `beams` in `groups` groups of equal size.

    At every word the groups choose one after the other, and a word loses `diversity` for each time
    that an earlier group has just chosen it (Hamming diversity). The penalty decides what is
    chosen; scores and log-probabilities are the model's own. Raises UsageError where the rules
    leave no word."""
    B, G, width = state.count, groups, beams // groups
    device = state.device
    recorder, everyone = Recorder(B), np.arange(B)
    state = state.select(torch.arange(B, device=device).repeat_interleave(beams))
    words = torch.full((B * beams,), tokens.bos, device=device)
    history = torch.zeros(B * beams, 0, dtype=torch.long, device=device)
    scores = torch.full((B, G, width), -torch.inf, dtype=torch.float64)
    scores[:, :, 0] = 0.0  # one hypothesis a group to begin with
    ends: list[list[End]] = [[] for _ in range(B)]
    for step in range(max_words):
        logits, state, attention = model.step(words, state)
        logprobs = under_rules(logits, rules, history).cpu()  # (N, V)
        V = logprobs.size(1)
        by_group = logprobs.view(B, G, width, V).double()
        parents = torch.zeros(B, G, width, dtype=torch.long)
        chosen = torch.zeros(B, G, width, dtype=torch.long)
        counts = torch.zeros(B, V, dtype=torch.float64)
        for g in range(G):
            totals = scores[:, g].unsqueeze(2) + by_group[:, g]  # (B, width, V)
            flat = (totals - diversity * counts.unsqueeze(1)).flatten(1).topk(width).indices
            scores[:, g] = totals.flatten(1).gather(1, flat)
            parents[:, g] = flat // V + g * width
            chosen[:, g] = flat % V
            there = (scores[:, g] > -torch.inf).double()
            counts.scatter_add_(1, chosen[:, g], there)
        slots, picked = parents.view(B, beams), chosen.view(B, beams)
        own = logprobs.view(B, beams, V).gather(1, slots.unsqueeze(2).expand(-1, -1, V))
        own = own.gather(2, picked.unsqueeze(2)).squeeze(2)
        values, ids = (x.unflatten(0, (B, beams)) for x in logprobs.topk(min(RUNNERS_UP, V)))
        recorder.record(everyone, slots, picked, own, (values, ids), attention)
        last = step + 1 == max_words
        flat_scores = scores.view(B, beams)
        leaving = (flat_scores > -torch.inf) & (last | (picked == tokens.eos))
        for row, slot in leaving.nonzero().tolist():
            score = normalise(flat_scores[row, slot].item(), step + 1, length_power)
            ended = int(picked[row, slot]) == tokens.eos
            ends[row].append(End(step, slot, score, ended))
        scores = flat_scores.masked_fill(leaving, -torch.inf).view(B, G, width)
        if last or not (scores > -torch.inf).any():
            break
        rows = (torch.arange(B).unsqueeze(1) * beams + slots).flatten().to(device)
        words = picked.flatten().to(device)
        history = torch.cat((history[rows], words.unsqueeze(1)), 1)
        state = state.select(rows)
    if not all(ends):
        raise none_left()
    return recorder.best_first(ends, beams)


def run(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: DiverseBeamSettings,
    keep: int,
    seeds: Sequence[int],
) -> list[list[Hypothesis]]:
    """As `saccade.decoding.strategies` calls it."""
    return diverse_beam_search(
        model,
        state,
        tokens,
        rules,
        settings.beams,
        settings.groups,
        settings.diversity,
        settings.max_words,
        settings.length_power,
    )
