"""One covered picture read by a decoder's own steps: the slow plain twin."""

import torch

from saccade.models.contract import Features


@torch.no_grad()
def plainly(model, cells, filler, mask, ids, bos) -> list[float]:
    """cells, filler (L, F), mask (L,): cells replaced, then the decoder's own steps and a
    log-softmax -> the log-probability of each of the words `ids`."""
    covered = torch.where(mask.unsqueeze(-1), filler, cells).unsqueeze(0)
    state = model.start(Features(covered))
    values = []
    for token, word in zip((bos, *ids), ids, strict=False):
        step = model.step(torch.tensor([token]), state)
        state = step.state
        values.append(float(step.logits.log_softmax(-1)[0, word]))
    return values
