"""Weights that are exactly zero for most cells: against their definition, solved by bisection."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.models.attention.entmax import Normalizer, energy_gradient, normalize, slopes

KINDS = get_args(Normalizer)
ALPHA = {"softmax": 1.0, "entmax15": 1.5, "sparsemax": 2.0}
SPARSE = ("entmax15", "sparsemax")


def by_bisection(energies: torch.Tensor, alpha: float) -> torch.Tensor:
    """p_i = max((alpha - 1) z_i - tau, 0) ** (1 / (alpha - 1)) with tau such that they sum to 1:
    equation 10 of arXiv 1905.05702."""
    z = (alpha - 1) * energies
    low, high = z.max() - 1, z.max()
    for _ in range(80):
        tau = (low + high) / 2
        total = (z - tau).clamp(min=0).pow(1 / (alpha - 1)).sum()
        low, high = (tau, high) if total >= 1 else (low, tau)
    return (z - low).clamp(min=0).pow(1 / (alpha - 1))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(SPARSE),
    L=st.integers(1, 60),
    scale=st.sampled_from([0.01, 1.0, 10.0, 1000.0]),
    seed=st.integers(0, 999),
)
def test_the_sorted_way_is_the_definition(kind, L, scale, seed):
    torch.manual_seed(seed)
    energies = torch.randn(3, L, dtype=torch.float64) * scale
    weights = normalize(energies, kind)
    expected = torch.stack([by_bisection(row, ALPHA[kind]) for row in energies])
    torch.testing.assert_close(weights, expected, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("kind", SPARSE)
def test_by_hand(kind):
    """Two cells that differ by d: sparsemax gives (1 + d) / 2, at 1 and more all of it."""
    near, far = (normalize(torch.tensor([d, 0.0]), kind) for d in (0.5, 2.5))
    if kind == "sparsemax":
        torch.testing.assert_close(near, torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(far, torch.tensor([1.0, 0.0]))
    assert (normalize(torch.zeros(4), kind) == 0.25).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind):
    torch.manual_seed(1)
    energies = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: normalize(z, kind), energies)
    weights = normalize(energies, kind)
    upstream = torch.randn_like(weights)
    (expected,) = torch.autograd.grad(weights, energies, upstream)
    torch.testing.assert_close(energy_gradient(weights, upstream, kind), expected)
    assert ((slopes(weights, kind) > 0) == (weights > 0)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cells_that_are_not_there_get_nothing(kind, dtype):
    energies = torch.tensor([[0.3, -torch.inf, 0.1, -torch.inf]], dtype=dtype)
    weights = normalize(energies, kind)
    assert weights.dtype == dtype
    assert not weights[0, [1, 3]].any()
    there = normalize(energies[:, [0, 2]], kind)
    torch.testing.assert_close(weights[:, [0, 2]], there)


def test_sparse_weights_are_zero_where_softmax_has_none():
    energies = torch.linspace(0, 5, 30)
    counts = [(normalize(energies, kind) > 0).sum().item() for kind in KINDS]
    assert counts[0] == 30 > counts[1] > counts[2] >= 1
