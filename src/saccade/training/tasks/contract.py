"""What a task is: a complete forward pass with its loss, `task(model, batch, context) -> Loss`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from saccade.models.captioner import CaptionModel
from saccade.text import Vocabulary
from saccade.training.look import Shares
from saccade.values.batch import Batch
from saccade.values.examples import Example

# Captions (N) and the references of each one's picture -> a number for each, the higher the better.
Reward = Callable[[list[str], list[list[str]]], Sequence[float]]


def reward_name(reward: Reward) -> str:
    """What messages and run.json call it."""
    return getattr(reward, "__qualname__", type(reward).__name__)


class Loss(NamedTuple):
    """What one batch cost. A step may be of several batches, one after the other or in several
    processes: each part is then divided by the count of all of them."""

    parts: Mapping[str, Tensor]  # what is minimised: sums over the batch, by what is counted
    counts: Mapping[str, float]  # how many of those there are: see `Task.counts`
    # Sums over the batch without a gradient, by name: "nll", the negative log-likelihood of all
    # words (no smoothing, no regulariser), and "words", how many there are, ends included.
    sums: Mapping[str, Tensor]
    figures: Mapping[str, float] = {}  # logged as they are, by name

    @property
    def total(self) -> Tensor:
        """What is minimised, where the batch is a whole step."""
        return divided(self.parts, self.counts)


def divided(parts: Mapping[str, Tensor], counts: Mapping[str, float]) -> Tensor:
    """The sum of the parts, each divided by its count."""
    return sum(part / counts[name] for name, part in parts.items())  # type: ignore[return-value]


def batch_counts(batch: Batch) -> dict[str, float]:
    """What most losses are divided by: "words", ends included, and "pictures"."""
    return {"words": int(batch.live.sum()), "pictures": len(batch.indices)}


@dataclass(frozen=True)
class Context:
    """What a task may know beside the batch."""

    vocabulary: Vocabulary
    examples: tuple[Example, ...]  # by `Batch.indices`
    step: int = 0
    steps: int = 1  # of the whole training
    shares: Shares | None = None  # of cells in boxes, for a task that has boxes


@dataclass(frozen=True)
class Materials:
    """What a task may be built from: training as it starts."""

    model: CaptionModel  # the one that is trained, not wrapped; its weights are those of the start
    vocabulary: Vocabulary
    examples: tuple[Example, ...]  # of training, by `Batch.indices`
    reward: Reward | None = field(default=None)


class Task(Protocol):
    """A complete forward pass with its loss."""

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss: ...

    def counts(self, batch: Batch, context: Context) -> Mapping[str, float]:
        """What the parts of this batch's loss are divided by, known before the forward pass."""
        ...
