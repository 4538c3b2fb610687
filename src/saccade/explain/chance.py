"""A word's chance of pointing right, from what is known of it without boxes.

`saccade survey --boxes ... --chance FILE` fits it where boxes are known (`saccade.evaluation`), and
`saccade explain --chance FILE` says it of words of any photo. It is the chance that the map's peak
lies on the thing, if the word names a thing that is there: whether it does, boxes alone can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.explain import judging
from saccade.files import read_bytes, read_json
from saccade.text.english import stem
from saccade.values.evidence import Explanation, WordEvidence
from saccade.values.logistic import Logistic

FORMAT = 1
_CURE = "write it again: saccade survey DATA --model MODEL --boxes BOXES --chance FILE"


def clues(word: WordEvidence, tested: str) -> dict[str, float]:
    """What is known of a word and of its map `tested`, by name.

    Sharpness: the logarithm of the map's peak over uniform, and its entropy as a share of the
    largest. Agreement with each other map: rank correlation, and the share of the top tenth of
    cells. Effect of covering its cells and loss without the picture, in nats, squashed by asinh.
    The word's log-probability, and the entropy of all words at its place. How far from the photo's
    centre the peak is, in halves of the photo's sides (0 over regions)."""
    weights = word.maps[tested].astype(np.float64).ravel()
    L = len(weights)
    total = weights.sum()
    shares = weights / total if total > 0 else np.full(L, 1 / L)
    entropy = -(shares * np.log(np.maximum(shares, 1e-12))).sum() / np.log(max(L, 2))
    found = {"log of peak over uniform": float(np.log(shares.max() * L)), "entropy": float(entropy)}
    for pair, agreement in word.agreement.items():
        a, _, b = pair.partition("-")
        if tested in (a, b):
            other = b if a == tested else a
            found[f"rank correlation with {other}"] = agreement.rank
            found[f"overlap with {other}"] = agreement.overlap
    loss = judging.loss(word.logprob, word.without_mean, word.without_blank)
    return found | {
        "effect": float(np.arcsinh(word.curves[tested].effect.value)),
        "loss without the picture": float(np.arcsinh(loss)),
        "log-probability": word.logprob,
        "entropy of the word": word.entropy,
        "distance from the centre": _off_centre(word.maps[tested]),
    }


def _off_centre(map_: np.ndarray) -> float:
    if map_.ndim != 2:
        return 0.0
    row, column = np.unravel_index(int(map_.argmax()), map_.shape)
    h, w = map_.shape
    return float(np.hypot((2 * row + 1) / h - 1, (2 * column + 1) / w - 1))


@dataclass(frozen=True)
class PointingChance:
    """A fitted logistic model, and what it was fitted on."""

    tested: str  # the map that it is about
    clues: tuple[str, ...]  # C
    model: Logistic
    words: frozenset[str]  # stems of the things' words that it was fitted on
    checkpoint: str = ""  # a hash of the weights that it was fitted on; "": not known
    about: Mapping[str, Any] | None = None  # the figures that it reached

    def of(self, word: WordEvidence) -> float | None:
        """The chance, for a word of the kind that it was fitted on; None for another ("running").

        Raises DataError where a map is missing that the chance goes by."""
        if stem(word.word) not in self.words:
            return None
        known = clues(word, self.tested) if self.tested in word.curves else {}
        missing = [name for name in self.clues if name not in known]
        if missing:
            raise DataError(f"the chance goes by what was not measured: {', '.join(missing)}.")
        row = np.array([[known[name] for name in self.clues]])
        return float(self.model.chances(row)[0])

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "format": FORMAT,
            "map": self.tested,
            **self.model.to_json(self.clues),
            "words": sorted(self.words),
            "checkpoint": self.checkpoint,
            "about": dict(self.about or {}),
        }


def with_chances(explanation: Explanation, chance: PointingChance) -> Explanation:
    """The explanation with the chance of each word that there is one for. Raises DataError where
    what it goes by was not measured."""
    return replace(
        explanation,
        words=tuple(replace(word, chance=chance.of(word)) for word in explanation.words),
        beams=tuple(with_chances(beam, chance) for beam in explanation.beams),
    )


def read_chance(path: Path | str) -> PointingChance:
    """A file of `saccade survey --chance`. Raises DataError naming what is missing or malformed."""
    value = read_json(path, DataError, _CURE)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise DataError(f"{path}: is not a file of chances of format {FORMAT}; {_CURE}.")
    words, tested = value.get("words"), value.get("map")
    if not isinstance(words, list) or not isinstance(tested, str):
        raise DataError(f'{path}: has no "words" or "map"; {_CURE}.')
    try:
        names, model = Logistic.from_json(value)
    except ValueError as error:
        raise DataError(f"{path}: {error}; {_CURE}.") from error
    checkpoint, about = value.get("checkpoint"), value.get("about")
    return PointingChance(
        tested,
        names,
        model,
        frozenset(word for word in words if isinstance(word, str)),
        checkpoint if isinstance(checkpoint, str) else "",
        about if isinstance(about, dict) else {},
    )


def fingerprint(folder: Path | None) -> str:
    """A hash of a checkpoint's weights; "" where there is no such file."""
    path = None if folder is None else folder / "model.safetensors"
    if path is None or not path.is_file():
        return ""
    return hashlib.sha256(read_bytes(path, DataError)).hexdigest()[:16]


def table(words: Sequence[Mapping[str, float]]) -> tuple[tuple[str, ...], np.ndarray]:
    """Clues of N words -> the C names that all have, and (N, C)."""
    names = tuple(name for name in words[0] if all(name in row for row in words))
    return names, np.array([[row[name] for name in names] for row in words])
