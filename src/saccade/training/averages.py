"""The moving average of what is trained: frozen weights are shared, neither copied nor averaged."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from saccade.models.captioner import CaptionModel


def moving(model: CaptionModel) -> dict[str, Tensor]:
    """What training changes, by name: trained parameters and the buffers beside them."""
    own = model.state_dict(keep_vars=True)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    if model.encoder.config.frozen:
        frozen |= {name for name in own if name.startswith("encoder.")}
    return {name: value for name, value in own.items() if name not in frozen}


_Tensors = tuple[Tensor, ...] | list[Tensor]  # as AveragedModel has them


def moving_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """An update for AveragedModel: exponential, over fewer steps at the start, so that untrained
    weights are soon forgotten: decay, but at most (1 + n) / (10 + n) after n steps."""

    def update(averages: _Tensors, weights: _Tensors, steps: Tensor | int) -> None:
        n = float(steps)
        kept = min(decay, (1 + n) / (10 + n))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, 1 - kept)
            else:
                average.copy_(weight)

    return torch.no_grad()(update)


class _Parts(nn.Module):
    """Tensors of another module, held as they are."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in tensors.items():
            plain = name.replace(".", "/")
            if isinstance(value, nn.Parameter):
                self.register_parameter(plain, value)
            else:
                self.register_buffer(plain, value)


@dataclass
class Average:
    """A model whose trained weights are a moving average of another's."""

    model: CaptionModel
    parts: _Parts  # of the model that is trained
    averages: AveragedModel

    @property
    def count(self) -> Tensor:
        """How many updates there were."""
        return self.averages.n_averaged

    def update(self) -> None:
        """Take in the weights of the step just done."""
        self.averages.update_parameters(self.parts)


def averaged(model: CaptionModel, decay: float) -> Average:
    """A copy of `model` for the moving average; it shares all that is not trained."""
    parts = _Parts(moving(model))
    averages = AveragedModel(parts, multi_avg_fn=moving_average(decay), use_buffers=True)
    shared = {id(t): t for t in (*model.parameters(), *model.buffers())}
    names = parts.state_dict(keep_vars=True)
    own = averages.module.state_dict(keep_vars=True)
    shared |= {id(names[name]): own[name] for name in names}
    twin: CaptionModel = copy.deepcopy(model, shared)
    return Average(twin, parts, averages)
