"""Examples to batches: which picture, which captions, in which order, by seed and epoch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from saccade.data.augment import Augment
from saccade.values.batch import Batch
from saccade.values.examples import Example

Ids = list[int]
Pictures = Callable[[int, bool], Tensor]  # (index, mirrored) -> pixels or grid features

KEEP_PIXELS = 2**30  # decoded pictures up to 1 GiB in all are kept in memory


def cached_features(array: np.ndarray, rows: Sequence[int], mirrored: Sequence[int]) -> Pictures:
    """Pictures as grid features: `rows` of a feature cache's array, and the mirrored."""

    def fetch(index: int, flip: bool) -> Tensor:
        row = mirrored[index] if flip else rows[index]
        return torch.from_numpy(np.array(array[row]))  # (L, F) float16, copied off the disk

    return fetch


def decoded_pictures(
    examples: Sequence[Example], load: Callable[[Example], Tensor], size: int
) -> Pictures:
    """Pictures as pixels (3, H, W) uint8 of `size` bytes each; kept in memory when they fit."""
    keep = size * len(examples) <= KEEP_PIXELS
    kept: dict[int, Tensor] = {}

    def fetch(index: int, flip: bool) -> Tensor:
        pixels = kept.get(index)
        if pixels is None:
            pixels = load(examples[index])
            if keep:
                kept[index] = pixels
        return pixels.flip(-1) if flip else pixels

    return fetch


@dataclass(frozen=True)
class Item:
    """One look at a picture of a set."""

    picture: Tensor
    captions: Sequence[Ids]  # up to K
    index: int  # of the picture, in the set
    numbers: Sequence[int]  # which of the picture's captions these are
    mirrored: bool = False


class CaptionSet(Dataset):
    """Pictures with their captions as word ids; captions without words are never drawn.

    With `captions` = K, each look takes K of a picture's captions (all, when it has fewer), drawn
    anew every epoch; `captions` = 0 takes all, in order. `flip` mirrors half of the pictures;
    `augment` changes their pixels."""

    def __init__(
        self,
        pictures: Pictures,
        captions: Sequence[Sequence[Ids]],
        per_picture: int = 0,
        flip: bool = False,
        seed: int = 0,
        augment: Augment | None = None,
    ) -> None:
        self.pictures = pictures
        self.captions = captions
        self.per_picture = per_picture
        self.flip = flip
        self.seed = seed
        self.augment = augment
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, index: int) -> Item:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        captions = self.captions[index]
        numbers = [number for number, ids in enumerate(captions) if ids]
        if 0 < self.per_picture < len(numbers):
            chosen = rng.permutation(len(numbers))[: self.per_picture]
            numbers = [numbers[i] for i in chosen]
        flip = self.flip and bool(rng.integers(2))
        drawn = [captions[number] for number in numbers]
        picture = self.pictures(index, flip)
        if self.augment is not None:
            picture = self.augment(picture, rng)
        return Item(picture, drawn, index, numbers, flip)


class EpochBatches:
    """Batches of indices: shuffled by (seed, epoch), or in order when `seed` is None."""

    def __init__(self, count: int, batch_size: int, seed: int | None) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.drop_last = False

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.count)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        for start in range(0, self.count, self.batch_size):
            yield order[start : start + self.batch_size].tolist()


class Collate:
    """Items to a Batch: captions get BOS and EOS, are sorted by falling length and padded.

    With `max_words`, longer captions are cut there and get no EOS: they do not end there."""

    def __init__(self, pad: int, bos: int, eos: int, max_words: int | None = None) -> None:
        self.pad, self.bos, self.eos, self.max_words = pad, bos, eos, max_words

    def __call__(self, items: Sequence[Item]) -> Batch:
        pictures = torch.stack([item.picture for item in items])
        indices = torch.tensor([item.index for item in items])
        mirrored = torch.tensor([item.mirrored for item in items])
        cut = self.max_words  # the order in which `padded_captions` has them
        orders = [by_length([len(ids) for ids in item.captions], cut) for item in items]
        captions = [[i.captions[k] for k in order] for i, order in zip(items, orders, strict=True)]
        inputs, targets, lengths = padded_captions(captions, self.pad, self.bos, self.eos, cut)
        numbers = torch.full(lengths.shape, -1)
        for row, item, order in zip(numbers, items, orders, strict=True):
            row[: len(order)] = torch.tensor([item.numbers[k] for k in order], dtype=torch.long)
        live = torch.arange(inputs.size(2)) < lengths.unsqueeze(-1)
        return Batch(pictures, inputs, targets, lengths, live, indices, numbers, mirrored)


def by_length(lengths: Sequence[int], max_words: int | None = None) -> list[int]:
    """The order in which captions of so many words stand in a batch: by falling length, as they
    are cut there and ended; equal ones stay in their order."""

    def target(k: int) -> int:
        whole = max_words is None or lengths[k] <= max_words
        return lengths[k] + 1 if whole else int(max_words or 0)

    return sorted(range(len(lengths)), key=target, reverse=True)


def padded_captions(
    captions: Sequence[Sequence[Sequence[int]]],
    pad: int,
    bos: int,
    eos: int,
    max_words: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Word ids of the captions of B pictures -> inputs (B, K, T), BOS first; targets (B, K, T), EOS
    last; lengths (B, K), falling along K, 0 where a picture has fewer captions.

    A caption of more than `max_words` words is cut there and has no EOS among its targets."""

    def target(ids: Sequence[int]) -> list[int]:
        whole = max_words is None or len(ids) <= max_words
        return [*ids, eos] if whole else list(ids[:max_words])

    return padded([list(map(target, entry)) for entry in captions], pad, bos)


def padded(
    targets: Sequence[Sequence[Sequence[int]]], pad: int, bos: int
) -> tuple[Tensor, Tensor, Tensor]:
    """`padded_captions` of captions to be learned word for word, EOS included."""
    ordered = [sorted(entry, key=len, reverse=True) for entry in targets]
    K = max((len(entry) for entry in ordered), default=0)
    T = max((len(ids) for entry in ordered for ids in entry), default=1)
    inputs, outputs = np.full((2, len(ordered), K, T), pad)
    lengths = np.zeros((len(ordered), K), dtype=np.int64)
    for b, entry in enumerate(ordered):
        for k, ids in enumerate(entry):
            lengths[b, k] = length = len(ids)
            inputs[b, k, :length] = [bos, *ids[:-1]]
            outputs[b, k, :length] = ids
    return torch.from_numpy(inputs), torch.from_numpy(outputs), torch.from_numpy(lengths)
