"""Sampling: sentences drawn from the model's own distribution, several of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from saccade.config import ranged
from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis, Tokens, normalise
from saccade.decoding.recorder import Recorder
from saccade.decoding.rules import Rule, RuleSettings, check_decode, none_left
from saccade.decoding.words import under_rules
from saccade.models.contract import State, Stepper


@dataclass(frozen=True)
class SampleSettings:
    """Sentences drawn from the model's distribution, the same for the same photo and seed."""

    samples: int = ranged(5, 1, 1000)  # num_return_sequences
    temperature: float = ranged(1.0, 0.0, 1000.0, above=True)
    top_k: int = ranged(0, 0, 10**9)  # only this many of the likeliest words; 0: all
    top_p: float = ranged(1.0, 0.0, 1.0, above=True)  # only the words that hold this probability
    min_p: float = ranged(0.0, 0.0, 1.0)  # only words with this share of the likeliest's
    seed: int = ranged(0, 0, 2**63 - 1)
    length_power: float = ranged(0.0, 0.0, 100.0)
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False
    rules: RuleSettings = field(default_factory=RuleSettings)
    strategy: Literal["sample"] = "sample"

    def __post_init__(self) -> None:
        check_decode(self)

    @property
    def beams(self) -> int:
        """How many sentences a search gives."""
        return self.samples


def narrowed(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
) -> Tensor:
    """logits (N, V) -> probabilities (N, V) to draw from, each row summing to 1.

    The logits over `temperature` first; then only the `top_k` likeliest words (0: all), of these
    the fewest that hold `top_p` of the probability (Holtzman et al. 2020, arXiv 1904.09751), and of
    these those with at least `min_p` times the likeliest's. At least one word is left."""
    scaled = logits.float() / temperature
    # An ended sentence may have no word left: anything will do.
    scaled = torch.where(scaled.amax(1, keepdim=True) == -torch.inf, 0.0, scaled)
    if 0 < top_k < scaled.size(1):
        kth = scaled.topk(top_k, 1).values[:, -1:]
        scaled = scaled.masked_fill(scaled < kth, -torch.inf)
    probabilities = scaled.softmax(1)
    if top_p < 1:
        ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
        before = ordered.cumsum(1) - ordered  # of all likelier words
        dropped = torch.zeros_like(ordered, dtype=torch.bool).scatter(1, order, before >= top_p)
        probabilities = probabilities.masked_fill(dropped, 0.0)
    if min_p > 0:
        least = min_p * probabilities.amax(1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < least, 0.0)
    return probabilities / probabilities.sum(1, keepdim=True)


def drawn(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """probabilities (N, V), uniform (N,) in [0, 1) -> the words (N,) where the running sum passes
    them."""
    sums = probabilities.double().cumsum(1)
    words = torch.searchsorted(sums, (uniform * sums[:, -1]).unsqueeze(1), right=True).squeeze(1)
    # Rounding must not choose a word behind the last possible one.
    last = probabilities.size(1) - 1 - (probabilities > 0).flip(1).int().argmax(1)
    return torch.minimum(words, last)


@torch.no_grad()
def sample(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule] = (),
    samples: int = 5,
    seeds: Sequence[int] = (),
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    max_words: int = 20,
    length_power: float = 0.0,
) -> list[list[Hypothesis]]:
    """`samples` sentences of each of B pictures, the likeliest first.

    state: one hypothesis per picture, as `start` gives it. seeds (B,): of each picture's draws, so
    that a picture gets the same sentences in any batch. Log-probabilities are the model's own,
    whatever was drawn from. Raises UsageError where the rules leave no word."""
    B, device = state.count, state.device
    generators = [np.random.default_rng([seed]) for seed in seeds] or [
        np.random.default_rng([b]) for b in range(B)
    ]
    state = state.select(torch.arange(B, device=device).repeat_interleave(samples))
    recorder, everyone = Recorder(B), np.arange(B)
    slots = torch.arange(samples).expand(B, samples)
    words = torch.full((B * samples,), tokens.bos, device=device)
    history = torch.zeros(B * samples, 0, dtype=torch.long, device=device)
    ends = np.full(B * samples, -1)
    totals = np.zeros(B * samples)
    for step in range(max_words):
        logits, state, attention = model.step(words, state)
        possible = under_rules(logits, rules, history)
        logprobs = possible.cpu()
        going = torch.from_numpy(ends < 0)
        if (logprobs.amax(1)[going] == -torch.inf).any():
            raise none_left()
        uniform = torch.from_numpy(np.stack([g.random(samples) for g in generators]).ravel())
        chances = narrowed(possible, temperature, top_k, top_p, min_p).cpu()
        chosen = drawn(chances, uniform)
        own = logprobs.gather(1, chosen.unsqueeze(1)).squeeze(1)
        top = tuple(
            x.unflatten(0, (B, samples)) for x in logprobs.topk(min(RUNNERS_UP, logprobs.size(1)))
        )
        grid = chosen.view(B, samples)
        recorder.record(everyone, slots, grid, own.view(B, samples), (top[0], top[1]), attention)
        totals += np.where(ends < 0, own.double().numpy(), 0.0)
        ends[(ends < 0) & (chosen == tokens.eos).numpy()] = step
        if (ends >= 0).all():
            break
        words = chosen.to(device)
        history = torch.cat((history, words.unsqueeze(1)), 1)
    last = len(recorder.steps) - 1
    results = []
    for picture in range(B):
        entries = []
        for slot in range(samples):
            row = picture * samples + slot
            finished = bool(ends[row] >= 0)
            step = int(ends[row]) if finished else last
            score = normalise(float(totals[row]), step + 1, length_power)
            entries.append(recorder.hypothesis(picture, step, slot, score, finished))
        results.append(sorted(entries, key=lambda entry: -entry.score))
    return results


def run(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: SampleSettings,
    keep: int,
    seeds: Sequence[int],
) -> list[list[Hypothesis]]:
    """As `saccade.decoding.strategies` calls it."""
    return sample(
        model,
        state,
        tokens,
        rules,
        settings.samples,
        [settings.seed + seed for seed in seeds],
        settings.temperature,
        settings.top_k,
        settings.top_p,
        settings.min_p,
        settings.max_words,
        settings.length_power,
    )
