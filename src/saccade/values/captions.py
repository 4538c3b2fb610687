"""A caption and everything the model said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saccade.values.doubt import Doubt
from saccade.values.places import Grid, Where

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Caption:
    """A caption and everything the model said about it: T words, written in P pieces, the end token
    not among them.

    Attention may be absent (a model without any says None), and so may the gate: whoever shows a
    caption copes with both. A map has the shape of `where`: (h, w) on a grid, (L,) on regions."""

    text: str
    words: tuple[str, ...]  # T
    ids: tuple[int, ...]  # P token ids
    logprobs: tuple[float, ...]  # T, natural logarithm of each word's probability, over its pieces
    where: Where
    score: float  # what the search ranked by (length-normalised if asked)
    alphas: np.ndarray | None = field(default=None, repr=False)  # (T, *where.shape) float32
    betas: np.ndarray | None = field(default=None, repr=False)  # (T,) the gate (section 4.2.1)
    # (T,) the share of attention that is on no cell (a class token, a sentinel): a word's map and
    # this sum to 1. None: all of it is on the cells.
    elsewhere: np.ndarray | None = field(default=None, repr=False)
    # (T, H, *where.shape) the maps that `alphas` are the mean of: of each member of an ensemble.
    heads: np.ndarray | None = field(default=None, repr=False)
    end_logprob: float = 0.0  # of the end token; 0 when the caption was cut at the word limit
    finished: bool = True  # False when the word limit cut it off
    runners_up: tuple[tuple[tuple[str, float], ...], ...] = ()  # per word: (word, log-probability)
    spans: tuple[tuple[int, int], ...] = ()  # T ranges of `ids`; made when words are pieces
    others: tuple[Caption, ...] = field(default=(), repr=False)  # the other beams, best first
    doubt: Doubt | None = None  # how doubtful its words are, where that was measured
    photo: Path | None = None
    image: Image | None = field(default=None, repr=False, compare=False)  # when no path was given

    def __post_init__(self) -> None:
        if not self.spans:  # a model of whole words: one piece each
            whole = tuple((t, t + 1) for t in range(len(self.words)))
            object.__setattr__(self, "spans", whole)

    @property
    def logprob(self) -> float:
        """Log-probability of the whole caption, its end included."""
        return float(sum(self.logprobs) + self.end_logprob)

    def to_json(self) -> dict[str, Any]:
        """Everything but the pixels, as plain JSON values."""
        return {
            "photo": None if self.photo is None else str(self.photo),
            "caption": self.text,
            "words": list(self.words),
            "ids": list(self.ids),
            "spans": [list(span) for span in self.spans],
            "logprobs": [round(value, 6) for value in self.logprobs],
            "end_logprob": round(self.end_logprob, 6),
            "logprob": round(self.logprob, 6),
            "score": round(self.score, 6),
            "finished": self.finished,
            "betas": _rounded(self.betas),
            "elsewhere": _rounded(self.elsewhere),
            "runners_up": [
                [[word, round(value, 6)] for word, value in entry] for entry in self.runners_up
            ],
            "photo_size": [self.where.width, self.where.height],
            **_place(self.where),
            "alphas": _rounded(self.alphas),
            **({} if self.heads is None else {"heads": _rounded(self.heads)}),
            "others": [
                {"caption": other.text, "score": round(other.score, 6)} for other in self.others
            ],
            **({} if self.doubt is None else {"doubt": self.doubt.to_json()}),
        }


def _rounded(values: np.ndarray | None) -> Any:
    return None if values is None else np.round(values.astype(np.float64), 6).tolist()


def _place(where: Where) -> dict[str, Any]:
    if isinstance(where, Grid):
        return {"grid": list(where.shape), "grid_box": list(where.box)}
    return {"regions": [list(box) for box in where.places]}
