"""Encoder and decoder as one module: what is trained, saved and moved between devices."""

from typing import NamedTuple

from torch import Tensor, nn

from saccade.models.decoders.soft_attention.decoder import SoftAttentionDecoder
from saccade.models.encoders.encoder import Encoder
from saccade.values.batch import Batch


class Predictions(NamedTuple):
    """What teacher forcing says about a batch; M words count in it."""

    logits: Tensor  # (M, V) at the live places, in their order
    alphas: Tensor  # (B, K, T, L), zero after a caption's end
    seen: Tensor | None = None  # (B, L, W) scores of words by cell, with a detector
    detected: Tensor | None = None  # (W,) the ids of those words


class WordDetector(nn.Module):
    """Which words each cell suggests: a linear layer on the grid features.

    Trained on whole captions only (see `saccade.training.tasks.word_detection`), it lends a new
    encoder a gradient that does not have to pass through attention first. All words share what a
    cell shows at all: easy words (colours) find the things, hard ones (kinds) learn there.

    words (W,): ids of the words to detect, those that a picture's captions agree on."""

    def __init__(self, features: int, words: Tensor) -> None:
        super().__init__()
        self.register_buffer("words", words, persistent=False)
        self.scores = nn.Linear(features, words.numel())
        self.anything = nn.Linear(features, 1, bias=False)

    def forward(self, grid: Tensor) -> Tensor:
        """(B, L, F) -> scores (B, L, W)"""
        return self.scores(grid) + self.anything(grid)


class CaptionModel(nn.Module):
    """A picture's grid, and words from it."""

    def __init__(
        self,
        encoder: Encoder,
        decoder: SoftAttentionDecoder,
        detector: WordDetector | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.detector = detector  # only in training, for `TrainConfig.detection`

    def grid(self, pictures: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) uint8 -> (B, L, F); grid features (B, L, F) pass as they are."""
        if pictures.dim() == 4:
            return self.encoder(pictures)
        return pictures.to(self.encoder.mean.dtype)

    def forward(self, batch: Batch) -> Predictions:
        """Teacher forcing of a batch, the vocabulary projected only where there are words."""
        grid = self.grid(batch.pictures)
        unrolled = self.decoder.unroll(grid, batch.inputs, batch.lengths)
        seen = None if self.detector is None else self.detector(grid)
        words = None if self.detector is None else self.detector.words
        logits = self.decoder.output(unrolled.outputs)
        return Predictions(logits, unrolled.alphas, seen, words)

    def parameter_counts(self) -> dict[str, int]:
        """Numbers of parameters by part, and how many of them are trained."""
        counts = {
            "encoder": sum(p.numel() for p in self.encoder.parameters()),
            "decoder": sum(p.numel() for p in self.decoder.parameters()),
        }
        counts["total"] = sum(counts.values())
        kept = (*self.encoder.parameters(), *self.decoder.parameters())  # the detector is not
        counts["trained"] = sum(p.numel() for p in kept if p.requires_grad)
        return counts
