"""From energies to weights: the softmax, and two of its family that give most cells exactly zero.

Alpha-entmax (Peters, Niculae & Martins 2019, arXiv 1905.05702): 1 is the softmax, 1.5 `entmax15`,
2 `sparsemax` (Martins & Astudillo 2016, arXiv 1602.02068). All have the Jacobian
diag(s) - s s^T / sum(s), with s = p ** (2 - alpha) where p is above 0, else 0 (their equation 14).
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Normalizer = Literal["softmax", "entmax15", "sparsemax"]


def normalize(energies: Tensor, kind: Normalizer = "softmax") -> Tensor:
    """Energies (..., L), -inf where there is no cell (but not everywhere) -> weights (..., L) of
    the same type, at least 0 and summing to 1."""
    if kind == "softmax":
        return energies.softmax(-1)
    weights: Tensor = _Sparse.apply(energies, kind)
    return weights


def slopes(weights: Tensor, kind: Normalizer) -> Tensor:
    """The s of weights (..., L): a change d of the energies changes them by
    s d - s (s . d) / sum(s). The softmax's s is its weights."""
    if kind == "softmax":
        return weights
    return weights.sqrt() if kind == "entmax15" else (weights > 0).to(weights.dtype)


def energy_gradient(weights: Tensor, gradient: Tensor, kind: Normalizer) -> Tensor:
    """The gradient at the weights (..., L) as that at the energies: the Jacobian, which is
    symmetric, times it."""
    s = slopes(weights, kind)
    weighed = s * gradient
    total = weighed.sum(-1, keepdim=True)
    if kind != "softmax":  # of which s sums to 1
        total = total / s.sum(-1, keepdim=True)
    return torch.addcmul(weighed, s, total, value=-1)


class _Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, energies: Tensor, kind: Normalizer) -> Tensor:
        weights = entmax15(energies) if kind == "entmax15" else sparsemax(energies)
        ctx.kind = kind
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        return energy_gradient(weights, gradients[0], ctx.kind), None


def _ordered(energies: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled energies below their highest, the same in falling order, and 1, 2, ..., L.

    What lies more than 1 below the highest gets no weight, so that at 2 all are cut: sums stay
    exact, and -inf finite."""
    exact = torch.promote_types(energies.dtype, torch.float32)
    z = (energies - energies.amax(-1, keepdim=True)).to(exact)
    z = (z * scale).clamp(min=-2.0)
    ranks = torch.arange(1, z.size(-1) + 1, device=z.device, dtype=z.dtype)
    return z, z.sort(-1, descending=True).values, ranks


def sparsemax(energies: Tensor) -> Tensor:
    """The point of the simplex that is nearest to the energies (..., L): Algorithm 1 of Martins &
    Astudillo 2016. No gradient; see `normalize`."""
    z, falling, ranks = _ordered(energies, 1.0)
    sums = falling.cumsum(-1)
    support = (1 + ranks * falling > sums).sum(-1, keepdim=True)
    threshold = (sums.gather(-1, support - 1) - 1) / support
    return (z - threshold).clamp(min=0).to(energies.dtype)


def entmax15(energies: Tensor) -> Tensor:
    """Weights (z / 2 - threshold)^2 where above 0, of energies z (..., L): Algorithm 2 of Peters et
    al. 2019. No gradient; see `normalize`."""
    z, falling, ranks = _ordered(energies, 0.5)
    mean = falling.cumsum(-1) / ranks
    spread = (falling**2).cumsum(-1) - ranks * mean**2
    thresholds = mean - ((1 - spread) / ranks).clamp(min=0).sqrt()
    support = (thresholds <= falling).sum(-1, keepdim=True)
    threshold = thresholds.gather(-1, support - 1)
    return ((z - threshold).clamp(min=0) ** 2).to(energies.dtype)
