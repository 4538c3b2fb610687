"""Attention health: against plain loops, exact for uniform maps, each warning on its own maps only."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.errors import DataError
from saccade.metrics import health_flags as flags
from saccade.metrics.health import Health, health, rows
from saccade.metrics.resample import mean_interval
from saccade.values.places import Grid, Regions

FIGURES = (
    "entropy",
    "from_uniform",
    "distance",
    "between_words",
    "between_pictures",
    "centre",
    "border",
    "favourite",
)


def drawn(seed: int, lengths: list[int], grid: tuple[int, int], width: float = 0.3) -> list:
    """Random maps: small `width` makes them sharp."""
    rng = np.random.default_rng(seed)
    cells = grid[0] * grid[1]
    return [
        rng.dirichlet(np.full(cells, width), length).reshape(length, *grid) for length in lengths
    ]


def blob(grid: tuple[int, int], row: float, column: float, width: float = 0.7) -> np.ndarray:
    """(h, w) a bump at a place given in shares of the grid's sides."""
    h, w = grid
    down = np.arange(h) + 0.5 - row * h
    across = np.arange(w) + 0.5 - column * w
    found = np.exp(-(down[:, None] ** 2 + across[None] ** 2) / (2 * width**2))
    return found / found.sum()


def at(places: list[list[tuple[float, float]]], width: float = 0.7, grid=(8, 8)) -> list:
    """Captions whose word t of picture p looks at places[p][t]."""
    return [np.stack([blob(grid, r, c, width) for r, c in one]) for one in places]


# Plain loops --------------------------------------------------------------------------------------


def slow(maps: list[np.ndarray]) -> dict[str, float]:
    """All figures from lists and loops."""
    _, h, w = maps[0].shape
    L = h * w
    captions = [[one.ravel().tolist() for one in caption] for caption in maps]
    every = [one for caption in captions for one in caption]

    def apart(a, b):
        return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2

    def mean(values):
        return sum(values) / len(values)

    def overlap(a0, a1, b0, b1):
        return max(0.0, min(a1, b1) - max(a0, b0))

    def cover(cell):
        r, c = divmod(cell, w)
        return overlap(r, r + 1, h / 4, 3 * h / 4) * overlap(c, c + 1, w / 4, 3 * w / 4)

    def edge(cell):
        r, c = divmod(cell, w)
        return r in (0, h - 1) or c in (0, w - 1)

    total = sorted((sum(one[i] for one in every) for i in range(L)), reverse=True)
    few = min(4, math.ceil(0.02 * L))
    return {
        "entropy": mean([-sum(p * math.log(p) for p in one if p > 0) for one in every])
        / math.log(L),
        "from_uniform": mean([apart(one, [1 / L] * L) for one in every]),
        "distance": mean(
            [apart(c[t], c[t + 1]) for c in captions for t in range(len(c) - 1)],
        ),
        "between_words": mean(
            [1 - apart(c[t], c[u]) for c in captions for t in range(len(c)) for u in range(t)]
        ),
        "between_pictures": mean(
            [
                1 - apart(a[t], b[t])
                for i, a in enumerate(captions)
                for b in captions[:i]
                for t in range(min(len(a), len(b)))
            ]
        ),
        "centre": mean([sum(one[i] * cover(i) for i in range(L)) for one in every]),
        "border": mean([sum(one[i] for i in range(L) if edge(i)) for one in every]),
        "favourite": sum(total[:few]) / len(every),
    }


@pytest.mark.parametrize("grid", [(7, 7), (4, 6), (3, 3), (1, 5), (2, 2), (12, 13)])
def test_as_plain_loops_find_it(grid):
    maps = drawn(sum(grid), [5, 0, 3, 1, 7], grid)
    maps[0][0] = np.eye(1, maps[0][0].size).reshape(grid)  # zeros in a map
    found = health(maps)
    assert (found.pictures, found.words, found.grid) == (5, 16, grid)
    for name, value in slow(maps).items():
        assert getattr(found, name).value == pytest.approx(value, abs=1e-12), name


