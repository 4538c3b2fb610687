"""The decoder of *Show, Attend and Tell* with soft attention (Xu et al. 2015, arXiv 1502.03044).

Two forms of one computation: `start` and `step` for decoding, `forward` for teacher forcing, which
does as much as it can outside the time loop (see `unroll` beside this). They agree to rounding; a
test guards it.

One difference from the paper, taken from the usual code and optional: grid features are projected
to `features` with ReLU first (the paper's 512-wide VGG cells needed no such thing; `features = 0`
turns it off). Dropout falls on the projected features and on the deep output, not on the word
embeddings: with it there, five epochs of Flickr8k ended lower (docs/results.md).
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from saccade.config import DecoderConfig
from saccade.models.attention.additive import AdditiveAttention, Memory
from saccade.models.decoders.soft_attention.unroll import Weights, recurrence


@dataclass(frozen=True)
class State:
    """Where N = B * K hypotheses stand. Rows of one picture are consecutive."""

    hidden: Tensor  # (N, D)
    cell: Tensor  # (N, D)
    memory: Memory  # of the B pictures; shared by their hypotheses
    recurrent: Tensor  # (4D, C + D) weights laid out for stepping, the same for all

    @property
    def device(self) -> torch.device:
        return self.hidden.device

    def select(self, rows: Tensor) -> "State":
        """The state of hypotheses `rows` (N',), in that order: pictures stay in their order and
        all keep equally many hypotheses. The grid is not touched."""
        return replace(self, hidden=self.hidden[rows], cell=self.cell[rows])

    def select_pictures(self, pictures: Tensor) -> "State":
        """The state of some pictures (B',) only, with all their hypotheses."""
        count = self.memory.values.size(0)
        hidden = self.hidden.unflatten(0, (count, -1))[pictures].flatten(0, 1)
        cell = self.cell.unflatten(0, (count, -1))[pictures].flatten(0, 1)
        memory = Memory(self.memory.values[pictures], self.memory.keys[pictures])
        return State(hidden, cell, memory, self.recurrent)


class Step(NamedTuple):
    """What one word's worth of decoding returns."""

    logits: Tensor  # (N, V)
    state: State
    alpha: Tensor  # (N, L)
    beta: Tensor  # (N,)


class Unrolled(NamedTuple):
    """Teacher forcing up to, but without, the vocabulary projection. M words are live."""

    outputs: Tensor  # (M, E) the deep output layer's sum, before L_o, where there are words
    live: Tensor  # (B, K, T) bool, where there are
    alphas: Tensor  # (B, K, T, L); zero where a caption has ended
    betas: Tensor  # (B, K, T)


class SoftAttentionDecoder(nn.Module):
    """LSTM with soft attention over grid features (section 3.1.2 and 4.2)."""

    def __init__(self, config: DecoderConfig, vocabulary: int, features: int) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = vocabulary
        width = config.features or features  # C
        self.project = nn.Linear(features, width) if config.features else nn.Identity()
        self.attention = AdditiveAttention(width, config.hidden, config.attention)
        self.init_hidden = nn.Linear(width, config.hidden)
        self.init_cell = nn.Linear(width, config.hidden)
        self.embed = nn.Embedding(vocabulary, config.embedding)
        self.lstm = nn.LSTMCell(config.embedding + width, config.hidden)
        self.gate = nn.Linear(config.hidden, 1)  # f_beta
        self.from_hidden = nn.Linear(config.hidden, config.embedding)  # L_h
        self.from_context = nn.Linear(width, config.embedding, bias=False)  # L_z
        self.output = nn.Linear(config.embedding, vocabulary)  # L_o
        self.dropout = nn.Dropout(config.dropout)
        self.feature_dropout = nn.Dropout(config.feature_dropout)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        nn.init.uniform_(self.output.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def memory(self, grid: Tensor) -> Memory:
        """grid (B, L, F) -> annotation vectors (B, L, C) and their keys (B, L, A)."""
        values = self.project(grid)
        if self.config.features:
            values = self.feature_dropout(torch.relu(values))
        return Memory(values, self.attention.keys(values))

    def _initial(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """h_0 and c_0 (B, D) from two perceptrons on the mean annotation (section 3.1.2)."""
        mean = memory.values.mean(1)
        return torch.tanh(self.init_hidden(mean)), torch.tanh(self.init_cell(mean))

    def start(self, grid: Tensor) -> State:
        """grid (B, L, F) -> the state of one hypothesis per picture (N = B)."""
        memory = self.memory(grid)
        return State(*self._initial(memory), memory, self._recurrent())

    def _look(self, hidden: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """hidden (B, K, D) -> context z (B, K, C), alpha (B, K, L), beta (B, K).

        alpha by equations 4 and 5; z = beta * sum_i alpha_i a_i (equation 13 and section 4.2.1,
        the gate beta = sigmoid(f_beta(h_{t-1})))."""
        alpha = self.attention(hidden, memory)
        beta = torch.sigmoid(self.gate(hidden))  # (B, K, 1)
        context = beta * torch.bmm(alpha, memory.values)
        return context, alpha, beta.squeeze(-1)

    def _recurrent(self) -> Tensor:
        """(4D, C + D), the LSTM's weights for context and hidden state side by side: cut once per
        caption, not once per word (its backward would fill a whole matrix with zeros each time)."""
        embedding = self.config.embedding
        return torch.cat((self.lstm.weight_ih[:, embedding:], self.lstm.weight_hh), 1)

    @staticmethod
    def _cell(
        words: Tensor, context: Tensor, hidden: Tensor, cell: Tensor, recurrent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The LSTM (equations 1 to 3) with the words' share of its gates given.

        words (..., 4D) is W E y_{t-1} plus both biases; context (..., C); hidden, cell (..., D)."""
        gates = words + nn.functional.linear(torch.cat((context, hidden), -1), recurrent)
        enter, forget, candidate, out = gates.chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
        return torch.sigmoid(out) * torch.tanh(cell), cell

    def _word_gates(self, embedded: Tensor) -> Tensor:
        """(..., E) -> (..., 4D), for all words at once, outside the time loop."""
        bias = self.lstm.bias_ih + self.lstm.bias_hh
        weight = self.lstm.weight_ih[:, : self.config.embedding]
        return nn.functional.linear(embedded, weight, bias)

    def _deep(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        """E y_{t-1} + L_h h_t + L_z z_t (inside equation 7), with dropout: (..., E)."""
        return self.dropout(embedded + self.from_hidden(hidden) + self.from_context(context))

    def step(self, tokens: Tensor, state: State) -> Step:
        """tokens (N,), the word before, -> logits (N, V) of the next (equation 7: the logarithm of
        p(y_t | a, y_{t-1}) up to a constant), the new state, alpha (N, L) and beta (N,)."""
        count = state.memory.values.size(0)
        embedded = self.embed(tokens)  # (N, E)
        hidden = state.hidden.unflatten(0, (count, -1))  # (B, K, D)
        context, alpha, beta = self._look(hidden, state.memory)
        context = context.flatten(0, 1)
        words = self._word_gates(embedded)
        h, c = self._cell(words, context, state.hidden, state.cell, state.recurrent)
        logits = self.output(self._deep(embedded, h, context))
        return Step(logits, replace(state, hidden=h, cell=c), alpha.flatten(0, 1), beta.flatten())

    def unroll(self, grid: Tensor, captions: Tensor, lengths: Tensor) -> Unrolled:
        """Teacher forcing. grid (B, L, F); captions (B, K, T) input ids, BOS first; lengths (B, K)
        how many of them count (best falling along K: ended captions then do no work)."""
        return self.unroll_memory(self.memory(grid), captions, lengths)

    def unroll_memory(self, memory: Memory, captions: Tensor, lengths: Tensor) -> Unrolled:
        """`unroll` from annotation vectors and keys, for who wants a gradient at them."""
        B, K, T = captions.shape
        live = torch.arange(T, device=lengths.device) < lengths.unsqueeze(-1)  # (B, K, T)
        embedded = self.embed(captions[live])  # (M, E)
        words = embedded.new_zeros(B, K, T, 4 * self.config.hidden)
        words[live] = self._word_gates(embedded)
        h, c = self._initial(memory)
        longest = lengths.amax(0).flip(0).cummax(0).values.flip(0)  # (K,) of this slot and later
        slots = (longest.unsqueeze(1) > torch.arange(T, device=lengths.device)).sum(0)
        weights = Weights(
            self.attention.query.weight,
            self.attention.energy.weight,
            self.gate.weight,
            self.gate.bias,
            self.lstm.weight_ih[:, self.config.embedding :],
            self.lstm.weight_hh,
        )
        slots = [k for k in slots.tolist() if k]  # captions of each picture that still have words
        done = recurrence(memory.values, memory.keys, words, h, c, weights, slots)
        outputs = self._deep(embedded, done.hidden[live], done.contexts[live])
        return Unrolled(outputs, live, done.alphas * live.unsqueeze(-1), done.betas * live)

    def forward(
        self, grid: Tensor, captions: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The teacher-forced twin of `step`: grid (B, L, F), captions (N, T) with N = B * K ->
        logits (N, T, V), alphas (N, T, L), betas (N, T), all zero after a caption's end. Without
        `lengths` (N,) all words count."""
        captions = captions.unflatten(0, (grid.size(0), -1))
        if lengths is None:
            lengths = torch.full(captions.shape[:2], captions.size(2), device=captions.device)
        unrolled = self.unroll(grid, captions, lengths.view(captions.shape[:2]))
        logits = unrolled.outputs.new_zeros(*captions.shape, self.vocabulary)
        logits[unrolled.live] = self.output(unrolled.outputs)
        return logits.flatten(0, 1), unrolled.alphas.flatten(0, 1), unrolled.betas.flatten(0, 1)
