"""Greedy decoding: the likeliest word, every time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from saccade.config import ranged
from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis, Tokens, normalise
from saccade.decoding.recorder import Recorder
from saccade.decoding.rules import Rule, RuleSettings, check_decode, none_left
from saccade.decoding.words import likeliest
from saccade.models.contract import State, Stepper


@dataclass(frozen=True)
class GreedySettings:
    """The likeliest word, every time."""

    length_power: float = ranged(0.0, 0.0, 100.0)  # score = log-probability / words ** this
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False  # allow <unk> in captions
    rules: RuleSettings = field(default_factory=RuleSettings)
    strategy: Literal["greedy"] = "greedy"

    def __post_init__(self) -> None:
        check_decode(self)

    @property
    def beams(self) -> int:
        """How many sentences a search gives."""
        return 1


@torch.no_grad()
def greedy(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule] = (),
    max_words: int = 20,
    length_power: float = 0.0,
) -> list[Hypothesis]:
    """The likeliest next word until the end token or `max_words` words, for all B pictures at once.

    state: one hypothesis per picture, as `start` gives it. Returns one Hypothesis per picture.
    Raises UsageError where the rules leave no word."""
    B, device = state.count, state.device
    recorder = Recorder(B)
    everyone, alone = np.arange(B), torch.zeros(B, 1, dtype=torch.long)
    words = torch.full((B,), tokens.bos)
    history = torch.zeros(B, 0, dtype=torch.long, device=device)
    logprobs = np.zeros(B)
    ends = np.full(B, -1)  # the step at which each ended
    for step in range(max_words):
        logits, state, attention = model.step(words.to(device), state)
        values, ids = (x.cpu() for x in likeliest(logits, RUNNERS_UP, rules, history))
        if (values[:, 0][torch.from_numpy(ends < 0)] == -torch.inf).any():
            raise none_left()
        words = ids[:, 0]
        top = values.unsqueeze(1), ids.unsqueeze(1)
        recorder.record(everyone, alone, ids[:, :1], values[:, :1], top, attention)
        logprobs += np.where(ends < 0, values[:, 0].double().numpy(), 0.0)
        ends[(ends < 0) & (words == tokens.eos).numpy()] = step
        if (ends >= 0).all():
            break
        history = torch.cat((history, words.to(device).unsqueeze(1)), 1)
    last = len(recorder.steps) - 1
    return [
        recorder.hypothesis(
            picture,
            int(end) if end >= 0 else last,
            0,
            normalise(float(logprobs[picture]), (int(end) if end >= 0 else last) + 1, length_power),
            bool(end >= 0),
        )
        for picture, end in enumerate(ends)
    ]


def run(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: GreedySettings,
    keep: int,
    seeds: Sequence[int],
) -> list[list[Hypothesis]]:
    """As `saccade.decoding.strategies` calls it."""
    best = greedy(model, state, tokens, rules, settings.max_words, settings.length_power)
    return [[hypothesis] for hypothesis in best]
