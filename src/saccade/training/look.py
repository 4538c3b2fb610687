"""Boxes that teach attention where to look: their cells, and the loss.

Liu et al. 2017, "Attention correctness in neural image captioning" (arXiv 1605.09553).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from saccade.config import check_ranges, ranged
from saccade.data.boxes import read_boxes
from saccade.data.entities import read_entities
from saccade.data.naming import ground_words
from saccade.errors import DataError, PictureError, UsageError
from saccade.metrics.grounding import coverage
from saccade.models.contract import Attention
from saccade.models.encoders.encoder import Encoder
from saccade.photos.fitting import fit_box
from saccade.photos.opening import photo_size
from saccade.text import tokenize
from saccade.values.batch import Batch
from saccade.values.examples import Example, evenly
from saccade.values.places import Box, Grid

LEAST = 1e-6  # of attention, before its logarithm


@dataclass(frozen=True)
class LookSettings:
    """Maximum likelihood, and attention that is taught by boxes."""

    doubly_stochastic: float = ranged(0.0, 0.0, 1e6)
    label_smoothing: float = ranged(0.0, 0.0, 0.999)
    entropy: float = ranged(0.0, 0.0, 1e6)
    detection: float = ranged(0.0, 0.0, 1e6)
    weight: float = ranged(0.5, 0.0, 1e6)  # of the boxes' loss beside the words'
    loss: Literal["mass", "cells"] = "mass"  # -log of the mass in the box, or its cells as targets
    boxes: str = ""  # an Entities folder, COCO instances; "": the captions' own (drawn scenes)
    words: Literal["all", "last"] = "all"  # of a phrase
    kinds: tuple[str, ...] = ()  # only phrases of these kinds (Entities); (): all
    pictures: int = ranged(0, 0, 10**9)  # training pictures whose boxes are used; 0: all
    until: float = ranged(1.0, 0.0, 1.0)  # the share of training after which weight is 0
    kind: Literal["look"] = "look"

    def __post_init__(self) -> None:
        check_ranges(self, "train.task")


class Named(NamedTuple):
    """A run of a caption's words with boxes, in pixels of this photo."""

    caption: int
    start: int
    stop: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Shares:
    """How much of each cell lies in a phrase's boxes."""

    shape: tuple[int, ...]  # of a map: (h, w), or (L,) of regions
    table: Tensor  # (P, *shape), a row for each phrase
    rows: Mapping[tuple[str, int], tuple[tuple[int, int], ...]]  # (id, caption) -> (word, row)

    def of(self, batch: Batch, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """The batch's words with boxes: places (3, M) in (B, K, T), and shares (M, L)."""
        places, rows = [], []
        T = batch.inputs.size(2)
        indices, numbers = batch.indices.tolist(), batch.captions.tolist()
        lengths = batch.lengths.tolist()
        for b, index in enumerate(indices):
            for k, number in enumerate(numbers[b]):
                for word, row in self.rows.get((examples[index].id, number), ()):
                    if word < min(lengths[b][k], T):  # longer captions are cut
                        places.append((b, k, word))
                        rows.append(row)
        device = batch.inputs.device
        where = torch.tensor(places, dtype=torch.long).view(-1, 3).T.to(device)
        shares = self.table[torch.tensor(rows, dtype=torch.long)].to(device)
        turned = batch.mirrored[where[0]]
        shares[turned] = shares[turned].flip(-1)  # a grid's columns
        return where, shares.flatten(1)


def box_loss(
    attention: Attention, where: Tensor, shares: Tensor, loss: str = "mass"
) -> tuple[Tensor, Tensor]:
    """The summed loss of M words at `where` (3, M) with shares (M, L), and their summed mass in the
    box. "mass": -log sum_i alpha_i share_i; "cells": -sum_i q_i log alpha_i, q the shares
    normalised to a distribution."""
    alphas = attention.weights[tuple(where)].float()  # (M, L)
    mass = (alphas * shares).sum(-1)
    if loss == "mass":
        return -mass.clamp(min=LEAST).log().sum(), mass.detach().sum()
    target = shares / shares.sum(-1, keepdim=True)
    return -(target * alphas.clamp(min=LEAST).log()).sum(), mass.detach().sum()


def read_shares(
    settings: LookSettings, train: Sequence[Example], held: Sequence[Example], encoder: Encoder
) -> Shares:
    """The cells of every boxed phrase of training and validation captions.

    Raises DataError or UsageError when boxes can't be read, or teach nothing."""
    both = [*train, *held]
    if settings.boxes:
        path = Path(settings.boxes).expanduser()
        if not path.exists():
            raise DataError(f"train.task.boxes: there is no {path}; check the path.")
        entities = (path / "Sentences").is_dir()
        named = _entities(settings, path, both) if entities else _others(path, both)
    else:
        entities, named = False, {e.id: list(_own(e)) for e in both if e.regions}
    where = f"train.task.boxes: {settings.boxes}" if settings.boxes else "train.task.boxes is empty"
    if settings.kinds and not entities:
        raise UsageError("train.task.kinds needs boxes of Flickr30k Entities, which have kinds.")
    taught = [example for example in train if named.get(example.id)]
    if not taught:
        of = f", of the kinds {', '.join(settings.kinds)}" if settings.kinds else ""
        own = "" if settings.boxes else " and the captions have no boxes of their own"
        raise DataError(
            f"{where}{own}: no phrase of the {len(train):,} training pictures has a box{of}; boxes "
            "are found by the pictures' file names and the words of their captions."
        )
    if settings.pictures:
        taught = evenly(taught, settings.pictures)
    kept = {e.id for e in (*taught, *held)}
    table: list[Tensor] = []
    rows: dict[tuple[str, int], tuple[tuple[int, int], ...]] = {}
    for example in both:
        if example.id not in kept or not named.get(example.id):
            continue
        try:
            size = photo_size(example.image)
        except PictureError:
            continue  # left out of training, too
        fit = encoder.config
        grid = Grid(*size, fit_box(size, fit.image_size, fit.fit), encoder.grid)
        for caption, start, stop, boxes in named[example.id]:
            share = torch.from_numpy(coverage(grid, boxes)).float()
            if share.sum() <= 0:  # outside what the encoder sees
                continue
            first = stop - 1 if settings.words == "last" else start
            added = tuple((word, len(table)) for word in range(first, stop))
            rows[example.id, caption] = (*rows.get((example.id, caption), ()), *added)
            table.append(share)
    if not table:
        raise DataError(f"{where}: no box lies in what the encoder sees; check encoder.fit.")
    return Shares(encoder.grid, torch.stack(table), rows)


def _entities(
    settings: LookSettings, folder: Path, examples: Sequence[Example]
) -> dict[str, list[Named]]:
    """By id: the phrases of captions that Entities has word for word, boxes scaled to the photo."""
    known = read_entities(folder, (e.image.stem for e in examples))
    if settings.kinds:
        there = {k for a in known.values() for s in a.sentences for p in s.phrases for k in p.kinds}
        strange = [kind for kind in settings.kinds if kind not in there]
        if strange and there:
            raise UsageError(
                f"train.task.kinds: no phrase is of the kind {strange[0]!r}; the kinds are "
                f"{', '.join(sorted(there))}."
            )
    named: dict[str, list[Named]] = {}
    for example in examples:
        annotated = known.get(example.image.stem)
        if annotated is None or not annotated.width or not annotated.height:
            continue
        try:
            width, height = photo_size(example.image)
        except PictureError:
            continue
        x, y = width / annotated.width, height / annotated.height
        by_words = {sentence.words: sentence for sentence in annotated.sentences}
        for number, caption in enumerate(example.captions):
            sentence = by_words.get(tuple(tokenize(caption)))
            for phrase in sentence.phrases if sentence else ():
                if settings.kinds and not set(settings.kinds) & set(phrase.kinds):
                    continue
                boxes = tuple((b[0] * x, b[1] * y, b[2] * x, b[3] * y) for b in phrase.boxes)
                entry = Named(number, phrase.start, phrase.stop, boxes)
                named.setdefault(example.id, []).append(entry)
    return named


def _others(path: Path, examples: Sequence[Example]) -> dict[str, list[Named]]:
    """By id: the words of captions that COCO's instances name."""
    known = read_boxes(path, [example.image for example in examples])
    named: dict[str, list[Named]] = {}
    for example in examples:
        try:
            boxes = known.of(example.image, *photo_size(example.image))
        except PictureError:
            continue
        for number, caption in enumerate(example.captions):
            for word, theirs in ground_words(tokenize(caption), boxes):
                entry = Named(number, word, word + 1, theirs)
                named.setdefault(example.id, []).append(entry)
    return named


def _own(example: Example) -> Iterator[Named]:
    """The regions that an example brings, those of one word together: their words are split at
    white space."""
    boxes: dict[tuple[int, int], tuple[Box, ...]] = {}
    for region in example.regions:
        key = region.caption, region.word
        boxes[key] = (*boxes.get(key, ()), region.box)
    for (caption, word), theirs in boxes.items():
        words = example.captions[caption].split()
        start = len(tokenize(" ".join(words[:word])))
        stop = start + len(tokenize(words[word]))
        if stop > start:
            yield Named(caption, start, stop, theirs)
