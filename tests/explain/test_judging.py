"""Verdicts from numbers whose right answer is known."""

import numpy as np
import pytest
from scipy import stats

from saccade.explain.judging import (
    JUDGE_ORDERS,
    JUDGE_SHARES,
    curves,
    effect,
    loss,
    seen,
    student,
    verdict,
)
from saccade.values.evidence import Interval

SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 1.0)


def test_students_t_is_scipys():
    for freedom in (*range(1, 31), 50, 200):
        assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=2e-3)


def test_a_map_no_better_than_random_is_called_supported_as_seldom_as_the_interval_says():
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(4000):
        orders = rng.normal(-2, 1, (9, 1)) + rng.normal(0, 0.2, (9, len(SHARES)))
        found = effect(SHARES, orders[0], orders[1:])
        above += found.low > 0
    assert 0.018 < above / 4000 < 0.032  # one tail of 95 %


def test_with_39_orders_chance_keeps_its_level_whatever_the_distribution():
    """Most random orders miss a small thing and a few hit it: Student's t on 8 is too narrow."""
    generator = np.random.default_rng(0)
    lows = {}
    for repeats in (8, 39, JUDGE_ORDERS):
        draws = -(generator.exponential(1, (4000, repeats + 1)) ** 3)  # log-probabilities
        found = [
            effect((0.1,), draw[:1], draw[1:, None]) for draw in draws
        ]  # the first order takes the map's place
        lows[repeats] = np.mean([item.low > 0 for item in found])
    assert lows[8] > 0.05
    assert lows[39] == pytest.approx(0.025, abs=0.0075)
    assert lows[JUDGE_ORDERS] == pytest.approx(0.025, abs=0.0075)
    falls = np.arange(39.0)[:, None]
    found = effect((0.1,), np.array([-5.0]), falls)
    assert found == Interval(24.0, 5.0, 43.0)


def test_the_effect_is_the_mean_fall_beyond_the_control_between_5_and_50_percent():
    own = np.array([0, -1, -2, -3, -4, -9, -9, -9, -9.0])
    random = np.tile(np.array([0, -0.5, -1, -1, -2, -9, -9, -9, -9.0]), (4, 1))
    found = effect(SHARES, own, random)
    assert found == Interval(pytest.approx((0.5 + 1 + 2 + 2) / 4), *[pytest.approx(1.375)] * 2)


def test_maps_of_other_tools_are_judged_by_the_cells_that_they_name_first():
    own = np.array([0, -1, -2, -3, -4, -9, -9, -9, -9.0])
    random = np.tile(np.array([0, -0.5, -1, -1, -8, -9, -9, -9, -9.0]), (4, 1))
    found = effect(SHARES, own, random, JUDGE_SHARES)
    assert found.value == pytest.approx((0.5 + 1 + 2) / 3)
    said = verdict(found, 2.0, "judged", JUDGE_SHARES)[1]
    assert "Covering the 5 to 20% of the cells that are highest in the judged map" in said
    assert effect(SHARES, own, random).value == pytest.approx((0.5 + 1 + 2 - 4) / 4)


def test_curves_and_their_areas():
    deletion = np.log(np.linspace(1, 0.1, 9))
    insertion = np.log(np.linspace(0.1, 1, 9))
    random = np.log(np.stack([np.linspace(0.9, 0.1, 9), np.linspace(0.7, 0.1, 9)]))
    found = curves(SHARES, deletion, insertion, random, random[:, ::-1])
    assert found.random_insertion == found.random_deletion[::-1]
    assert found.random_deletion == pytest.approx(random.mean(0))
    assert found.deletion_area == pytest.approx(np.trapezoid(np.linspace(1, 0.1, 9), SHARES))
    assert found.insertion_area == pytest.approx(np.trapezoid(np.linspace(0.1, 1, 9), SHARES))
    mean = np.linspace(0.8, 0.1, 9)
    assert found.random_deletion_area == pytest.approx(np.trapezoid(mean, SHARES))
    assert found.random_insertion_area == pytest.approx(np.trapezoid(mean[::-1], SHARES))
    assert found.effect == effect(SHARES, deletion, random)


@pytest.mark.parametrize(
    ("mean", "blank", "expected"),
    [
        (-3.0, -4.0, "seen"),
        (-3.0, -0.5, "partly"),
        (-0.1, -0.2, "guessed"),
        (-0.2, -0.8, "guessed"),
        (-0.8, -0.2, "guessed"),
        (-3.0, -0.1, "guessed"),
        (-0.0, -9.0, "guessed"),
    ],
)
def test_the_smaller_loss_decides_whether_a_word_was_seen(mean, blank, expected):
    assert seen(loss(-0.05, mean, blank)) == expected


@pytest.mark.parametrize(
    ("value", "low", "high", "expected", "says"),
    [
        (1.0, 0.5, 1.5, "supported", "1.00 nats more than"),
        (0.05, 0.01, 0.09, "weak", "real, but under"),
        (1.0, -0.5, 2.5, "weak", "no surer than chance"),
        (-1.0, -1.5, -0.5, "contradicted", "1.00 nats less than"),
        (-0.05, -0.09, -0.01, "weak", "real, but under"),
        (1.0, -np.inf, np.inf, "weak", "no surer"),
    ],
)
def test_verdicts(value, low, high, expected, says):
    found, reason = verdict(Interval(value, low, high), loss=2.0)
    assert found == expected
    assert says in reason


@pytest.mark.parametrize("loss", [-2.0, 0.1])
def test_a_word_that_needs_no_picture_depends_on_no_other_cells(loss):
    found, reason = verdict(Interval(-1.0, -1.5, -0.5), loss)
    assert found == "weak"
    assert "other cells" not in reason
    assert "speak against" in reason
