"""Attention summed in windows: a plain loop, what it does to flat and pointed maps, both its ways."""

import math

import numpy as np
import pytest
import torch

from saccade.explain.maps import OF_CAPTIONS, make
from saccade.explain.maps.density import SIGMA, density, density_of
from saccade.values.places import Grid, Regions
from tests.engine.small import small_engine
from tests.explain.measured import measured_by
from tests.models.kinds import F

PHOTO = Grid(60, 40, (-6, 0, 66, 40), (4, 6))  # reaches past the photo on two sides
BOXES = Regions(60, 40, ((0, 0, 30, 40), (10, 5, 20, 15), (40, 20, 60, 40)))


@pytest.mark.parametrize("where", [PHOTO, BOXES])
def test_density_is_a_plain_loop(where):
    weights = np.random.default_rng(0).dirichlet(np.ones(len(where)), 2)  # (W, L)
    found = density(where, weights)
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in where.boxes()]
    for word, alphas in enumerate(weights):
        sums = []
        for x, y in centres:
            total = 0.0
            for (u, v), alpha in zip(centres, alphas, strict=True):
                dx, dy = (x - u) / (where.width * SIGMA), (y - v) / (where.height * SIGMA)
                total += alpha * math.exp(-(dx**2 + dy**2) / 2)
            sums.append(total)
        np.testing.assert_allclose(found[word], np.array(sums) / sum(sums), rtol=1e-12)


def test_flat_attention_points_to_the_middle_and_a_single_cell_to_itself():
    flat = density_of(PHOTO, np.full((4, 6), 1 / 24))
    assert {tuple(cell) for cell in np.argwhere(np.isclose(flat, flat.max()))} == {
        (1, 2), (1, 3), (2, 2), (2, 3)
    }  # fmt: skip
    for cell in range(24):
        alphas = np.eye(24)[cell].reshape(4, 6)
        assert density_of(PHOTO, alphas).argmax() == cell


def test_neighbours_outvote_a_single_bright_cell():
    alphas = np.zeros((4, 6))
    alphas[3, 0] = 0.3
    alphas[1:3, 3:5] = 0.7 / 4
    assert np.unravel_index(density_of(PHOTO, alphas).argmax(), (4, 6)) in {(1, 3), (2, 3)}
    assert alphas.argmax() == 18


def test_no_attention_stays_none():
    assert not density_of(PHOTO, np.zeros((2, 4, 6))).any()


def test_from_a_caption_alone_as_from_the_engine():
    engine = small_engine("soft_attention")
    cells = torch.randn(1, 12, F, generator=torch.Generator().manual_seed(0))
    measured = measured_by(engine, cells, (4, 5, 6), ((0, 1), (1, 3)))
    (scores,) = make(measured, ("density",)).scores.values()
    for word, alphas in enumerate(measured.attention):
        alone = OF_CAPTIONS["density"](measured.where, alphas.reshape(measured.where.shape))
        np.testing.assert_allclose(scores[word], alone.ravel(), rtol=1e-12)
