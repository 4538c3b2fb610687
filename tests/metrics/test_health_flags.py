"""Warnings about attention: each fires on its own maps only."""

import numpy as np
import pytest

from saccade.metrics import health_flags as flags
from saccade.metrics.health import health, rows
from tests.metrics.made_maps import around, at, course, fixed, moving, nearly_uniform, within

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


def test_thresholds_leave_room_between_the_warnings():
    """No map can be flat and collapsed, and none at the centre and at the border."""
    assert flags.COLLAPSED_ENTROPY < flags.FLAT
    for grid in ((7, 7), (8, 8), (14, 14)):
        baselines = health([np.full((1, *grid), 1 / (grid[0] * grid[1]))]).baselines["uniform"]
        least = [b + flags.STUCK * (1 - b) for b in (baselines["centre"], baselines["border"])]
        assert sum(least) > 1
