"""Rules hold in every strategy, and a search whose rules leave no word says so."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import (
    STRATEGIES,
    BeamSettings,
    GreedySettings,
    RuleSettings,
    SampleSettings,
    Tokens,
    changed,
)
from saccade.decoding.rules import no_repeated_ngram, repeated_trigram_penalty, rules_of
from saccade.errors import UsageError
from saccade.text import SPECIALS, Vocabulary
from tests.decoding.mock import BOS, EOS, Mock

WORDS = Vocabulary((*SPECIALS, "a", "dog", "cat", "runs", "sees"))
TOKENS = Tokens(BOS, EOS)


def searched(strategy, rules, seeds, **options):
    settings = changed(STRATEGIES[strategy].settings(), max_words=7, **options)
    model = Mock(len(WORDS), sharpness=2.5)
    made = rules_of(RuleSettings(**rules), WORDS)
    run = STRATEGIES[strategy].run
    return run(model, model.start(seeds), TOKENS, made, settings, 2, seeds)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@settings(max_examples=12, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=3),
    rules=st.fixed_dictionaries(
        {},
        optional={
            "min_words": st.integers(0, 4),
            "no_repeated_word": st.booleans(),
            "no_repeated_ngram": st.integers(0, 3),
            "bad_endings": st.sampled_from([(), ("a",), ("a", "sees", "unknown to it")]),
            "banned": st.sampled_from([(), ("cat",)]),
        },
    ),
)
def test_no_caption_breaks_a_rule(strategy, seeds, rules):
    try:
        found = searched(strategy, rules, seeds)
    except UsageError as error:
        assert "leave no word" in str(error)  # noqa: PT017
        return
    for entries in found:
        assert entries
        for h in entries:
            words = [WORDS.words[i] for i in h.ids]
            assert not {"<pad>", "<bos>", "<unk>", *rules.get("banned", ())} & set(words)
            if h.finished:
                assert len(words) >= rules.get("min_words", 0)
                assert not words or words[-1] not in rules.get("bad_endings", ())
            if rules.get("no_repeated_word"):
                assert all(a != b for a, b in itertools.pairwise(words))
            n = rules.get("no_repeated_ngram", 0)
            if n:
                grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
                assert len(grams) == len(set(grams))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_rules_that_leave_no_word_say_so(strategy):
    everything = {"banned": ("a", "dog", "cat", "runs", "sees"), "min_words": 1}
    with pytest.raises(UsageError, match="leave no word"):
        searched(strategy, everything, [1, 2])


@settings(max_examples=60)
@given(
    history=st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=3),
    size=st.integers(1, 4),
)
def test_repeats_are_those_that_lists_find(history, size):
    rows = torch.tensor(history)
    banned = no_repeated_ngram(size)(torch.zeros(len(history), 4), rows)
    lowered = repeated_trigram_penalty(1.5)(torch.zeros(len(history), 4), rows)
    for row, words in enumerate(history):
        for word in range(4):
            ends = [*words, word]
            grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
            assert (banned[row, word] == -torch.inf) == (tuple(ends[-size:]) in grams)
            trigrams = [tuple(words[i : i + 3]) for i in range(len(words) - 2)]
            assert lowered[row, word] == -1.5 * trigrams.count(tuple(ends[-3:]))


def test_a_banned_word_that_the_model_lacks_is_named():
    with pytest.raises(UsageError, match="does not know the word 'zebra'"):
        rules_of(RuleSettings(banned=("zebra",)), WORDS)


def test_strategies_change_into_each_other_and_know_the_names_of_transformers():
    beam = BeamSettings(beams=4, length_power=0.7, max_words=9)
    sampling = changed(beam, strategy="sample", num_return_sequences=3, temperature=0.8)
    assert sampling == SampleSettings(samples=3, temperature=0.8, length_power=0.7, max_words=9)
    assert changed(GreedySettings(), num_beams=3) == BeamSettings(3)
    ruled = changed(beam, no_repeat_ngram_size=2, min_words=3)
    assert ruled.rules == RuleSettings(no_repeated_ngram=2, min_words=3)
    assert changed(beam, beams=None, strategy=None) == beam
    with pytest.raises(UsageError, match="no strategy 'mcts'; choose greedy, beam"):
        changed(beam, strategy="mcts")
    with pytest.raises(UsageError, match="'beam' has no setting 'temperature'"):
        changed(beam, temperature=0.5)
