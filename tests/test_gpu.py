"""On a GPU the same numbers as on the CPU. Skipped where there is none."""

import numpy as np
import pytest
import torch

from saccade.config import DecoderConfig
from saccade.decoding import Tokens, beam_search
from saccade.explain.covering import Coverings
from saccade.models.decoders.soft_attention.decoder import SoftAttentionDecoder
from saccade.models.decoders.soft_attention.stepping import Stepper

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

V, F, L, BOS, EOS = 50, 24, 12, 1, 2


@pytest.fixture
def models():
    """The same decoder on the CPU and on the GPU, float32 products exact."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        config = DecoderConfig(hidden=32, embedding=24, attention=16, features=20, dropout=0.0)
        found.append(SoftAttentionDecoder(config, V, F).eval().to(device))
    yield found
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def grid():
    return torch.randn(3, L, F, generator=torch.Generator().manual_seed(1))


def test_beam_search_finds_the_same_sentences(models, grid):
    found = []
    for model in models:
        stepper = Stepper(model)
        state = stepper.start(grid.to(next(model.parameters()).device))
        found.append(beam_search(stepper, state, 3, Tokens(BOS, EOS, (0, 1, 3)), 4, 8))
    for one, other in zip(*found, strict=True):
        assert [h.ids for h in one] == [h.ids for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-4)
        np.testing.assert_allclose(one[0].alphas, other[0].alphas, atol=1e-5)


def test_gradients_are_the_same(models, grid):
    captions = torch.randint(4, V, (3, 2, 6), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([[6, 3], [5, 5], [4, 0]])
    gradients = []
    for model in models:
        device = next(model.parameters()).device
        unrolled = model.unroll(grid.to(device), captions.to(device), lengths.to(device))
        model.output(unrolled.outputs).square().mean().backward()
        gradients.append([p.grad.cpu() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 1e-5 * one.norm() + 1e-8


def test_masked_runs_are_the_same(models, grid):
    rng = np.random.default_rng(0)
    masks, wanted = rng.random((20, L)) < 0.5, rng.random((20, 4)) < 0.5
    found = []
    for model in models:
        device = next(model.parameters()).device
        coverings = Coverings(Stepper(model), grid[0].to(device), grid[1:].to(device), BOS)
        found.append(coverings.logprobs(masks, (5, 9, 11, 7), wanted))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
