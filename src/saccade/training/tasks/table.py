"""The tasks there are: kind -> its settings and what builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from saccade.config import Tag, TrainConfig
from saccade.errors import UsageError
from saccade.models.captioner import WordDetector
from saccade.text import Vocabulary
from saccade.training.detection import agreed_words
from saccade.training.look import LookSettings
from saccade.training.tasks.boxes import Look
from saccade.training.tasks.contract import Materials, Reward, Task
from saccade.training.tasks.likelihood import CrossEntropy, CrossEntropySettings
from saccade.training.tasks.self_critical import (
    SelfCriticalSettings,
    build_self_critical,
    check_self_critical,
)
from saccade.values.examples import Example


def _needs_nothing(task: Callable[[Any], Task]) -> Callable[[Any, Materials | None], Task]:
    """The builder of a task that is made of its settings alone."""
    return lambda settings, materials: task(settings)


def _no_reward(settings: TrainConfig, started: bool, reward: Reward | None) -> None:
    if reward is not None:
        raise UsageError(
            f"a reward is for train.task.kind self_critical, not {settings.task.kind}; leave one "
            "of them out."
        )


class TaskRow(NamedTuple):
    """One row of the table."""

    settings: type  # a frozen dataclass with a field `kind`
    build: Callable[[Any, Materials | None], Task]
    detects: Callable[[Any], bool]  # whether it needs a word detector beside the decoder
    check: Callable[[TrainConfig, bool, Reward | None], None]  # see `check_task`


TASKS: Mapping[str, TaskRow] = {
    "cross_entropy": TaskRow(
        CrossEntropySettings, _needs_nothing(CrossEntropy), lambda s: s.detection > 0, _no_reward
    ),
    "self_critical": TaskRow(
        SelfCriticalSettings, build_self_critical, lambda s: False, check_self_critical
    ),
    "look": TaskRow(LookSettings, _needs_nothing(Look), lambda s: s.detection > 0, _no_reward),
}
TAG = Tag("kind", "cross_entropy", {kind: row.settings for kind, row in TASKS.items()})

# Where settings say `train.NAME` for a setting of the task (`--set train.detection=1`).
SHORT = ("doubly_stochastic", "label_smoothing", "detection")


def build_task(settings: Any, materials: Materials | None = None) -> Task:
    """The task that settings describe. Raises UsageError where the materials do not do for it."""
    return TASKS[settings.kind].build(settings, materials)


def check_task(settings: TrainConfig, started: bool, reward: Reward | None) -> None:
    """Raises UsageError where the task does not fit the rest of training. started: whether training
    starts from a checkpoint; reward: what Python passed."""
    TASKS[settings.task.kind].check(settings, started, reward)


def build_detector(
    settings: Any, features: int, examples: Sequence[Example], vocabulary: Vocabulary
) -> WordDetector | None:
    """The word detector of cells of width F, where the task needs one."""
    if not TASKS[settings.kind].detects(settings):
        return None
    return WordDetector(features, agreed_words(examples, vocabulary))
