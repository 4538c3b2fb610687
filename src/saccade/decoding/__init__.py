"""Searching for captions: functions over `start` and `step`, without knowledge of any model."""

from saccade.decoding.beam import BeamSettings, beam_search
from saccade.decoding.constrained import constrained_beam_search
from saccade.decoding.diverse import DiverseBeamSettings, diverse_beam_search
from saccade.decoding.greedy import GreedySettings, greedy
from saccade.decoding.hypothesis import Hypothesis, Tokens
from saccade.decoding.rules import BAD_ENDINGS, Rule, RuleSettings, ban, check_words
from saccade.decoding.sampling import SampleSettings, sample
from saccade.decoding.strategies import (
    STRATEGIES,
    TAG,
    Decoding,
    changed,
    configured,
    search,
    side_by_side,
)

__all__ = [
    "BAD_ENDINGS",
    "STRATEGIES",
    "TAG",
    "BeamSettings",
    "Decoding",
    "DiverseBeamSettings",
    "GreedySettings",
    "Hypothesis",
    "Rule",
    "RuleSettings",
    "SampleSettings",
    "Tokens",
    "ban",
    "beam_search",
    "changed",
    "check_words",
    "configured",
    "constrained_beam_search",
    "diverse_beam_search",
    "greedy",
    "sample",
    "search",
    "side_by_side",
]
