"""What a training step takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Batch(NamedTuple):
    """B pictures with K captions each, ready for teacher forcing."""

    pictures: Tensor  # pixels (B, 3, H, W) uint8, or grid features (B, L, F)
    inputs: Tensor  # (B, K, T) word ids, BOS first
    targets: Tensor  # (B, K, T) the same one place on, EOS last
    lengths: Tensor  # (B, K) words that count, falling along K; 0 where a picture has fewer
    live: Tensor  # (B, K, T) bool, which places hold words: T < lengths
    indices: Tensor  # (B,) which pictures of the set these are
    captions: Tensor  # (B, K) the index of each among its picture's captions; -1: there is none
    mirrored: Tensor  # (B,) bool, which pictures are mirrored
