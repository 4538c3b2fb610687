"""The decoder as decoding wants it: `SoftAttentionDecoder.start` and `step`, several times faster.

A `Stepper` is a snapshot of a decoder's weights, laid out for stepping; a test holds it equal to
the decoder. What makes it fast on a CPU:

- One product with all that meets h_t: the attention's query, the gate, the LSTM and the deep
  output; one with all that meets z_t. The words' share of the gates once per different word.
- Attention from exponentials, the keys' once per picture (`additive.energies`).
- Weights packed where that is measured to pay (`saccade.models.decoders.soft_attention.products`).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from saccade.models.attention.additive import LIMIT, energies
from saccade.models.decoders.soft_attention.products import product

if TYPE_CHECKING:
    from saccade.models.decoders.soft_attention.decoder import SoftAttentionDecoder


class Step(NamedTuple):
    """What one word's worth of decoding returns."""

    logits: Tensor  # (N, V)
    state: "SteppingState"
    alpha: Tensor  # (N, L)
    beta: Tensor  # (N,)


@dataclass(frozen=True)
class SteppingState:
    """Where N = B * K hypotheses stand. Rows of one picture are consecutive."""

    said: Tensor  # (N, A + 4D + E + 1) all that h says: query, LSTM gates, deep output, beta
    cell: Tensor  # (N, D)
    values: Tensor  # (B, L, C) of the B pictures, shared by their hypotheses
    keys: Tensor  # (B, L, A), as e^{2 keys} where `bounded`
    bounded: bool  # |keys| and |queries| can't overflow e^{2x}

    @property
    def device(self) -> torch.device:
        return self.cell.device

    def select(self, rows: Tensor) -> "SteppingState":
        """As `State.select`: the state of hypotheses `rows` (N',), in that order."""
        return replace(self, said=self.said[rows], cell=self.cell[rows])

    def select_pictures(self, pictures: Tensor | slice) -> "SteppingState":
        """As `State.select_pictures`: some pictures (B',) only, with all their hypotheses; nothing
        is copied for a slice."""
        said, cell = (
            x.unflatten(0, (self.values.size(0), -1))[pictures].flatten(0, 1)
            for x in (self.said, self.cell)
        )
        return replace(
            self, said=said, cell=cell, values=self.values[pictures], keys=self.keys[pictures]
        )