def test_the_course_is_the_mean_entropy_at_each_place_that_enough_captions_reach():
    maps = drawn(1, [6, 5, 4, 4, 3, 0], (5, 5))
    found = health(maps)
    shares = [[-(m[m > 0] * np.log(m[m > 0])).sum() / np.log(25) for m in c] for c in maps]
    assert len(found.entropy_course) == 4
    for t, interval in enumerate(found.entropy_course):
        assert interval.value == pytest.approx(np.mean([c[t] for c in shares if len(c) > t]))
    assert len(health(maps[:1]).entropy_course) == 6  # one picture alone


# Properties ---------------------------------------------------------------------------------------

GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 9))
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=7).filter(any)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), LENGTHS, GRIDS, st.sampled_from([0.02, 0.3, 50.0]))
def test_shares_stay_shares_and_the_order_of_pictures_does_not_matter(seed, lengths, grid, width):
    maps = drawn(seed, lengths, grid, width)
    found = health(maps, resamples=50)
    turned = health(maps[::-1], resamples=50)
    for name in FIGURES:
        one, other = getattr(found, name), getattr(turned, name)
        if one is None:
            assert other is None
            continue
        assert one.value == pytest.approx(other.value, abs=1e-9)
        assert -1e-9 <= one.low <= one.high <= 1 + 1e-9
        assert -1e-9 <= one.value <= 1 + 1e-9
    assert found.warnings.keys() == turned.warnings.keys()
    assert health(maps, resamples=50) == found
    assert len(rows(found)) == 11


@settings(deadline=None, max_examples=60)
@given(LENGTHS, GRIDS)
def test_uniform_maps_score_exactly_the_uniform_baseline(lengths, grid):
    cells = grid[0] * grid[1]
    maps = [np.full((length, *grid), 1 / cells, dtype=np.float32) for length in lengths]
    found = health(maps, resamples=20)
    for name in FIGURES:
        interval = getattr(found, name)
        if interval is not None:
            assert interval.value == pytest.approx(found.baselines["uniform"][name], abs=1e-6)
    assert found.baselines["uniform"]["centre"] == pytest.approx(0.25)
    assert list(found.warnings) == ["flat"]


@settings(deadline=None, max_examples=30)
@given(GRIDS)
def test_the_centres_baseline_is_what_a_look_at_the_centre_scores(grid):
    h, w = grid
    middle = np.zeros(grid)
    for r in range(h):
        for c in range(w):
            middle[r, c] = abs(r - (h - 1) / 2) < 1 and abs(c - (w - 1) / 2) < 1
    maps = [np.repeat(middle[None] / middle.sum(), 3, 0)] * 5
    found = health(maps, resamples=20)
    for name in FIGURES:
        assert getattr(found, name).value == pytest.approx(found.baselines["centre"][name])


def test_looks_at_cells_drawn_by_chance_score_the_chance_baseline():
    rng = np.random.default_rng(3)
    maps = [np.eye(36)[rng.integers(36, size=12)].reshape(12, 6, 6) for _ in range(300)]
    found = health(maps)
    for name in FIGURES:
        tolerance = 0.02  # `favourite` has its luck, too
        expected = found.baselines["chance"][name]
        assert getattr(found, name).value == pytest.approx(expected, abs=tolerance), name
    assert found.flags == ()


# Warnings -----------------------------------------------------------------------------------------

CORNERS = [(0.2, 0.2), (0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.5, 0.5)]
RNG = np.random.default_rng(0)


def moving() -> list[list[tuple[float, float]]]:
    return [[tuple(RNG.uniform(0.1, 0.9, 2)) for _ in range(8)] for _ in range(20)]


def within(low: float, high: float) -> list[list[tuple[float, float]]]:
    return [[tuple(RNG.uniform(low, high, 2)) for _ in range(8)] for _ in range(20)]


def around(edge: float) -> list[list[tuple[float, float]]]:
    """Looks somewhere along the border."""
    found = []
    for _ in range(20):
        looks = []
        for _ in range(8):
            side, along = RNG.integers(4), float(RNG.uniform(0, 1))
            fixed = edge if side < 2 else 1 - edge
            looks.append((fixed, along) if side % 2 else (along, fixed))
        found.append(looks)
    return found


