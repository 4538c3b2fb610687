"""x W^T + b for weights that stay as they are: the fastest way that this machine has.

On CPUs oneDNN multiplies with weights that it has laid out for its kernels beforehand, up to four
times faster at the few rows of a beam search than torch's default product, which lays them out at
every call. The operators are torch's own but not public: so they are tried, measured and checked
against float64 once per process, and where they are missing, slower or less exact (a processor
whose oneDNN rounds to bfloat16, say) the default product serves.
"""

import time
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import linear

Product = Callable[[Tensor], Tensor]  # (..., in) -> (..., out)

PROBE = (1024, 1024)  # weights of the probe
ROWS = (5, 64)  # what a beam search multiplies: one picture's beams, and a batch's


def product(weight: Tensor, bias: Tensor | None = None) -> Product:
    """weight (out, in), bias (out,) -> a function of (..., in). Keeps no gradient; later changes of
    the weight may not be seen."""
    weight = weight.detach()
    bias = None if bias is None else bias.detach()
    if weight.device.type == "cpu" and weight.dtype == torch.float32:
        return (
            _packed(weight, bias) if packing_pays(torch.get_num_threads()) else _plain(weight, bias)
        )
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
def packing_pays(threads: int) -> bool:
    """Whether the packed product exists here, is as exact as the default and faster, with so many
    threads. Measured once (about 10 ms)."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(PROBE, generator=generator)
    inputs = [torch.randn(rows, PROBE[1], generator=generator) for rows in ROWS]
    plain = _plain(weight, None)
    try:
        packed = _packed(weight, None)
        if not all(as_exact(packed(x), plain(x), x.double() @ weight.double().t()) for x in inputs):
            return False
    except (AttributeError, RuntimeError):
        return False
    return all(_seconds(packed, x) < _seconds(plain, x) for x in inputs)


def as_exact(found: Tensor, plain: Tensor, true: Tensor) -> bool:
    """Whether `found` is as near to `true` (float64) as `plain` is, but for the order of sums."""
    return bool((found - true).abs().max() <= 4 * (plain - true).abs().max())


def _seconds(multiply: Product, x: Tensor, times: int = 5) -> float:
    """Of the fastest of a few calls, after one that warms up."""
    multiply(x)
    fastest = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        multiply(x)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest
