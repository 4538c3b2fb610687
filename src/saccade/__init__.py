"""Saccade: attention captioners that show, word by word, where they looked.

The public names, each imported only when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.api import Captioner, evaluate
    from saccade.errors import SaccadeError
    from saccade.metrics import score
    from saccade.training.soup import soup
    from saccade.training.train import resume, train
    from saccade.values.captions import Caption
    from saccade.viz.attention import figure

__all__ = [
    "Caption",
    "Captioner",
    "SaccadeError",
    "evaluate",
    "figure",
    "resume",
    "score",
    "soup",
    "train",
]

_HOMES = {
    "Caption": "saccade.values.captions",
    "Captioner": "saccade.api",
    "SaccadeError": "saccade.errors",
    "evaluate": "saccade.api",
    "figure": "saccade.viz.attention",
    "resume": "saccade.training.train",
    "score": "saccade.metrics",
    "soup": "saccade.training.soup",
    "train": "saccade.training.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'saccade' has no attribute '{name}'")
    # Bound here, so that the next use is an ordinary lookup.
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