def course() -> list[list[tuple[float, float]]]:
    """The same moving looks in every picture."""
    return [[CORNERS[t % 5] for t in range(8)]] * 20


def fixed() -> list[list[tuple[float, float]]]:
    """One place in each picture."""
    return [[tuple(RNG.uniform(0.1, 0.9, 2))] * 8 for _ in range(20)]


def nearly_uniform() -> list[np.ndarray]:
    return drawn(0, [8] * 20, (8, 8), 50.0)


SICK = {
    "flat": nearly_uniform,
    "collapsed": lambda: at([[(0.19, 0.19)] * 8] * 20, width=0.2),
    "static": lambda: at(fixed()),
    "static-broad": lambda: at(fixed(), width=2.0),
    "blind": lambda: at(course()),
    "blind-broad": lambda: at(course(), width=2.0),
    "centre": lambda: at(within(0.38, 0.62), width=0.5),
    "border": lambda: at(around(0.06), width=0.4),
}


@pytest.mark.parametrize("kind", SICK)
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_each_warning_fires_on_its_own_maps_and_on_no_other(kind, noise):
    maps = [
        (1 - noise) * m + noise * n for m, n in zip(SICK[kind](), nearly_uniform(), strict=True)
    ]
    found = health(maps)
    assert list(found.warnings) == [kind.split("-")[0]]
    assert any(character.isdigit() for character in found.flags[0])
    assert found.flags[0] in dict(rows(found))["warnings"]


@pytest.mark.parametrize("width", [0.2, 0.7, 1.5, 2.0])
def test_maps_that_move_have_no_warning(width):
    found = health(at(moving(), width))
    assert found.flags == ()
    assert dict(rows(found))["warnings"] == "nothing"


def test_a_slow_drift_is_no_standstill():
    steps = np.linspace(0.1, 0.9, 121)
    found = health(at([[(0.3, s) for s in steps], [(s, 0.5) for s in steps]] * 4))
    assert found.distance.value < flags.STATIC * found.from_uniform.value
    assert found.flags == ()


def test_broad_maps_are_not_static_because_they_are_broad():
    still, course = at(fixed(), width=2.0), at(moving(), width=0.4)
    found = health([0.92 * a + 0.08 * b for a, b in zip(still, course, strict=True)])
    assert flags.STATIC * found.from_uniform.value < found.distance.value < flags.STATIC
    assert found.flags == ()


def test_a_set_with_some_pictures_looked_at_elsewhere_is_not_stuck():
    most = at(within(0.38, 0.62), width=0.5)
    mixed = most[:16] + at(moving(), width=0.5)[:4]
    assert health(mixed).centre.value > 0.7
    assert health(mixed).flags == ()
    assert list(health(most).warnings) == ["centre"]


def test_what_is_true_together_is_said_together():
    found = health(at([[(0.5, 0.5)] * 6] * 10, width=0.9))
    assert list(found.warnings) == ["static", "blind", "centre"]


def test_one_picture_says_nothing_about_pictures():
    still = at([[(0.5, 0.5)] * 6] * 10, width=0.9)
    assert list(health(still[:1]).warnings) == ["static"]
    assert list(health(SICK["collapsed"]()[:3]).warnings) == ["static"]
    assert list(health(still[:1] + [still[0][:0]] * 9).warnings) == ["static"]


def test_the_collapsed_cells_are_named():
    found = health(SICK["collapsed"]())
    assert found.favourite_cells[0] == (1, 1)
    assert "row 2 column 2" in found.flags[0]


# Intervals, cost, wrong input ---------------------------------------------------------------------


def test_captions_of_one_word_have_no_distance():
    found = health(drawn(0, [1, 1, 0], (3, 3)))
    assert found.distance is None
    assert found.between_words is None
    assert found.between_pictures is not None
    assert health(drawn(0, [4, 0], (3, 3))).between_pictures is None
    assert "not known" in dict(rows(found))["distance between consecutive maps"]


