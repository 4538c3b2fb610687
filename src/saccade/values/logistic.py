"""A fitted logistic model: numbers that a file can hold.

Letters: N cases, C clues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Logistic:
    """chance = 1 / (1 + exp(-(bias + weights . (clues - mean) / scale)))"""

    mean: np.ndarray  # (C,)
    scale: np.ndarray  # (C,)
    weights: np.ndarray  # (C,)
    bias: float

    def chances(self, clues: np.ndarray, beyond: np.ndarray | float = 0.0) -> np.ndarray:
        """clues (N, C) -> (N,); beyond (N,): what else is to be added to the log-odds."""
        odds = (clues - self.mean) / self.scale @ self.weights + self.bias
        return sigmoid(odds + beyond)

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """As plain values; names of the C clues."""
        columns = (self.mean.tolist(), self.scale.tolist(), self.weights.tolist())
        return {
            "clues": {
                name: {"mean": mean, "scale": scale, "weight": weight}
                for name, mean, scale, weight in zip(names, *columns, strict=True)
            },
            "bias": self.bias,
        }

    @classmethod
    def from_json(cls, value: Any) -> tuple[tuple[str, ...], Logistic]:
        """The names of the clues, and the model. Raises ValueError naming the key that is missing
        or wrong."""
        rows = value.get("clues") if isinstance(value, dict) else None
        if not isinstance(rows, dict):
            raise ValueError('has no "clues"')
        columns = [[number(row, key) for row in rows.values()] for key in _COLUMNS]
        mean, scale, weights = (np.array(column, dtype=np.float64) for column in columns)
        if not (scale > 1 / MOST).all():
            raise ValueError('a "scale" is not above 0')
        return tuple(rows), cls(mean, scale, weights, number(value, "bias"))


MOST = 1e12  # of what a file may hold: nothing that is computed from it overflows
_COLUMNS = ("mean", "scale", "weight")


def number(values: Any, key: str) -> float:
    """A number from -MOST to MOST among JSON values. Raises ValueError naming the key."""
    value = values.get(key) if isinstance(values, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f'"{key}" is not a number')
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not abs(value) <= MOST:
        raise ValueError(f'"{key}" is not a number of a usual size')
    return value


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-values)), without overflow."""
    return 0.5 * (1 + np.tanh(values / 2))
