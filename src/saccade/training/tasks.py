"""A task is a complete forward pass with its loss: `task(model, batch) -> Loss`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from saccade.models.captioner import Predictions
from saccade.values.batch import Batch


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


def word_detection(seen: Tensor, words: Tensor, batch: Batch) -> Tensor:
    """How badly the cells tell which words the picture's captions hold, summed over those words and
    averaged over pictures. seen (B, L, W) scores of the words (W,), ids.

    A word's score for a picture is the log-sum-exp over its cells (multiple-instance learning, as
    Fang et al. 2015, arXiv 1411.4952, with another pooling), and the loss a softmax over words with
    the words that are there as targets (Joulin et al. 2016, arXiv 1511.02251, section 3.2)."""
    B = seen.size(0)
    present = torch.zeros(B, int(max(words.max(), batch.targets.max())) + 1, device=seen.device)
    picture = torch.arange(B, device=seen.device).view(B, 1, 1).expand_as(batch.targets)
    present[picture[batch.live], batch.targets[batch.live]] = 1
    return -(present[:, words] * seen.float().logsumexp(1).log_softmax(1)).sum() / B


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
        seen, detected = predictions.seen, predictions.detected
        if self.detection and seen is not None and detected is not None:
            total = total + self.detection * word_detection(seen, detected, batch)
        return Loss(total, nll.detach(), words)
