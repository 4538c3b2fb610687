"""Attention against boxes: mass, its baselines, and the lag."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.metrics.grounding import (
    centre_map,
    coverage,
    grounding,
    mass,
    rows,
    uniform_map,
    word_pointing,
)
from saccade.values.places import Box, Grid, Regions

PLAIN = Grid(40, 20, (0.0, 0.0, 40.0, 20.0), (2, 4))  # cells of 10 x 10 pixels
PADDED = Grid(40, 20, (0.0, -10.0, 40.0, 30.0), (4, 4))  # a row of padding above and below
CROPPED = Grid(40, 20, (10.0, 0.0, 30.0, 20.0), (2, 2))
LEFT, RIGHT = (0.0, 0.0, 10.0, 20.0), (30.0, 0.0, 40.0, 20.0)
MIDDLE = (10.0, 0.0, 20.0, 20.0)


def on(box: Box, where: Grid = PLAIN) -> np.ndarray:
    """A map on the cells that the box covers."""
    cells = coverage(where, [box])
    return (cells / cells.sum()).astype(np.float32)


def plain_mass(alpha: np.ndarray, where: Grid, boxes: list[Box]) -> float:
    """The slow twin: pixel by pixel, for integer edges and grids that divide the pixels."""
    h, w = where.shape
    x0, y0, x1, y1 = (int(edge) for edge in where.box)
    high, wide = (y1 - y0) // h, (x1 - x0) // w
    total = 0.0
    for row in range(h):
        for column in range(w):
            seen = inside = 0
            for y in range(y0 + row * high, y0 + (row + 1) * high):
                for x in range(x0 + column * wide, x0 + (column + 1) * wide):
                    if 0 <= x < where.width and 0 <= y < where.height:
                        seen += 1
                        inside += any(b[0] <= x < b[2] and b[1] <= y < b[3] for b in boxes)
            total += float(alpha[row, column]) * inside / seen if seen else 0.0
    return total


@st.composite
def integer_boxes(draw) -> Box:
    x0, y0 = draw(st.integers(-5, 39)), draw(st.integers(-5, 19))
    return (x0, y0, x0 + draw(st.integers(1, 30)), y0 + draw(st.integers(1, 30)))


BOXES = st.lists(integer_boxes(), max_size=4)
GEOMETRIES = st.sampled_from([PLAIN, PADDED, CROPPED])


@settings(max_examples=60, deadline=None)
@given(where=GEOMETRIES, boxes=BOXES, seed=st.integers(0, 99))
def test_mass_is_as_counted_pixel_by_pixel(where, boxes, seed):
    alpha = np.random.default_rng(seed).dirichlet(np.ones(where.shape).ravel())
    alpha = alpha.reshape(where.shape)
    found = mass(alpha, where, boxes)
    assert found == pytest.approx(plain_mass(alpha, where, boxes), abs=1e-9)
    assert 0 <= found <= 1 + 1e-9


FLOATS = st.floats(-50, 90, allow_nan=False, width=32)
ANY_BOX = st.tuples(FLOATS, FLOATS, FLOATS, FLOATS).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]) + 0.5, max(v[1], v[3]) + 0.5)
)


@settings(max_examples=60, deadline=None)
@given(where=GEOMETRIES, box=ANY_BOX)
def test_uniform_mass_is_the_share_of_the_area(where, box):
    for even in (uniform_map(where), centre_map(where)):
        assert even.sum() == pytest.approx(1)
        assert 0 <= mass(even, where, [box]) <= 1 + 1e-9
    x0, y0 = max(0, where.box[0]), max(0, where.box[1])
    x1, y1 = min(40, where.box[2]), min(20, where.box[3])
    wide = max(0.0, min(x1, box[2]) - max(x0, box[0]))
    high = max(0.0, min(y1, box[3]) - max(y0, box[1]))
    share = wide * high / ((x1 - x0) * (y1 - y0))
    assert mass(uniform_map(where), where, [box]) == pytest.approx(share, abs=1e-6)
    assert mass(uniform_map(where), where, [box, box]) == pytest.approx(share, abs=1e-6)


@given(row=st.integers(0, 1), column=st.integers(0, 3))
def test_a_map_on_the_box_has_all_its_mass_there(row, column):
    box = PLAIN.cell_box(row, column)
    assert mass(on(box), PLAIN, [box]) == pytest.approx(1)
    assert word_pointing("x", on(box), PLAIN, [box]).peak == 1


def test_baselines():
    """The centre's Gaussian: 38.3 % within half a sigma, 95.4 % of the photo within two."""
    middle = (15.0, 0.0, 25.0, 20.0)
    fine = Grid(40, 20, (0.0, 0.0, 40.0, 20.0), (1, 40))
    assert mass(centre_map(fine), fine, [middle]) == pytest.approx(0.38292 / 0.9545, abs=1e-4)
    assert uniform_map(PADDED)[:, 0] == pytest.approx([0, 1 / 8, 1 / 8, 0])
    assert word_pointing("x", on(LEFT), PADDED, [LEFT]).uniform == 0.25  # padding doesn't count
    assert mass(np.full((4, 4), 1 / 16), PADDED, [(0, 0, 40, 20)]) == 0.5  # but takes mass


