"""What an engine is: the contract that explanations, evaluation, pictures and the program rely on.

Letters as in `saccade.models.contract`; R runs of one picture with other cells covered, P pieces of
a sentence of T words (for a model of whole words the two are one).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.decoding import Decoding
from saccade.errors import PictureError
from saccade.models.contract import Attention, Features, Layers
from saccade.photos.opening import Photo
from saccade.values.captions import Caption
from saccade.values.places import Where


class Prepared(NamedTuple):
    """A photo as an encoder takes it."""

    photo: Photo
    pixels: Tensor  # (3, H, W)
    where: Where
    shown: Image.Image | None = None  # the photo to draw maps on, where it was to be kept
    cells: Tensor | None = None  # (L, F) its features, where they are known beforehand

    def source(self) -> dict[str, Any]:
        """A caption's `photo` and `image`."""
        photo = self.photo
        if isinstance(photo, str | Path):
            return {"photo": Path(photo), "image": self.shown}
        return {"photo": None, "image": photo if isinstance(photo, Image.Image) else self.shown}


@dataclass(frozen=True)
class Encoded:
    """Photos encoded once: write and read any number of times."""

    features: Features  # of B pictures
    prepared: tuple[Prepared, ...]  # B

    def pictures(self, chosen: Sequence[int]) -> Encoded:
        """Those of some pictures."""
        indices = torch.tensor(list(chosen), device=self.features.cells.device)
        return Encoded(self.features.pictures(indices), tuple(self.prepared[i] for i in chosen))


class Reading(NamedTuple):
    """What a model says of a sentence of P pieces in R runs, its end last."""

    logprobs: Tensor  # (R, P + 1) of each piece, natural logarithm; nan where it is not needed
    attention: Attention | None  # weights (R, P + 1, L)
    distribution: Tensor | None = None  # (R, P + 1, V) of all pieces, on request
    layers: Layers | None = None  # on request; None where a model has no attention


class Read(NamedTuple):
    """What a model says of a sentence of P pieces, its end not among them."""

    logprobs: np.ndarray  # (P,) float64, natural logarithm
    entropies: np.ndarray  # (P,) float64 nats, of everything that could stand at each place


