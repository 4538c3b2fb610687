"""The decoder as decoding wants it: `SoftAttentionDecoder.start` and `step`, several times faster.

A `SoftAttentionStepper` is a snapshot of a decoder's weights, laid out for stepping; a test holds
it equal to the decoder. What makes it fast on a CPU:

- One product with all that meets h_t: the attention's query, the gate, the LSTM and the deep
  output; one with all that meets z_t. The words' share of the gates once per different word.
- Attention from exponentials, the keys' once per picture (`additive.energies`).
- Weights packed where the processor can (`saccade.models.decoders.soft_attention.products`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from saccade.models.attention.additive import LIMIT, AdditiveAttention, energies
from saccade.models.attention.entmax import normalize
from saccade.models.contract import Attention, Features, State, Step, absent_bias, picture_mean
from saccade.models.decoders.soft_attention.products import Product, product


class Steppable(Protocol):
    """What a stepper reads of the decoder."""

    settings: Any  # its sizes
    project: nn.Module
    attention: AdditiveAttention
    init_hidden: nn.Linear
    init_cell: nn.Linear
    embed: nn.Embedding
    lstm: nn.LSTMCell
    gate: nn.Linear
    from_hidden: nn.Linear
    from_context: nn.Linear
    output: nn.Linear


class SoftAttentionStepper:
    """A decoder's weights as they were when this was made, ready to step.

    Its state holds, by row, `projected` (N, A + 4D + E + 1), all that is made of h (query, LSTM
    gates, deep output, gate), and `cell` (N, D); by picture `values` (B, L, C), `keys` (B, L, A),
    or `powers`, e^{2 keys}, where no key nor query can overflow them, and `bias` (B, L) where some
    cells are not there."""

    @torch.no_grad()
    def __init__(self, decoder: Steppable) -> None:
        lstm, attention = decoder.lstm, decoder.attention
        settings = decoder.settings
        D, E, A = settings.hidden, settings.embedding, settings.attention
        self.sizes = (A, 4 * D, E, 1)  # of what is made of h
        self.project: Product | None = None
        if isinstance(decoder.project, nn.Linear):
            self.project = product(decoder.project.weight, decoder.project.bias)
        self.key = product(attention.key.weight, attention.key.bias)
        self.normalizer = attention.normalizer
        self.energy = attention.energy.weight[0].detach().clone()
        self.initial = product(
            torch.cat((decoder.init_hidden.weight, decoder.init_cell.weight)),
            torch.cat((decoder.init_hidden.bias, decoder.init_cell.bias)),
        )
        zero = decoder.gate.bias.new_zeros
        # h is a product of a sigmoid and a tanh, so no query is above its row's sum.
        self.highest_query = float(attention.query.weight.abs().sum(1).max())
        self.hidden_projection = product(
            torch.cat(
                (
                    attention.query.weight,
                    lstm.weight_hh,
                    decoder.from_hidden.weight,
                    decoder.gate.weight,
                )
            ),
            torch.cat((zero(A), zero(4 * D), decoder.from_hidden.bias, decoder.gate.bias)),
        )
        self.context_projection = product(
            torch.cat((lstm.weight_ih[:, E:], decoder.from_context.weight))
        )
        self.embedding = decoder.embed.weight.detach().clone()
        self.word_projection = product(lstm.weight_ih[:, :E], lstm.bias_ih + lstm.bias_hh)
        self.output = product(decoder.output.weight, decoder.output.bias)

    @torch.no_grad()
    def memory(self, features: Features) -> dict[str, Tensor]:
        """What is kept of pictures, each cell's from that cell alone."""
        values = features.cells.to(self.embedding.dtype)
        if self.project is not None:
            values = self.project(values).relu_()
        keys = self.key(values)
        bounded = False
        if values.device.type == "cpu":  # elsewhere the check would cost more than it saves
            bounded = max(float(keys.abs().max()), self.highest_query) < LIMIT
        memory = {"values": values}
        memory |= {"powers": keys.mul_(2).exp_()} if bounded else {"keys": keys}
        bias = absent_bias(features)
        return memory if bias is None else memory | {"bias": bias}

    @torch.no_grad()
    def begin(self, memory: Mapping[str, Tensor]) -> State:
        """The state of one hypothesis per picture (N = B), from such a memory."""
        values, bias = memory["values"], memory.get("bias")
        mean = picture_mean(Features(values, None if bias is None else bias == 0))
        hidden, cell = torch.tanh(self.initial(mean)).chunk(2, 1)
        projected = self.hidden_projection(hidden.contiguous())
        rows = {"projected": projected, "cell": cell.contiguous()}
        return State(values.size(0), rows, memory)

    def start(self, features: Features) -> State:
        """The state of one hypothesis per picture (N = B)."""
        return self.begin(self.memory(features))

    def cellwise(self) -> SoftAttentionStepper:
        """A cell's value and key depend on that cell alone."""
        return self

    def _alpha(self, queries: Tensor, pictures: Mapping[str, Tensor]) -> Tensor:
        """queries (N, A) -> alpha (B, K, L), equations 4 and 5."""
        powers, bias = pictures.get("powers"), pictures.get("bias")
        if powers is None:
            keys = pictures["keys"]
            B, _, A = keys.shape
            scores = torch.tanh(keys.unsqueeze(1) + queries.view(B, -1, 1, A)) @ self.energy
        else:
            B, _, A = powers.shape
            scores = energies(powers, queries.view(B, -1, A), self.energy)
        scores = scores if bias is None else scores + bias.unsqueeze(1)
        return normalize(scores, self.normalizer)

    def _word_gates(self, tokens: Tensor) -> Tensor:
        """tokens (N,) -> (N, 4D); many hypotheses end in the same word."""
        if tokens.device.type != "cpu":  # counting them would wait for the device
            return self.word_projection(self.embedding[tokens])
        different, which = torch.unique(tokens, return_inverse=True)
        return self.word_projection(self.embedding[different])[which]

    @torch.no_grad()
    def step(self, tokens: Tensor, state: State, of: Tensor | None = None) -> Step:
        """tokens (N,), the word before, -> logits of the next (equation 7), of the rows `of` only
        where given, the new state, alpha (N, L) and beta (N,)."""
        queries, gates, _, gate = state.rows["projected"].split(self.sizes, 1)
        alpha = self._alpha(queries.contiguous(), state.pictures)
        beta = torch.sigmoid(gate)  # (N, 1)
        context = torch.bmm(alpha, state.pictures["values"]).flatten(0, 1).mul_(beta)
        seen = self.context_projection(context)
        gates = self._word_gates(tokens) + gates
        gates += seen[:, : gates.size(1)]
        enter, forget, candidate, out = gates.chunk(4, 1)
        cell = torch.sigmoid(forget) * state.rows["cell"]
        cell += torch.sigmoid(enter) * torch.tanh(candidate)
        projected = self.hidden_projection(torch.sigmoid(out) * torch.tanh(cell))
        A, gates_width, E, _ = self.sizes
        deep = projected[:, A + gates_width : A + gates_width + E] + seen[:, gates_width:]
        deep.add_(self.embedding[tokens])
        logits = self.output(deep if of is None else deep[of])
        state = state.advance(projected=projected, cell=cell)
        return Step(logits, state, Attention(alpha.flatten(0, 1), gate=beta.flatten()))
