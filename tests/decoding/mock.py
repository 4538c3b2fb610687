"""A model whose next word depends on the picture and on every word before it."""

import numpy as np
import torch

from saccade.models.contract import Attention, State, Step

PAD, BOS, EOS = 0, 1, 2
CELLS = 3


class Mock:
    """Logits drawn at random, but always the same for the same picture and prefix."""

    def __init__(self, vocabulary: int, sharpness: float = 1.5) -> None:
        self.vocabulary = vocabulary
        self.sharpness = sharpness

    def logits(self, seed: int, prefix: tuple[int, ...]) -> np.ndarray:
        rng = np.random.default_rng([seed, *prefix])
        return rng.normal(size=self.vocabulary).astype(np.float32) * self.sharpness

    def alpha(self, seed: int, prefix: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng([seed, 99, *prefix]).dirichlet(np.ones(CELLS))

    def start(self, seeds) -> State:
        """The words so far (N, t) and the picture of each row, as data."""
        words = torch.zeros(len(seeds), 0, dtype=torch.long)
        return State(len(seeds), {"words": words}, {"seeds": torch.tensor(seeds)})

    def step(self, tokens, state, of=None):
        words = torch.cat((state.rows["words"], tokens.unsqueeze(1)), 1)
        seeds = state.pictures["seeds"].repeat_interleave(len(words) // state.count).tolist()
        rows = [tuple(row) for row in words.tolist()]
        pairs = list(zip(seeds, rows, strict=True))
        logits = torch.tensor(np.array([self.logits(s, p) for s, p in pairs]))
        alpha = torch.tensor(np.array([self.alpha(s, p) for s, p in pairs]))
        return Step(logits, state.advance(words=words), Attention(alpha, gate=alpha[:, 0]))