def test_the_interval_between_pictures_is_that_of_a_bootstrap_over_pairs():
    lengths = np.random.default_rng(1).integers(1, 9, 60).tolist()
    rng = np.random.default_rng(2)  # pictures that differ in how alike they are to others
    maps = [
        np.stack([blob((6, 6), *rng.uniform(0.5 - s, 0.5 + s, 2)) for _ in range(length)])
        for length, s in zip(lengths, rng.uniform(0, 0.5, 60), strict=True)
    ]
    similar, shared = np.zeros((60, 60)), np.zeros((60, 60))
    for i in range(60):
        for j in range(i):
            both = min(lengths[i], lengths[j])
            apart = abs(maps[i][:both] - maps[j][:both]).sum((1, 2)) / 2
            similar[i, j], shared[i, j] = (1 - apart).sum(), both
    counts = rng.multinomial(60, np.full(60, 1 / 60), 4000).astype(float)
    values = ((counts @ similar) * counts).sum(1) / ((counts @ shared) * counts).sum(1)
    low, high = np.quantile(values, (0.025, 0.975))
    found = health(maps, resamples=4000).between_pictures
    assert found.value == pytest.approx(similar.sum() / shared.sum())
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)
    assert found.low <= found.value <= found.high


def test_a_mean_over_pictures_and_its_interval():
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 9, 200)
    values = weights * rng.uniform(0, 1, 200)
    found = mean_interval(values, weights)
    assert found.value == pytest.approx(values.sum() / weights.sum())
    drawn_ = rng.integers(200, size=(4000, 200))
    bounds = np.quantile(values[drawn_].sum(1) / weights[drawn_].sum(1), (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx(tuple(bounds), abs=0.01)
    assert found == mean_interval(values, weights)
    plain = mean_interval(values)
    assert plain.value == pytest.approx(values.mean())
    alone = mean_interval(np.array([0.5, 0.0]), np.array([1, 0]))  # half the resamples are empty
    assert (alone.value, alone.low, alone.high) == (0.5, 0.5, 0.5)
    with pytest.raises(DataError, match="picture that counts"):
        mean_interval(np.zeros(2), np.zeros(2))
    with pytest.raises(DataError, match="one value and one weight"):
        mean_interval(np.zeros(2), np.zeros(3))


def test_a_thousand_captions_take_about_a_second():
    maps = drawn(0, [12] * 1000, (14, 14), 1.0)
    best = math.inf
    for _ in range(3):  # the machine may be busy
        began = time.process_time()
        found = health(maps)
        best = min(best, time.process_time() - began)
    assert isinstance(found, Health)
    assert best < 1.5


@pytest.mark.parametrize(
    ("maps", "says"),
    [
        ([], "no map to look at"),
        ([np.zeros((0, 3, 3))], "no map to look at"),
        ([np.full((2, 9), 1 / 9)], r"\(T, h, w\) each"),
        ([np.full((1, 3, 3), 1 / 9), np.full((1, 2, 2), 1 / 4)], "of one grid"),
        ([np.full((1, 3, 3), 1 / 9), np.full((2, 3, 3), 0.2)], "map 0 of caption 1"),
        ([np.full((1, 3, 3), np.nan)], "map 0 of caption 0 is no shares"),
        ([np.array([[[1.5, -0.5]]])], "that sum to 1"),
    ],
)
def test_what_is_no_attention_is_refused(maps, says):
    with pytest.raises(DataError, match=says):
        health(maps)


def test_thresholds_leave_room_between_the_warnings():
    """No map can be flat and collapsed, and none at the centre and at the border."""
    assert flags.COLLAPSED_ENTROPY < flags.FLAT
    for grid in ((7, 7), (8, 8), (14, 14)):
        baselines = health([np.full((1, *grid), 1 / (grid[0] * grid[1]))]).baselines["uniform"]
        least = [b + flags.STUCK * (1 - b) for b in (baselines["centre"], baselines["border"])]
        assert sum(least) > 1


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
