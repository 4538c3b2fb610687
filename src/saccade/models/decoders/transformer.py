"""A transformer captioner (Vaswani et al. 2017, arXiv 1706.03762; layers normalised first).

Encoder layers let the cells see each other; decoder layers read the words so far (masked, with a
cache while decoding) and attend to the cells. The map of a word is the mean over heads of the last
layer's cross-attention.

Simplified: cells get no position of their own. An encoder's features carry it (`small-conv` adds
coordinates, convolutional backbones know the border), and so grids and regions are alike here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from saccade.config import check_ranges, ranged
from saccade.errors import UsageError
from saccade.models.attention.dot_product import dot_product_weights, merge_heads, split_heads
from saccade.models.contract import (
    Attention,
    Decoder,
    Features,
    Layers,
    PlainStepper,
    Predictions,
    State,
    Step,
    Stepper,
    live_places,
)


@dataclass(frozen=True)
class TransformerSettings:
    """Sizes of the transformer."""

    hidden: int = ranged(512, 2, 65536)  # D, width of words and cells
    heads: int = ranged(8, 1, 1024)  # H; divides `hidden`
    encoder_layers: int = ranged(2, 0, 1000)
    decoder_layers: int = ranged(3, 1, 1000)
    feedforward: int = ranged(2048, 1, 2**20)
    dropout: float = ranged(0.1, 0.0, 0.999)
    kind: Literal["transformer"] = "transformer"

    def __post_init__(self) -> None:
        check_ranges(self, "decoder")
        if self.hidden % self.heads or self.hidden % 2:
            raise UsageError(
                f"decoder.hidden ({self.hidden}) is an even multiple of decoder.heads "
                f"({self.heads}); change one of them."
            )


class _Feedforward(nn.Module):
    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.hidden)
        self.widen = nn.Linear(settings.hidden, settings.feedforward)
        self.narrow = nn.Linear(settings.feedforward, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> what is added to it."""
        return self.dropout(self.narrow(self.dropout(torch.relu(self.widen(self.norm(x))))))