def caption(maps, named, where=PLAIN):
    return np.stack(maps), where, named


def alternating(shift: int, words: int = 6):
    """A caption that names three things in turn, and maps that come `shift` words late."""
    things = [LEFT, MIDDLE, RIGHT]
    maps = [on(things[(t - shift) % 3]) for t in range(words)]
    return caption(maps, [(t, [things[t % 3]]) for t in range(words)])


@given(words=st.integers(5, 12), pictures=st.integers(2, 5))
@settings(max_examples=10, deadline=None)
def test_a_shift_by_one_word_is_found(words, pictures):
    def lag(shift):
        return grounding([alternating(shift, words)] * pictures, resamples=50).lag

    assert lag(0).sentence().startswith("maps fit the word's own box best (100.0% of words")
    assert lag(1).sentence().startswith("maps run late: they fit the box of the thing named before")
    assert lag(-1).sentence().startswith("maps run early")
    assert lag(1).attention.last_best.value == pytest.approx((words - 1) / words)
    assert lag(1).attention.last.value == pytest.approx(1)
    assert lag(-1).attention.next.value == pytest.approx(1)
    assert lag(0).over_last.value == pytest.approx(1)


def test_by_hand():
    """Two pictures: "left" looks right (a miss), "right" looks half right; then a hit."""
    half = (on(LEFT) + on(RIGHT) * 1.01) / 2.01
    first = caption([on(RIGHT), on(LEFT), half], [(0, [LEFT]), (2, [RIGHT])])
    second = caption([on(LEFT)], [(0, [LEFT])])
    found = grounding([first, second])
    assert (found.pictures, found.words, found.absent) == (2, 3, 0)
    assert found.pointing.attention.value == pytest.approx(2 / 3)
    assert found.pointing.uniform.value == pytest.approx(1 / 4)
    assert found.pointing.centre.value == 0
    assert found.mass.attention.value == pytest.approx((0 + 1.01 / 2.01 + 1) / 3)
    assert found.mass.uniform.value == pytest.approx(1 / 4)
    assert found.pointing.attention.low == pytest.approx(1 / 2)  # the first picture alone
    assert found.pointing.attention.high == 1
    assert found.lag.words == 2
    assert found.lag.attention.own_best.value == 0.5
    assert found.lag.attention.next_best.value == 0.5
    assert found.lag.attention.last_best.value == 0
    assert found.lag.attention.own.value == pytest.approx(1.01 / 2.01 / 2)
    assert found.lag.attention.next.value == pytest.approx(1)
    assert found.lag.attention.last.value == pytest.approx(1 / 2.01)
    assert found.lag.uniform.own_best.value == 0.5  # boxes of a size: a tie
    assert found.lag.over_next.value == pytest.approx(-1)
    assert found.lag.over_last.value == pytest.approx(0.01 / 2.01, abs=1e-6)


def test_large_boxes_do_not_pass_for_lag():
    """Uniform attention has its mass in the large box; that is no sign of lateness."""
    small, large = (0.0, 0.0, 4.0, 4.0), (4.0, 0.0, 40.0, 20.0)
    even = np.full((2, 4), 1 / 8)
    found = grounding([caption([even, even], [(0, [large]), (1, [small])])] * 3)
    assert found.lag.attention.last.value > found.lag.attention.own.value - 0.5
    assert found.lag.over_last.value == pytest.approx(0, abs=1e-9)
    assert "not clearly" in found.lag.sentence()
    assert "last or next" in found.lag.sentence()


