"""A task is a complete forward pass with its loss: `task(model, batch) -> Loss`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from saccade.models.captioner import Predictions
from saccade.types import Batch


class Loss(NamedTuple):
    """What one batch cost."""

    total: Tensor  # what is minimised, per word
    nll: Tensor  # negative log-likelihood of all words, summed (no smoothing, no regulariser)
    words: Tensor  # how many words (ends included)


Task = Callable[[nn.Module, Batch], Loss]


def doubly_stochastic(alphas: Tensor, lengths: Tensor) -> Tensor:
    """sum_i (1 - sum_t alpha_ti)^2, the regulariser of equation 14, summed over captions.

    alphas (B, K, T, L), zero after a caption's end; lengths (B, K), 0 where there is none."""
    excess = (1 - alphas.sum(2)) ** 2  # (B, K, L)
    return excess.sum(-1)[lengths > 0].sum()


def word_detection(seen: Tensor, batch: Batch) -> Tensor:
    """How badly the cells tell which words the picture's captions hold, summed over words, averaged
    over pictures: the log-sum-exp over cells, then the binary cross-entropy. seen (B, L, V) logits.

    Multiple-instance learning as in Fang et al. 2015 (arXiv 1411.4952, equation 1), whose noisy-or
    learned the kinds of scenes more slowly (docs/results.md)."""
    B, _, V = seen.shape
    present = torch.zeros(B, V, dtype=torch.bool, device=seen.device)
    picture = torch.arange(B, device=seen.device).view(B, 1, 1).expand_as(batch.targets)
    present[picture[batch.live], batch.targets[batch.live]] = True
    pooled = seen.float().logsumexp(1)  # (B, V)
    loss = nn.functional.binary_cross_entropy_with_logits(
        pooled, present.to(pooled.dtype), reduction="sum"
    )
    return loss / B


@dataclass(frozen=True)
class CrossEntropy:
    """Maximum likelihood with the doubly stochastic regulariser (equation 14), per word:
    (-sum log p(word) + weight * sum_i (1 - sum_t alpha_ti)^2) / words."""

    regulariser: float = 0.1  # lambda
    label_smoothing: float = 0.0
    detection: float = 0.0  # weight of `word_detection`, for a model with a detector

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        predictions: Predictions = model(batch)
        targets = batch.targets[batch.live]  # (M,)
        words = torch.tensor(targets.numel(), device=targets.device)
        logits = predictions.logits.float()
        nll = nn.functional.cross_entropy(logits, targets, reduction="sum")
        total = nll
        if self.label_smoothing:
            total = nn.functional.cross_entropy(
                logits, targets, reduction="sum", label_smoothing=self.label_smoothing
            )
        if self.regulariser:
            total = total + self.regulariser * doubly_stochastic(predictions.alphas, batch.lengths)
        total = total / words
        if self.detection and predictions.seen is not None:
            total = total + self.detection * word_detection(predictions.seen, batch)
        return Loss(total, nll.detach(), words)
