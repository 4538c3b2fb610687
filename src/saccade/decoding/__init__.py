"""Searching for captions: functions over `start` and `step`, without knowledge of any model."""

from saccade.decoding.beam import beam_search
from saccade.decoding.greedy import greedy
from saccade.decoding.protocol import Hypothesis, StepModel, Tokens
from saccade.decoding.search import search

__all__ = ["Hypothesis", "StepModel", "Tokens", "beam_search", "greedy", "search"]
