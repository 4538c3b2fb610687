"""From examples to what the loop needs: encoder, vocabulary, features or pixels, batches."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from saccade.config import Config
from saccade.data.augment import augmentation
from saccade.data.dataset import CaptionSet, Pictures, cached_features, decoded_pictures
from saccade.data.features import FeatureCache, Skipped, View, digests
from saccade.data.trainable import cut_captions, trainable
from saccade.decoding import check_words
from saccade.engine.cache import encode_with, loader
from saccade.errors import DataError, PictureError, UsageError
from saccade.models.build import build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.contract import Decoder, Features
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.freezing import checkpoint_stages
from saccade.models.encoders.loading import load_encoder
from saccade.photos.opening import picture_digest
from saccade.progress import progress
from saccade.text import Vocabulary
from saccade.text.printing import echo
from saccade.training.look import LookSettings, Shares, read_shares
from saccade.training.start import Start, start_parts
from saccade.training.tasks import CrossEntropySettings, build_detector
from saccade.values.examples import Example


@dataclass(frozen=True)
class Setup:
    """Everything that training works on."""

    model: CaptionModel
    vocabulary: Vocabulary
    train: CaptionSet
    train_examples: tuple[Example, ...]  # by the indices of `train`
    validation: CaptionSet | None
    validation_examples: tuple[Example, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()  # what of the data is left out or cut
    shares: Shares | None = None  # of cells in boxes, where the task is taught by them


def fingerprint(examples: Sequence[Example]) -> str:
    """A hash of which pictures, captions and splits there are, to notice changed data."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([example.id, example.split, example.captions]).encode())
    return digest.hexdigest()[:16]


def prepare(
    config: Config,
    examples: Sequence[Example],
    cache: Path,
    device: torch.device,
    show: bool = True,
    start: Start | None = None,
) -> Setup:
    """Load the encoder, build the vocabulary, and encode (or decode) every picture once. start: a
    checkpoint that brings model and vocabulary.

    Raises DataError when nothing is left to train on."""
    usable = trainable(examples)
    train, validation = usable.train, usable.validation
    if config.train.schedule == "plateau" and not validation:
        raise UsageError(
            "train.schedule plateau looks at the validation pictures, and there are none; mark "
            "some as val, or choose another schedule."
        )
    cut = cut_captions(train + validation, config.train.max_words)
    notes = (*usable.notes, *([f"{cut}."] if cut else []))
    for note in notes if show else ():
        echo("Note:", note, err=True)
    torch.manual_seed(config.train.seed)
    if start is None:
        vocabulary = vocabulary_of(train, config.train.min_count)
        encoder = load_encoder(config.encoder).to(device)
        decoder = build_decoder(config.decoder, len(vocabulary), encoder.features)
    else:
        vocabulary = start.checkpoint.vocabulary
        encoder, decoder = start_parts(config, start)
    check_words(config.decode.rules, vocabulary)
    detector = build_detector(config.train.task, encoder.features, train, vocabulary)
    model = CaptionModel(encoder, decoder, detector).to(device)
    shares = None
    if isinstance(config.train.task, CrossEntropySettings) and config.train.task.entropy:
        _check_attends("train.task.entropy sharpens attention", decoder, encoder)
    if isinstance(config.train.task, LookSettings):
        _check_attends("train.task.kind look teaches attention", decoder, encoder)
        shares = read_shares(config.train.task, train, validation, encoder)
    if config.train.gradient_checkpointing:
        checkpoint_stages(encoder.backbone, config.encoder)
    everything = train + validation
    if not config.encoder.frozen:
        pictures, skipped = _pixels(everything, encoder, show)
    else:
        pictures, skipped = _features(everything, encoder, cache, config.train.flip, device, show)
    lost = {s.path for s in skipped}
    kept = [index for index, e in enumerate(everything) if e.image not in lost]
    augment = augmentation(config.train.crop, config.train.colour)

    def subset(of: range, taught: bool) -> CaptionSet | None:
        indices = [i for i in kept if i in of]
        captions = [[vocabulary.encode(c) for c in everything[i].captions] for i in indices]
        if not indices:
            return None
        chosen = tuple(indices)
        return CaptionSet(
            lambda index, mirrored: pictures(chosen[index], mirrored),
            captions,
            config.train.captions if taught else 0,
            config.train.flip and taught,
            config.train.seed,
            augment if taught else None,
        )

    training = subset(range(len(train)), True)
    if training is None:
        raise DataError(
            f"none of the {len(train)} training pictures can be decoded; the first: "
            f"{skipped[0].reason}"
        )
    held = range(len(train), len(everything))
    return Setup(
        model,
        vocabulary,
        training,
        tuple(everything[i] for i in kept if i < len(train)),
        subset(held, False),
        tuple(everything[i] for i in kept if i in held),
        tuple(skipped),
        notes,
        shares,
    )


