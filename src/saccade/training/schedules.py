"""Learning rates: linear warm-up, then one of these schedules."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from saccade.config import TrainConfig


class Moment(NamedTuple):
    """When in training a step is."""

    step: int  # 0, 1, ...
    total: int  # steps
    plateaus: int = 0  # how often validation got no better for a while

    @property
    def done(self) -> float:
        """The share of training that is over."""
        return self.step / max(self.total, 1)


def _inverse_sqrt(settings: TrainConfig, now: Moment) -> float:
    """Constant until the warm-up is over, then falling with the root of the step (Vaswani et al.
    2017, arXiv 1706.03762, section 5.3, scaled to end its warm-up at the learning rate)."""
    start = settings.warmup + 1
    return math.sqrt(start / max(now.step + 1, start))


# Name -> factor of the learning rate.
SCHEDULES: Mapping[str, Callable[[TrainConfig, Moment], float]] = {
    "constant": lambda settings, now: 1.0,
    "cosine": lambda settings, now: 0.5 * (1 + math.cos(math.pi * now.done)),
    "linear": lambda settings, now: 1 - now.done,
    "inverse_sqrt": _inverse_sqrt,
    "plateau": lambda settings, now: settings.plateau_factor**now.plateaus,
}


def learning_rate(settings: TrainConfig, now: Moment) -> float:
    """The rate of a step: linear warm-up times the schedule."""
    rate = settings.learning_rate * min(1.0, (now.step + 1) / (settings.warmup + 1))
    return rate * SCHEDULES[settings.schedule](settings, now)