class _SelfAttention(nn.Module):
    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.norm = nn.LayerNorm(settings.hidden)
        self.project = nn.Linear(settings.hidden, 3 * settings.hidden)
        self.out = nn.Linear(settings.hidden, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (N, T, D) -> queries, keys, values (N, H, T, D / H)."""
        q, k, v = (split_heads(part, self.heads) for part in self.project(self.norm(x)).chunk(3, 2))
        return q, k, v

    def mix(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        bias: Tensor | None = None,
        causal: bool = False,
        kept: list[Tensor] | None = None,
    ) -> Tensor:
        """-> (N, T, D), what is added to x; `kept` takes the weights (N, H, T, T)."""
        if kept is None:
            mixed = scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal)
        else:
            if causal:
                bias = q.new_full((q.size(2), k.size(2)), -torch.inf).triu(1)
            kept.append(dot_product_weights(q, k, bias))
            mixed = kept[-1] @ v
        return self.dropout(self.out(merge_heads(mixed)))


class _CrossAttention(nn.Module):
    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.norm = nn.LayerNorm(settings.hidden)
        self.query = nn.Linear(settings.hidden, settings.hidden)
        self.memory = nn.Linear(settings.hidden, 2 * settings.hidden)
        self.out = nn.Linear(settings.hidden, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)

    def keep(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """cells (B, M, D) -> keys, values (B, H, M, D / H), once per picture."""
        k, v = (split_heads(part, self.heads) for part in self.memory(cells).chunk(2, 2))
        return k, v

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """x (B, Q, D), Q places of each picture's captions -> what is added to it, and weights
        (B, H, Q, M)."""
        weights = dot_product_weights(
            split_heads(self.query(self.norm(x)), self.heads), keys, bias
        )  # (B, H, Q, M)
        return self.dropout(self.out(merge_heads(weights @ values))), weights


class _EncoderLayer(nn.Module):
    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.attend, self.feed = _SelfAttention(settings), _Feedforward(settings)

    def forward(self, x: Tensor, bias: Tensor | None, kept: list[Tensor] | None = None) -> Tensor:
        x = x + self.attend.mix(*self.attend.parts(x), bias, kept=kept)
        return x + self.feed(x)


class _DecoderLayer(nn.Module):
    words: _SelfAttention
    cells: _CrossAttention
    feed: _Feedforward

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.words, self.cells = _SelfAttention(settings), _CrossAttention(settings)
        self.feed = _Feedforward(settings)


class TransformerDecoder(Decoder):
    """Cells to words by attention alone."""

    def __init__(self, settings: TransformerSettings, vocabulary: int, features: int) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary = vocabulary
        D = settings.hidden
        self.project = nn.Sequential(nn.Linear(features, D), nn.LayerNorm(D))
        self.encoder = nn.ModuleList(
            _EncoderLayer(settings) for _ in range(settings.encoder_layers)
        )
        self.seen = nn.LayerNorm(D)
        self.embed = nn.Embedding(vocabulary, D)
        self.layers = nn.ModuleList(_DecoderLayer(settings) for _ in range(settings.decoder_layers))
        self.norm = nn.LayerNorm(D)
        self.output = nn.Linear(D, vocabulary)
        self.dropout = nn.Dropout(settings.dropout)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.embed.weight, std=D**-0.5)

    def _layers(self) -> Sequence[_DecoderLayer]:
        return cast("Sequence[_DecoderLayer]", self.layers)

    def _memory(
        self, features: Features, weights: list[Tensor] | None = None
    ) -> tuple[dict[str, Tensor], int]:
        """What cross-attention keeps of pictures, extra vectors in front, and how many they are;
        `weights` takes those of the encoder's layers."""
        cells, bias = features.cells, None
        extra = 0 if features.extra is None else features.extra.size(1)
        if features.extra is not None:
            cells = torch.cat((features.extra, cells), 1)
        if features.mask is not None:
            there = nn.functional.pad(features.mask, (extra, 0), value=True)
            bias = torch.zeros(there.shape, device=cells.device, dtype=self.output.weight.dtype)
            bias = bias.masked_fill_(~there, -torch.inf)[:, None, None]  # (B, 1, 1, M)
        x = self.dropout(self.project(cells))
        for layer in self.encoder:
            x = layer(x, bias, weights)
        x = self.seen(x)
        kept: dict[str, Tensor] = {}
        for i, layer in enumerate(self._layers()):
            kept[f"keys{i}"], kept[f"values{i}"] = layer.cells.keep(x)
        return (kept if bias is None else kept | {"bias": bias}), extra

    def _words(self, tokens: Tensor, first: int) -> Tensor:
        """tokens (N, T), at places `first` on -> (N, T, D)."""
        x = self.embed(tokens) * math.sqrt(self.settings.hidden)
        return self.dropout(x + positions(first, tokens.size(1), x))

    def _map(self, weights: Tensor, extra: int, heads: bool) -> Attention:
        """weights (..., H, M) of the last layer -> the mean over heads, cells only."""
        mean = weights.mean(-2)
        return Attention(
            mean[..., extra:],
            mean[..., :extra].sum(-1) if extra else None,
            heads=weights[..., extra:] if heads else None,
        )

    def start(self, features: Features) -> State:
        """See `saccade.models.contract.Decoder`. The number of extra vectors is kept as the length
        of an empty row."""
        kept, extra = self._memory(features)
        B, H = features.cells.size(0), self.settings.heads
        nothing = features.cells.new_zeros(B, H, 0, self.settings.hidden // H)
        rows = {f"{part}{i}": nothing for i in range(len(self.layers)) for part in ("k", "v")}
        kept["extra"] = features.cells.new_zeros(B, extra)
        return State(B, rows, kept)

    def step(self, tokens: Tensor, state: State) -> Step:
        """tokens (N,), the word before, -> logits (N, V) of the next, the new state, attention."""
        B, pictures = state.count, state.pictures
        x = self._words(tokens.unsqueeze(1), state.rows["k0"].size(2))  # (N, 1, D)
        rows: dict[str, Tensor] = {}
        weights = x.new_zeros(0)
        for i, layer in enumerate(self._layers()):
            q, k, v = layer.words.parts(x)
            rows[f"k{i}"] = k = torch.cat((state.rows[f"k{i}"], k), 2)
            rows[f"v{i}"] = v = torch.cat((state.rows[f"v{i}"], v), 2)
            x = x + layer.words.mix(q, k, v)
            y = x.view(B, -1, x.size(2))  # (B, K, D)
            added, weights = layer.cells(
                y, pictures[f"keys{i}"], pictures[f"values{i}"], pictures.get("bias")
            )
            y = y + added
            x = (y + layer.feed(y)).view_as(x)
        logits = self.output(self.norm(x.squeeze(1)))
        weights = weights.transpose(1, 2).flatten(0, 1)  # (N, H, M)
        extra = pictures["extra"].size(1)
        return Step(logits, state.advance(**rows), self._map(weights, extra, heads=False))

    def teach(
        self, features: Features, inputs: Tensor, lengths: Tensor, heads: bool = False
    ) -> Predictions:
        """See `saccade.models.contract.Decoder`."""
        B, K, T = inputs.shape
        live = live_places(inputs, lengths)
        among: tuple[list[Tensor], list[Tensor]] | None = ([], []) if heads else None
        pictures, extra = self._memory(features, among and among[0])
        x = self._words(inputs.flatten(0, 1), 0)  # (N, T, D)
        cross: list[Tensor] = []
        for i, layer in enumerate(self._layers()):
            parts = layer.words.parts(x)
            x = x + layer.words.mix(*parts, causal=True, kept=among and among[1])
            y = x.view(B, K * T, -1)
            added, weights = layer.cells(
                y, pictures[f"keys{i}"], pictures[f"values{i}"], pictures.get("bias")
            )
            cross.append(weights)
            y = y + added
            x = (y + layer.feed(y)).view_as(x)
        logits = self.output(self.norm(x.view(B, K, T, -1)[live]))
        weights = cross[-1].transpose(1, 2).unflatten(1, (K, T))  # (B, K, T, H, M)
        weights = weights * live[..., None, None]
        layers = None
        if among is not None and K == 1:
            cells = torch.arange(extra, cross[-1].size(3), device=x.device)
            own, picture = tuple(among[1]), tuple(among[0])
            pieces = torch.arange(T, device=x.device)
            layers = Layers(pieces, cells, tuple(cross), own, picture)
        return Predictions(logits, live, self._map(weights, extra, heads), layers)

    def stepper(self) -> Stepper:
        """The decoder's own steps, with their cache."""
        return PlainStepper(self)


def positions(first: int, count: int, like: Tensor) -> Tensor:
    """(count, D) sines and cosines of the places from `first` on (section 3.5)."""
    D = like.size(-1)
    place = torch.arange(first, first + count, device=like.device, dtype=torch.float32)
    rates = torch.exp(
        torch.arange(0, D, 2, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / D)
    )
    angles = place.unsqueeze(1) * rates
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1).to(like.dtype)
