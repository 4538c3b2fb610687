"""Words that must come: constrained beam search against enumeration and a straightforward twin."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import (
    STRATEGIES,
    BeamSettings,
    RuleSettings,
    Tokens,
    ban,
    beam_search,
    changed,
    constrained_beam_search,
)
from saccade.decoding.rules import forced_ids, no_repeated_word
from saccade.errors import UsageError
from saccade.text import SPECIALS, Vocabulary
from tests.decoding.mock import BOS, EOS, PAD, Mock

BANNED = (PAD, BOS)
RULES = [ban(BANNED)]
SETS = st.lists(st.sets(st.integers(3, 5), min_size=1, max_size=2), min_size=1, max_size=3)


def logprobs(model, seed, prefix):
    return torch.tensor(model.logits(seed, (BOS, *prefix))).log_softmax(-1).double()


def holds(words, forced):
    return all(set(words) & set(group) for group in forced)


def every_sentence(model, seed, forced, max_words, length_power):
    """Those that hold the forced words, with their scores, best first."""
    allowed = [i for i in range(model.vocabulary) if i not in (EOS, *BANNED)]
    sentences = []
    for length in range(max_words + 1):
        for words in itertools.product(allowed, repeat=length):
            if holds(words, forced):
                ends = (EOS,) if length < max_words else ()
                total = sum(
                    logprobs(model, seed, words[:t])[word].item()
                    for t, word in enumerate((*words, *ends))
                )
                sentences.append((total / len((*words, *ends)) ** length_power, words))
    return sorted(sentences, reverse=True)


def plain_constrained(model, seed, forced, beams, max_words):
    """Lists and sorts: a beam for each subset of the sets that have come."""
    alive, ended = {frozenset(): [(0.0, ())]}, []
    whole = frozenset(range(len(forced)))
    for step in range(1, max_words + 1):
        every = {}
        for came, entries in alive.items():
            for score, words in entries:
                following = logprobs(model, seed, words)
                for word in range(model.vocabulary):
                    if word in BANNED or (word == EOS and came != whole):
                        continue
                    now = came | {c for c, group in enumerate(forced) if word in group}
                    entry = score + following[word].item(), (*words, word)
                    every.setdefault(now, []).append(entry)
        alive = {}
        for came, entries in every.items():
            for score, words in sorted(entries, reverse=True)[:beams]:
                if words[-1] == EOS:
                    ended.append((score, words[:-1]))
                elif step < max_words:
                    alive.setdefault(came, []).append((score, words))
                elif came == whole:
                    ended.append((score, words))
    return sorted(ended, reverse=True)


@settings(max_examples=6, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=2),
    forced=SETS,
    length_power=st.sampled_from([0.0, 0.8]),
)
def test_a_wide_search_equals_enumeration(seeds, forced, length_power):
    model, max_words = Mock(vocabulary=6), 3  # 40 sentences in all
    tokens = Tokens(BOS, EOS, tuple(tuple(group) for group in forced))
    searched = constrained_beam_search(
        model, model.start(seeds), tokens, RULES, 40, max_words, length_power, keep=40
    )
    for seed, hypotheses in zip(seeds, searched, strict=True):
        expected = every_sentence(model, seed, forced, max_words, length_power)
        assert [h.ids for h in hypotheses] == [words for _, words in expected]
        np.testing.assert_allclose([h.score for h in hypotheses], [s for s, _ in expected], 1e-5)


@settings(max_examples=18, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    forced=SETS,
    beams=st.integers(1, 4),
    max_words=st.integers(3, 5),
    keep=st.integers(1, 3),
)
def test_narrow_beams_equal_the_plain_search_and_belong_to_their_words(
    seeds, forced, beams, max_words, keep
):
    model = Mock(vocabulary=8)
    tokens = Tokens(BOS, EOS, tuple(tuple(group) for group in forced))
    searched = constrained_beam_search(
        model, model.start(seeds), tokens, RULES, beams, max_words, 0.0, keep
    )
    for seed, hypotheses in zip(seeds, searched, strict=True):
        expected = plain_constrained(model, seed, forced, beams, max_words)
        kept = min(keep, beams, len(expected))
        assert [h.ids for h in hypotheses[:kept]] == [words for _, words in expected[:kept]]
        for h, (score, _) in zip(hypotheses[:kept], expected, strict=False):
            assert h.score == pytest.approx(score, abs=1e-4)
            assert h.score == pytest.approx(sum(h.logprobs) + h.end_logprob, abs=1e-4)
            assert holds(h.ids, forced)
            for t, word in enumerate(h.ids):
                assert h.logprobs[t] == pytest.approx(
                    logprobs(model, seed, h.ids[:t])[word].item(), abs=1e-5
                )
                np.testing.assert_allclose(h.alphas[t], model.alpha(seed, (BOS, *h.ids[:t])), 1e-5)


def test_without_forced_words_it_is_a_beam_search():
    model, seeds = Mock(vocabulary=9), [1, 2, 3]
    free = beam_search(model, model.start(seeds), Tokens(BOS, EOS), RULES, 4, 6, keep=4)
    none = constrained_beam_search(model, model.start(seeds), Tokens(BOS, EOS), RULES, 4, 6, keep=4)
    for a, b in zip(free, none, strict=True):
        assert [h.ids for h in a[:4]] == [h.ids for h in b[:4]]


def test_rules_that_leave_no_such_sentence_say_so():
    model = Mock(vocabulary=6)
    with pytest.raises(UsageError, match="no caption of up to 4 words holds all forced words"):
        constrained_beam_search(
            model, model.start([1]), Tokens(BOS, EOS, ((5,),)), [*RULES, ban([5])], 3, 4
        )
    single = Tokens(BOS, EOS, ((4,), (5,)))
    with pytest.raises(UsageError, match="up to 1 words"):
        constrained_beam_search(model, model.start([1]), single, [*RULES, no_repeated_word()], 3, 1)


def test_forced_words_of_settings():
    words = Vocabulary((*SPECIALS, "a", "dog", "puppy", "frisbee", "grass"))
    rules = RuleSettings(forced=("Dog|puppy", "frisbee"))
    assert forced_ids(rules, words) == ((5, 6), (7,))
    assert changed(STRATEGIES["greedy"].settings(), forced=["dog"]).strategy == "beam"
    with pytest.raises(UsageError, match=r"forced: the model does not know .*'gras' \(near: grass"):
        forced_ids(RuleSettings(forced=("gras",)), words)
    for wrong, said in (
        ({"forced": ("a", "b", "c", "d")}, "at most 3 words"),
        ({"forced": ("hot dog",)}, "is not one word"),
        ({"forced": ("dog|",)}, "is not one word"),
        ({"forced": ("dog|cat",), "banned": ("cat", "Dog")}, "is forced and banned"),
    ):
        with pytest.raises(UsageError, match=said):
            RuleSettings(**wrong)
    with pytest.raises(UsageError, match="do not fit into"):
        BeamSettings(max_words=2, rules=RuleSettings(forced=("a", "b", "c")))
    for strategy in ("greedy", "sample", "diverse_beam"):
        with pytest.raises(UsageError, match=f"needs the strategy beam; '{strategy}'"):
            STRATEGIES[strategy].settings(rules=rules)


@settings(max_examples=12, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=2), forced=SETS)
def test_rules_hold_beside_forced_words(seeds, forced):
    model = Mock(vocabulary=8)
    tokens = Tokens(BOS, EOS, tuple(tuple(group) for group in forced))
    rules = [*RULES, no_repeated_word(), ban([7])]
    searched = constrained_beam_search(model, model.start(seeds), tokens, rules, 3, 7, keep=3)
    for hypotheses in searched:
        for h in hypotheses[:3]:
            assert holds(h.ids, forced)
            assert 7 not in h.ids
            assert all(a != b for a, b in itertools.pairwise(h.ids))
