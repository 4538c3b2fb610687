"""Explanations as the small JSON values that the page reads.

What is lost on the way: figures are rounded to 5 decimals, and a map's cells to 256 steps from 0
to its peak, so a cell is off by at most 1/510 of the peak (`MAP_LOSS`). Nothing else is.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from saccade.text import join
from saccade.text.english import is_content
from saccade.values.captions import Caption
from saccade.values.evidence import Curves, Explanation, WordEvidence
from saccade.values.places import Grid, Where
from saccade.viz import scale
from saccade.viz.overlay import top_of

MAP_LOSS = 1 / 510  # of the map's peak, at most


def number(value: float | None) -> float | None:
    """A figure for JSON: 5 decimals, None for what is not a number (JSON has no infinity)."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), 5)


def plain(value: object) -> Any:
    """A setting as JSON: numbers, text, lists and objects stay; of a path its name is told."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.name if isinstance(value, Path) else str(value)


def pack_map(values: np.ndarray, where: Where) -> dict[str, Any]:
    """One map, of the shape of `where`: its highest weight and its cells as base64 of uint8, row by
    row, on the grid that it is drawn on; then what `saccade.viz.scale` says of it: the weight at
    which the colours end (at the default blur), and how the peak stands beside uniform.

    Raises ValueError when the map's shape is not that of `where`."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)
    if values.shape != tuple(where.shape):
        raise ValueError(f"the map is {values.shape}, the grid {tuple(where.shape)}")
    values = np.maximum(values, 0)
    grid, cells = where.drawn(values)
    peak = float(cells.max(initial=0.0))
    steps = np.rint(cells * (255 / peak)) if peak > 0 else cells
    total = float(values.sum())
    shares = values[values > 0] / total if total > 0 else values[:0]
    return {
        "peak": float(f"{peak:.7g}"),
        "cells": base64.b64encode(steps.astype(np.uint8).tobytes()).decode(),
        "top": float(f"{top_of(cells, grid, len(where)):.7g}"),
        "at": int(values.argmax()) if total > 0 else None,  # of the cells or regions
        "times": number(scale.times_uniform(values[None])[0]),
        "flat": bool(scale.nearly_uniform(values[None])[0]),
        "entropy": number(float(-(shares * np.log(shares)).sum())) if total > 0 else None,
    }


def pack_curves(curves: Curves) -> dict[str, Any]:
    lines = ("shares", "deletion", "insertion", "random_deletion", "random_insertion")
    areas = (
        "deletion_area",
        "insertion_area",
        "random_deletion_area",
        "random_insertion_area",
    )
    effect = curves.effect
    return {
        **{name: [number(value) for value in getattr(curves, name)] for name in lines},
        **{name: number(getattr(curves, name)) for name in areas},
        "effect": [number(effect.value), number(effect.low), number(effect.high)],
    }


def pack_word(evidence: WordEvidence, where: Where) -> dict[str, Any]:
    """Everything known about one word."""
    return {
        "word": evidence.word,
        "logprob": number(evidence.logprob),
        "entropy": number(evidence.entropy),
        "runners_up": [[word, number(value)] for word, value in evidence.runners_up],
        "beta": number(evidence.beta),
        "without_mean": number(evidence.without_mean),
        "without_blank": number(evidence.without_blank),
        "seen": evidence.seen,
        "verdict": evidence.verdict,
        "reason": evidence.reason,
        "chance": number(evidence.chance),
        "maps": {name: pack_map(values, where) for name, values in evidence.maps.items()},
        "curves": {name: pack_curves(curves) for name, curves in evidence.curves.items()},
        "agreement": [
            [*pair.split("-", 1), number(agreement.rank), number(agreement.overlap)]
            for pair, agreement in evidence.agreement.items()
        ],
    }


def _unmeasured(caption: Caption, place: int) -> dict[str, Any]:
    """A word of a beam that was not measured: what the caption itself knows."""
    where, alphas = caption.where, caption.alphas
    runners_up = caption.runners_up[place] if place < len(caption.runners_up) else ()
    return {
        "word": caption.words[place],
        "logprob": number(caption.logprobs[place]),
        "runners_up": [[word, number(value)] for word, value in runners_up],
        "beta": None if caption.betas is None else number(float(caption.betas[place])),
        "maps": {} if alphas is None else {"attention": pack_map(alphas[place], where)},
        "curves": {},
        "agreement": [],
    }


