"""Modules without memory, to learn their parameters' names and shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class _Unfilled(TorchFunctionMode):
    """Leaves out initial values: `normal_` on the meta device loads torch's compiler, a third of
    the time that a caption from the command line takes."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function is nn.init.normal_:
            return kwargs["tensor"]
        return function(*args, **(kwargs or {}))


@contextmanager
def shapes_only() -> Iterator[None]:
    """Modules made inside are on the meta device."""
    with torch.device("meta"), _Unfilled():
        yield
