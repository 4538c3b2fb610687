"""Batches of any size give the same captions, in every strategy and under every rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import STRATEGIES, Tokens, changed
from saccade.decoding.rules import forced_ids, rules_of
from saccade.errors import UsageError
from saccade.text import SPECIALS, Vocabulary
from tests.decoding.mock import BOS, EOS, Mock

WORDS = Vocabulary((*SPECIALS, "a", "dog", "cat", "runs", "sees"))
RULES = {
    "nothing": {},
    "all": {
        "min_words": 2,
        "no_repeated_word": True,
        "no_repeated_ngram": 2,
        "trigram_penalty": 1.0,
        "bad_endings": ["a", "sees"],
        "banned": ["cat"],
    },
    "forced": {"forced": ["dog|cat", "runs"], "no_repeated_ngram": 2, "bad_endings": ["a"]},
}
SEARCHES = [
    (name, rules) for name in STRATEGIES for rules in RULES if rules != "forced" or name == "beam"
]


def searched(strategy, rules, seeds):
    made = changed(STRATEGIES[strategy].settings(), strategy, max_words=6, **RULES[rules])
    model = Mock(len(WORDS), sharpness=2.0)
    tokens = Tokens(BOS, EOS, forced_ids(made.rules, WORDS))
    applied = rules_of(made.rules, WORDS, made.max_words)
    run = STRATEGIES[strategy].run
    return run(model, model.start(seeds), tokens, applied, made, 2, seeds)


@pytest.mark.parametrize(("strategy", "rules"), SEARCHES)
@settings(max_examples=6, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=2, max_size=4, unique=True))
def test_a_picture_has_the_same_captions_alone_and_among_others(strategy, rules, seeds):
    try:
        together = searched(strategy, rules, seeds)
    except UsageError:
        return  # of one picture the rules leave no sentence
    for seed, entries in zip(seeds, together, strict=True):
        (alone,) = searched(strategy, rules, [seed])
        assert [h.ids for h in entries[:2]] == [h.ids for h in alone[:2]]
        assert [h.score for h in entries[:2]] == pytest.approx([h.score for h in alone[:2]])
