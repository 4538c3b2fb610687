"""Teacher forcing through the decoder's recurrence, with its own backward.

The same computation as `SoftAttentionDecoder.step` in a loop (arXiv 1502.03044, equations 1 to 6,
13 and the gate of section 4.2.1). Autograd would keep the tanh of every cell at every word,
(N, L, A) each, and add up each weight's gradient word by word. Here it is computed again in the
backward, and each weight's gradient is one product over all words at its end. A test holds it equal
to the plain loop.

Of the tanh only u = 1 / (1 + e^{2(p + q)}) is needed, tanh(p + q) = 1 - 2u, and e^{2(p + q)} is a
product of two exponentials, of which the keys' is taken once per picture. (In blocks that fit
the cache, as `energies` has them, the backward's sums over cells and captions were no faster.)
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from saccade.models.attention.additive import LIMIT, energies
from saccade.models.attention.entmax import Normalizer, energy_gradient, normalize


class Weights(NamedTuple):
    """What the recurrence multiplies with. D: hidden, A: attention, C: width of values."""

    query: Tensor  # (A, D) W_h of the attention perceptron
    energy: Tensor  # (1, A) v
    gate: Tensor  # (1, D) f_beta
    gate_bias: Tensor  # (1,)
    context: Tensor  # (4D, C) the LSTM's weights for z
    hidden: Tensor  # (4D, D) and for h_{t-1}


class Recurrence(NamedTuple):
    """What happened at each place; zero where no caption of that slot is as long."""

    hidden: Tensor  # (B, K, T, D) h_t
    contexts: Tensor  # (B, K, T, C) z_t
    alphas: Tensor  # (B, K, T, L)
    betas: Tensor  # (B, K, T)


def recurrence(
    values: Tensor,
    keys: Tensor,
    words: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weights: Weights,
    slots: list[int],
    bias: Tensor | None = None,
    normalizer: Normalizer = "softmax",
) -> Recurrence:
    """values (B, L, C) and keys (B, L, A) of the grid; words (B, K, T, 4D), the words' share of the
    LSTM's gates with both biases; hidden and cell (B, D), h_0 and c_0. `slots[t]` of a picture's K
    captions still have a word at t, the first ones; it never rises. bias (B, L), which gets no
    gradient, is added to the energies, of which the normalizer makes alpha."""
    chosen = (slots, bias, normalizer)
    return Recurrence(*_Recurrence.apply(values, keys, words, hidden, cell, *chosen, *weights))


class _Mixer:
    """The hidden layer of the attention perceptron, for any number of queries to the same keys."""

    def __init__(self, keys: Tensor) -> None:
        """keys (B, L, A)"""
        self.keys = keys
        # Elsewhere than on a CPU asking for the highest would cost more than it saves.
        self.highest = float(keys.abs().max()) if keys.device.type == "cpu" else math.inf
        self.powers = torch.exp(2 * keys) if self.highest < LIMIT else None

    def _bounded(self, queries: Tensor) -> bool:
        return self.powers is not None and self.highest + float(queries.abs().max()) < LIMIT

    def energies(self, queries: Tensor, energy: Tensor) -> Tensor:
        """queries (B, K, A), energy (A,) -> (B, K, L), but for a number that all cells share."""
        if self.powers is not None and self._bounded(queries):
            return energies(self.powers, queries, energy)
        return torch.tanh(self.keys.unsqueeze(1) + queries.unsqueeze(2)) @ energy

    def squashed(self, queries: Tensor) -> Tensor:
        """queries (B, K, A) -> u (B, K, L, A)."""
        queries = queries.unsqueeze(2)
        if self.powers is None or not self._bounded(queries):
            return torch.sigmoid(-2 * (self.keys.unsqueeze(1) + queries))
        return (self.powers.unsqueeze(1) * torch.exp(2 * queries)).add_(1).reciprocal_()


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        keys: Tensor,
        words: Tensor,
        h0: Tensor,
        c0: Tensor,
        slots: list[int],
        bias: Tensor | None,
        normalizer: Normalizer,
        query: Tensor,
        energy: Tensor,
        gate: Tensor,
        gate_bias: Tensor,
        context: Tensor,
        recurrent: Tensor,
    ) -> tuple[Tensor, ...]:
        (B, L, C), A, (K, T), D = values.shape, keys.size(2), words.shape[1:3], h0.size(1)
        stacked = torch.cat((query, gate, recurrent))  # (A + 1 + 4D, D), all that h_{t-1} meets
        outputs = tuple(values.new_zeros(B, K, T, *width) for width in ((D,), (C,), (L,), ()))
        mixer = _Mixer(keys)
        h = h0.unsqueeze(1).expand(B, K, D)
        c = c0.unsqueeze(1).expand(B, K, D)
        steps: list[tuple[Tensor, ...]] = []
        for t, k in enumerate(slots):
            before, c = h[:, :k].reshape(B * k, D), c[:, :k].reshape(B * k, D)
            projected = before @ stacked.t()
            queries = projected[:, :A].reshape(B, k, A)
            energies = mixer.energies(queries, energy[0])
            energies = energies if bias is None else energies + bias.unsqueeze(1)
            alpha = normalize(energies, normalizer)
            seen = torch.bmm(alpha, values)  # (B, k, C), before the gate
            beta = torch.sigmoid(projected[:, A] + gate_bias).view(B, k, 1)
            z = seen * beta
            gates = torch.addmm(projected[:, A + 1 :], z.view(-1, C), context.t())
            gates += words[:, :k, t].reshape(B * k, 4 * D)
            gates[:, : 2 * D].sigmoid_()
            gates[:, 2 * D : 3 * D].tanh_()
            gates[:, 3 * D :].sigmoid_()
            enter, forget, candidate, out = gates.chunk(4, 1)
            after = torch.addcmul(forget * c, enter, candidate)
            squashed = torch.tanh(after)
            steps.append((before, c, queries, alpha, seen, beta, gates, squashed))
            h, c = (out * squashed).view(B, k, D), after.view(B, k, D)
            for output, value in zip(outputs, (h, z, alpha, beta.squeeze(-1)), strict=True):
                output[:, :k, t] = value
        ctx.slots = slots
        ctx.normalizer = normalizer
        ctx.shape = (B, C, A, K, T, D)
        ctx.save_for_backward(
            values, keys, stacked, energy, context, *(tensor for step in steps for tensor in step)
        )
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        d_hidden, d_contexts, d_alphas, d_betas = grads
        values, keys, stacked, energy, context, *saved = ctx.saved_tensors
        B, C, A, K, T, D = ctx.shape
        slots = ctx.slots
        if not slots:
            return (None,) * 14
        steps = [saved[8 * t : 8 * t + 8] for t in range(len(slots))]
        before, cells, _, _, seen, beta, gates, squashed = (
            torch.cat([step[i].flatten(0, -2) for step in steps]) for i in range(8)
        )
        # What a change of c_t and h_t does to the gates before they are squashed, all at once.
        enter, forget, candidate, out = gates.chunk(4, 1)
        into = torch.stack(
            (
                candidate * enter * (1 - enter),
                cells * forget * (1 - forget),
                enter * (1 - candidate**2),
            ),
            1,
        )  # (M, 3, D): per unit of dc
        opened = squashed * out * (1 - out)  # per unit of dh
        carried = out * (1 - squashed**2)  # dh into dc
        sizes = [B * k for k in slots]
        parts = zip(
            into.split(sizes), opened.split(sizes), carried.split(sizes), forget.split(sizes),
            strict=True,
        )  # fmt: skip
        coefficients = list(parts)
        mixer, four = _Mixer(keys), 4 * energy[0]
        d_keys = torch.zeros_like(keys)
        d_energy = values.new_zeros(A)
        d_words = values.new_zeros(B, K, T, 4 * D)
        d_projected, d_seen = [], []
        d_h: Tensor | None = None
        d_c: Tensor | None = None
        for t in range(len(slots) - 1, -1, -1):
            k = slots[t]
            _, _, queries, alpha, seen_t, beta_t, _, _ = steps[t]
            into_t, opened_t, carried_t, forget_t = coefficients[t]
            dh = d_hidden[:, :k, t].clone()
            if d_h is not None:
                dh[:, : d_h.size(1)] += d_h
            dh = dh.view(B * k, D)
            dc = dh * carried_t
            if d_c is not None:
                dc.view(B, k, D)[:, : d_c.size(1)] += d_c
            projected = values.new_empty(B * k, A + 1 + 4 * D)
            d_gates = projected[:, A + 1 :]
            torch.mul(into_t, dc.unsqueeze(1), out=d_gates[:, : 3 * D].unflatten(1, (3, D)))
            torch.mul(opened_t, dh, out=d_gates[:, 3 * D :])
            dz = (d_gates @ context).view(B, k, C) + d_contexts[:, :k, t]
            d_beta = (dz * seen_t).sum(-1, keepdim=True) + d_betas[:, :k, t].unsqueeze(-1)
            projected[:, A : A + 1] = (d_beta * beta_t * (1 - beta_t)).view(-1, 1)
            dr = dz * beta_t
            d_alpha = torch.bmm(dr, values.transpose(1, 2)) + d_alphas[:, :k, t]
            de = energy_gradient(alpha, d_alpha, ctx.normalizer).unsqueeze(-1)  # (B, k, L, 1)
            u = mixer.squashed(queries)
            d_energy.addmv_(u.view(-1, A).t(), de.view(-1))  # times -2, as the sum of de is 0
            slope = torch.addcmul(u, u, u, value=-1).mul_(de)  # times 4 v: d(before tanh)
            projected[:, :A] = (slope.sum(2) * four).view(-1, A)
            d_keys += slope.sum(1)
            d_words[:, :k, t] = d_gates.view(B, k, 4 * D)
            d_h = (projected @ stacked).view(B, k, D)
            d_c = (dc * forget_t).view(B, k, D)
            d_projected.append(projected)
            d_seen.append(dr)
        d_keys *= four
        d_energy *= -2
        all_d_projected = torch.cat(d_projected[::-1])
        alphas = torch.cat([step[3] for step in steps], 1)  # (B, M / B, L)
        d_values = torch.bmm(alphas.transpose(1, 2), torch.cat(d_seen[::-1], 1))
        d_stacked = all_d_projected.t() @ before
        d_context = all_d_projected[:, A + 1 :].t() @ (seen * beta)
        return (
            d_values,
            d_keys,
            d_words,
            d_h.sum(1) if d_h is not None else None,
            d_c.sum(1) if d_c is not None else None,
            None,
            None,
            None,
            d_stacked[:A],
            d_energy.unsqueeze(0),
            d_stacked[A : A + 1],
            all_d_projected[:, A].sum().view(1),
            d_context,
            d_stacked[A + 1 :],
        )
