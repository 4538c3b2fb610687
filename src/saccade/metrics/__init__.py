"""Scores of captions: exact, fast, without Java.

`score(references, hypotheses)` is the entry point; `docs/metrics.md` says what each figure means.
Names are imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.metrics.agreement import HumanAgreement, human_agreement
    from saccade.metrics.chair import Chair, object_hallucination
    from saccade.metrics.diversity import Variety, variety
    from saccade.metrics.frequencies import Frequencies
    from saccade.metrics.hallucination import Hallucination, hallucinated
    from saccade.metrics.java import meteor, spice
    from saccade.metrics.resample import Comparison, compare, intervals
    from saccade.metrics.rewards import CiderD, frequencies_of
    from saccade.metrics.scores import Scores, score
    from saccade.metrics.several import SeveralScores, score_several
    from saccade.metrics.tokenizer import tokenize, tokenize_all

_HOMES = {
    "Chair": "chair",
    "CiderD": "rewards",
    "Comparison": "resample",
    "Frequencies": "frequencies",
    "Hallucination": "hallucination",
    "HumanAgreement": "agreement",
    "Scores": "scores",
    "SeveralScores": "several",
    "Variety": "diversity",
    "compare": "resample",
    "frequencies_of": "rewards",
    "hallucinated": "hallucination",
    "human_agreement": "agreement",
    "intervals": "resample",
    "meteor": "java",
    "object_hallucination": "chair",
    "score": "scores",
    "score_several": "several",
    "spice": "java",
    "tokenize": "tokenizer",
    "tokenize_all": "tokenizer",
    "variety": "diversity",
}

__all__ = [
    "Chair",
    "CiderD",
    "Comparison",
    "Frequencies",
    "Hallucination",
    "HumanAgreement",
    "Scores",
    "SeveralScores",
    "Variety",
    "compare",
    "frequencies_of",
    "hallucinated",
    "human_agreement",
    "intervals",
    "meteor",
    "object_hallucination",
    "score",
    "score_several",
    "spice",
    "tokenize",
    "tokenize_all",
    "variety",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
