"""Soft attention (Xu et al. 2015, arXiv 1502.03044): weights over grid cells as a value."""

import torch
from torch import Tensor, nn

from saccade.models.attention.entmax import Normalizer, normalize

LIMIT = 40.0  # e^{2 * 40} is still a float32, and its inverse a normal one
IN_CACHE = 2**19  # numbers: 2 MiB, about what two cores keep close


class AdditiveAttention(nn.Module):
    """The attention model f_att as a perceptron with one hidden layer (equations 4 to 6).

    e_ti = v . tanh(W_a a_i + W_h h_{t-1} + b), alpha_t = softmax(e_t), or another normalizer."""

    def __init__(
        self, values: int, query: int, width: int, normalizer: Normalizer = "softmax"
    ) -> None:
        super().__init__()
        self.normalizer: Normalizer = normalizer
        self.key = nn.Linear(values, width)
        self.query = nn.Linear(query, width, bias=False)  # the key's bias serves both
        self.energy = nn.Linear(width, 1, bias=False)  # a bias would cancel in the softmax

    def keys(self, values: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, A)"""
        return self.key(values)

    def forward(self, hidden: Tensor, keys: Tensor, bias: Tensor | None = None) -> Tensor:
        """hidden (B, K, D), K queries for each of the B pictures with keys (B, L, A); bias (B, L)
        is added to the energies -> alpha (B, K, L)."""
        query = self.query(hidden)  # (B, K, A)
        mixed = torch.tanh(keys.unsqueeze(1) + query.unsqueeze(2))  # (B, K, L, A)
        energies = self.energy(mixed).squeeze(-1)  # (B, K, L)
        if bias is not None:
            energies = energies + bias.unsqueeze(1)
        return normalize(energies, self.normalizer)


def energies(powers: Tensor, queries: Tensor, energy: Tensor) -> Tensor:
    """powers (B, L, A), e^{2 keys}; queries (B, K, A), energy (A,) -> e_ti of equation 4 but for a
    number that all cells share, (B, K, L). No gradient.

    tanh(q + p) = 1 - 2 e^{-2q} / (e^{2p} + e^{-2q}), and a softmax over cells ignores the 1. A few
    pictures at a time, so that (K, L, A) stays in the cache. |keys| and |queries| below LIMIT."""
    inverse = torch.exp(-2 * queries).unsqueeze(2)  # (B, K, 1, A)
    weighed = -2 * energy * inverse
    (B, K, _, A), L = inverse.shape, powers.size(1)
    energies = inverse.new_empty(B, K, L)
    count = max(1, min(B, IN_CACHE // (K * L * A)))
    room = inverse.new_empty(count, K, L, A)
    for b in range(0, B, count):
        part = slice(b, b + count)
        mixed = room[: min(count, B - b)]
        torch.add(powers[part].unsqueeze(1), inverse[part], out=mixed)
        torch.div(weighed[part], mixed, out=mixed)
        torch.sum(mixed, -1, out=energies[part])
    return energies
