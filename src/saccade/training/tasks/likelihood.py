"""Maximum likelihood: the words of the references, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from saccade.config import check_ranges, ranged
from saccade.models.captioner import Forward
from saccade.training.detection import word_detection
from saccade.training.look import LookSettings
from saccade.training.tasks.contract import Context, Loss, batch_counts
from saccade.training.tasks.feeding import drop_words, own_words
from saccade.values.batch import Batch


@dataclass(frozen=True)
class CrossEntropySettings:
    """Maximum likelihood."""

    # lambda of equation 14; at 1 every map comes out nearly uniform
    doubly_stochastic: float = ranged(0.1, 0.0, 1e6)
    label_smoothing: float = ranged(0.0, 0.0, 0.999)
    entropy: float = ranged(0.0, 0.0, 1e6)  # weight of `attention_entropy`: sharper maps
    detection: float = ranged(0.0, 0.0, 1e6)  # weight of `word_detection`, for untrained encoders
    # share of the words read that are the model's own, growing from 0 to this over training
    scheduled_sampling: float = ranged(0.0, 0.0, 1.0)
    word_dropout: float = ranged(
        0.0, 0.0, 0.999
    )  # share of the words read that are replaced by UNK
    kind: Literal["cross_entropy"] = "cross_entropy"

    def __post_init__(self) -> None:
        check_ranges(self, "train.task")


def doubly_stochastic(alphas: Tensor, lengths: Tensor) -> Tensor:
    """sum_i (1 - sum_t alpha_ti)^2, the regulariser of equation 14 (Xu et al. 2015), summed over
    captions. alphas (B, K, T, L), zero after a caption's end; lengths (B, K), 0 where there is
    none."""
    excess = (1 - alphas.sum(2)) ** 2  # (B, K, L)
    return excess.sum(-1)[lengths > 0].sum()


def attention_entropy(alphas: Tensor) -> Tensor:
    """-sum_i alpha_ti log alpha_ti in nats, summed over words; maps alphas (..., L) of zeros count
    nothing."""
    return -(alphas * alphas.clamp(min=1e-12).log()).sum()


def cross_entropy(
    forward: Forward, batch: Batch, smoothing: float = 0.0
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The summed cross-entropy of a batch's words, smoothed, and the sums that tasks log."""
    targets = batch.targets[batch.live]  # (M,)
    logits = forward.predictions.logits.float()
    nll = total = nn.functional.cross_entropy(logits, targets, reduction="sum")
    if smoothing:
        total = nn.functional.cross_entropy(
            logits, targets, reduction="sum", label_smoothing=smoothing
        )
    words = torch.tensor(targets.numel(), device=targets.device)
    return total, {"nll": nll.detach(), "words": words}


def likelihood(
    settings: CrossEntropySettings | LookSettings, forward: Forward, batch: Batch
) -> Loss:
    """Maximum likelihood with the doubly stochastic regulariser (equation 14), per word:
    (-sum log p(word) + weight * sum_i (1 - sum_t alpha_ti)^2) / words, and the mean entropy of
    attention with its own weight."""
    total, sums = cross_entropy(forward, batch, settings.label_smoothing)
    attention = forward.predictions.attention
    if settings.doubly_stochastic and attention is not None:
        regulariser = doubly_stochastic(attention.weights, batch.lengths)
        total = total + settings.doubly_stochastic * regulariser
    if settings.entropy and attention is not None:
        total = total + settings.entropy * attention_entropy(attention.weights.float())
    parts = {"words": total}
    if settings.detection and forward.word_scores is not None:
        assert forward.detected is not None
        detection = word_detection(forward.word_scores, forward.detected, batch)
        parts["pictures"] = settings.detection * detection * len(batch.indices)
    return Loss(parts, batch_counts(batch), sums)


@dataclass(frozen=True)
class CrossEntropy:
    """`likelihood` of the references' words, of which some that are read are replaced: see
    `saccade.training.tasks.feeding`."""

    settings: CrossEntropySettings

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        settings, vocabulary, read = self.settings, context.vocabulary, batch
        if settings.scheduled_sampling:
            share = settings.scheduled_sampling * context.step / context.steps
            read = own_words(model, read, vocabulary, share)
        if settings.word_dropout:
            read = drop_words(read, vocabulary, settings.word_dropout)
        return likelihood(settings, model(read), batch)

    def counts(self, batch: Batch, context: Context) -> Mapping[str, float]:
        """See `Task`."""
        return batch_counts(batch)
