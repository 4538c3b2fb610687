"""Explanations as plain JSON values: everything that was measured."""

from dataclasses import asdict
from typing import Any

import numpy as np

from saccade.values.evidence import Counterfactual, Explanation, WordEvidence


def to_json(explanation: Explanation) -> dict[str, Any]:
    """Everything but the pixels: the caption as `Caption.to_json`, then its words' evidence. A
    figure without a bound (an interval's end) is null."""
    pixels = explanation.pixels
    return {
        "caption": explanation.caption.to_json(),
        "typed": explanation.typed,
        "words": [_word(word) for word in explanation.words],
        "instead": [_instead(item) for item in explanation.instead],
        "beams": [to_json(beam) for beam in explanation.beams],
        "pixels": None if pixels is None else plain(asdict(pixels)),
        "settings": plain(dict(explanation.settings)),
    }


def _word(word: WordEvidence) -> dict[str, Any]:
    return plain(asdict(word))


def _instead(item: Counterfactual) -> dict[str, Any]:
    return {"place": item.place, "said": _word(item.said), "other": _word(item.other)}


def plain(value: Any) -> Any:
    """Numbers rounded to 6 decimals, arrays and tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
