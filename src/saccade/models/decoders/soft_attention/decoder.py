"""The decoder of *Show, Attend and Tell* with soft attention (Xu et al. 2015, arXiv 1502.03044).

Two forms of one computation: `start` and `step` for decoding, `teach` for teacher forcing, which
does as much as it can outside the time loop (see `unroll` beside this). They agree to rounding; a
test guards it.

One difference from the paper, taken from the usual code and optional: grid features are projected
to `features` with ReLU first (the paper's 512-wide VGG cells needed no such thing; `features = 0`
turns it off). Dropout falls on the projected features and on the deep output, not on the word
embeddings: with it there, five epochs of Flickr8k ended lower (docs/results.md).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from saccade.config import check_ranges, ranged
from saccade.models.attention.additive import AdditiveAttention
from saccade.models.attention.entmax import Normalizer
from saccade.models.contract import (
    Attention,
    Decoder,
    Features,
    Layers,
    Predictions,
    State,
    Step,
    absent_bias,
    live_places,
    picture_mean,
)
from saccade.models.decoders.soft_attention.stepping import SoftAttentionStepper
from saccade.models.decoders.soft_attention.unroll import Weights, recurrence


@dataclass(frozen=True)
class SoftAttentionSettings:
    """Sizes of Show, Attend and Tell's decoder (arXiv 1502.03044, sections 3.1 and 4)."""

    hidden: int = ranged(512, 1, 65536)  # D, LSTM width
    embedding: int = ranged(512, 1, 65536)  # E, word embedding width
    attention: int = ranged(512, 1, 65536)  # A, width of the attention perceptron
    features: int = ranged(512, 0, 65536)  # C, width that cells are projected to; 0: as they are
    dropout: float = ranged(0.5, 0.0, 0.999)  # on the deep output
    feature_dropout: float = ranged(0.0, 0.0, 0.999)  # on projected features
    normalizer: Normalizer = "softmax"  # entmax15, sparsemax: most cells get exactly 0
    kind: Literal["soft_attention"] = "soft_attention"

    def __post_init__(self) -> None:
        check_ranges(self, "decoder")


class Memory(NamedTuple):
    """Pictures ready to be attended to, computed once per picture."""

    values: Tensor  # (B, L, C) the annotation vectors a_i
    keys: Tensor  # (B, L, A) their part of the attention perceptron, W_a a_i
    bias: Tensor | None  # (B, L) added to the energies: -inf where there is no cell


