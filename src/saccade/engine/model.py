"""`ModelEngine`: a captioner trained by Saccade as an engine."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from saccade.checkpoint import Checkpoint
from saccade.data.dataset import padded_captions
from saccade.decoding import Decoding, Hypothesis, search
from saccade.engine.cache import cached_cells
from saccade.engine.contract import Coverings, Encoded, Prepared, Read, Reading
from saccade.engine.coverings import CellwiseCoverings, ReadCoverings
from saccade.engine.words import VocabularyWords
from saccade.models.contract import Attention, Features, Stepper
from saccade.models.marks import weights_mark
from saccade.photos.opening import Photo
from saccade.values.captions import Caption

SHOWN = 1024  # long side in pixels of a photo that is kept to draw on


class ModelEngine:
    """See `saccade.engine.contract.Engine`. The checkpoint's model is moved to `device`."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device | str | None = None) -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(device) if device is not None else default_device()
        self.model = checkpoint.model.to(self.device).eval()
        self.vocabulary = checkpoint.vocabulary
        self.words = VocabularyWords(self.vocabulary)
        self.decoding = checkpoint.decode
        self.mean = checkpoint.mean_grid
        encoder = self.model.encoder
        self.input_size = encoder.config.image_size
        self.mean_colour = (encoder.mean.flatten() * 255).round().to(torch.uint8).cpu()
        self.cells: Callable[[Path], Tensor | None] | None = None  # see `use_cache`
        self._stepper: Stepper | None = None
        self._mark: object = None

    def stepper(self) -> Stepper:
        """The decoder laid out for decoding; laid out again when its weights have changed."""
        mark = weights_mark(self.model.decoder)
        if self._stepper is None or self._mark != mark:
            self._stepper, self._mark = self.model.decoder.stepper(), mark
        return self._stepper

    def prepare(self, photo: Photo, keep: bool = False) -> Prepared:
        """See `Engine`."""
        encoder = self.model.encoder
        # A path can be opened again to draw on; an image in memory is kept.
        keep = keep or not isinstance(photo, str | Path)
        opened = encoder.opened(photo, SHOWN if keep else 0)
        known = self.cells(photo) if self.cells and isinstance(photo, Path) else None
        return Prepared(photo, *encoder.fitted(opened), opened.shown, known)

    def use_cache(self, photos: Iterable[Path], folder: Path | str, show: bool = True) -> None:
        """Encode these photos into the feature cache in `folder`, those that are not there, and
        take their cells from there (as float16) from now on. Raises CacheError."""
        self.cells = cached_cells(self.model.encoder, self.device, photos, folder, show)

    @torch.no_grad()
    def encode_pixels(self, pixels: Tensor) -> Features:
        """See `Engine`."""
        return self.model.features(pixels)

    def write(
        self, encoded: Encoded, decoding: Decoding | None = None, keep: int = 1
    ) -> list[Caption]:
        """See `Engine`."""
        settings = decoding or self.decoding
        captions = []
        # A photo's samples are its own, whatever photos come with it.
        seeds = [zlib.crc32(item.pixels.numpy().tobytes()) for item in encoded.prepared]
        hypotheses = search(
            self.stepper(), encoded.features, self.vocabulary, settings, keep, seeds
        )
        for entries, prepared in zip(hypotheses, encoded.prepared, strict=True):
            best, *others = (self.caption(entry, prepared) for entry in entries[:keep])
            captions.append(replace(best, others=tuple(others)))
        return captions

    def read(
        self,
        features: Features,
        ids: Sequence[int],
        wanted: Tensor | None = None,
        distribution: bool = False,
        heads: bool = False,
    ) -> Reading:
        """See `Engine`."""
        device, R, P = features.cells.device, features.cells.size(0), len(ids)
        sentence = torch.tensor((*ids, self.vocabulary.eos), device=device)
        lengths = torch.full((R, 1), P + 1, device=device)
        if wanted is not None:
            wanted = wanted.to(device)
            places = torch.arange(1, P + 2, device=device)
            lengths = (wanted * places).amax(1, keepdim=True)
        T = int(lengths.max())
        inputs = torch.tensor((self.vocabulary.bos, *ids), device=device)[:T].expand(R, 1, T)
        taught = self.model.decoder.teach(features, inputs, lengths, heads)
        live = torch.zeros(R, P + 1, dtype=torch.bool, device=device)
        live[:, :T] = taught.live[:, 0]
        targets = sentence.expand(R, -1)[live]  # (M,)
        logits = taught.logits
        if wanted is not None:  # the vocabulary's sum only where it is wanted
            logits, targets, live = logits[wanted[live]], targets[wanted[live]], live & wanted
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        values = logits.gather(1, targets.unsqueeze(1)).squeeze(1) - logits.logsumexp(1)
        nothing = values.new_full((R, P + 1), torch.nan)
        logprobs = nothing.masked_scatter(live, values)
        whole = None
        if distribution:
            whole = logits.new_full((R, P + 1, logits.size(1)), torch.nan)
            whole[live] = logits.log_softmax(1)
        return Reading(logprobs, _of_one(taught.attention), whole, taught.layers)

    @torch.no_grad()
    def read_all(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[Read]]:
        """See `Engine`."""
        if not any(captions):
            return [[] for _ in captions]
        vocabulary, device = self.vocabulary, features.cells.device
        padded = padded_captions(captions, vocabulary.pad, vocabulary.bos, vocabulary.eos)
        inputs, targets, lengths = (part.to(device) for part in padded)  # (B, K, T), (B, K)
        taught = self.model.decoder.teach(features, inputs, lengths)
        every = taught.logits.float().log_softmax(1)  # (M, V)
        said = every.new_zeros(2, *targets.shape)
        said[0, taught.live] = every.gather(1, targets[taught.live].unsqueeze(1)).squeeze(1)
        said[1, taught.live] = -(every.exp() * every).sum(1)
        logprobs, entropies = said.double().cpu().numpy()
        return [
            [
                Read(logprobs[b, row, : len(ids)], entropies[b, row, : len(ids)])
                for row, ids in zip(_rows(entries), entries, strict=True)
            ]
            for b, entries in enumerate(captions)
        ]

    def cover(self, features: Features, masks: Tensor, filler: Tensor) -> Features:
        """See `Engine`."""
        masks = masks.to(features.cells.device)
        cells = torch.where(masks.unsqueeze(-1), filler.to(features.cells), features.cells)
        mask = None if features.mask is None else features.mask.expand(len(masks), -1)
        return Features(cells, mask)

    def coverings(self, features: Features, fillers: Tensor) -> Coverings:
        """See `Engine`."""
        cellwise = self.stepper().cellwise()
        if cellwise is None:
            return ReadCoverings(self, features, fillers)
        return CellwiseCoverings(cellwise, features, fillers, self.vocabulary.bos)

    @torch.no_grad()
    def likelihood(
        self, features: Features, captions: Sequence[Sequence[Sequence[int]]]
    ) -> tuple[float, int]:
        """See `Engine`."""
        vocabulary, device = self.vocabulary, features.cells.device
        padded = padded_captions(captions, vocabulary.pad, vocabulary.bos, vocabulary.eos)
        inputs, targets, lengths = (part.to(device) for part in padded)
        taught = self.model.decoder.teach(features, inputs, lengths)
        words = targets[taught.live]
        loss = torch.nn.functional.cross_entropy(taught.logits.float(), words, reduction="sum")
        return loss.item(), words.numel()

    def caption(self, hypothesis: Hypothesis, prepared: Prepared) -> Caption:
        """A hypothesis as people read it."""
        words, spans = self.words.words(hypothesis.ids)
        alphas, heads, shape = hypothesis.alphas, hypothesis.heads, prepared.where.shape
        return Caption(
            text=self.words.join(words),
            words=words,
            ids=hypothesis.ids,
            logprobs=hypothesis.logprobs,
            alphas=None if alphas is None else alphas.reshape(len(words), *shape),
            heads=None if heads is None else heads.reshape(*heads.shape[:2], *shape),
            betas=hypothesis.betas,
            elsewhere=hypothesis.elsewhere,
            where=prepared.where,
            score=hypothesis.score,
            end_logprob=hypothesis.end_logprob,
            finished=hypothesis.finished,
            runners_up=tuple(
                tuple((self.words.text(index), value) for index, value in entry)
                for entry in hypothesis.runners_up
            ),
            spans=spans,
            **prepared.source(),
        )


def _rows(captions: Sequence[Sequence[int]]) -> list[int]:
    """Where `padded_captions` puts each of a picture's captions: the longest first."""
    order = sorted(range(len(captions)), key=lambda k: len(captions[k]), reverse=True)
    rows = [0] * len(order)
    for row, k in enumerate(order):
        rows[k] = row
    return rows


def _of_one(attention: Attention | None) -> Attention | None:
    """Attention of captions (R, 1, T, ...) -> (R, T, ...)."""
    if attention is None:
        return None
    weights, *rest = attention
    return Attention(weights.squeeze(1), *(x if x is None else x.squeeze(1) for x in rest))


def default_device() -> torch.device:
    """A GPU when there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
