"""Sampling: frequencies are the model's probabilities, filters keep what they say, draws belong to
the picture."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from saccade.decoding import SampleSettings, Tokens, ban, sample
from saccade.decoding.sampling import drawn, narrowed
from saccade.errors import UsageError
from tests.decoding.mock import BOS, EOS, PAD, Mock

TOKENS, RULES = Tokens(BOS, EOS), [ban((PAD, BOS))]


def test_sentences_come_as_often_as_their_probability_says():
    """4,000 samples of one picture against the exact probability of every sentence of up to two
    words; what a rule takes away is not drawn and its probability goes to the others, in the draw
    alone."""
    model, seed, count = Mock(vocabulary=5, sharpness=1.0), 3, 4000
    (entries,) = sample(model, model.start([seed]), TOKENS, RULES, count, [7], max_words=2)
    counts = Counter(h.ids for h in entries)

    def chances(prefix):
        logits = torch.tensor(model.logits(seed, (BOS, *prefix)))
        logits[[PAD, BOS]] = -torch.inf
        return logits.double().softmax(0).tolist()

    expected = {}
    for first in range(EOS, 5):
        p = chances(())[first]
        if first == EOS:
            expected[()] = p
            continue
        for second in range(EOS, 5):
            q = chances((first,))[second]
            ids = (first,) if second == EOS else (first, second)
            expected[ids] = p * q
    assert sum(expected.values()) == pytest.approx(1)
    assert set(counts) <= set(expected)
    found = [counts[ids] for ids in expected]
    assert chisquare(found, [count * p for p in expected.values()]).pvalue > 0.01


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4, unique=True),
    samples=st.integers(1, 5),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_a_pictures_samples_do_not_depend_on_the_batch(seeds, samples, temperature):
    model = Mock(vocabulary=7)
    together = sample(
        model, model.start(seeds), TOKENS, RULES, samples, seeds, temperature, max_words=6
    )
    for seed, entries in zip(seeds, together, strict=True):
        (alone,) = sample(
            model, model.start([seed]), TOKENS, RULES, samples, [seed], temperature, max_words=6
        )
        assert [h.ids for h in entries] == [h.ids for h in alone]
        assert len(entries) == samples
        assert [h.score for h in entries] == sorted((h.score for h in entries), reverse=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), top_k=st.integers(0, 4))
def test_every_value_of_a_sample_is_the_models_own(seed, top_k):
    """Log-probabilities, maps and runners-up, whatever was drawn from."""
    model = Mock(vocabulary=6)
    (entries,) = sample(
        model, model.start([seed]), TOKENS, RULES, 4, [seed], 0.7, top_k, 0.9, 0.05, max_words=5
    )
    for h in entries:
        for t, word in enumerate(h.ids):
            prefix = (BOS, *h.ids[:t])
            logprobs = torch.tensor(model.logits(seed, prefix)).log_softmax(-1)
            assert h.logprobs[t] == pytest.approx(logprobs[word].item(), abs=1e-5)
            np.testing.assert_allclose(h.alphas[t], model.alpha(seed, prefix), atol=1e-6)
            if top_k:
                allowed = [i for i in logprobs.argsort(descending=True).tolist() if i > BOS]
                assert word in allowed[:top_k]
        assert h.score == pytest.approx(sum(h.logprobs) + h.end_logprob, abs=1e-4)
        assert h.finished or len(h.ids) == 5


@settings(max_examples=60, deadline=None)
@given(
    V=st.integers(1, 30),
    temperature=st.floats(0.1, 5),
    top_k=st.integers(0, 31),
    top_p=st.floats(0.05, 1),
    min_p=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_filters_keep_what_they_say(V, temperature, top_k, top_p, min_p, seed):
    """One after the other, against lists and sorts."""
    logits = torch.randn(2, V, generator=torch.Generator().manual_seed(seed)) * 3
    found = narrowed(logits, temperature, top_k, top_p, min_p)
    torch.testing.assert_close(found.sum(1), torch.ones(2))
    for row, values in zip(found, logits.double() / temperature, strict=True):
        order = sorted(range(V), key=lambda i: -values[i].item())
        kept = order[: top_k or V]
        p = {i: values[i].exp().item() for i in kept}
        total = sum(p.values())
        nucleus, mass = [], 0.0
        for i in kept:
            if mass < top_p - 1e-6:
                nucleus.append(i)
            mass += p[i] / total
        nucleus = [i for i in nucleus if p[i] >= (min_p - 1e-6) * p[nucleus[0]]]
        strange = set(nucleus) ^ {i for i in range(V) if row[i] > 0}
        # At the very edge rounding may decide otherwise.
        assert all(
            p[i] / total < 1e-3 or abs(p[i] / p[kept[0]] - min_p) < 1e-4 for i in strange
        ) or (len(strange) == 1 and top_p < 1)


def test_draws_follow_the_running_sum_and_never_leave_what_is_possible():
    chances = torch.tensor([[0.25, 0.0, 0.75, 0.0]])
    for u, word in ((0.0, 0), (0.2499, 0), (0.25, 2), (0.999999999, 2)):
        assert drawn(chances, torch.tensor([u], dtype=torch.float64)).tolist() == [word]


@pytest.mark.parametrize(
    "wrong",
    [{"top_p": 0.0}, {"top_p": 1.5}, {"temperature": 0.0}, {"min_p": -0.1}, {"samples": 0},
     {"temperature": float("nan")}, {"top_k": -1}],
)  # fmt: skip
def test_settings_that_can_not_be(wrong):
    with pytest.raises(UsageError, match=rf"decode\.{next(iter(wrong))}"):
        SampleSettings(**wrong)
