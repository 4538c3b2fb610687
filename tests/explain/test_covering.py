"""Masked runs against the decoder itself, run by run, on grids with the cells replaced."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.config import DecoderConfig
from saccade.explain import covering
from saccade.explain.covering import Coverings, cells, first_covered
from saccade.models.decoders.soft_attention.decoder import SoftAttentionDecoder
from saccade.models.decoders.soft_attention.stepping import Stepper

BOS = 1


def decoder(seed: int = 0, features: int = 8, scale: float = 1.0) -> SoftAttentionDecoder:
    torch.manual_seed(seed)
    config = DecoderConfig(hidden=9, embedding=7, attention=6, features=features)
    model = SoftAttentionDecoder(config, vocabulary=13, features=10).eval()
    with torch.no_grad():
        for parameter in model.attention.key.parameters():
            parameter.mul_(scale)
    return model


@torch.no_grad()
def plainly(model, grid, filler, mask, ids) -> list[float]:
    """One run: cells replaced in the grid, then the decoder's own steps and a log-softmax."""
    state = model.start(torch.where(mask.unsqueeze(-1), filler, grid).unsqueeze(0))
    found = []
    for token, said in zip((BOS, *ids), ids, strict=False):
        step = model.step(torch.tensor([token]), state)
        state = step.state
        found.append(float(step.logits.log_softmax(-1)[0, said]))
    return found


@given(
    R=st.integers(1, 9),
    L=st.integers(1, 12),
    T=st.integers(1, 5),
    block=st.integers(1, 5),
    features=st.sampled_from([0, 8]),
    scale=st.sampled_from([1.0, 300.0]),  # keys too large for exponentials, too
    filler=st.integers(0, 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_masked_runs_equal_the_decoder_on_replaced_cells(
    R, L, T, block, features, scale, filler, seed
):
    model = decoder(seed, features, scale)
    rng = np.random.default_rng(seed)
    grids = torch.from_numpy(rng.normal(size=(3, L, 10)).astype(np.float32))
    masks, wanted = rng.random((R, L)) < 0.5, rng.random((R, T)) < 0.5
    ids = tuple(int(i) for i in rng.integers(4, 13, T))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(covering, "BLOCK", block)
        found = Coverings(Stepper(model), grids[0], grids[1:], BOS).logprobs(
            masks, ids, wanted, filler
        )
    assert np.array_equal(np.isnan(found), ~wanted)
    for run in range(R):
        plain = np.array(plainly(model, grids[0], grids[1 + filler], torch.tensor(masks[run]), ids))
        np.testing.assert_allclose(
            found[run][wanted[run]], plain[wanted[run]], rtol=1e-4, atol=1e-4
        )


@given(L=st.integers(2, 400), share=st.sampled_from([0.05, 0.1, 0.2, 0.5, 0.33]))
def test_a_share_and_its_rest_are_all_cells(L, share):
    few, rest = cells(share, L), cells(round(1 - share, 9), L)
    assert 1 <= few < L
    if share == 0.5:
        assert few in (L // 2, -(-L // 2))
    else:
        assert few + rest == L
        assert abs(few - share * L) <= 1
    assert (cells(0.0, L), cells(1.0, L)) == (0, L)


@given(order=st.permutations(range(11)))
def test_the_first_of_an_order_are_covered_first(order):
    shares = (0.0, 0.1, 0.5, 0.9, 1.0)
    masks = first_covered(np.array(order), shares)
    for share, mask in zip(shares, masks, strict=True):
        assert set(np.flatnonzero(mask)) == set(order[: cells(share, 11)])
