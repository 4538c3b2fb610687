"""The values that flow through Saccade: plain frozen dataclasses.

Letters for shapes, here and everywhere: B pictures, N captions or hypotheses (N = B * K), K beams,
T words, L grid cells (h * w), F feature width, D hidden width, A attention width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image
    from torch import Tensor

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in the photo's pixels, x1 and y1 exclusive


@dataclass(frozen=True)
class Thing:
    """One drawn thing of a scene: what it is, its colour, and where it is."""

    kind: str
    colour: str
    size: str  # "small", "medium" or "large"
    box: Box


@dataclass(frozen=True)
class Scene:
    """What is truly in a drawn picture (`saccade.data.scenes`): the ground truth for captions."""

    width: int
    height: int
    background: str
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Region:
    """The box of what one word of a reference caption names."""

    caption: int  # index into Example.captions
    word: int  # index into that caption's words, split at white space
    box: Box


@dataclass(frozen=True)
class Example:
    """A picture with its reference captions."""

    image: Path
    captions: tuple[str, ...]
    split: str  # "train", "val", "test", or whatever the source says
    id: str = ""  # unique in its source; by default the picture's path as written there
    source: str = ""  # "captions.jsonl:17", for messages
    scene: Scene | None = None
    regions: tuple[Region, ...] = ()


class Batch(NamedTuple):
    """B pictures with K captions each, ready for teacher forcing."""

    pictures: Tensor  # pixels (B, 3, H, W) uint8, or grid features (B, L, F)
    inputs: Tensor  # (B, K, T) word ids, BOS first
    targets: Tensor  # (B, K, T) the same one place on, EOS last
    lengths: Tensor  # (B, K) words that count, falling along K; 0 where a picture has fewer
    live: Tensor  # (B, K, T) bool, which places hold words: T < lengths


@dataclass(frozen=True)
class Geometry:
    """How the attention grid lies on the photo.

    `box` is the region of the photo (after EXIF rotation) that the grid covers, in photo pixels:
    the whole photo when it was stretched, the central part when it was cropped, and more than the
    photo (negative or beyond its size) when it was padded. Grid cell (row, column) covers the
    corresponding part of `box`."""

    width: int
    height: int
    box: Box
    grid: tuple[int, int]  # (h, w)

    def cell_box(self, row: int, column: int) -> Box:
        """The part of the photo, in its pixels, that a grid cell stands for."""
        h, w = self.grid
        x0, y0, x1, y1 = self.box
        dx, dy = (x1 - x0) / w, (y1 - y0) / h
        return (x0 + column * dx, y0 + row * dy, x0 + (column + 1) * dx, y0 + (row + 1) * dy)


@dataclass(frozen=True)
class Caption:
    """A caption and everything the model said about it. T words, the end token not among them."""

    text: str
    words: tuple[str, ...]  # T
    ids: tuple[int, ...]  # T
    logprobs: tuple[float, ...]  # T, natural logarithm of each word's probability
    alphas: np.ndarray = field(repr=False)  # (T, h, w) float32, each map sums to 1
    betas: np.ndarray = field(repr=False)  # (T,) the gate of the paper's section 4.2.1
    geometry: Geometry
    score: float  # what beam search ranked by (length-normalised if asked)
    end_logprob: float = 0.0  # of the end token; 0 when the caption was cut at the word limit
    finished: bool = True  # False when the word limit cut it off
    runners_up: tuple[tuple[tuple[str, float], ...], ...] = ()  # per word: (word, log-probability)
    others: tuple[Caption, ...] = field(default=(), repr=False)  # the other beams, best first
    photo: Path | None = None
    image: Image | None = field(default=None, repr=False, compare=False)  # when no path was given

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
            "logprobs": [round(value, 6) for value in self.logprobs],
            "end_logprob": round(self.end_logprob, 6),
            "logprob": round(self.logprob, 6),
            "score": round(self.score, 6),
            "finished": self.finished,
            "betas": [round(float(value), 6) for value in self.betas],
            "runners_up": [
                [[word, round(value, 6)] for word, value in entry] for entry in self.runners_up
            ],
            "grid": list(self.geometry.grid),
            "photo_size": [self.geometry.width, self.geometry.height],
            "grid_box": list(self.geometry.box),
            "alphas": np.round(self.alphas, 6).tolist(),
            "others": [
                {"caption": other.text, "score": round(other.score, 6)} for other in self.others
            ],
        }

    def figure(self, **options: Any) -> Figure:
        """Attention over time as a matplotlib figure; see `saccade.viz.attention.figure`."""
        # The one door from a value to its picture, opened late so that types stay light.
        from saccade.viz.attention import figure

        return figure(self, **options)