def vocabulary_of(train: Sequence[Example], min_count: int) -> Vocabulary:
    """The words of the training captions. Raises DataError where none is seen often enough."""
    vocabulary = Vocabulary.build((caption for e in train for caption in e.captions), min_count)
    if len(vocabulary) <= 4:
        raise DataError(
            f"no word of the training captions is seen {min_count} times; "
            "lower it: --set train.min_count=1"
        )
    return vocabulary


@torch.no_grad()
def _check_attends(what: str, decoder: Decoder, encoder: Encoder) -> None:
    """Raises UsageError for a decoder without attention, where something is done to it."""
    cells = torch.zeros(
        1, encoder.grid[0] * encoder.grid[1], encoder.features, device=encoder.mean.device
    )
    first = torch.full((1, 1, 1), Vocabulary.bos, device=cells.device)
    taught = decoder.to(cells.device).teach(Features(cells), first, torch.ones_like(first[0]))
    if taught.attention is None:
        raise UsageError(
            f"{what}, and a decoder of kind {decoder.settings.kind} has none; leave it out, or "
            "choose another decoder.kind."
        )


def _features(
    examples: Sequence[Example],
    encoder: Encoder,
    cache_folder: Path,
    flip: bool,
    device: torch.device,
    show: bool,
) -> tuple[Pictures, list[Skipped]]:
    """Grid features of every picture, from the cache, encoded where they are not there yet."""
    cache = FeatureCache(cache_folder, encoder.cache_key(), encoder.grid, encoder.features)
    with progress("Reading pictures", len(examples), show) as task:
        known, skipped = digests((e.image for e in examples), picture_digest, task.advance)
    views = {path: View(path, digest) for path, digest in known.items()}
    mirrored = {path: View(path, digest, True) for path, digest in known.items() if flip}
    wanted = [*views.values(), *mirrored.values()]
    with progress("Encoding pictures", len(wanted), show) as task:
        skipped += cache.fill(
            wanted, loader(encoder), encode_with(encoder, device), 32, task.advance, say=task.say
        )
    skipped = list({s.path: s for s in skipped}.values())
    lost = {s.path for s in skipped}
    rows = [-1 if e.image in lost else cache.rows[views[e.image].key] for e in examples]
    flipped = [
        -1 if e.image in lost or not flip else cache.rows[mirrored[e.image].key] for e in examples
    ]
    return cached_features(cache.array(), rows, flipped), skipped


def _pixels(
    examples: Sequence[Example], encoder: Encoder, show: bool
) -> tuple[Pictures, list[Skipped]]:
    """Pixels of every picture; each is decoded once now, so that none can fail at hour three."""

    def load(example: Example) -> Tensor:
        return encoder.prepare(example.image)[0]

    size = 3 * encoder.config.image_size[0] * encoder.config.image_size[1]
    pictures = decoded_pictures(examples, load, size)

    def attempt(index: int) -> Skipped | None:
        try:
            pictures(index, False)
        except PictureError as error:
            return Skipped(examples[index].image, str(error))
        return None

    skipped = []
    with progress("Decoding pictures", len(examples), show) as task, ThreadPoolExecutor(2) as pool:
        for failed in pool.map(attempt, range(len(examples)), chunksize=64):
            if failed is not None:
                skipped.append(failed)
            task.advance()
    return pictures, skipped
