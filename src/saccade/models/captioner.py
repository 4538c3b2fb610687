"""Encoder and decoder as one module: what is trained, saved and moved between devices."""

from typing import NamedTuple

from torch import Tensor, nn

from saccade.models.contract import Decoder, Features, Predictions
from saccade.models.encoders.encoder import Encoder
from saccade.values.batch import Batch


class Forward(NamedTuple):
    """What teacher forcing of a batch gives."""

    predictions: Predictions
    word_scores: Tensor | None = None  # (B, L, W) what each cell suggests, with a detector
    detected: Tensor | None = None  # (W,) the ids of those words


class WordDetector(nn.Module):
    """Which words each cell suggests: a linear layer on the cells' features.

    Trained on whole captions only (see `saccade.training.tasks`), it lends a new encoder a gradient
    that does not have to pass through attention first. All words share what a cell shows at all:
    easy words (colours) find the things, hard ones (kinds) learn there.

    words (W,): ids of the words to detect, those that a picture's captions agree on."""

    words: Tensor

    def __init__(self, features: int, words: Tensor) -> None:
        super().__init__()
        self.register_buffer("words", words, persistent=False)
        self.scores = nn.Linear(features, words.numel())
        self.anything = nn.Linear(features, 1, bias=False)

    def forward(self, cells: Tensor) -> Tensor:
        """(B, L, F) -> scores (B, L, W)"""
        return self.scores(cells) + self.anything(cells)


class CaptionModel(nn.Module):
    """A picture's cells, and words from them."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder, detector: WordDetector | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.detector = detector  # only in training

    def features(self, pictures: Tensor) -> Features:
        """Pixels (B, 3, H, W) uint8 are encoded; cells (B, L, F), from a cache, are taken as they
        are."""
        if pictures.dim() == 4:
            return Features(self.encoder(pictures))
        return Features(pictures.to(self.encoder.mean.dtype))

    def forward(self, batch: Batch) -> Forward:
        """Teacher forcing of a batch, the vocabulary projected only where there are words."""
        features = self.features(batch.pictures)
        predictions = self.decoder.teach(features, batch.inputs, batch.lengths)
        if self.detector is None:
            return Forward(predictions)
        return Forward(predictions, self.detector(features.cells), self.detector.words)

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
