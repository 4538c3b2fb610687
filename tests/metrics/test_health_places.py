"""Health of maps over regions, and of maps with a share of attention on no cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.errors import DataError
from saccade.metrics import health_flags as flags
from saccade.metrics.health import health, rows
from saccade.values.places import Grid, Regions
from tests.metrics.made_maps import at, drawn, fixed, moving


def tiled(shape: tuple[int, int], size: tuple[int, int] = (140, 140)) -> Regions:
    """A grid's cells as regions."""
    return Regions(*size, tuple(map(tuple, Grid(*size, (0, 0, *size), shape).boxes().tolist())))


@pytest.mark.parametrize("make", [moving, fixed])
def test_regions_that_tile_the_photo_are_as_healthy_as_the_grid(make):
    """On the 16x16 cells that regions are compared on, every figure is the grid's."""
    maps = at(make(), width=1.5, grid=(16, 16))
    grid = health(maps, resamples=30)
    tiles = [tiled((16, 16))] * len(maps)
    regions = health([m.reshape(len(m), -1) for m in maps], tiles, resamples=30)
    assert regions.regions
    for name in ("entropy", "from_uniform", "distance", "between_words", "between_pictures"):
        assert getattr(regions, name).value == pytest.approx(getattr(grid, name).value)
    for name in ("centre", "border", "favourite"):
        assert getattr(regions, name).low == pytest.approx(getattr(grid, name).low)
    assert regions.favourite_cells == grid.favourite_cells
    assert list(regions.warnings) == list(grid.warnings)
    assert regions.baselines["uniform"] == pytest.approx(grid.baselines["uniform"], abs=1e-6)
    assert "regions, their places on 16x16 cells" in dict(rows(regions))["looked at"]


def test_each_picture_has_regions_of_its_own():
    one = Regions(100, 100, ((0, 0, 50, 50), (50, 50, 100, 100)))
    other = Regions(40, 80, ((0, 0, 40, 80), (-9, 2, 4, 8), (10, 20, 30, 60), (50, 90, 60, 99)))
    maps = [np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.0, 0.0, 1.0, 0.0]]), np.zeros((0, 2))]
    found = health(maps, [one, other, one], resamples=20)
    assert (found.pictures, found.words) == (3, 3)
    assert found.entropy.value == pytest.approx(2 / 3)  # 1, 1 and 0, each of its own largest
    assert found.centre.value == pytest.approx((0.25 + 0.25 + 1) / 3)
    assert set(found.baselines) == {"uniform", "centre", "chance"}
    with pytest.raises(DataError, match="over 2 regions is"):
        health([np.full((1, 3), 1 / 3)], [one])
    with pytest.raises(DataError, match="not comparable"):
        health([np.full((1, 2), 0.5)] * 2, [one, Grid(9, 9, (0, 0, 9, 9), (1, 2))])
    with pytest.raises(DataError, match="sum to 1"):
        health([np.full((1, 2), 0.4)], [one])


# A share on no cell --------------------------------------------------------------------------------


def thinned(maps: list[np.ndarray], shares: list[np.ndarray]) -> list[np.ndarray]:
    return [m * (1 - e)[:, None, None] for m, e in zip(maps, shares, strict=True)]


def with_a_cell(maps: list[np.ndarray], shares: list[np.ndarray]) -> list[np.ndarray]:
    """(T, 1, L + 1): the share on no cell as one more cell."""
    return [
        np.hstack((m.reshape(len(m), -1), e[:, None]))[:, None]
        for m, e in zip(thinned(maps, shares), shares, strict=True)
    ]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 5), min_size=2, max_size=6))
def test_what_is_on_no_cell_is_one_more_place(seed, lengths):
    rng = np.random.default_rng(seed)
    maps = drawn(seed, lengths, (3, 4))
    shares = [rng.random(length) for length in lengths]
    kept = health(thinned(maps, shares), elsewhere=shares, resamples=20)
    alone, more = health(maps, resamples=20), health(with_a_cell(maps, shares), resamples=20)
    every = np.concatenate(shares)
    assert kept.elsewhere.value == pytest.approx(every.mean())
    assert kept.entropy.value == pytest.approx(alone.entropy.value)  # of what is on the cells
    for name in ("distance", "between_words", "between_pictures"):
        one, other = getattr(kept, name), getattr(more, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.value == pytest.approx(other.value)
    masses = np.concatenate(thinned(maps, shares))
    assert kept.border.value == pytest.approx(
        masses.sum((1, 2)).mean() - masses[:, 1, 1:3].sum(1).mean()
    )
    assert dict(rows(kept))["attention on no cell"].startswith(f"{every.mean():.3f} (")


def test_maps_that_are_whole_need_no_share():
    maps = drawn(1, [3, 2], (3, 3))
    plain = health(maps, resamples=20)
    zeros = health(maps, elsewhere=[np.zeros(3), None], resamples=20)
    assert plain == zeros
    assert plain.elsewhere.value == 0
    assert "attention on no cell" not in dict(rows(plain))


@pytest.mark.parametrize("regions", [False, True])
def test_uniform_maps_with_a_share_score_the_uniform_baseline(regions):
    """Which has the same share on the cells; and they are flat, not half as flat."""
    maps = [np.full((4, 4, 4), 0.5 / 16)] * 5
    where = None
    if regions:
        maps, where = [m.reshape(4, 16) for m in maps], [tiled((4, 4))] * 5
    found = health(maps, where, [np.full(4, 0.5)] * 5, resamples=20)
    for name, value in found.baselines["uniform"].items():
        assert getattr(found, name).value == pytest.approx(value), name
    assert found.baselines["uniform"]["centre"] == pytest.approx(0.125)
    assert list(found.warnings) == ["flat"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_a_share_on_no_cell_hides_no_warning_and_makes_none(share):
    """A model that always looks at one place does so with half its attention, too."""
    shares = [np.full(8, share)] * 20
    for make in (moving, fixed):
        maps = at(make())
        kept = health(thinned(maps, shares), elsewhere=shares)
        assert list(kept.warnings) == list(health(maps).warnings)


def test_attention_that_is_hardly_on_the_picture_is_said():
    shares = [np.full(8, 0.97)] * 20
    found = health(thinned(at(moving()), shares), elsewhere=shares)
    assert list(found.warnings) == ["elsewhere"]
    assert "97.0%" in found.flags[0]
    gone = [np.ones(8)] * 20  # not one cell
    nothing = health([np.zeros((8, 3, 3))] * 20, elsewhere=gone)
    assert list(nothing.warnings) == ["elsewhere"]
    assert nothing.entropy.value == 1
    assert flags.ELSEWHERE > 0.5


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ([np.array([0.1])], "sum to 1 with the share that is on no cell"),
        ([np.array([-0.5])], "sum to 1"),
        ([np.array([np.nan])], "sum to 1"),
        ([np.array([0.5, 0.5])], "one figure per word"),
    ],
)
def test_shares_that_do_not_add_up_are_refused(shares, says):
    with pytest.raises(DataError, match=says):
        health([np.full((1, 2, 2), 0.125)], elsewhere=shares)
    assert health([np.full((1, 2, 2), 0.125)], elsewhere=[np.array([0.5])]).elsewhere.value == 0.5
