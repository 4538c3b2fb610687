"""How doubtful the words of a caption are, and the fitted model that says so.

A word is wrong here when no reference of its picture has it; on drawn scenes, when it is not true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saccade.values.logistic import Logistic, number

FORMAT = 1
DOUBTFUL = 0.5  # a word is doubtful from this probability on, unless another is chosen

# What is known of a word, and which way it moves its doubt: -1, the more of it the less doubt.
LOGPROB = "log-probability"
ENTROPY = "entropy"
LOST_MEAN = "loss with mean features"
LOST_BLANK = "loss with a blank picture"
RARITY = "rarity"
SAMPLES = "share of samples with it"
DIRECTIONS: Mapping[str, int] = {
    LOGPROB: -1,
    ENTROPY: 1,
    LOST_MEAN: -1,
    LOST_BLANK: -1,
    RARITY: 1,
    SAMPLES: -1,
}


@dataclass(frozen=True)
class Doubt:
    """Of the T words of one caption."""

    wrong: tuple[float | None, ...]  # T, each word's probability to be wrong; None: no content word
    limit: float = DOUBTFUL  # a word is doubtful from this probability on
    changed: str = ""  # the caption that this one replaced, where doubt made a difference

    @property
    def places(self) -> tuple[int, ...]:
        """The doubtful words' places, from 0."""
        return tuple(
            t for t, value in enumerate(self.wrong) if value is not None and value >= self.limit
        )

    @property
    def content(self) -> int:
        """How many words are judged at all."""
        return sum(value is not None for value in self.wrong)

    @property
    def review(self) -> bool:
        """Whether a person should look at the caption: a word of it is doubtful."""
        return bool(self.places)

    @property
    def sentence(self) -> str:
        """ "1 of 4 content words doubtful" """
        words = "content word" if self.content == 1 else "content words"
        return f"{len(self.places)} of {self.content} {words} doubtful"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "wrong": [None if value is None else round(value, 6) for value in self.wrong],
            "from": self.limit,
            "doubtful": list(self.places),
            "content_words": self.content,
            "review": self.review,
            **({"instead_of": self.changed} if self.changed else {}),
        }


@dataclass(frozen=True)
class DoubtModel:
    """A logistic model of a word's probability to be wrong, which rises or falls with each clue as
    `DIRECTIONS` has it, and what it was fitted on."""

    clues: tuple[str, ...]  # C of DIRECTIONS
    model: Logistic
    # By stem: what the word itself adds to the log-odds, when it was wrong more often, or less,
    # than the clues say.
    words: Mapping[str, float] = field(default_factory=dict, repr=False)
    samples: int = 0  # how many captions are drawn of each photo, where a clue is about them
    weights: str = ""  # the SHA-256 of the weights that it was fitted on
    about: Mapping[str, Any] = field(default_factory=dict)  # data, figures; for people

    def wrong(self, known: np.ndarray, stems: Sequence[str]) -> np.ndarray:
        """Clues (N, C) and stems of N words -> (N,) their probabilities to be wrong."""
        return self.model.chances(known, np.array([self.words.get(key, 0.0) for key in stems]))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "format": FORMAT,
            **self.model.to_json(self.clues),
            "words": {key: round(value, 4) for key, value in self.words.items()},
            "samples": self.samples,
            "weights_sha256": self.weights,
            "about": dict(self.about),
        }

    @classmethod
    def from_json(cls, value: Any) -> DoubtModel:
        """Raises ValueError naming the key that is missing or wrong."""
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ValueError(f"is not of format {FORMAT}")
        names, model = Logistic.from_json(value)
        strange = [name for name in names if name not in DIRECTIONS]
        if strange:
            raise ValueError(f'"clues" has {strange[0][:80]!r}, which is not a known clue')
        for name, weight in zip(names, model.weights, strict=True):
            if weight * DIRECTIONS[name] < 0:
                raise ValueError(f'"clues" counts {name!r} the wrong way')
        words = value.get("words")
        if not isinstance(words, dict):
            raise ValueError('has no "words"')
        words = {key: number(words, key) for key in words}
        samples, weights, about = (value.get(k) for k in ("samples", "weights_sha256", "about"))
        if type(samples) is not int or not 0 <= samples <= 1000:
            raise ValueError('"samples" is not a whole number from 0 to 1000')
        if (SAMPLES in names) != (samples > 0):
            raise ValueError('"samples" does not fit "clues"')
        if not isinstance(weights, str):
            raise ValueError('"weights_sha256" is not a text')
        if not isinstance(about, dict):
            raise ValueError('"about" is not an object')
        return cls(names, model, words, samples, weights, about)
