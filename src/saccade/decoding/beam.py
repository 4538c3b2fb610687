"""Beam search, batched over pictures.

The search of the paper's own code: at every step the K best continuations of a picture are kept;
those that end leave the beam to others, and the search is over when none is left, when the words
are used up, or when nothing alive can still enter the best `keep`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from saccade.config import ranged
from saccade.decoding.constrained import constrained_beam_search
from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis, Tokens, normalise
from saccade.decoding.recorder import End, Recorder, going_on
from saccade.decoding.rules import Rule, RuleSettings, check_decode, none_left
from saccade.decoding.words import likeliest
from saccade.models.contract import State, Stepper


@dataclass(frozen=True)
class BeamSettings:
    """The best `beams` sentences so far, at every word; one beam is greedy."""

    beams: int = ranged(5, 1, 1000)  # num_beams
    length_power: float = ranged(0.0, 0.0, 100.0)  # length_penalty
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False
    rules: RuleSettings = field(default_factory=RuleSettings)
    strategy: Literal["beam"] = "beam"

    def __post_init__(self) -> None:
        check_decode(self, forces=True)


@torch.no_grad()
def beam_search(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule] = (),
    beams: int = 5,
    max_words: int = 20,
    length_power: float = 0.0,
    keep: int = 1,
) -> list[list[Hypothesis]]:
    """The best `keep` sentences of each of B pictures, best first (at least one, at most `beams`).

    state: one hypothesis per picture, as `start` gives it. `keep` only says how long the search
    must go on: the first `keep` are those of a search to the very end. A sentence that reaches
    `max_words` words is cut there (`finished` false) and competes with its score so far. Raises
    UsageError where the rules leave no word."""
    keep = min(keep, beams)
    device = state.device
    recorder = Recorder(state.count)
    active = np.arange(state.count)  # row -> picture
    words = torch.full((state.count,), tokens.bos)
    history = torch.zeros(state.count, 0, dtype=torch.long, device=device)
    scores = torch.zeros(state.count, 1, dtype=torch.float64)  # (b, K), -inf: the slot is empty
    ends: list[list[End]] = [[] for _ in active]
    for step in range(max_words):
        width = scores.size(1)
        logits, state, attention = model.step(words.to(device), state)
        # Best per hypothesis, then best over hypotheses: no sort over K * V.
        best = likeliest(logits, max(beams, RUNNERS_UP), rules, history)
        values, ids = (x.cpu().unflatten(0, (-1, width)) for x in best)  # (b, K, R)
        top = ids.size(2)
        del logits  # so that the next step may write where it stood, still in the cache
        totals = scores.unsqueeze(-1) + values.double()
        scores, flat = totals.flatten(1).topk(min(beams, width * top))  # (b, K')
        parents = flat // top
        chosen = ids.flatten(1).gather(1, flat)
        logprobs = values.flatten(1).gather(1, flat)
        recorder.record(active, parents, chosen, logprobs, (values, ids), attention)
        last = step + 1 == max_words
        leaving = (scores > -torch.inf) & (last | (chosen == tokens.eos))
        for row, slot in leaving.nonzero().tolist():
            score = normalise(scores[row, slot].item(), step + 1, length_power)
            finished = int(chosen[row, slot]) == tokens.eos
            ends[active[row]].append(End(step, slot, score, finished))
        scores = scores.masked_fill(leaving, -torch.inf)
        going = going_on(scores, active, ends, keep, max_words, length_power)
        if last or not going.any():
            break
        rows = (torch.arange(len(active)).unsqueeze(1) * width + parents).flatten()  # (b * K',)
        if rules:
            history = torch.cat((history[rows.to(device)], chosen.view(-1, 1).to(device)), 1)
        state = state.select(rows.to(device))
        words = chosen
        if not going.all():
            kept = going.nonzero().flatten()
            state = state.select_pictures(kept.to(device))
            if rules:
                history = history.unflatten(0, (len(active), -1))[kept.to(device)].flatten(0, 1)
            active, scores, words = active[kept.numpy()], scores[kept], words[kept]
        words = words.flatten()
    if not all(ends):
        raise none_left()
    return recorder.best_first(ends)


def run(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: BeamSettings,
    keep: int,
    seeds: Sequence[int],
) -> list[list[Hypothesis]]:
    """As `saccade.decoding.strategies` calls it."""
    searched = constrained_beam_search if tokens.forced else beam_search
    return searched(
        model,
        state,
        tokens,
        rules,
        settings.beams,
        settings.max_words,
        settings.length_power,
        keep,
    )
