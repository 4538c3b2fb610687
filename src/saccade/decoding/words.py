"""Log-probabilities under rules, and the likeliest words of many hypotheses at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from saccade.decoding.rules import Rule

BLOCK = 64  # words; a row's best k lie in the k blocks with the highest best word


def under_rules(logits: Tensor, rules: Sequence[Rule], history: Tensor) -> Tensor:
    """logits (N, V), history (N, t) of the words so far -> log-probabilities (N, V), the model's
    own but for what the rules lower or take away (-inf): none of it is given to other words."""
    logits = logits.float()
    normaliser = logits.logsumexp(1, keepdim=True)
    for rule in rules:
        logits = rule(logits, history)
    return logits - normaliser


def likeliest(
    logits: Tensor, count: int, rules: Sequence[Rule] = (), history: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """logits (N, V), which are overwritten -> log-probabilities (N, R) and ids (N, R), best first.

    R is `count`, or V where there are fewer words. Words that a rule takes away come last, at -inf;
    their probability is not given to others. The same as a log-softmax and a top-k over all words,
    but each row is read few times and never sorted. history (N, t): for the rules, the words so
    far."""
    logits = logits.float()
    N, V = logits.shape
    count = min(count, V)
    highest = logits.amax(1, keepdim=True)
    total = (logits - highest).exp_().sum(1, keepdim=True)
    if history is None:
        history = torch.zeros(N, 0, dtype=torch.long, device=logits.device)
    for rule in rules:
        logits = rule(logits, history)
    if count > V // (2 * BLOCK):
        values, ids = logits.topk(count)
    else:
        whole = V // BLOCK * BLOCK
        best = logits[:, :whole].unflatten(1, (-1, BLOCK)).amax(2)
        if whole < V:
            best = torch.cat((best, logits[:, whole:].amax(1, keepdim=True)), 1)
        blocks = best.topk(count).indices
        places = blocks.unsqueeze(2) * BLOCK + torch.arange(BLOCK, device=logits.device)
        places = places.view(N, -1)
        candidates = logits.gather(1, places.clamp(max=V - 1))
        candidates.masked_fill_(places >= V, -torch.inf)  # behind the last word
        values, within = candidates.topk(count)
        ids = places.gather(1, within)
    return values - highest - total.log(), ids
