"""What decoding asks of a model, and what it returns."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class SearchState(Protocol):
    """Where N = B * K hypotheses stand; the rows of one picture are consecutive."""

    @property
    def device(self) -> torch.device: ...

    def select(self, rows: Tensor) -> "SearchState": ...

    def select_pictures(self, pictures: Tensor) -> "SearchState": ...


class StepModel(Protocol):
    """One word further: tokens (N,), state -> logits (N, V), state, alpha (N, L), beta (N,)."""

    def step(self, tokens: Tensor, state: Any, /) -> tuple[Tensor, Any, Tensor, Tensor]: ...


@dataclass(frozen=True)
class Tokens:
    """The special word ids that a search must know."""

    bos: int
    eos: int
    banned: tuple[int, ...] = ()  # never emitted; their probability is not given to others


@dataclass(frozen=True)
class Hypothesis:
    """One sentence of a search. T words, the end token not among them."""

    ids: tuple[int, ...]  # T
    logprobs: tuple[float, ...]  # T
    alphas: np.ndarray  # (T, L)
    betas: np.ndarray  # (T,)
    score: float  # log-probability, the end's included, over length ** length_power
    end_logprob: float  # 0.0 when not finished
    finished: bool  # False: cut at the word limit
    runners_up: tuple[tuple[tuple[int, float], ...], ...]  # T: (id, log-probability), best first


RUNNERS_UP = 5  # words kept per place, the chosen one among them when it is that good


def normalise(logprob: float, tokens: int, length_power: float) -> float:
    """The score of a hypothesis: its log-probability over (its tokens, the end token included) to
    the power `length_power`; 0 leaves the log-probability as it is (Wu et al. 2016, arXiv
    1609.08144, equation 14 without its constant)."""
    return logprob / tokens**length_power
