"""Shares of cells, and which are covered first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from saccade.explain.covering import cells, first_covered


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