class Stepper:
    """A decoder's weights as they were when this was made, ready to step."""

    @torch.no_grad()
    def __init__(self, decoder: "SoftAttentionDecoder") -> None:
        self.made_from = _identity(decoder)
        lstm, attention = decoder.lstm, decoder.attention
        D, E = decoder.config.hidden, decoder.config.embedding
        A = decoder.config.attention
        self.sizes = (A, 4 * D, E, 1)  # of what h says
        self.projects = bool(decoder.config.features)
        self.project = (
            product(decoder.project.weight, decoder.project.bias) if self.projects else None
        )
        self.key = product(attention.key.weight, attention.key.bias)
        self.energy = attention.energy.weight[0].detach().clone()
        self.initial = product(
            torch.cat((decoder.init_hidden.weight, decoder.init_cell.weight)),
            torch.cat((decoder.init_hidden.bias, decoder.init_cell.bias)),
        )
        zero = decoder.gate.bias.new_zeros
        said = torch.cat(
            (
                attention.query.weight,
                lstm.weight_hh,
                decoder.from_hidden.weight,
                decoder.gate.weight,
            )
        )
        # h is a product of a sigmoid and a tanh, so no query is above its row's sum.
        self.highest_query = float(attention.query.weight.abs().sum(1).max())
        self.say = product(
            said, torch.cat((zero(A), zero(4 * D), decoder.from_hidden.bias, decoder.gate.bias))
        )
        self.see = product(torch.cat((lstm.weight_ih[:, E:], decoder.from_context.weight)))
        self.embedding = decoder.embed.weight.detach().clone()
        self.word_gates = product(lstm.weight_ih[:, :E], lstm.bias_ih + lstm.bias_hh)
        self.output = product(decoder.output.weight, decoder.output.bias)

    def fits(self, decoder: "SoftAttentionDecoder") -> bool:
        """Whether this still is that decoder: the same tensors, not written to since."""
        return self.made_from == _identity(decoder)

    @torch.no_grad()
    def start(self, grid: Tensor) -> SteppingState:
        """grid (B, L, F) -> the state of one hypothesis per picture (N = B)."""
        values = grid.to(self.embedding.dtype)
        if self.project is not None:
            values = self.project(values).relu_()
        keys = self.key(values)
        bounded = False
        if grid.device.type == "cpu":  # elsewhere the check would cost more than it saves
            bounded = max(float(keys.abs().max()), self.highest_query) < LIMIT
        return self.begin(values, keys.mul_(2).exp_() if bounded else keys, bounded)

    @torch.no_grad()
    def begin(self, values: Tensor, keys: Tensor, bounded: bool) -> SteppingState:
        """The same from what `SteppingState` calls values (B, L, C), keys (B, L, A) and bounded:
        for grids put together from the cells of others."""
        h, cell = torch.tanh(self.initial(values.mean(1))).chunk(2, 1)
        return SteppingState(self.say(h.contiguous()), cell.contiguous(), values, keys, bounded)

    def _alpha(self, queries: Tensor, state: SteppingState) -> Tensor:
        """queries (N, A) -> alpha (B, K, L), equations 4 and 5."""
        B, _, A = state.keys.shape
        if not state.bounded:
            queries = queries.view(B, -1, 1, A)
            return (torch.tanh(state.keys.unsqueeze(1) + queries) @ self.energy).softmax(-1)
        return energies(state.keys, queries.view(B, -1, A), self.energy).softmax(-1)

    def _word_gates(self, tokens: Tensor) -> Tensor:
        """tokens (N,) -> (N, 4D); many hypotheses say the same word."""
        if tokens.device.type != "cpu":  # counting them would wait for the device
            return self.word_gates(self.embedding[tokens])
        different, which = torch.unique(tokens, return_inverse=True)
        return self.word_gates(self.embedding[different])[which]

    @torch.no_grad()
    def advance(
        self, tokens: Tensor, state: SteppingState
    ) -> tuple[Tensor, SteppingState, Tensor, Tensor]:
        """A step up to, but without, the vocabulary: the deep output's sum (N, E), and as `step`
        the new state, alpha and beta. `output` makes logits of the sum."""
        queries, gates, _, gate = state.said.split(self.sizes, 1)
        alpha = self._alpha(queries.contiguous(), state)
        beta = torch.sigmoid(gate)  # (N, 1)
        context = torch.bmm(alpha, state.values).flatten(0, 1).mul_(beta)
        seen = self.see(context)
        gates = self._word_gates(tokens) + gates
        gates += seen[:, : gates.size(1)]
        enter, forget, candidate, out = gates.chunk(4, 1)
        cell = torch.sigmoid(forget) * state.cell + torch.sigmoid(enter) * torch.tanh(candidate)
        said = self.say(torch.sigmoid(out) * torch.tanh(cell))
        A, gates_width, E, _ = self.sizes
        deep = said[:, A + gates_width : A + gates_width + E] + seen[:, gates_width:]
        deep.add_(self.embedding[tokens])
        return deep, replace(state, said=said, cell=cell), alpha.flatten(0, 1), beta.flatten()

    def step(self, tokens: Tensor, state: SteppingState) -> Step:
        """tokens (N,), the word before, -> logits (N, V) of the next (equation 7), the new state,
        alpha (N, L) and beta (N,)."""
        deep, state, alpha, beta = self.advance(tokens, state)
        return Step(self.output(deep), state, alpha, beta)


def _identity(decoder: "SoftAttentionDecoder") -> tuple[tuple[int, int], ...]:
    return tuple((p.data_ptr(), p._version) for p in decoder.parameters())
