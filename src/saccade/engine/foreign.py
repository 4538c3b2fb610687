"""`ForeignEngine`: a captioner of transformers as an engine."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from saccade.decoding import Decoding
from saccade.decoding.hypothesis import RUNNERS_UP, normalise
from saccade.engine.contract import Coverings, Encoded, Prepared, Read, Reading
from saccade.engine.generating import default_decoding, generation
from saccade.engine.model import SHOWN, default_device
from saccade.errors import CheckpointError, UsageError
from saccade.files import reason
from saccade.models.contract import Attention, Features
from saccade.models.foreign.contract import Family, FillerCache, look, words_in_the_graph
from saccade.models.foreign.geometry import placed
from saccade.models.foreign.loading import Foreign
from saccade.photos.opening import Photo, read_photo
from saccade.values.captions import Caption

NUMBERS = 2**24  # of a decoder's memory at a time: 64 MiB
RUNS = 64  # of one sentence at a time
HELD = 2**20  # numbers of rows whose layers are held at a time
WORKING = 16  # numbers at work for each of a row that is read with the words, about


class ForeignEngine:
    """See `saccade.engine.contract.Engine`. The model is moved to `device`."""

    def __init__(self, foreign: Foreign, device: torch.device | str | None = None) -> None:
        self.foreign = foreign
        self.device = torch.device(device) if device is not None else default_device()
        foreign.model.to(self.device)  # type: ignore[arg-type]
        self.family: Family = foreign.family
        self.words = foreign.words
        self.decoding: Decoding = default_decoding(self.family.generation, foreign.room)
        self.mean: Tensor | None = None  # what it was trained on is not known
        self.input_size = foreign.fitting.size
        self.mean_colour = foreign.fitting.mean_colour()

    def prepare(self, photo: Photo, keep: bool = False) -> Prepared:
        """See `Engine`."""
        keep = keep or not isinstance(photo, str | Path)
        opened = read_photo(photo, None, SHOWN if keep else 0)
        fitting = self.foreign.fitting
        family = self.family
        where = placed(fitting.where(opened.size, family.grid), family.extent, family.shift)
        return Prepared(photo, fitting.pixels(opened.image), where, opened.shown)

    @torch.no_grad()
    def encode_pixels(self, pixels: Tensor) -> Features:
        """See `Engine`. Raises CheckpointError where the model can't take its own processor's
        pictures."""
        values = self.foreign.fitting.normalised(pixels.to(self.device))
        H, W = self.input_size
        with self._own("preprocessor_config.json", f"pictures of {W}x{H} pixels"):
            return self.family.encode(values.to(self.foreign.model.dtype))

    @contextmanager
    def _own(self, file: str, what: str) -> Iterator[None]:
        """Raises CheckpointError for what the model can't do although a file of its folder says
        so."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise CheckpointError(
                f"{self.foreign.name}: the model can't work with {what} as its {file} has it "
                f"({reason(error)}); get that file again."
            ) from error

    def write(
        self, encoded: Encoded, decoding: Decoding | None = None, keep: int = 1
    ) -> list[Caption]:
        """See `Engine`: by transformers' own `generate`; what the caption says of itself is read
        in one pass over its final pieces."""
        settings = decoding or self.decoding
        self._fits(settings.max_words)
        captions: list[Caption] = []
        for i, prepared in enumerate(encoded.prepared):
            features = encoded.pictures([i]).features
            best, *others = self._written(features, prepared, settings, keep)
            captions.append(replace(best, others=tuple(others)))
        return captions

    def _fits(self, pieces: int) -> None:
        """Raises UsageError for a caption longer than the model has places."""
        if pieces > self.foreign.room:
            raise UsageError(
                f"a caption of {self.foreign.name} has at most {self.foreign.room} pieces of "
                f"words, not {pieces}; make it shorter, or lower --max-words."
            )

    @torch.no_grad()
    def _written(
        self, features: Features, prepared: Prepared, settings: Decoding, keep: int
    ) -> list[Caption]:
        """One photo's captions, best first."""
        options = generation(settings, self.family.generation, self.words, self.family.ends)
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            # A photo's samples are its own, whatever photos come with it.
            mark = zlib.crc32(prepared.pixels.numpy().tobytes())
            torch.manual_seed((getattr(settings, "seed", 0) + mark) % 2**63)
            with self._own("generation_config.json", "the settings of a search"):
                sequences = self.family.generate(features, options).tolist()
        captions = []
        if settings.strategy != "sample":  # the best come first
            sequences = sequences[:keep]
        for sequence in sequences:
            stop = next((i for i, x in enumerate(sequence) if x in self.family.ends), None)
            ids = tuple(sequence if stop is None else sequence[:stop])
            captions.append(self._caption(features, prepared, ids, stop is not None, settings))
        if settings.strategy == "sample":
            captions.sort(key=lambda caption: -caption.score)
        return captions[:keep]

    def _caption(
        self,
        features: Features,
        prepared: Prepared,
        ids: tuple[int, ...],
        finished: bool,
        settings: Decoding,
    ) -> Caption:
        """Pieces as people read them, with what the model says of each."""
        reading = self.read(features, ids, distribution=True)
        words, spans = self.words.words(ids)
        pieces = reading.logprobs[0].double().cpu().numpy()
        end = float(pieces[-1]) if finished else 0.0
        alphas = elsewhere = None
        attention = reading.attention
        if attention is not None and attention.elsewhere is not None:
            alphas, elsewhere = (
                _by_word(part[0].float().cpu().numpy(), spans)
                for part in (attention.weights, attention.elsewhere)
            )
            alphas = alphas.reshape(len(words), *prepared.where.shape)
        assert reading.distribution is not None
        total = float(pieces[:-1].sum()) + end
        return Caption(
            text=self.words.decode(ids).strip(),
            words=words,
            ids=ids,
            logprobs=tuple(float(pieces[first:last].sum()) for first, last in spans),
            alphas=alphas,
            elsewhere=elsewhere,
            where=prepared.where,
            score=normalise(total, len(ids) + finished, settings.length_power)
            if ids or finished
            else total,
            end_logprob=end,
            finished=finished,
            runners_up=tuple(
                self._runners_up(reading.distribution[0, first]) for first, _ in spans
            ),
            spans=spans,
            **prepared.source(),
        )

    def _runners_up(self, logprobs: Tensor) -> tuple[tuple[str, float], ...]:
        """logprobs (V,) -> the likeliest pieces that are shown, best first."""
        count = min(RUNNERS_UP + len(self.words.hidden), logprobs.numel())
        values, ids = logprobs.topk(count)
        shown = [
            (self.words.text(i), value)
            for i, value in zip(ids.tolist(), values.tolist(), strict=True)
            if i not in self.words.hidden
        ]
        return tuple(shown[:RUNNERS_UP])

    def read(
        self,
        features: Features,
        ids: Sequence[int],
        wanted: Tensor | None = None,
        distribution: bool = False,
        heads: bool = False,
    ) -> Reading:
        """See `Engine`."""
        device, R, P = self.device, features.cells.size(0), len(ids)
        self._fits(P)
        if wanted is None:
            wanted = torch.ones(R, P + 1, dtype=torch.bool)
        places = wanted.any(0).nonzero().flatten().to(device)  # (Q,)
        sentence = torch.tensor(list(ids), dtype=torch.long, device=device)
        if not len(places):
            empty = torch.full((R, P + 1), torch.nan, device=device)
            return Reading(empty, None)
        T = int(places.max())
        inputs, layers = sentence[:T].expand(R, T), None
        if heads:
            with words_in_the_graph(self.foreign.model) if _graph(features) else nullcontext():
                taught = self.family.teach(features, inputs, places, attention=True)
            logits, layers = taught.logits, taught.layers
            assert layers is not None
            seen = look(layers, places, heads)
        else:
            logits, seen = self._read_in_parts(features, inputs, places)
        logprobs, whole = self._scattered(logits, sentence, wanted.to(device), places)
        attention = _spread(seen, places, P + 1)
        return Reading(logprobs, attention, whole if distribution else None, layers)

    def _read_in_parts(
        self, features: Features, inputs: Tensor, places: Tensor
    ) -> tuple[Tensor, Attention]:
        """Logits (R, Q, V) and maps of some runs at a time. Where gradients are needed, a part
        is computed again on the way back, so that the layers of one part only are held."""

        def part(chosen: slice) -> tuple[Tensor, Tensor, Tensor]:
            some = features.pictures(chosen)
            taught = self.family.teach(some, inputs[chosen], places, attention=True)
            assert taught.layers is not None
            seen = look(taught.layers, places)
            assert seen.elsewhere is not None
            return taught.logits, seen.weights, seen.elsewhere

        R = len(inputs)
        count = max(1, HELD // features.rows()[0].numel())
        again = _graph(features) and count < R
        parts = []
        for start in range(0, R, count):
            chosen = slice(start, start + count)
            parts.append(checkpoint(part, chosen, use_reentrant=False) if again else part(chosen))
        logits, weights, elsewhere = (torch.cat(entries) for entries in zip(*parts, strict=True))
        return logits, Attention(weights, elsewhere)

    def _scattered(
        self, logits: Tensor, sentence: Tensor, wanted: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """logits (R, Q, V) -> log-probabilities (R, P + 1) of the pieces and of the end, and of
        everything (R, P + 1, V); nan where they are not wanted."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        every = logits.log_softmax(-1)  # (R, Q, V)
        P = len(sentence)
        values = []
        for column, place in enumerate(places.tolist()):
            row = every[:, column]
            # A model may have several ends: the chance of any.
            value = row[:, list(self.family.ends)].logsumexp(1)
            values.append(row[:, sentence[place]] if place < P else value)
        R = len(logits)
        logprobs = logits.new_full((R, P + 1), torch.nan)
        logprobs = logprobs.index_copy(1, places, torch.stack(values, 1))
        logprobs = logprobs.masked_fill(~wanted, torch.nan)
        whole = logits.new_full((R, P + 1, logits.size(-1)), torch.nan)
        return logprobs, whole.index_copy(1, places, every)

    @torch.no_grad()
    def read_all(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[Read]]:
        """See `Engine`."""
        return [
            [self._read_one(features.pictures(slice(i, i + 1)), ids) for ids in entries]
            for i, entries in enumerate(captions)
        ]

    def _read_one(self, picture: Features, ids: Sequence[int]) -> Read:
        reading = self.read(picture, ids, distribution=True)
        assert reading.distribution is not None
        every = reading.distribution[0, :-1].double()
        entropies = -(every.exp() * every).nan_to_num().sum(1)
        return Read(reading.logprobs[0, :-1].double().cpu().numpy(), entropies.cpu().numpy())

    def cover(self, features: Features, masks: Tensor, filler: Tensor) -> Features:
        """See `Engine`."""
        masks = masks.to(self.device)
        X = 0 if features.extra is None else features.extra.size(1)
        filler = filler.to(features.cells)
        cells = torch.where(masks.unsqueeze(-1), filler[X:], features.cells)
        extra = features.extra
        if extra is not None:
            extra = torch.where(masks.all(1)[:, None, None], filler[:X], extra)
        return Features(cells, None, extra)

    def coverings(self, features: Features, fillers: Tensor) -> Coverings:
        """See `Engine`."""
        return ForeignCoverings(self, features, fillers, self.family.memory(features, fillers))

    @torch.no_grad()
    def likelihood(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> tuple[float, int]:
        """See `Engine`."""
        total, count = 0.0, 0
        for i, sentences in enumerate(captions):
            picture = features.pictures(slice(i, i + 1))
            for ids in sentences:
                total -= float(self.read(picture, ids).logprobs.sum())
                count += len(ids) + 1
        return total, count


@dataclass(frozen=True)
class ForeignCoverings:
    """Runs read in batches, those that want the same places together, each batch only as far as
    needed and without keeping attention; a test holds it equal to `ReadCoverings`.

    Of a decoder that attends to keys and values of each row by itself, those of a covered picture
    are put together from the picture's and the filler's, computed once."""

    engine: ForeignEngine
    features: Features  # of one picture
    fillers: Tensor  # (F', M, F)
    memory: FillerCache | None

    @torch.no_grad()
    def logprobs(
        self, masks: np.ndarray, ids: tuple[int, ...], wanted: np.ndarray, filler: int = 0
    ) -> np.ndarray:
        """See `saccade.engine.contract.Coverings`."""
        engine, P = self.engine, len(ids)
        values = np.full(wanted.shape, np.nan)
        order = np.lexsort((*wanted.T, (wanted * np.arange(1, P + 1)).max(1, initial=0)))[::-1]
        order = order[wanted[order].any(1)]
        sentence = torch.tensor(ids, dtype=torch.long, device=engine.device)
        block = self._block()
        for start in range(0, len(order), block):
            runs = order[start : start + block]
            places = torch.from_numpy(np.flatnonzero(wanted[runs].any(0))).to(engine.device)
            T, R = int(places.max()), len(runs)
            features, cache = self._covered(torch.from_numpy(masks[runs]), filler)
            inputs = sentence[:T].expand(R, T)
            logits = engine.family.teach(features, inputs, places, cache=cache).logits.float()
            chosen = sentence[places].view(1, -1, 1).expand(R, -1, 1)
            found = logits.gather(2, chosen).squeeze(2) - logits.logsumexp(2)  # (R, Q)
            part = np.full((R, P), np.nan)
            part[:, places.cpu().numpy()] = found.double().cpu().numpy()
            values[runs] = np.where(wanted[runs], part, np.nan)
        return values

    def _covered(self, masks: Tensor, filler: int) -> tuple[Features, Any]:
        """masks (R, L) -> what `Family.teach` takes: features, or the decoder's memory."""
        if self.memory is None:
            return self.engine.cover(self.features, masks, self.fillers[filler]), None
        X = self.fillers.size(1) - masks.size(1)
        rows = torch.cat((masks.all(1, keepdim=True).expand(-1, X), masks), 1)  # (R, M)
        return _repeated(self.features, len(masks)), self.memory.covered(rows, filler)

    def _block(self) -> int:
        """How many runs are read at a time."""
        if self.memory is None:
            numbers = WORKING * self.features.rows()[0].numel()
        else:
            numbers = self.memory.numbers
        return int(max(1, min(RUNS, NUMBERS // numbers)))


def _graph(features: Features) -> bool:
    """Whether gradients of the cells are wanted."""
    return torch.is_grad_enabled() and features.cells.requires_grad


def _repeated(features: Features, runs: int) -> Features:
    """One picture's features R times, nothing copied."""
    cells, _, extra = features
    return Features(
        cells.expand(runs, -1, -1), None, None if extra is None else extra.expand(runs, -1, -1)
    )


def _by_word(pieces: np.ndarray, spans: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(P + 1, ...) -> (T, ...): the mean over each word's pieces."""
    if not spans:
        return pieces[:0]
    return np.stack([pieces[first:last].mean(0) for first, last in spans])


def _spread(attention: Attention, places: Tensor, count: int) -> Attention:
    """Attention of Q places (R, Q, ...) -> of all (R, count, ...), 0 at other places."""

    def spread(part: Tensor | None) -> Tensor | None:
        if part is None or len(places) == count:
            return part
        shape = (part.size(0), count, *part.shape[2:])
        return part.new_zeros(shape).index_copy(1, places, part)

    weights = spread(attention.weights)
    assert weights is not None
    return Attention(weights, spread(attention.elsewhere), None, spread(attention.heads))
