"""Searching for captions: functions over `start` and `step`, without knowledge of any model."""

from saccade.decoding.beam import beam_search
from saccade.decoding.greedy import greedy
from saccade.decoding.hypothesis import Hypothesis, Tokens
from saccade.decoding.rules import Rule, ban
from saccade.decoding.search import search
from saccade.decoding.settings import BeamSettings, Decoding, GreedySettings

__all__ = [
    "BeamSettings",
    "Decoding",
    "GreedySettings",
    "Hypothesis",
    "Rule",
    "Tokens",
    "ban",
    "beam_search",
    "greedy",
    "search",
]
