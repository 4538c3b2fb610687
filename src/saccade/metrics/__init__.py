"""Scores of captions: exact, fast, without Java.

`score(references, hypotheses)` is the front door; `docs/metrics.md` says what each figure means.
Names are imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.metrics.frequencies import Frequencies
    from saccade.metrics.scores import Scores, score
    from saccade.metrics.tokenizer import tokenise, tokenise_all

_HOMES = {
    "Frequencies": "frequencies",
    "Scores": "scores",
    "score": "scores",
    "tokenise": "tokenizer",
    "tokenise_all": "tokenizer",
}

__all__ = ["Frequencies", "Scores", "score", "tokenise", "tokenise_all"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
