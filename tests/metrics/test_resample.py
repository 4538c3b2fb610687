"""Bootstrap intervals and the paired test."""

import numpy as np
import pytest

from saccade.errors import DataError
from saccade.metrics import compare, intervals, score
from saccade.metrics.resample import _draws, _figures, mean_interval
from saccade.metrics.scores import Scores, score_tokenized

WORDS = ["a", "man", "dog", "cat", "on", "the", "red", "grass", "runs", "sits", "with", "ball"]


def system(pictures: int, noise: float, seed: int) -> tuple[Scores, list[list[str]], list[str]]:
    """Captions that are references of their picture with some words replaced."""
    common = np.random.default_rng(0)
    groups = [[" ".join(common.choice(WORDS, 8)) for _ in range(3)] for _ in range(pictures)]
    rng = np.random.default_rng(seed)
    texts = []
    for group in groups:
        words = group[0].split()
        texts.append(" ".join(str(rng.choice(WORDS)) if rng.random() < noise else w for w in words))
    return score_tokenized(range(pictures), groups, texts), groups, texts


def test_a_resample_scores_as_the_drawn_pictures_would() -> None:
    scores, groups, texts = system(40, 0.5, 1)
    drawn = next(_draws(40, 3, seed=5))
    figures = _figures(scores, drawn)
    for row, times in zip(figures, drawn, strict=True):
        picks = np.repeat(np.arange(40), times)
        again = score_tokenized(range(40), [groups[i] for i in picks], [texts[i] for i in picks])
        found = dict(zip(scores.values, row, strict=True))
        for name in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L"):
            assert found[name] == pytest.approx(again[name], abs=1e-12)
        assert found["CIDEr"] == pytest.approx(scores.per_picture["CIDEr"][picks].mean())


def test_intervals_are_seeded_hold_the_figure_and_narrow_with_more_pictures() -> None:
    few, many = system(40, 0.5, 1)[0], system(1000, 0.5, 1)[0]
    narrow, wide = intervals(many), intervals(few)
    assert intervals(few) == wide
    assert intervals(few, seed=1) != wide
    for name, value in few.values.items():
        assert wide[name].low <= value <= wide[name].high
        assert narrow[name].high - narrow[name].low < (wide[name].high - wide[name].low) / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    everything = system(3000, 0.5, 1)[0]
    truth, values = everything["ROUGE-L"], everything.per_picture["ROUGE-L"]
    covered = 0
    for seed in range(200):
        picks = np.random.default_rng(seed).choice(3000, 100, replace=False)
        sample = Scores(
            {"ROUGE-L": float(values[picks].mean())},
            tuple(picks.tolist()),
            {"ROUGE-L": values[picks]},
            np.zeros((100, 0)),
        )
        bound = intervals(sample, resamples=200, seed=seed)["ROUGE-L"]
        covered += bound.low <= truth <= bound.high
    assert 0.88 <= covered / 200 <= 0.99


def test_better_worse_and_the_same() -> None:
    good, bad = system(300, 0.3, 1)[0], system(300, 0.6, 2)[0]
    found = compare(good, bad)["CIDEr"]
    assert found.sure
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01
    assert found.sentence("mine", "theirs").startswith("mine beats theirs: ")
    back = compare(bad, good)["CIDEr"]
    assert back.sentence("mine", "theirs").startswith("theirs beats mine: ")
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    alike = compare(good, system(300, 0.3, 3)[0])["CIDEr"]
    assert not alike.sure
    assert "is not clearly better than" in alike.sentence()
    itself = compare(good, good)["BLEU-4"]
    assert (itself.difference, itself.low, itself.high, itself.p) == (0, 0, 0, 1)


def test_bad_input_is_one_sentence() -> None:
    first = score([["a"], ["b"]], ["a", "b"])
    other = score({1: ["a"], 2: ["b"]}, {1: "a", 2: "b"})
    with pytest.raises(DataError, match="same pictures"):
        compare(first, other)
    with pytest.raises(DataError, match="between 0 and 1"):
        intervals(first, level=95)
    with pytest.raises(DataError, match="at least 1 resample"):
        intervals(first, resamples=0)


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(2, 1, 400)
    found = mean_interval(values)
    assert found == mean_interval(values)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    few = mean_interval(np.array([3.0, 0.0]), np.array([4, 1]))
    assert (few.value, few.low, few.high) == pytest.approx((0.6, 0.0, 0.75))
    spared = mean_interval(np.array([3.0, 0.0]), np.array([4, 0]))  # draws without any weight
    assert (spared.value, spared.low, spared.high) == pytest.approx((0.75, 0.75, 0.75))
    with pytest.raises(DataError, match="at least 1 picture that counts"):
        mean_interval(np.zeros(0))
