"""Tasks: a complete forward pass with its loss, `task(model, batch, context) -> Loss`.

The loop knows no task: it minimises `Loss.total` and logs the sums. A new task is a settings class,
a function, and a row in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from saccade.config import Tag, check_ranges, ranged
from saccade.models.captioner import Forward, WordDetector
from saccade.text import Vocabulary
from saccade.training.detection import agreed_words, word_detection
from saccade.training.look import LookSettings, Shares, box_loss
from saccade.values.batch import Batch
from saccade.values.examples import Example


class Loss(NamedTuple):
    """What one batch cost."""

    total: Tensor  # what is minimised
    # Sums over the batch without a gradient, by name: "nll", the negative log-likelihood of all
    # words (no smoothing, no regulariser), and "words", how many there are, ends included.
    sums: Mapping[str, Tensor]


@dataclass(frozen=True)
class Context:
    """What a task may know beside the batch."""

    vocabulary: Vocabulary
    examples: tuple[Example, ...]  # by `Batch.indices`
    step: int = 0
    steps: int = 1  # of the whole training
    shares: Shares | None = None  # of cells in boxes, for a task that has boxes


class Task(Protocol):
    """A complete forward pass with its loss."""

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss: ...


@dataclass(frozen=True)
class CrossEntropySettings:
    """Maximum likelihood."""

    # lambda of equation 14; at 1 every map comes out nearly uniform
    doubly_stochastic: float = ranged(0.1, 0.0, 1e6)
    label_smoothing: float = ranged(0.0, 0.0, 0.999)
    detection: float = ranged(0.0, 0.0, 1e6)  # weight of `word_detection`, for untrained encoders
    kind: Literal["cross_entropy"] = "cross_entropy"

    def __post_init__(self) -> None:
        check_ranges(self, "train.task")


def doubly_stochastic(alphas: Tensor, lengths: Tensor) -> Tensor:
    """sum_i (1 - sum_t alpha_ti)^2, the regulariser of equation 14 (Xu et al. 2015), summed over
    captions. alphas (B, K, T, L), zero after a caption's end; lengths (B, K), 0 where there is
    none."""
    excess = (1 - alphas.sum(2)) ** 2  # (B, K, L)
    return excess.sum(-1)[lengths > 0].sum()


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


@dataclass(frozen=True)
class CrossEntropy:
    """Maximum likelihood with the doubly stochastic regulariser (equation 14), per word:
    (-sum log p(word) + weight * sum_i (1 - sum_t alpha_ti)^2) / words."""

    settings: CrossEntropySettings | LookSettings

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        return self.of(model(batch), batch)

    def of(self, forward: Forward, batch: Batch) -> Loss:
        """The loss of what the model gave."""
        total, sums = cross_entropy(forward, batch, self.settings.label_smoothing)
        attention = forward.predictions.attention
        if self.settings.doubly_stochastic and attention is not None:
            regulariser = doubly_stochastic(attention.weights, batch.lengths)
            total = total + self.settings.doubly_stochastic * regulariser
        total = total / sums["words"]
        if self.settings.detection and forward.word_scores is not None:
            assert forward.detected is not None
            detection = word_detection(forward.word_scores, forward.detected, batch)
            total = total + self.settings.detection * detection
        return Loss(total, sums)


@dataclass(frozen=True)
class Look:
    """Maximum likelihood, plus `weight` times the mean of `box_loss` over the batch's words with
    boxes (Liu et al. 2017, arXiv 1605.09553). Sums: "box_mass", the attention in the box summed
    over those words, and "boxed", how many they are."""

    settings: LookSettings

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        forward: Forward = model(batch)
        total, sums = CrossEntropy(self.settings).of(forward, batch)
        attention = forward.predictions.attention
        assert context.shares is not None  # read before training
        assert attention is not None  # checked before training
        where, shares = context.shares.of(batch, context.examples)
        boxed = shares.size(0)
        loss, mass = box_loss(attention, where, shares, self.settings.loss)
        if boxed and context.step < self.settings.until * context.steps:
            total = total + self.settings.weight * loss / boxed
        count = torch.tensor(boxed, device=mass.device)
        return Loss(total, {**sums, "box_mass": mass, "boxed": count})


class Row(NamedTuple):
    """One row of the table."""

    settings: type  # a frozen dataclass with a field `kind`
    task: Callable[[Any], Task]
    detects: Callable[[Any], bool]  # whether it needs a word detector beside the decoder


TASKS: Mapping[str, Row] = {
    "cross_entropy": Row(CrossEntropySettings, CrossEntropy, lambda s: s.detection > 0),
    "look": Row(LookSettings, Look, lambda s: s.detection > 0),
}
TAG = Tag("kind", "cross_entropy", {kind: row.settings for kind, row in TASKS.items()})

# Where settings say `train.NAME` for a setting of the task (`--set train.detection=1`).
SHORT = ("doubly_stochastic", "label_smoothing", "detection")


def build_task(settings: Any) -> Task:
    """The task that settings describe."""
    return TASKS[settings.kind].task(settings)


def build_detector(
    settings: Any, features: int, examples: Sequence[Example], vocabulary: Vocabulary
) -> WordDetector | None:
    """The word detector of cells of width F, where the task needs one."""
    if not TASKS[settings.kind].detects(settings):
        return None
    return WordDetector(features, agreed_words(examples, vocabulary))
