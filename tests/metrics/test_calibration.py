"""Chances and what came true: against plain loops, by hand, and on chances known to be right."""

from itertools import product

import numpy as np
import pytest
import torch

from saccade.errors import DataError
from saccade.metrics.calibration import (
    bins_of,
    calibration_error,
    chance_error,
    fit_logistic,
    roc_area,
    with_intervals,
)
from saccade.metrics.resample import Resampled, mean_interval


def cases(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clues (N, 2), their true chances (N,), and outcomes (N,) drawn with these."""
    rng = np.random.default_rng(seed)
    clues = rng.normal(size=(count, 2)) * (1, 30) + (0, 5)
    chances = 1 / (1 + np.exp(-(0.5 + clues[:, 0] - 0.05 * (clues[:, 1] - 5))))
    return clues, chances, (rng.random(count) < chances).astype(float)


def test_the_model_is_the_optimum_that_torch_gets():
    clues, _, outcomes = cases(200)
    model = fit_logistic(clues, outcomes)
    x = torch.tensor((clues - clues.mean(0)) / clues.std(0))
    theta = torch.zeros(3, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([theta], max_iter=200, tolerance_grad=1e-10)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = x @ theta[:2] + theta[2]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.tensor(outcomes), reduction="sum"
        )
        loss = loss + 0.5 * (theta[:2] ** 2).sum() + 0.5e-6 * theta[2] ** 2
        loss.backward()
        return loss

    optimiser.step(closure)
    assert [*model.weights, model.bias] == pytest.approx(theta.tolist(), abs=1e-4)


def test_without_clues_the_chance_is_the_base_rate():
    outcomes = np.array([1, 1, 1, 0.0])
    assert fit_logistic(np.zeros((4, 0)), outcomes).chances(np.zeros((2, 0))) == pytest.approx(0.75)


def test_all_right_and_clues_without_spread_stay_finite():
    model = fit_logistic(np.ones((5, 2)), np.ones(5))
    assert np.isfinite([*model.weights, model.bias]).all()
    assert model.chances(np.ones((1, 2)))[0] > 0.99


def test_the_roc_area_is_that_of_all_pairs():
    rng = np.random.default_rng(1)
    chances = rng.integers(0, 5, 30) / 5  # ties
    outcomes, weights = rng.choice([0, 0.3, 1], 30), rng.integers(0, 3, 30).astype(float)
    over = total = 0.0
    for i, j in product(range(30), repeat=2):
        pair = weights[i] * outcomes[i] * weights[j] * (1 - outcomes[j])
        over += pair * ((chances[i] > chances[j]) + 0.5 * (chances[i] == chances[j]))
        total += pair
    assert roc_area(chances, outcomes, weights) == pytest.approx(over / total)
    assert np.isnan(roc_area(chances, np.ones(30)))


def test_the_calibration_error_by_hand():
    chances = np.array([0.1, 0.1, 0.9, 0.9])
    outcomes = np.array([0.0, 1.0, 1.0, 1.0])
    bins = np.array([0, 0, 1, 1])
    # the first two: 0.1 said, 0.5 true; the others: 0.9 said, 1.0 true
    assert calibration_error(chances, outcomes, None, bins) == pytest.approx((0.4 + 0.1) / 2)
    weights = np.array([1, 0, 2, 1.0])
    assert calibration_error(chances, outcomes, weights, bins) == pytest.approx((0.1 + 0.3) / 4)


def test_bins_hold_equally_many_and_equal_chances_share_one():
    assert np.bincount(bins_of(np.linspace(0, 1, 100))).tolist() == [10] * 10
    assert len(set(bins_of(np.array([0.5] * 30)))) == 1


def test_right_chances_are_off_by_luck_alone():
    _, chances, outcomes = cases(4000)
    assert calibration_error(chances, outcomes) == pytest.approx(chance_error(chances), abs=0.01)
    assert calibration_error(np.clip(chances + 0.2, 0, 1), outcomes) > 0.12


def test_intervals_resample_pictures():
    _, chances, outcomes = cases(60)
    of = np.arange(60) // 3
    area, error = with_intervals(chances, outcomes, of, resamples=200)
    assert area.low < area.value < area.high
    assert error.value == calibration_error(chances, outcomes)
    assert error.low <= error.high


def test_one_bootstrap_serves_all_figures():
    """As `mean_interval` has it; and a figure does not differ from itself."""
    rng = np.random.default_rng(3)
    sums, weights = rng.random(40) * 3, rng.integers(0, 4, 40).astype(float)
    drawn = Resampled(40, 500, 7)
    one, other = drawn.interval(sums, weights), mean_interval(sums, weights, 500, 7)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    same = drawn.compare("it", (sums, weights), (sums, weights))
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_a_paired_difference_is_narrower_than_two_intervals():
    rng = np.random.default_rng(4)
    hard = rng.random(300)  # of each picture, for both
    one, other = hard + 0.05, hard + rng.normal(size=300) * 0.01
    weights = np.ones(300)
    pair = Resampled(300).compare("a - b", (one, weights), (other, weights))
    assert pair.sure
    assert pair.high - pair.low < 0.01
    assert pair.difference == pytest.approx((one - other).mean())


def test_nothing_to_fit_or_resample_is_refused():
    with pytest.raises(DataError, match="nothing to fit"):
        fit_logistic(np.zeros((0, 1)), np.zeros(0))
    with pytest.raises(DataError, match="at least 1"):
        Resampled(0)
