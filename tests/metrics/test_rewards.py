"""Token-id rewards against the scorer of texts, and their edges."""

import random

import numpy as np
import pytest

from saccade.errors import DataError
from saccade.metrics import CiderD, Frequencies, frequencies_of
from saccade.metrics.cider import cider

PAD, END = 0, 2


def draw(
    seed: int, pictures: int, words: int = 30
) -> tuple[list[list[list[int]]], np.random.Generator]:
    rng = np.random.default_rng(seed)
    return [
        [rng.integers(3, words, rng.integers(1, 14)).tolist() for _ in range(rng.integers(1, 6))]
        for _ in range(pictures)
    ], rng


def text(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def expected(
    references: list[list[list[int]]],
    sampled: list[list[int]],
    pictures: list[int],
    frequencies: Frequencies,
) -> np.ndarray:
    groups = [[text(row) for row in references[p]] for p in pictures]
    return cider(groups, [text(row) for row in sampled], frequencies)[1]


@pytest.mark.parametrize("count_end", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_equal_to_the_scorer_of_texts(count_end: bool, given: bool) -> None:
    references, rng = draw(1, 20)
    corpus, _ = draw(2, 50, words=60)  # knows n-grams that the references lack
    tail = [END] if count_end else []
    ended = [[[*row, *tail] for row in group] for group in references]
    frequencies = frequencies_of([[[*row, *tail] for row in g] for g in corpus] if given else ended)
    rewards = CiderD(
        references,
        end=END,
        pad=PAD,
        count_end=count_end,
        frequencies=frequencies if given else None,
    )
    pictures = rng.integers(0, 20, 70).tolist()
    sampled, batch = [], np.full((70, 16), PAD)
    for i, picture in enumerate(pictures):
        row = list(random.Random(i).choice(references[picture]))
        row = [int(rng.integers(3, 70)) if rng.random() < 0.3 else word for word in row][: i % 15]
        sampled.append(row + tail)
        batch[i, : len(row) + 1] = [*row, END]
        batch[i, len(row) + 1 :: 2] = 5  # rubbish after the end counts for nothing
    found = rewards.rewards(batch, pictures)
    np.testing.assert_allclose(found, expected(ended, sampled, pictures, frequencies), atol=1e-12)
    as_lists = rewards.rewards(
        [[*row, END] for row in (r[: len(r) - len(tail)] for r in sampled)], pictures
    )
    np.testing.assert_array_equal(as_lists, found)


def test_a_reference_itself_scores_best() -> None:
    references, _ = draw(3, 30)
    references = [[group[0]] for group in references]
    rewards = CiderD(references, end=END)
    best = rewards.rewards([group[0] for group in references], range(30))
    longest = [i for i, group in enumerate(references) if len(group[0]) >= 4]
    np.testing.assert_allclose(best[longest], 10.0)
    assert (best <= 10 + 1e-12).all()


def test_nothing_and_unknown_words() -> None:
    rewards = CiderD([[[3, 4, 5]], [[6, 7]]], end=END, pad=PAD)
    assert rewards.rewards(np.array([[END, 3], [PAD, PAD], [999, 998]]), [0, 1, 0]).tolist() == [
        0,
        0,
        0,
    ]
    assert rewards.rewards(np.zeros((0, 5), np.int64), []).shape == (0,)
    same, other = rewards.rewards([[3, 900, 900], [3, 900, 901]], [0, 0])
    assert same < other  # a repeated unknown word weighs more than two different ones


def test_empty_references_and_huge_ids() -> None:
    assert CiderD([[[]], [[]]]).rewards([[1, 2], []], [0, 1]).tolist() == [0, 0]
    counted = frequencies_of([[[]], [[]]])
    four = [70_000, 2**31, 5, 2**40]
    found = CiderD([[four], [[4]]], frequencies=counted).rewards([four, [4], [5]], [0, 1, 1])
    np.testing.assert_allclose(found, [10, 2.5, 0])


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(DataError, match="needs `end`"):
        CiderD([[[1]]], count_end=True)
    with pytest.raises(DataError, match="picture 1 has no reference"):
        CiderD([[[1]], []])
    rewards = CiderD([[[1]], [[2]]])
    with pytest.raises(DataError, match="1 captions but 2"):
        rewards.rewards([[1]], [0, 1])
    with pytest.raises(DataError, match="0 to 1"):
        rewards.rewards([[1]], [2])
