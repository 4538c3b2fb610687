"""Diverse beam search against a straightforward twin, one picture at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import DiverseBeamSettings, Tokens, ban, beam_search, diverse_beam_search
from saccade.errors import UsageError
from tests.decoding.mock import BOS, EOS, PAD, Mock

TOKENS, BANNED = Tokens(BOS, EOS), (PAD, BOS)
RULES = [ban(BANNED)]


def plain_diverse(model, seed, beams, groups, diversity, max_words):
    """Lists and sorts: groups choose one after the other at each word."""
    width = beams // groups
    alive = [[(0.0, ())] for _ in range(groups)]
    ended = []
    for step in range(1, max_words + 1):
        counts = {}
        for g in range(groups):
            every = []
            for score, words in alive[g]:
                logprobs = torch.tensor(model.logits(seed, (BOS, *words))).log_softmax(-1)
                for word in range(model.vocabulary):
                    if word not in BANNED:
                        total = score + logprobs[word].item()
                        every.append(
                            (total - diversity * counts.get(word, 0), total, (*words, word))
                        )
            every.sort(key=lambda entry: -entry[0])
            alive[g] = []
            for _, total, words in every[:width]:
                counts[words[-1]] = counts.get(words[-1], 0) + 1
                if words[-1] == EOS:
                    ended.append((total, words[:-1]))
                elif step == max_words:
                    ended.append((total, words))
                else:
                    alive[g].append((total, words))
    return sorted(ended, reverse=True)[:beams]


@settings(max_examples=40, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=3),
    width=st.integers(1, 3),
    groups=st.integers(1, 3),
    diversity=st.sampled_from([0.0, 0.4, 3.0]),
    max_words=st.integers(1, 5),
)
def test_groups_equal_the_straightforward_search(seeds, width, groups, diversity, max_words):
    model = Mock(vocabulary=8)
    found = diverse_beam_search(
        model, model.start(seeds), TOKENS, RULES, width * groups, groups, diversity, max_words
    )
    for seed, hypotheses in zip(seeds, found, strict=True):
        expected = plain_diverse(model, seed, width * groups, groups, diversity, max_words)
        assert [h.ids for h in hypotheses] == [words for _, words in expected]
        for hypothesis, (score, _) in zip(hypotheses, expected, strict=True):
            assert hypothesis.score == pytest.approx(score, abs=1e-4)


def test_one_group_is_a_beam_search():
    model = Mock(vocabulary=7)
    one = diverse_beam_search(model, model.start([1, 2]), TOKENS, RULES, 4, 1, 5.0, 6)
    beam = beam_search(model, model.start([1, 2]), TOKENS, RULES, 4, 6, keep=4)
    for a, b in zip(one, beam, strict=True):
        assert [h.ids for h in a][:1] == [h.ids for h in b][:1]


def test_diversity_makes_first_words_differ():
    model = Mock(vocabulary=12, sharpness=0.5)
    (alike,) = diverse_beam_search(model, model.start([5]), TOKENS, RULES, 4, 4, 0.0, 4)
    (apart,) = diverse_beam_search(model, model.start([5]), TOKENS, RULES, 4, 4, 50.0, 4)
    assert len({h.ids for h in alike}) == 1
    assert len({h.ids[:1] for h in apart}) == 4


def test_groups_that_do_not_divide_the_beams_are_refused():
    with pytest.raises(UsageError, match=r"decode\.groups \(4\) must divide decode\.beams \(6\)"):
        DiverseBeamSettings(beams=6, groups=4)