class Words(Protocol):
    """A model's tokens as people read them."""

    @property
    def hidden(self) -> frozenset[int]:
        """Ids that are not shown among runners-up: padding, unknown, ..."""
        ...

    def ids(self, sentence: str) -> tuple[int, ...]:
        """A typed sentence's pieces. Raises UsageError for none, or for words the model lacks."""
        ...

    def reference(self, sentence: str) -> tuple[int, ...]:
        """Any sentence's pieces, what is unknown to the model as its unknown token."""
        ...

    def one(self, word: str) -> tuple[int, ...]:
        """The pieces of one word. Raises UsageError when it is none, several or unknown."""
        ...

    def words(self, ids: Sequence[int]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
        """Pieces (P,) -> T words, and the range of pieces that each is made of."""
        ...

    def text(self, index: int) -> str:
        """One piece as it is shown."""
        ...

    def join(self, words: Sequence[str]) -> str:
        """Words to a sentence."""
        ...


class Coverings(Protocol):
    """One picture, ready to be covered cell by cell with what some fillers hold there."""

    def logprobs(
        self, masks: np.ndarray, ids: tuple[int, ...], wanted: np.ndarray, filler: int = 0
    ) -> np.ndarray:
        """masks (R, L) bool, which cells are covered in each run; ids (P,); wanted (R, P) bool ->
        (R, P) float64 log-probabilities, nan elsewhere."""
        ...


class Engine(Protocol):
    """A captioner: trained by Saccade or elsewhere."""

    @property
    def words(self) -> Words: ...
    @property
    def decoding(self) -> Decoding:
        """The default."""
        ...

    @property
    def mean(self) -> Tensor | None:
        """(X + L, F) mean features of the training pictures (`Features.rows`), where known."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W) of the encoder's pixels."""
        ...

    @property
    def mean_colour(self) -> Tensor:
        """(3,) uint8, what an encoder's zero looks like."""
        ...

    @property
    def device(self) -> torch.device: ...

    def prepare(self, photo: Photo, keep: bool = False) -> Prepared:
        """A photo read and fitted to the encoder; safe in threads. keep: also a copy to draw on.
        Raises PictureError."""
        ...

    def encode_pixels(self, pixels: Tensor) -> Features:
        """(B, 3, H, W) as `prepare` makes them."""
        ...

    def write(
        self, encoded: Encoded, decoding: Decoding | None = None, keep: int = 1
    ) -> list[Caption]:
        """Search: the best caption of each photo with the next `keep - 1` as its `others`."""
        ...

    def read(
        self,
        features: Features,
        ids: Sequence[int],
        wanted: Tensor | None = None,
        distribution: bool = False,
        heads: bool = False,
    ) -> Reading:
        """One sentence in R runs; differentiable at the cells. wanted (R, P + 1) bool: only so
        far as these places need. heads: also attention by head, and `Reading.layers`."""
        ...

    def read_all(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[Read]]:
        """Captions of B pictures, any number of each: `read` of every one, all at once."""
        ...

    def cover(self, features: Features, masks: Tensor, filler: Tensor) -> Features:
        """One picture's features in R runs: cells of masks (R, L) replaced by the filler's, of
        rows (X + L, F). Extra vectors know the whole picture: they are replaced where all cells
        are. Rows are replaced, never hidden by an attention mask, which some models ignore."""
        ...

    def coverings(self, features: Features, fillers: Tensor) -> Coverings:
        """The fastest way to read many coverings of one picture; fillers (M, X + L, F)."""
        ...

    def likelihood(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> tuple[float, int]:
        """Summed negative log-likelihood of the captions of B pictures (natural logarithm, ends
        included), and how many pieces that was."""
        ...


def encode(engine: Engine, photos: Sequence[Photo], keep: bool = False) -> Encoded:
    """Photos read and encoded. Raises PictureError for one that can't be opened."""
    return encode_prepared(engine, [engine.prepare(photo, keep) for photo in photos])


@torch.no_grad()
def encode_prepared(engine: Engine, prepared: Sequence[Prepared]) -> Encoded:
    """Prepared photos encoded; where the cells of all are known, these are taken."""
    known = [item.cells for item in prepared if item.cells is not None]
    if len(known) == len(prepared):
        cells = torch.stack(known).to(engine.device, torch.float32)
        return Encoded(Features(cells), tuple(prepared))
    pixels = torch.stack([item.pixels for item in prepared]).to(engine.device)
    return Encoded(engine.encode_pixels(pixels), tuple(prepared))


Attempt = tuple[Photo, Prepared | PictureError]


def prepare_ahead(
    engine: Engine, photos: Sequence[Photo] | Iterator[Photo], batch: int, keep: bool = False
) -> Iterator[list[Attempt]]:
    """Groups of up to `batch` photos, prepared by threads one group ahead; a photo that can't be
    opened comes as its error."""

    def attempt(photo: Photo) -> Prepared | PictureError:
        try:
            return engine.prepare(photo, keep)
        except PictureError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        ahead: list[tuple[Photo, Future[Prepared | PictureError]]] = []
        for group in grouped(photos, batch):
            following = [(photo, pool.submit(attempt, photo)) for photo in group]
            if ahead:
                yield [(photo, future.result()) for photo, future in ahead]
            ahead = following
        if ahead:
            yield [(photo, future.result()) for photo, future in ahead]


def grouped(photos: Sequence[Photo] | Iterator[Photo], size: int) -> Iterator[list[Photo]]:
    """Photos in lists of `size`, the last one shorter."""
    group: list[Photo] = []
    for photo in photos:
        group.append(photo)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
