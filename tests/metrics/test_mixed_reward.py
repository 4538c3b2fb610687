"""BLEU-4 and ROUGE-L of word ids against the scorers of texts, and their mix with CIDEr-D."""

import numpy as np
import pytest

from saccade.errors import DataError
from saccade.metrics import CiderD
from saccade.metrics.bleu import bleu
from saccade.metrics.mixed_reward import MixedReward, rouge_rewards
from saccade.metrics.rouge import rouge_l

END = 2


def drawn(seed: int):
    rng = np.random.default_rng(seed)
    references = [
        [rng.integers(3, 12, rng.integers(1, 9)).tolist() for _ in range(rng.integers(1, 6))]
        for _ in range(8)
    ]
    pictures = rng.integers(0, 8, 60).tolist()
    captions = [rng.integers(3, 14, rng.integers(1, 11)).tolist() for _ in pictures]
    return references, captions, pictures


def texts(rows):
    return [" ".join(map(str, row)) for row in rows]


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_the_scorers_of_texts(seed):
    references, captions, pictures = drawn(seed)
    groups = [texts(references[p]) for p in pictures]
    by_number = dict(enumerate(references))
    expected = bleu(groups, texts(captions))[1][:, 3]
    np.testing.assert_allclose(CiderD(references).bleu(captions, pictures), expected, atol=1e-12)
    expected = rouge_l(groups, texts(captions))[1]
    np.testing.assert_allclose(rouge_rewards(captions, by_number, pictures), expected, atol=1e-12)


def test_the_mix_is_the_weighted_sum_with_the_end_as_a_word():
    references, captions, pictures = drawn(5)
    captions = [[*row, END] if i % 3 else row for i, row in enumerate(captions)]  # some were cut
    ended = [[[*row, END] for row in group] for group in references]
    groups = [texts(ended[p]) for p in pictures]
    expected = (
        2 * CiderD(ended).rewards(captions, pictures)
        + 3 * bleu(groups, texts(captions))[1][:, 3]
        + 0.5 * rouge_l(groups, texts(captions))[1]
    )
    mix = MixedReward(references, END, cider=2, bleu=3, rouge=0.5)
    np.testing.assert_allclose(mix(captions, pictures), expected, atol=1e-12)


def test_a_caption_that_stops_too_soon_earns_less_than_a_whole_one():
    references = [[[3, 4, 5, 6, 3, 7]], [[8, 9]]]
    for weights in ({}, {"cider": 0, "bleu": 1}, {"cider": 0, "rouge": 1}):
        mix = MixedReward(references, END, **weights)
        whole, cut, short = mix([[3, 4, 5, 6, 3, 7, END], [3, 4, 5, 6, 3, 7], [3, 4, END]], [0] * 3)
        assert whole > cut > short


def test_empty_captions_and_pictures_without_references():
    mix = MixedReward([[[3, 4]], [[5]]], END, cider=1, bleu=1, rouge=1)
    assert mix([[END], []], [0, 1]).min() >= 0
    with pytest.raises(DataError, match="picture 1 has no reference"):
        MixedReward([[[3]], []], END)
