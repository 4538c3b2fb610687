"""Tasks: what training minimises. The loop knows none of them: it minimises `Loss.total` and logs
the sums. A new task is a file with its settings and its function, and a row in `table.TASKS`."""

from saccade.training.tasks.contract import (
    Context,
    Loss,
    Materials,
    Reward,
    Task,
    divided,
    reward_name,
)
from saccade.training.tasks.likelihood import (
    CrossEntropySettings,
    cross_entropy,
    doubly_stochastic,
)
from saccade.training.tasks.table import (
    SHORT,
    TAG,
    TASKS,
    build_detector,
    build_task,
    check_task,
)

__all__ = [
    "SHORT",
    "TAG",
    "TASKS",
    "Context",
    "CrossEntropySettings",
    "Loss",
    "Materials",
    "Reward",
    "Task",
    "build_detector",
    "build_task",
    "check_task",
    "cross_entropy",
    "divided",
    "doubly_stochastic",
    "reward_name",
]
