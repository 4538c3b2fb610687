"""Perplexity."""

import math


def perplexity(loss: float) -> float:
    """exp of the loss per word (natural logarithm), held below the largest float."""
    return math.exp(min(loss, 700.0))
