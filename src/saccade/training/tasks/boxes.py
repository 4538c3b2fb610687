"""Maximum likelihood, and attention that is taught by boxes: see `saccade.training.look`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from saccade.models.captioner import Forward
from saccade.training.look import LookSettings, box_loss
from saccade.training.tasks.contract import Context, Loss, batch_counts
from saccade.training.tasks.likelihood import likelihood
from saccade.values.batch import Batch


@dataclass(frozen=True)
class Look:
    """Maximum likelihood, plus `weight` times the mean of `box_loss` over the batch's words with
    boxes (Liu et al. 2017, arXiv 1605.09553). Sums: "box_mass", the attention in the box summed
    over those words, and "boxed", how many they are."""

    settings: LookSettings

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        forward: Forward = model(batch)
        words = likelihood(self.settings, forward, batch)
        attention = forward.predictions.attention
        assert context.shares is not None  # read before training
        assert attention is not None  # checked before training
        where, shares = context.shares.of(batch, context.examples)
        boxed = shares.size(0)
        loss, mass = box_loss(attention, where, shares, self.settings.loss)
        parts = dict(words.parts)
        if boxed and context.step < self.settings.until * context.steps:
            parts["boxed"] = self.settings.weight * loss
        count = torch.tensor(boxed, device=mass.device)
        sums = {**words.sums, "box_mass": mass, "boxed": count}
        return Loss(parts, {**words.counts, "boxed": boxed}, sums)

    def counts(self, batch: Batch, context: Context) -> Mapping[str, float]:
        """See `Task`."""
        assert context.shares is not None
        _, shares = context.shares.of(batch, context.examples)
        return {**batch_counts(batch), "boxed": shares.size(0)}