def test_the_same_boxes_are_the_same_thing():
    """ "red car": both words name one thing, so neither is the other's last or next."""
    named = [(0, [LEFT]), (1, [LEFT])]
    assert grounding([caption([on(LEFT)] * 2, named)]).lag is None
    three = grounding([caption([on(LEFT)] * 3, [*named, (2, [RIGHT])])])
    assert three.lag.words == 3  # the first word's next is the third


def test_what_is_not_in_view_is_left_out():
    """Nothing of LEFT is under the cropped grid."""
    maps = [np.full((2, 2), 0.25)] * 3
    found = grounding([caption(maps, [(0, []), (1, [LEFT]), (2, [MIDDLE])], CROPPED)])
    assert (found.words, found.absent) == (1, 2)
    assert found.lag is None
    assert grounding([caption(maps, [(0, [])], CROPPED)]) is None
    assert grounding([]) is None


def test_rows():
    found = grounding([alternating(0)] * 4)
    table = dict(rows(found))
    assert table["words with a box"] == "24 in 4 pictures; too few for their intervals"
    assert table["pointing game"] == "100.0% (100.0 to 100.0); uniform 25.0%, centre 0.0%"
    assert table["attention mass in the box"].startswith("100.0% (100.0 to 100.0); uniform 25.0%")
    assert table["fits the next thing's box best"].startswith("0.0%")
    assert table["lag"].endswith("(100.0% of words fit their own best; uniform: 38.9%), over 24 words")  # fmt: skip
    short = dict(rows(replace(found, lag=None, absent=2)))
    assert short["words with a box"] == (
        "24 in 4 pictures (2 more name what is not in view); too few for their intervals"
    )
    assert list(short)[-1] == "attention mass in the box"


def test_intervals_are_over_pictures_and_seeded():
    rng = np.random.default_rng(0)
    many = [caption([on(LEFT if rng.random() < 0.7 else RIGHT)], [(0, [LEFT])]) for _ in range(200)]
    found = grounding(many, seed=3)
    assert found == grounding(many, seed=3)
    rate = found.pointing.attention
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * (0.7 * 0.3 / 200) ** 0.5, rel=0.2)


def tiles(where: Grid) -> Regions:
    """The grid's cells as regions."""
    return Regions(where.width, where.height, tuple(map(tuple, where.boxes().tolist())))


@settings(max_examples=60, deadline=None)
@given(where=GEOMETRIES, boxes=st.lists(ANY_BOX, max_size=3), seed=st.integers(0, 99))
def test_regions_that_tile_a_grid_give_its_figures(where, boxes, seed):
    regions = tiles(where)
    assert coverage(regions, boxes) == pytest.approx(coverage(where, boxes).ravel(), abs=1e-9)
    assert centre_map(regions) == pytest.approx(centre_map(where).ravel(), abs=1e-9)
    alpha = np.random.default_rng(seed).dirichlet(np.ones(len(where)))
    ours = word_pointing("x", alpha, regions, boxes)
    grids = word_pointing("x", alpha.reshape(where.shape), where, boxes)
    assert (ours.peak, ours.centre) == (grids.peak, grids.centre)


def test_regions_may_overlap_and_stick_out():
    where = Regions(
        40, 20, (LEFT, (0.0, 0.0, 20.0, 20.0), (-10.0, 0.0, 10.0, 20.0), (50, 0, 60, 9))
    )
    assert coverage(where, [LEFT]).tolist() == [1, 0.5, 1, 0]
    assert uniform_map(where).tolist() == [1 / 3, 1 / 3, 1 / 3, 0]
    assert centre_map(where).sum() == pytest.approx(1)
    assert mass(np.array([0.5, 0.5, 0, 0]), where, [LEFT]) == 0.75


def test_grounding_over_regions_is_that_over_the_same_cells():
    regions = tiles(PLAIN)
    pictures = [alternating(0), alternating(1)] * 3
    over = [(alphas.reshape(len(alphas), -1), regions, named) for alphas, _, named in pictures]
    assert rows(grounding(over, resamples=50)) == rows(grounding(pictures, resamples=50))
