"""Covered runs, by every way there is, against the decoder itself on cells replaced one run at a
time; and reading against stepping."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.engine import coverings
from saccade.engine.coverings import CellwiseCoverings, ReadCoverings
from saccade.models.contract import Features
from tests.engine.plainly import plainly
from tests.engine.small import small_engine
from tests.models.kinds import KINDS, F, V

over_kinds = pytest.mark.parametrize("kind", KINDS)


@over_kinds
@given(
    R=st.integers(1, 9),
    L=st.integers(1, 12),
    T=st.integers(1, 5),
    block=st.integers(1, 5),
    scale=st.sampled_from([1.0, 300.0]),  # soft attention's keys too large for exponentials, too
    filler=st.integers(0, 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_covered_runs_equal_the_decoder_on_replaced_cells(
    kind, R, L, T, block, scale, filler, seed
):
    engine = small_engine(kind, seed)
    model, bos = engine.model.decoder, engine.vocabulary.bos
    if kind == "soft_attention":
        with torch.no_grad():
            for parameter in model.attention.key.parameters():
                parameter.mul_(scale)
    rng = np.random.default_rng(seed)
    cells = torch.from_numpy(rng.normal(size=(3, L, F)).astype(np.float32))
    masks, wanted = rng.random((R, L)) < 0.5, rng.random((R, T)) < 0.5
    ids = tuple(int(i) for i in rng.integers(4, V, T))
    features = Features(cells[:1])
    ways = [engine.coverings(features, cells[1:]), ReadCoverings(engine, features, cells[1:])]
    cellwise = engine.stepper().cellwise()
    assert (cellwise is not None) == isinstance(ways[0], CellwiseCoverings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverings, "BLOCK", block)
        read = [way.logprobs(masks, ids, wanted, filler) for way in ways]
    for values in read:
        assert np.array_equal(np.isnan(values), ~wanted)
    for run in range(R):
        mask = torch.tensor(masks[run])
        plain = np.array(plainly(model, cells[0], cells[1 + filler], mask, ids, bos))
        for values in read:
            np.testing.assert_allclose(
                values[run][wanted[run]], plain[wanted[run]], rtol=1e-4, atol=1e-4
            )


@over_kinds
def test_covering_all_cells_changes_what_is_read(kind):
    engine = small_engine(kind)
    features, filler = Features(torch.randn(1, 6, F)), torch.randn(6, F)
    masks = torch.tensor([[False] * 6, [True] * 6])
    read = engine.read(engine.cover(features, masks, filler), (5, 6, 7)).logprobs
    assert (read[0] - read[1]).abs().min() > 1e-4
    torch.testing.assert_close(read[0], engine.read(features, (5, 6, 7)).logprobs[0])


@over_kinds
def test_many_runs_at_once_are_read_as_one_by_one_and_only_where_wanted(kind):
    engine = small_engine(kind)
    features = Features(torch.randn(4, 5, F))
    ids = (4, 9, 8, 7)
    whole = engine.read(features, ids, distribution=True)
    assert whole.logprobs.shape == (4, 5)
    assert whole.distribution.shape == (4, 5, V)
    sentence = torch.tensor((*ids, engine.vocabulary.eos))
    for run in range(4):
        alone = engine.read(features.pictures(slice(run, run + 1)), ids)
        torch.testing.assert_close(alone.logprobs[0], whole.logprobs[run], rtol=1e-5, atol=1e-5)
        rows = whole.distribution[run].gather(1, sentence.unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(rows, whole.logprobs[run])
        np.testing.assert_allclose(whole.distribution[run].exp().sum(1).detach(), 1, rtol=1e-5)
    wanted = torch.rand(4, 5) < 0.4
    wanted[2] = False
    some = engine.read(features, ids, wanted).logprobs
    assert torch.equal(torch.isnan(some), ~wanted)
    torch.testing.assert_close(some[wanted], whole.logprobs[wanted], rtol=1e-5, atol=1e-5)


@over_kinds
def test_reading_is_differentiable_at_the_cells(kind):
    """The gradient of a word's log-probability, against finite differences in float64."""
    engine = small_engine(kind)
    engine.model.double()
    cells = torch.randn(1, 4, F, dtype=torch.float64, requires_grad=True)
    ids = (5, 8)
    value = engine.read(Features(cells), ids).logprobs[0, 1]
    (gradient,) = torch.autograd.grad(value, cells)
    for cell, width in ((0, 0), (1, 3), (3, F - 1)):
        values = []
        for sign in (1, -1):
            moved = cells.detach().clone()
            moved[0, cell, width] += sign * 1e-5
            values.append(engine.read(Features(moved), ids).logprobs[0, 1].item())
        assert gradient[0, cell, width].item() == pytest.approx(
            (values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-8
        )


@over_kinds
def test_likelihood_is_the_sum_over_captions(kind):
    engine = small_engine(kind)
    features = Features(torch.randn(2, 5, F))
    captions = [[(4, 5, 6), (7,), ()], [(8, 9)]]
    total, pieces = engine.likelihood(features, captions)
    expected = 0.0
    for picture, entry in enumerate(captions):
        for ids in entry:
            read = engine.read(features.pictures(slice(picture, picture + 1)), ids)
            expected -= read.logprobs.sum().item()
    assert pieces == 4 + 2 + 1 + 3
    assert total == pytest.approx(expected, rel=1e-5)
