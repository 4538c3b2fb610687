"""One door for captioning a batch of features, by whatever strategy the settings name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from saccade.decoding.beam import beam_search
from saccade.decoding.greedy import greedy
from saccade.decoding.hypothesis import Hypothesis, Tokens
from saccade.decoding.rules import Rule, ban
from saccade.decoding.settings import BeamSettings, Decoding, GreedySettings
from saccade.models.contract import Features, State, Stepper
from saccade.text import Vocabulary

Hypotheses = list[list[Hypothesis]]  # of each picture, best first
Strategy = Callable[[Stepper, State, Tokens, Sequence[Rule], Any, int], Hypotheses]


def _greedy(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: GreedySettings | BeamSettings,
    keep: int,
) -> Hypotheses:
    best = greedy(model, state, tokens, rules, settings.max_words, settings.length_power)
    return [[hypothesis] for hypothesis in best]


def _beam(
    model: Stepper,
    state: State,
    tokens: Tokens,
    rules: Sequence[Rule],
    settings: BeamSettings,
    keep: int,
) -> Hypotheses:
    if settings.beams == 1:
        return _greedy(model, state, tokens, rules, settings, keep)
    return beam_search(
        model,
        state,
        tokens,
        rules,
        settings.beams,
        settings.max_words,
        settings.length_power,
        keep,
    )


STRATEGIES: Mapping[str, Strategy] = {"greedy": _greedy, "beam": _beam}


def rules_of(settings: Decoding, vocabulary: Vocabulary) -> list[Rule]:
    """The rules that settings ask for: PAD and BOS never come, UNK only where it is allowed."""
    unknown = () if settings.allow_unk else (vocabulary.unk,)
    return [ban((vocabulary.pad, vocabulary.bos, *unknown))]


@torch.no_grad()
def search(
    model: Stepper,
    features: Features,
    vocabulary: Vocabulary,
    settings: Decoding,
    keep: int = 1,
) -> Hypotheses:
    """Features of B pictures -> for each its hypotheses, best first."""
    tokens = Tokens(vocabulary.bos, vocabulary.eos)
    rules = rules_of(settings, vocabulary)
    strategy = STRATEGIES[settings.strategy]
    return strategy(model, model.start(features), tokens, rules, settings, keep)
