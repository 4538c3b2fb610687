"""Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1), with its
weights as a value."""

from torch import Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, H, T, D / H)"""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, D / H) -> (B, T, D)"""
    return x.transpose(1, 2).flatten(2)


def dot_product_weights(queries: Tensor, keys: Tensor, bias: Tensor | None = None) -> Tensor:
    """queries (B, H, Q, d), keys (B, H, M, d), bias added to the energies -> (B, H, Q, M), each row
    summing to 1."""
    energies = queries @ keys.transpose(2, 3) / queries.size(3) ** 0.5
    return (energies if bias is None else energies + bias).softmax(-1)
