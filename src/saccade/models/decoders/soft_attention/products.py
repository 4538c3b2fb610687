"""x W^T + b for weights that stay as they are: the fastest way that this machine has.

On CPUs oneDNN multiplies with weights that it has laid out for its kernels beforehand, up to four
times faster at the few rows of a beam search than torch's default product, which lays them out at
every call. The operators are torch's own but not public, so they are tried and checked against
float64 once per process: where they are missing or less exact (a processor whose oneDNN rounds to
bfloat16, say) the default product serves. No clock decides, so that two runs on one machine compute
the same; SACCADE_PACKED=0 turns packing off where it does not pay (docs/performance.md).
"""

import os
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import linear

Product = Callable[[Tensor], Tensor]  # (..., in) -> (..., out)

SWITCH = "SACCADE_PACKED"  # environment: 0 never packs
PROBE = (256, 256)  # weights of the probe
ROWS = (5, 64)  # what a beam search multiplies: one picture's beams, and a batch's


def product(weight: Tensor, bias: Tensor | None = None) -> Product:
    """weight (out, in), bias (out,) -> a function of (..., in). Keeps no gradient; later changes of
    the weight may not be seen."""
    weight = weight.detach()
    bias = None if bias is None else bias.detach()
    on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
    if on_cpu and os.environ.get(SWITCH, "1") != "0" and can_pack():
        return _packed(weight, bias)
    return _plain(weight, bias)


def _plain(weight: Tensor, bias: Tensor | None) -> Product:
    return lambda x: linear(x, weight, bias)


def _packed(weight: Tensor, bias: Tensor | None) -> Product:
    """Raises AttributeError or RuntimeError where this torch or processor can't."""
    multiply = torch.ops.mkldnn._linear_pointwise
    # Laid out for a few rows; other counts run as fast with it (benchmarks/decode.py --products).
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 32)
    return lambda x: multiply(x, packed, bias, "none", [], "")


@lru_cache
def can_pack() -> bool:
    """Whether the packed product exists here and is as exact as the default; tried once."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(PROBE, generator=generator)
    inputs = [torch.randn(rows, PROBE[1], generator=generator) for rows in ROWS]
    plain = _plain(weight, None)
    try:
        packed = _packed(weight, None)
        return all(as_exact(packed(x), plain(x), x.double() @ weight.double().t()) for x in inputs)
    except (AttributeError, RuntimeError):
        return False


def as_exact(value: Tensor, plain: Tensor, true: Tensor) -> bool:
    """Whether `value` is as near to `true` (float64) as `plain` is, but for the order of sums."""
    return bool((value - true).abs().max() <= 4 * (plain - true).abs().max())
