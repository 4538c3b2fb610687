"""A quick mark of a module's weights, to notice that something made of them is out of date."""

from itertools import chain

import torch
from torch import Tensor, nn

Mark = tuple[tuple[int, int, float], ...]


def weights_mark(module: nn.Module) -> Mark:
    """Of each parameter and buffer its memory, its version, and the sum of some thousand of its
    numbers, since writes through `.data` leave the version as it is."""
    return tuple(_mark(weight.detach()) for weight in chain(module.parameters(), module.buffers()))


def _mark(weight: Tensor) -> tuple[int, int, float]:
    flat = weight.reshape(-1) if weight.is_contiguous() else weight.flatten()
    some = flat[:: max(1, flat.numel() // 4096)]
    order = torch.arange(1, some.numel() + 1, device=some.device, dtype=torch.float64)
    # Inference tensors count no versions.
    version = 0 if weight.is_inference() else weight._version
    return weight.data_ptr(), version, float((some.double() * order).sum())
