"""On a GPU the same numbers as on the CPU. Skipped where there is none."""

import numpy as np
import pytest
import torch

from saccade.decoding import Tokens, ban, beam_search
from saccade.engine.coverings import CellwiseCoverings
from saccade.models.build import DECODERS, build_decoder
from saccade.models.contract import Features

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

V, F, L, BOS, EOS = 50, 24, 12, 1, 2


KINDS = {
    "soft_attention": {"hidden": 32, "embedding": 24, "attention": 16, "features": 20},
    "show_tell": {"hidden": 32, "embedding": 24},
    "transformer": {"hidden": 32, "heads": 4, "feedforward": 48},
}


@pytest.fixture(params=sorted(DECODERS))
def models(request):
    """The same decoder on the CPU and on the GPU, float32 products exact."""
    kind = request.param
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        settings = DECODERS[kind].settings(**KINDS[kind], dropout=0.0)
        found.append(build_decoder(settings, V, F).eval().to(device))
    yield found
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def grid():
    return torch.randn(3, L, F, generator=torch.Generator().manual_seed(1))


def test_beam_search_finds_the_same_sentences(models, grid):
    found = []
    for model in models:
        stepper = model.stepper()
        state = stepper.start(Features(grid.to(next(model.parameters()).device)))
        found.append(beam_search(stepper, state, Tokens(BOS, EOS), [ban((0, 1, 3))], 4, 8))
    for one, other in zip(*found, strict=True):
        assert [h.ids for h in one] == [h.ids for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-4)
        if one[0].alphas is not None:
            np.testing.assert_allclose(one[0].alphas, other[0].alphas, atol=1e-5)


def test_gradients_are_the_same(models, grid):
    captions = torch.randint(4, V, (3, 2, 6), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([[6, 3], [5, 5], [4, 0]])
    gradients = []
    for model in models:
        device = next(model.parameters()).device
        taught = model.teach(Features(grid.to(device)), captions.to(device), lengths.to(device))
        taught.logits.square().mean().backward()
        gradients.append([p.grad.cpu() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 1e-5 * one.norm() + 1e-8


def test_masked_runs_are_the_same(models, grid):
    rng = np.random.default_rng(0)
    masks, wanted = rng.random((20, L)) < 0.5, rng.random((20, 4)) < 0.5
    found = []
    for model in models:
        device = next(model.parameters()).device
        stepper = model.stepper().cellwise()
        if stepper is None:
            pytest.skip("this kind mixes its cells at once")
        features = Features(grid[:1].to(device))
        coverings = CellwiseCoverings(stepper, features, grid[1:].to(device), BOS)
        found.append(coverings.logprobs(masks, (5, 9, 11, 7), wanted))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