class SoftAttentionDecoder(Decoder):
    """LSTM with soft attention over grid features (section 3.1.2 and 4.2)."""

    def __init__(self, settings: SoftAttentionSettings, vocabulary: int, features: int) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary = vocabulary
        width = settings.features or features  # C
        self.project: nn.Module = nn.Identity()
        if settings.features:
            self.project = nn.Linear(features, width)
        self.attention = AdditiveAttention(
            width, settings.hidden, settings.attention, settings.normalizer
        )
        self.init_hidden = nn.Linear(width, settings.hidden)
        self.init_cell = nn.Linear(width, settings.hidden)
        self.embed = nn.Embedding(vocabulary, settings.embedding)
        self.lstm = nn.LSTMCell(settings.embedding + width, settings.hidden)
        self.gate = nn.Linear(settings.hidden, 1)  # f_beta
        self.from_hidden = nn.Linear(settings.hidden, settings.embedding)  # L_h
        self.from_context = nn.Linear(width, settings.embedding, bias=False)  # L_z
        self.output = nn.Linear(settings.embedding, vocabulary)  # L_o
        self.dropout = nn.Dropout(settings.dropout)
        self.feature_dropout = nn.Dropout(settings.feature_dropout)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        nn.init.uniform_(self.output.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)

    def memory(self, features: Features) -> Memory:
        """cells (B, L, F) -> annotation vectors (B, L, C) and their keys (B, L, A)."""
        values = self.project(features.cells)
        if self.settings.features:
            values = self.feature_dropout(torch.relu(values))
        return Memory(values, self.attention.keys(values), absent_bias(features))

    def _initial(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """h_0 and c_0 (B, D) from two perceptrons on the mean annotation (section 3.1.2)."""
        there = None if memory.bias is None else memory.bias == 0
        mean = picture_mean(Features(memory.values, there))
        return torch.tanh(self.init_hidden(mean)), torch.tanh(self.init_cell(mean))

    def start(self, features: Features) -> State:
        """See `saccade.models.contract.Decoder`."""
        memory = self.memory(features)
        hidden, cell = self._initial(memory)
        kept = {name: part for name, part in memory._asdict().items() if part is not None}
        return State(hidden.size(0), {"hidden": hidden, "cell": cell}, kept)

    def _attend(
        self, hidden: Tensor, memory: Memory, added: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """hidden (B, K, D), added to alpha -> context z (B, K, C), alpha (B, K, L), beta (B, K).

        alpha by equations 4 and 5; z = beta * sum_i alpha_i a_i (equation 13 and section 4.2.1,
        the gate beta = sigmoid(f_beta(h_{t-1})))."""
        alpha = self.attention(hidden, memory.keys, memory.bias)
        alpha = alpha if added is None else alpha + added
        beta = torch.sigmoid(self.gate(hidden))  # (B, K, 1)
        context = beta * torch.bmm(alpha, memory.values)
        return context, alpha, beta.squeeze(-1)

    def _word_gates(self, embedded: Tensor) -> Tensor:
        """(..., E) -> (..., 4D): W E y_{t-1} with both biases, the words' share of the LSTM's
        gates, for all words at once, outside the time loop."""
        bias = self.lstm.bias_ih + self.lstm.bias_hh
        weight = self.lstm.weight_ih[:, : self.settings.embedding]
        return nn.functional.linear(embedded, weight, bias)

    def _deep(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        """E y_{t-1} + L_h h_t + L_z z_t (inside equation 7), with dropout: (..., E)."""
        return self.dropout(embedded + self.from_hidden(hidden) + self.from_context(context))

    def step(self, tokens: Tensor, state: State) -> Step:
        """tokens (N,), the word before, -> logits (N, V) of the next (equation 7: the logarithm of
        p(y_t | a, y_{t-1}) up to a constant), the new state, alpha and beta."""
        embedded = self.embed(tokens)  # (N, E)
        pictures = state.pictures
        memory = Memory(pictures["values"], pictures["keys"], pictures.get("bias"))
        hidden, cell = state.rows["hidden"], state.rows["cell"]
        context, alpha, beta = self._attend(hidden.unflatten(0, (state.count, -1)), memory)
        context = context.flatten(0, 1)
        hidden, cell = self.lstm(torch.cat((embedded, context), 1), (hidden, cell))
        logits = self.output(self._deep(embedded, hidden, context))
        attention = Attention(alpha.flatten(0, 1), gate=beta.flatten())
        return Step(logits, state.advance(hidden=hidden, cell=cell), attention)

    def teach(
        self, features: Features, inputs: Tensor, lengths: Tensor, heads: bool = False
    ) -> Predictions:
        """See `saccade.models.contract.Decoder`. Lengths best fall along K: ended captions then do
        no work."""
        memory = self.memory(features)
        T = inputs.size(2)
        live = live_places(inputs, lengths)  # (B, K, T)
        embedded = self.embed(inputs[live])  # (M, E)
        words = embedded.new_zeros(*inputs.shape, 4 * self.settings.hidden)
        words[live] = self._word_gates(embedded).to(words.dtype)
        longest = lengths.amax(0).flip(0).cummax(0).values.flip(0)  # (K,) of this slot and later
        slots = (longest.unsqueeze(1) > torch.arange(T, device=lengths.device)).sum(0)
        weights = Weights(
            self.attention.query.weight,
            self.attention.energy.weight,
            self.gate.weight,
            self.gate.bias,
            self.lstm.weight_ih[:, self.settings.embedding :],
            self.lstm.weight_hh,
        )
        # How many captions of each picture still have a word, word by word.
        still = [k for k in slots.tolist() if k]
        # The recurrence has its own backward, which knows one precision: that of the weights.
        with torch.autocast(words.device.type, enabled=False):
            values, keys = memory.values.to(words.dtype), memory.keys.to(words.dtype)
            bias = None if memory.bias is None else memory.bias.to(words.dtype)
            exact = Memory(values, keys, bias)
            h, c = self._initial(exact)
            done = recurrence(
                exact.values,
                exact.keys,
                words,
                h,
                c,
                weights,
                still,
                exact.bias,
                self.settings.normalizer,
            )
        deep = self._deep(embedded, done.hidden[live], done.contexts[live])
        attention = Attention(done.alphas * live.unsqueeze(-1), gate=done.betas * live)
        if heads and inputs.size(1) == 1:
            return self._with_layers(memory, inputs[:, 0], live, attention)
        return Predictions(self.output(deep), live, attention)

    def _with_layers(
        self, memory: Memory, inputs: Tensor, live: Tensor, attention: Attention
    ) -> Predictions:
        """`teach` word by word for one caption of each picture, inputs (B, T), so that gradients
        can be taken at all of its weights as one tensor: what is added to alpha is 0."""
        weights = attention.weights.detach().requires_grad_()  # (B, 1, T, L)
        added = weights - weights.detach()
        embedded = self.embed(inputs)  # (B, T, E)
        hidden, cell = self._initial(memory)
        logits = []
        for t in range(inputs.size(1)):
            context, _, _ = self._attend(hidden.unsqueeze(1), memory, added[:, :, t])
            context = context.squeeze(1)
            hidden, cell = self.lstm(torch.cat((embedded[:, t], context), 1), (hidden, cell))
            logits.append(self.output(self._deep(embedded[:, t], hidden, context)))
        places, cells = (torch.arange(n, device=inputs.device) for n in weights.shape[2:])
        layers = Layers(places, cells, cross=(weights,))
        return Predictions(torch.stack(logits, 1)[live[:, 0]], live, attention, layers)

    def stepper(self) -> SoftAttentionStepper:
        """A faster twin of `start` and `step`, of the weights as they are now."""
        return SoftAttentionStepper(self)
