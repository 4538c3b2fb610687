"""Rules hold in every strategy, and a search whose rules leave no word says so."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import (
    STRATEGIES,
    BeamSettings,
    DiverseBeamSettings,
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
    made = rules_of(RuleSettings(**rules), WORDS, settings.max_words)
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
    with pytest.raises(UsageError, match="does not know the word 'zebra'; leave it out"):
        rules_of(RuleSettings(banned=("zebra",)), WORDS, 20)


def test_strategies_change_into_each_other_and_know_the_names_of_transformers():
    beam = BeamSettings(beams=4, length_power=0.7, max_words=9)
    sampling = changed(beam, strategy="sample", num_return_sequences=3, temperature=0.8)
    assert sampling == SampleSettings(samples=3, temperature=0.8, length_power=0.7, max_words=9)
    assert changed(GreedySettings(), num_beams=3) == BeamSettings(3)
    ruled = changed(beam, no_repeat_ngram_size=2, min_words=3, bad_endings=["a"])
    assert ruled.rules == RuleSettings(no_repeated_ngram=2, min_words=3, bad_endings=("a",))
    assert changed(ruled, strategy="sample").rules == ruled.rules
    assert changed(beam, beams=None, strategy=None) == beam


def test_settings_that_a_strategy_lacks_choose_the_one_that_has_them():
    beam = BeamSettings(beams=4, max_words=9)
    assert changed(beam, temperature=0.8) == SampleSettings(temperature=0.8, max_words=9)
    assert changed(beam, groups=2) == DiverseBeamSettings(groups=2, max_words=9)
    assert changed(SampleSettings(), beams=2) == BeamSettings(2)
    assert changed(DiverseBeamSettings(), beams=9) == DiverseBeamSettings(beams=9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strategy": "mcts"}, "no strategy 'mcts'; choose greedy, beam"),
        ({"strategy": ["beam"]}, r"no strategy '\['beam'\]'; choose greedy, beam"),
        ({"settings": 1}, "no setting 'settings' of decoding"),
        (
            {"strategy": "beam", "temperature": 0.5},
            "has no setting 'temperature'; it is one of sam",
        ),
        ({"strategy": "beam", "heat": 0.5}, "has no setting 'heat'; beam has allow_unk"),
        ({"beams": 3, "top_p": 0.5}, "beams of beam and diverse_beam; top_p of sample; leave some"),
        ({"forced": ["dog"], "top_p": 0.5}, "forced of beam"),
        ({"heat": 0.5}, "no setting 'heat' of decoding; there are allow_unk"),
        ({"beams": 3, "num_beams": 4}, "beams and its other name have two values"),
        ({"beams": "3"}, r"decode\.beams is a whole number, not '3'"),
        ({"beams": 3.5}, r"decode\.beams is a whole number, not 3\.5"),
        ({"banned": "dog"}, r"decode\.rules\.banned is a list, such as \[\"dog\"\], not 'dog'"),
        ({"min_words": 21}, r"min_words \(21\) is above decode\.max_words \(20\)"),
        ({"groups": 4}, r"decode\.groups \(4\) must divide decode\.beams \(6\)"),
    ],
)
def test_settings_that_contradict_each_other_say_so(wrong, said):
    with pytest.raises(UsageError, match=said):
        changed(BeamSettings(), **wrong)
