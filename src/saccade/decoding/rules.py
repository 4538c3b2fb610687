"""Rules of a search: functions of (logits (N, V), history (N, t)) that take words away.

A rule sets the logits of words that may not come next to -inf; it may write into the logits that it
is given. The probability of those words is not given to others: log-probabilities stay the model's.
history holds the words of each hypothesis so far, BOS not among them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Rule = Callable[[Tensor, Tensor], Tensor]


def ban(ids: Sequence[int]) -> Rule:
    """Words that may never come."""
    banned = list(ids)

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        logits[:, banned] = -torch.inf
        return logits

    return rule
