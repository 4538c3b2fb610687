"""`EnsembleEngine`: several captioners with one vocabulary as one engine."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from saccade.checkpoint import Checkpoint
from saccade.decoding import Decoding
from saccade.engine.contract import Coverings, Encoded, Prepared, Read, Reading
from saccade.engine.model import ModelEngine
from saccade.errors import UsageError
from saccade.models.captioner import CaptionModel
from saccade.models.contract import Features
from saccade.models.ensemble import MEANS, EnsembleDecoder, Mean, common, layouts
from saccade.photos.opening import Photo
from saccade.values.captions import Caption
from saccade.values.places import Grid


class _Eye(NamedTuple):
    """One of the different encoders, by a member that has it."""

    engine: ModelEngine
    input: int  # which of the different inputs it takes


class EnsembleEngine:
    """See `saccade.engine.contract.Engine`. An encoder that members share runs once.

    members: captioners that Saccade has trained, of any kinds and encoders; names: of each, for
    messages; mean: of their probabilities, "arithmetic" or "geometric". Raises UsageError for
    members with several vocabularies, or that see different parts of a photo."""

    def __init__(
        self,
        members: Sequence[ModelEngine],
        names: Sequence[str] | None = None,
        mean: Mean = "arithmetic",
    ) -> None:
        if not members:
            raise UsageError("an ensemble has one member or more; name their checkpoints.")
        if mean not in MEANS:
            raise UsageError(f"an ensemble's mean is {' or '.join(MEANS)}, not {mean!r}.")
        names = names or [f"member {i + 1}" for i in range(len(members))]
        first = members[0]
        for member, name in zip(members[1:], names[1:], strict=True):
            _check_together(first, names[0], member, name)
        eyes: dict[str, _Eye] = {}
        inputs: dict[object, int] = {}
        seen_by = []  # of each member the number of its encoder
        for member in members:
            encoder = member.model.encoder
            digest = encoder.digest()
            takes = encoder.config.image_size, encoder.config.fit
            eyes.setdefault(digest, _Eye(member, inputs.setdefault(takes, len(inputs))))
            seen_by.append(list(eyes).index(digest))
        self.members = tuple(members)
        self.eyes = tuple(eyes.values())
        self.inputs = tuple(
            next(eye.engine for eye in self.eyes if eye.input == i) for i in range(len(inputs))
        )
        encoders = [eye.engine.model.encoder for eye in self.eyes]
        self.layouts = layouts([e.grid for e in encoders], [e.features for e in encoders])
        self.shape = (max(e.grid[0] for e in encoders), max(e.grid[1] for e in encoders))
        decoder = EnsembleDecoder(
            [member.model.decoder for member in members],
            [self.layouts[i] for i in seen_by],
            mean,
        )
        means = [eye.engine.mean for eye in self.eyes]
        known = [mean.unsqueeze(0) for mean in means if mean is not None]
        mean_cells = common(known, self.layouts)[0] if len(known) == len(means) else None
        model = CaptionModel(first.model.encoder, decoder)
        checkpoint = Checkpoint(model, first.vocabulary, first.decoding, {}, mean_cells)
        # Everything but seeing is that of one model with this decoder.
        self._speaker = ModelEngine(checkpoint, first.device)
        self.words, self.vocabulary = first.words, first.vocabulary
        self.decoding, self.mean = first.decoding, mean_cells
        self.input_size, self.mean_colour = first.input_size, first.mean_colour
        self.device = first.device

    def prepare(self, photo: Photo, keep: bool = False) -> Prepared:
        """See `Engine`. Members that take different inputs make `pixels` one flat row of all."""
        if len(self.inputs) > 1 and isinstance(photo, io.IOBase):  # can be read once only
            photo = photo.read()
        fitted = [engine.prepare(photo, keep and not i) for i, engine in enumerate(self.inputs)]
        first = fitted[0]
        assert isinstance(first.where, Grid)
        cells = None
        if isinstance(photo, Path):
            known = [eye.engine.cells(photo) if eye.engine.cells else None for eye in self.eyes]
            found = [part.unsqueeze(0) for part in known if part is not None]
            cells = common(found, self.layouts)[0] if len(found) == len(known) else None
        pixels = first.pixels
        if len(fitted) > 1:
            pixels = torch.cat([item.pixels.flatten() for item in fitted])
        return Prepared(photo, pixels, replace(first.where, shape=self.shape), first.shown, cells)

    def use_cache(self, photos: Iterable[Path], folder: Path | str, show: bool = True) -> None:
        """As `ModelEngine.use_cache`, for every encoder."""
        paths = list(photos)
        for eye in self.eyes:
            eye.engine.use_cache(paths, folder, show)

    @torch.no_grad()
    def encode_pixels(self, pixels: Tensor) -> Features:
        """See `Engine`."""
        inputs = [pixels]
        if len(self.inputs) > 1:
            sizes = [engine.input_size for engine in self.inputs]
            parts = pixels.split([3 * h * w for h, w in sizes], 1)
            inputs = [x.unflatten(1, (3, h, w)) for x, (h, w) in zip(parts, sizes, strict=True)]
        cells = [eye.engine.encode_pixels(inputs[eye.input]).cells for eye in self.eyes]
        return Features(cells[0] if len(cells) == 1 else common(cells, self.layouts))

    def write(
        self, encoded: Encoded, decoding: Decoding | None = None, keep: int = 1
    ) -> list[Caption]:
        """See `Engine`."""
        return self._speaker.write(encoded, decoding, keep)

    def read(
        self,
        features: Features,
        ids: Sequence[int],
        wanted: Tensor | None = None,
        distribution: bool = False,
        heads: bool = False,
    ) -> Reading:
        """See `Engine`."""
        return self._speaker.read(features, ids, wanted, distribution, heads)

    def read_all(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[Read]]:
        """See `Engine`."""
        return self._speaker.read_all(features, captions)

    def cover(self, features: Features, masks: Tensor, filler: Tensor) -> Features:
        """See `Engine`."""
        return self._speaker.cover(features, masks, filler)

    def coverings(self, features: Features, fillers: Tensor) -> Coverings:
        """See `Engine`."""
        return self._speaker.coverings(features, fillers)

    def likelihood(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> tuple[float, int]:
        """See `Engine`."""
        return self._speaker.likelihood(features, captions)


def _check_together(first: ModelEngine, name: str, other: ModelEngine, its_name: str) -> None:
    """Raises UsageError where two captioners can't be members of one ensemble."""
    ours, theirs = first.vocabulary.words, other.vocabulary.words
    if ours != theirs:
        place = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
            min(len(ours), len(theirs)),
        )
        words = [repr(w[place]) if place < len(w) else "none" for w in (ours, theirs)]
        raise UsageError(
            f"{name} and {its_name} have two vocabularies ({len(ours)} and {len(theirs)} words; "
            f"word {place + 1} is {words[0]} and {words[1]}): train both on the same captions with "
            "the same train.min_count."
        )
    a, b = first.model.encoder.config, other.model.encoder.config
    alike = a.fit == b.fit and (
        a.fit == "stretch" or a.image_size[0] * b.image_size[1] == a.image_size[1] * b.image_size[0]
    )
    if not alike:
        raise UsageError(
            f"{name} and {its_name} see different parts of a photo (encoder.fit {a.fit} to "
            f"{a.image_size[0]}x{a.image_size[1]} and {b.fit} to "
            f"{b.image_size[0]}x{b.image_size[1]}): their maps have no common grid; choose members "
            "that fit photos alike."
        )
