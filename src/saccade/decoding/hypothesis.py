"""What a search returns, and what it must know of words."""

from dataclasses import dataclass

import numpy as np

RUNNERS_UP = 5  # words kept per place, the chosen one among them when it is that good


@dataclass(frozen=True)
class Tokens:
    """The word ids that a search must know."""

    bos: int
    eos: int
    forced: tuple[tuple[int, ...], ...] = ()  # of each set one must come: for beam search


@dataclass(frozen=True)
class Hypothesis:
    """One sentence of a search. T words, the end token not among them."""

    ids: tuple[int, ...]  # T
    logprobs: tuple[float, ...]  # T
    score: float  # log-probability, the end's included, over length ** length_power
    end_logprob: float  # 0.0 when not finished
    finished: bool  # False: cut at the word limit
    runners_up: tuple[tuple[tuple[int, float], ...], ...]  # T: (id, log-probability), best first
    alphas: np.ndarray | None = None  # (T, L), where the model has attention
    betas: np.ndarray | None = None  # (T,) its gate
    elsewhere: np.ndarray | None = None  # (T,) the share of attention on no cell
    heads: np.ndarray | None = None  # (T, H, L) where a step gives the maps that alphas are of


def normalise(logprob: float, tokens: int, length_power: float) -> float:
    """The score of a hypothesis: its log-probability over (its tokens, the end token included) to
    the power `length_power`; 0 leaves the log-probability as it is (Wu et al. 2016, arXiv
    1609.08144, equation 14 without its constant)."""
    return logprob / tokens**length_power
