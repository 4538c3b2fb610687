"""Gradient, occlusion windows, orders and agreement against plain twins and scipy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from saccade.explain.comparing import agreement, descending, shown, spearman
from saccade.explain.maps import windows
from saccade.explain.maps.gradients import gradient_times_input
from saccade.models.contract import Features
from saccade.values.places import Grid, Regions
from tests.engine.small import small_engine
from tests.explain.measured import measured_by
from tests.models.kinds import KINDS, F


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_times_input_is_autograd_through_the_steps(kind):
    """All words at once, by teacher forcing, against one word after the other through `step`; the
    second word is made of two pieces."""
    engine = small_engine(kind, 3)
    model, ids = engine.model.decoder, (5, 9, 4, 11)
    cells = torch.randn(1, 6, F)
    spans = ((0, 1), (1, 3), (3, 4))
    scores = gradient_times_input(measured_by(engine, cells, ids, spans))
    assert scores.shape == (3, 6)
    for row, (first, last) in zip(scores, spans, strict=True):
        at = cells.clone().requires_grad_()
        state, total = model.start(Features(at)), torch.zeros(())
        for place, token in enumerate((engine.vocabulary.bos, *ids)[:last]):
            logits, state, _ = model.step(torch.tensor([token]), state)
            if place >= first:
                total = total + logits.log_softmax(-1)[0, ids[place]]
        (gradient,) = torch.autograd.grad(total, at)
        expected = (gradient * at).sum(-1)[0].detach().numpy()
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-5)
    assert all(parameter.grad is None for parameter in model.parameters())


@given(h=st.integers(1, 30), w=st.integers(1, 30))
def test_windows_cover_every_cell_once(h, w):
    masks, index = windows(Grid(h, w, (0.0, 0.0, float(w), float(h)), (h, w)))
    assert (masks.sum(0) == 1).all()
    assert (masks[index, np.arange(h * w)]).all()
    assert len(masks) <= 14 * 14
    if h == w == 14:
        assert masks.shape == (49, 196)
        assert (masks.sum(1) == 4).all()
        assert np.ptp(np.argwhere(masks[8].reshape(14, 14)), 0).tolist() == [1, 1]  # square


def test_each_region_is_a_window():
    masks, index = windows(Regions(9, 9, ((0.0, 0.0, 4.0, 4.0), (2.0, 2.0, 9.0, 9.0))))
    assert masks.tolist() == [[True, False], [False, True]]
    assert index.tolist() == [0, 1]


scores = arrays(np.float64, 20, elements=st.integers(-4, 4).map(float))


@given(one=scores, other=scores)
def test_rank_correlation_is_scipys(one, other):
    flat = np.ptp(one) == 0 or np.ptp(other) == 0
    expected = 0.0 if flat else spearmanr(one, other).statistic
    assert spearman(one, other) == pytest.approx(expected, abs=1e-12)


@given(one=scores, other=scores)
def test_overlap_is_a_share_and_whole_with_itself(one, other):
    assert 0 <= agreement(one, other).overlap <= 1
    distinct = one + np.arange(20) / 100
    assert agreement(distinct, distinct).overlap == pytest.approx(1)


def test_overlap_with_a_flat_map_is_chance():
    assert agreement(np.arange(20.0), np.zeros(20)).overlap == pytest.approx(0.1)


def test_equal_cells_come_in_random_order_and_others_by_score():
    rng = np.random.default_rng(0)
    orders = {tuple(descending(np.zeros(5), rng)) for _ in range(50)}
    assert len(orders) > 20
    assert descending(np.array([0.1, 3.0, -2.0]), rng).tolist() == [1, 0, 2]


@given(values=arrays(np.float64, 6, elements=st.floats(-5, 5)))
@settings(max_examples=50)
def test_a_shown_map_is_what_speaks_for_the_word(values):
    found = shown(values, (2, 3))
    assert found.shape == (2, 3)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1 if values.max() > 0 else 0)
