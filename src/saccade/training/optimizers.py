"""The optimizers there are, by torch's names, and their state as named tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from saccade.config import TrainConfig
from saccade.errors import CheckpointError

PREFIX = "optimizer."  # of the names of state: optimizer.PARAMETER.KEY

_Groups = list[dict[str, Any]]

# From parameter groups and settings. Fused: faster, with the same steps.
_BUILDERS: Mapping[str, Callable[[_Groups, TrainConfig, dict[str, Any]], Optimizer]] = {
    "Adadelta": lambda groups, _, common: torch.optim.Adadelta(groups, **common),
    "Adagrad": lambda groups, _, common: torch.optim.Adagrad(groups, **common),
    "Adam": lambda groups, _, common: torch.optim.Adam(groups, **common, fused=True),
    "Adamax": lambda groups, _, common: torch.optim.Adamax(groups, **common),
    "AdamW": lambda groups, _, common: torch.optim.AdamW(groups, **common, fused=True),
    "NAdam": lambda groups, _, common: torch.optim.NAdam(groups, **common),
    "RAdam": lambda groups, _, common: torch.optim.RAdam(groups, **common),
    "RMSprop": lambda groups, settings, common: torch.optim.RMSprop(
        groups, **common, momentum=settings.momentum
    ),
    "SGD": lambda groups, settings, common: torch.optim.SGD(
        groups, **common, momentum=settings.momentum
    ),
}


def build_optimizer(groups: _Groups, settings: TrainConfig) -> Optimizer:
    """The optimizer of the settings for parameter groups."""
    name: str = settings.optimizer
    if name == "auto":
        name = "AdamW" if settings.weight_decay else "Adam"
    common = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    return _BUILDERS[name](groups, settings, common)


def flatten_optimizer(optimizer: Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as named tensors, for safetensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"{PREFIX}{index}.{name}": torch.as_tensor(value)
        for index, entry in state.items()
        for name, value in entry.items()
        if value is not None
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `flatten_optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(PREFIX):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )


def check_state(tensors: Mapping[str, Tensor], settings: TrainConfig, own: Optimizer) -> None:
    """Raise CheckpointError unless the saved state among `tensors` is one of such an optimizer."""
    shapes = [p.shape for group in own.param_groups for p in group["params"]]
    form = _form(settings)
    present: dict[int, set[str]] = {}
    for name, value in tensors.items():
        if not name.startswith(PREFIX):
            continue
        _, index, key = [*name.split(".", 2), "", ""][:3]
        if not index.isdecimal() or int(index) >= len(shapes):
            raise CheckpointError(f"{name} is not of this model")
        present.setdefault(int(index), set()).add(key)
        expected = shapes[int(index)] if form.get(key) else torch.Size()
        if key in form and value.shape != expected:
            raise CheckpointError(f"{name} is of another shape than its weights")
    for number, keys in present.items():
        if keys != form.keys():
            raise CheckpointError(f"{PREFIX}{number} is incomplete, or of another optimizer")
    if form and not present:
        raise CheckpointError("it holds no state of the optimizer")


def _form(settings: TrainConfig) -> dict[str, bool]:
    """What the optimizer keeps of each parameter: name -> whether it has the parameter's shape."""
    with torch.enable_grad():
        weight = torch.zeros(2, 3, requires_grad=True)
        optimizer = build_optimizer([{"params": [weight]}], settings)
        weight.sum().backward()
        optimizer.step()
    (entry,) = optimizer.state_dict()["state"].values() or ({},)
    return {
        name: torch.as_tensor(value).dim() > 0 for name, value in entry.items() if value is not None
    }