def _glued(words: tuple[str, ...]) -> list[bool]:
    """Per word: does it follow the one before without a space (as in Chinese)?"""
    return [
        place > 0 and not join(words[: place + 1]).endswith(f" {word}")
        for place, word in enumerate(words)
    ]


def _sentence(caption: Caption, explanation: Explanation | None) -> dict[str, Any]:
    where = caption.where
    if explanation is not None and len(explanation.words) != len(caption.words):
        raise ValueError(
            f"{len(explanation.words)} words explained, {len(caption.words)} in the caption"
        )
    words = (
        [_unmeasured(caption, place) for place in range(len(caption.words))]
        if explanation is None
        else [pack_word(word, where) for word in explanation.words]
    )
    for place, (word, glued) in enumerate(zip(words, _glued(caption.words), strict=True)):
        word["glued"] = glued
        elsewhere = None if caption.elsewhere is None else float(caption.elsewhere[place])
        word["elsewhere"] = number(elsewhere)
        doubt = caption.doubt
        word["wrong"] = None if doubt is None else number(doubt.wrong[place])
        word["doubtful"] = doubt is not None and place in doubt.places
    return {
        "text": caption.text,
        "logprob": number(caption.logprob),
        "score": number(caption.score),
        "finished": caption.finished,
        "doubt": None if caption.doubt is None else caption.doubt.sentence,
        "typed": explanation is not None and explanation.typed,
        "measured": explanation is not None,
        "verdict_on": "attention" if explanation is None else explanation.verdict_on,
        "words": words,
        "instead": []
        if explanation is None
        else [
            {
                "place": item.place,
                "said": pack_word(item.said, where),
                "other": pack_word(item.other, where),
            }
            for item in explanation.instead
        ],
    }


def _geometry(where: Where) -> dict[str, Any]:
    """The photo's size, the grid that maps are drawn on, and what maps are over: `count` cells or
    regions, and the regions' boxes."""
    grid, _ = where.drawn(np.zeros((0, *where.shape)))
    regions = None if isinstance(where, Grid) else np.round(where.boxes(), 2).tolist()
    return {
        "width": where.width,
        "height": where.height,
        "box": [round(float(edge), 4) for edge in grid.box],
        "grid": list(grid.shape),
        "count": len(where),
        "regions": regions,
    }


def _labels(explanation: Explanation) -> dict[str, str]:
    """Every map of the photo's sentences, in order: its name, and its label for people."""
    labels = dict(explanation.labels)
    for sentence in (explanation, *explanation.beams):
        for word in sentence.words:
            labels |= {name: name.capitalize() for name in word.maps if name not in labels}
    if any(other.alphas is not None for other in explanation.caption.others):
        labels.setdefault("attention", "Attention")  # of the beams that were not measured
    return labels


def pack(explanation: Explanation) -> dict[str, Any]:
    """One photo: its cells and its sentences, the explained one first, then the other beams."""
    caption = explanation.caption
    measured = {(beam.caption.text, beam.caption.ids): beam for beam in explanation.beams}
    beams = {(other.text, other.ids): other for other in caption.others}
    beams |= {key: beam.caption for key, beam in measured.items() if key not in beams}
    others = [_sentence(other, measured.get(key)) for key, other in beams.items()]
    return {
        "geometry": _geometry(caption.where),
        "maps": list(_labels(explanation).items()),
        "absent": list(explanation.absent.items()),
        "sentences": [_sentence(caption, explanation), *others],
        "settings": plain(explanation.settings),
        "pixels": None if explanation.pixels is None else explanation.pixels.sentence,
    }


def row(explanation: Explanation) -> dict[str, Any]:
    """What the index searches and sorts by."""
    words = explanation.words
    tested = explanation.verdict_on
    effects = [word.curves[tested].effect.value for word in words if tested in word.curves]
    return {
        "text": explanation.caption.text,
        "logprob": number(explanation.caption.logprob),
        "effect": number(float(np.mean(effects))) if effects else None,
        "words": len(words),
        "doubtful": None if (doubt := explanation.caption.doubt) is None else len(doubt.places),
        "doubt": None if doubt is None else doubt.sentence,
        "guessed": sum(word.seen == "guessed" for word in words),
        "guessed_content": sum(word.seen == "guessed" and is_content(word.word) for word in words),
        **{
            verdict: sum(word.verdict == verdict for word in words)
            for verdict in ("supported", "weak", "contradicted")
        },
    }
