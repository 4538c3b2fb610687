"""Beam search against brute force, greedy and a plain twin, on a mock model whose next word depends
on the picture and on every word before it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import Tokens, ban, beam_search, greedy
from tests.decoding.mock import BOS, EOS, PAD, Mock


def brute_force(model, seed, tokens, max_words, length_power):
    """Every sentence there is, with its score, best first."""

    def logprobs(prefix):
        return torch.tensor(model.logits(seed, prefix)).log_softmax(-1).double()

    allowed = [i for i in range(model.vocabulary) if i not in (EOS, *BANNED)]
    found = []
    for length in range(max_words + 1):
        for words in itertools.product(allowed, repeat=length):
            total = 0.0
            for t, word in enumerate(words):
                total += logprobs((BOS, *words[:t]))[word].item()
            count = length
            if length < max_words:
                total += logprobs((BOS, *words))[EOS].item()
                count += 1
            found.append((total / count**length_power, words))
    return sorted(found, reverse=True)


def plain_beam(model, seed, tokens, beams, max_words, length_power):
    """The same search for one picture, as one would write it first."""
    alive, ended = [(0.0, ())], []
    for step in range(1, max_words + 1):
        every = []
        for score, words in alive:
            logprobs = torch.tensor(model.logits(seed, (BOS, *words))).log_softmax(-1)
            for word in range(model.vocabulary):
                if word not in BANNED:
                    every.append((score + logprobs[word].item(), (*words, word)))
        every.sort(reverse=True)
        alive = []
        for score, words in every[:beams]:
            if words[-1] == EOS:
                ended.append((score / step**length_power, words[:-1]))
            elif step == max_words:
                ended.append((score / step**length_power, words))
            else:
                alive.append((score, words))
    return sorted(ended, reverse=True)


TOKENS, BANNED = Tokens(BOS, EOS), (PAD, BOS)
RULES = [ban(BANNED)]


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=3),
    max_words=st.integers(1, 4),
    length_power=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_a_wide_beam_equals_brute_force(seeds, max_words, length_power):
    model = Mock(vocabulary=5)
    found = beam_search(
        model, model.start(seeds), TOKENS, RULES, 200, max_words, length_power, keep=200
    )
    for seed, hypotheses in zip(seeds, found, strict=True):
        expected = brute_force(model, seed, TOKENS, max_words, length_power)
        assert len(hypotheses) == len(expected)
        for hypothesis, (score, words) in zip(hypotheses, expected, strict=True):
            assert hypothesis.ids == words
            assert hypothesis.score == pytest.approx(score, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    beams=st.integers(1, 6),
    max_words=st.integers(1, 7),
    length_power=st.sampled_from([0.0, 0.7, 1.0]),
    keep=st.integers(1, 6),
)
def test_batched_beams_equal_the_plain_search(seeds, beams, max_words, length_power, keep):
    model = Mock(vocabulary=7)
    found = beam_search(
        model, model.start(seeds), TOKENS, RULES, beams, max_words, length_power, keep
    )
    for seed, hypotheses in zip(seeds, found, strict=True):
        expected = plain_beam(model, seed, TOKENS, beams, max_words, length_power)
        kept = min(keep, beams, len(expected))
        assert len(hypotheses) >= kept
        for hypothesis, (score, words) in zip(hypotheses[:kept], expected, strict=False):
            assert hypothesis.ids == words
            assert hypothesis.score == pytest.approx(score, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=5), max_words=st.integers(1, 8))
def test_one_beam_equals_greedy(seeds, max_words):
    model = Mock(vocabulary=6)
    state = model.start(seeds)
    one = [h[0] for h in beam_search(model, state, TOKENS, RULES, 1, max_words)]
    for beam, plain in zip(one, greedy(model, state, TOKENS, RULES, max_words), strict=True):
        assert beam.ids == plain.ids
        assert beam.finished == plain.finished
        assert beam.score == pytest.approx(plain.score, abs=1e-5)
        assert beam.end_logprob == pytest.approx(plain.end_logprob)
        np.testing.assert_allclose(beam.logprobs, plain.logprobs, rtol=1e-6)
        np.testing.assert_allclose(beam.alphas, plain.alphas, rtol=1e-6)
        np.testing.assert_allclose(beam.betas, plain.betas, rtol=1e-6)
        assert [[i for i, _ in r] for r in beam.runners_up] == [
            [i for i, _ in r] for r in plain.runners_up
        ]


@settings(max_examples=30, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=3), beams=st.integers(1, 5))
def test_every_value_of_a_hypothesis_belongs_to_its_own_words(seeds, beams):
    """Re-scoring the words found, one by one, gives the numbers that came with them."""
    model = Mock(vocabulary=6)
    found = beam_search(model, model.start(seeds), TOKENS, RULES, beams, 6, 0.0, beams)
    for seed, hypotheses in zip(seeds, found, strict=True):
        for h in hypotheses:
            for t, word in enumerate(h.ids):
                prefix = (BOS, *h.ids[:t])
                logprobs = torch.tensor(model.logits(seed, prefix)).log_softmax(-1)
                assert h.logprobs[t] == pytest.approx(logprobs[word].item(), abs=1e-5)
                np.testing.assert_allclose(h.alphas[t], model.alpha(seed, prefix), atol=1e-6)
                likely = [i for i in logprobs.argsort(descending=True).tolist() if i > BOS]
                told = [i for i, _ in h.runners_up[t]]
                assert told == likely[: len(told)]
                assert len(told) >= min(3, len(likely))
            total = sum(h.logprobs) + h.end_logprob
            assert h.score == pytest.approx(total, abs=1e-4)
            assert h.finished or len(h.ids) == 6


def test_banned_words_are_never_emitted_and_keep_their_probability():
    model = Mock(vocabulary=6, sharpness=3.0)
    seeds = list(range(30))
    free = beam_search(model, model.start(seeds), TOKENS, RULES, 3, 6)
    held = beam_search(model, model.start(seeds), TOKENS, [*RULES, ban([5])], 3, 6)
    assert any(5 in h[0].ids for h in free)
    assert not any(5 in h[0].ids for h in held)
    for seed, hypotheses in zip(seeds, held, strict=True):
        h = hypotheses[0]
        if h.ids:
            plain = torch.tensor(model.logits(seed, (BOS,))).log_softmax(-1)[h.ids[0]].item()
            assert h.logprobs[0] == pytest.approx(plain, abs=1e-5)


def test_the_longest_search_cuts_at_the_word_limit():
    class Endless(Mock):
        def logits(self, seed, prefix):
            values = super().logits(seed, prefix)
            values[EOS] = -50
            return values

    model = Endless(vocabulary=5)
    (hypotheses,) = beam_search(model, model.start([3]), TOKENS, RULES, 4, 9)
    assert len(hypotheses[0].ids) == 9
    assert not hypotheses[0].finished
    assert hypotheses[0].end_logprob == 0.0


@settings(max_examples=30, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    beams=st.integers(1, 4),
    max_words=st.integers(2, 7),
)
def test_rules_know_the_words_of_each_hypothesis(seeds, beams, max_words):
    """No word twice in a row: the same as a model whose logits say so, for both strategies."""

    def no_repeats(logits, history):
        if history.size(1):
            logits.scatter_(1, history[:, -1:], -torch.inf)
        return logits

    model = Mock(vocabulary=6)
    searched = beam_search(
        model, model.start(seeds), TOKENS, [*RULES, no_repeats], beams, max_words
    )
    straight = greedy(model, model.start(seeds), TOKENS, [*RULES, no_repeats], max_words)
    for hypothesis in (*(h[0] for h in searched), *straight):
        assert all(a != b for a, b in itertools.pairwise(hypothesis.ids))
    for seed, hypothesis in zip(seeds, straight, strict=True):
        words: tuple[int, ...] = ()
        for _ in range(max_words):
            logits = torch.tensor(model.logits(seed, (BOS, *words)))
            logits[[*BANNED, *words[-1:]]] = -torch.inf
            word = int(logits.argmax())
            if word == EOS:
                break
            words += (word,)
        assert hypothesis.ids == words


def test_a_model_without_attention_is_searched_all_the_same():
    class Blind(Mock):
        def step(self, tokens, state, of=None):
            return super().step(tokens, state)._replace(attention=None)

    model, seeing = Blind(vocabulary=6), Mock(vocabulary=6)
    for beams in (1, 3):
        blind = beam_search(model, model.start([1, 2]), TOKENS, RULES, beams, 6)
        sighted = beam_search(seeing, seeing.start([1, 2]), TOKENS, RULES, beams, 6)
        assert [h[0].ids for h in blind] == [h[0].ids for h in sighted]
        assert blind[0][0].alphas is None
        assert blind[0][0].betas is None
    assert greedy(model, model.start([1]), TOKENS, RULES, 6)[0].alphas is None
