"""Show and Tell (Vinyals et al. 2015, arXiv 1411.4555): the picture once, no attention.

The picture, here the mean of its cells, enters the LSTM like a word before the first one
(equations 10 to 12); after that it lives in the hidden state alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from saccade.config import check_ranges, ranged
from saccade.models.contract import (
    Decoder,
    Features,
    PlainStepper,
    Predictions,
    State,
    Step,
    Stepper,
    live_places,
    picture_mean,
)


@dataclass(frozen=True)
class ShowTellSettings:
    """Sizes of Show and Tell's decoder; the paper's are 512."""

    hidden: int = ranged(512, 1, 65536)  # D, LSTM width
    embedding: int = ranged(512, 1, 65536)  # E, width of words and of the picture among them
    dropout: float = ranged(0.5, 0.0, 0.999)  # on what the LSTM takes and on what it gives
    kind: Literal["show_tell"] = "show_tell"

    def __post_init__(self) -> None:
        check_ranges(self, "decoder")


class ShowTellDecoder(Decoder):
    """An LSTM that is shown the picture at its first step."""

    def __init__(self, settings: ShowTellSettings, vocabulary: int, features: int) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary = vocabulary
        self.picture = nn.Linear(features, settings.embedding)
        self.embed = nn.Embedding(vocabulary, settings.embedding)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden, batch_first=True)
        self.output = nn.Linear(settings.hidden, vocabulary)
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        nn.init.uniform_(self.output.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def _begin(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """picture (B, F) -> h and c (B, D) once it has been shown (equation 10)."""
        _, (h, c) = self._recur(self.dropout(self.picture(picture)).unsqueeze(1))
        return h[0], c[0]

    def _recur(
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The LSTM, in the weights' own precision: oneDNN has none that mixes two."""
        with torch.autocast(inputs.device.type, enabled=False):
            return self.lstm(inputs.to(self.output.weight.dtype), state)

    def start(self, features: Features) -> State:
        """See `saccade.models.contract.Decoder`."""
        hidden, cell = self._begin(picture_mean(features))
        return State(hidden.size(0), {"hidden": hidden, "cell": cell})

    def step(self, tokens: Tensor, state: State) -> Step:
        """tokens (N,), the word before, -> logits (N, V) of the next, the new state, no attention
        (equations 11 and 12)."""
        before = (state.rows["hidden"].unsqueeze(0), state.rows["cell"].unsqueeze(0))
        out, (h, c) = self._recur(self.dropout(self.embed(tokens)).unsqueeze(1), before)
        logits = self.output(self.dropout(out.squeeze(1)))
        return Step(logits, state.advance(hidden=h[0], cell=c[0]), None)

    def teach(
        self, features: Features, inputs: Tensor, lengths: Tensor, heads: bool = False
    ) -> Predictions:
        """See `saccade.models.contract.Decoder`."""
        B, K, _ = inputs.shape
        live = live_places(inputs, lengths)
        words = self.dropout(self.embed(inputs.flatten(0, 1)))  # (N, T, E)
        h, c = self._begin(picture_mean(features))
        h, c = (x.unsqueeze(1).expand(B, K, -1).reshape(1, B * K, -1) for x in (h, c))
        out, _ = self._recur(words, (h, c))
        return Predictions(self.output(self.dropout(out[live.flatten(0, 1)])), live, None)

    def stepper(self) -> Stepper:
        """The decoder's own steps: nothing is left to lay out."""
        return PlainStepper(self)
