"""Every strategy under every mix of rules, against lists and sorts: the same captions with the same
scores, and where the rules leave no word, a message instead."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.decoding import STRATEGIES, Tokens, changed
from saccade.decoding.rules import forced_ids, rules_of
from saccade.errors import UsageError
from saccade.text import SPECIALS, Vocabulary
from tests.decoding.mock import BOS, EOS, Mock

WORDS = Vocabulary((*SPECIALS, "a", "dog", "cat", "runs"))
NEVER = (0, BOS, 3)  # <pad>, <bos>, <unk>
MODEL = Mock(len(WORDS), sharpness=2.0)

RULES = st.fixed_dictionaries(
    {"max_words": st.integers(3, 5)},
    optional={
        "min_words": st.integers(0, 3),
        "no_repeated_word": st.booleans(),
        "no_repeated_ngram": st.integers(0, 3),
        "trigram_penalty": st.sampled_from([0.0, 1.5]),
        "bad_endings": st.sampled_from([["a"], ["a", "Runs", "unknown"], ["a", "dog", "runs"]]),
        "banned": st.sampled_from([["cat"], ["a", "Dog"], ["a", "cat", "runs"]]),
    },
)


def following(seed, words, decode):
    """What may come after these words: word -> its log-probability, less what a rule takes."""
    rules = decode.rules
    logprobs = torch.tensor(MODEL.logits(seed, (BOS, *words))).log_softmax(-1).tolist()
    banned = {WORDS.ids[word.lower()] for word in rules.banned}
    endings = {WORDS.ids.get(word.lower()) for word in rules.bad_endings}
    n = rules.no_repeated_ngram
    possible = {}
    for word, logprob in enumerate(logprobs):
        after = (*words, word)
        grams = [after[i : i + n] for i in range(len(after) - n + 1)]
        ends = word == EOS
        if (
            word in {*NEVER, *banned}
            or (ends and len(words) < rules.min_words)
            or (ends and words and words[-1] in endings)
            or (len(after) == decode.max_words and word in endings)
            or (rules.no_repeated_word and words and word == words[-1])
            or (n and len(grams) > len(set(grams)))
        ):
            continue
        trigrams = [after[i : i + 3] for i in range(len(after) - 2)]
        again = trigrams[:-1].count(trigrams[-1]) if trigrams else 0
        possible[word] = logprob - rules.trigram_penalty * again
    return possible


def plain_greedy(seed, decode):
    words, score = (), 0.0
    while len(words) < decode.max_words:
        possible = following(seed, words, decode)
        if not possible:
            return []
        word = max(possible, key=possible.__getitem__)
        score += possible[word]
        if word == EOS:
            break
        words += (word,)
    return [(score, words)]


def plain_beam(seed, decode, width=None):
    """Also with groups, and with forced words: a beam for each set of those that came."""
    forced = forced_ids(decode.rules, WORDS)
    groups = getattr(decode, "groups", 1)
    diversity = getattr(decode, "diversity", 0.0)
    whole = frozenset(range(len(forced)))
    alive = [{frozenset(): [(0.0, ())]} for _ in range(groups)]
    ended = []
    for step in range(1, decode.max_words + 1):
        counts = {}
        for group in range(groups):
            every = {}
            for came, entries in alive[group].items():
                for score, words in entries:
                    for word, logprob in following(seed, words, decode).items():
                        if word == EOS and came != whole:
                            continue
                        now = came | {c for c, ids in enumerate(forced) if word in ids}
                        every.setdefault(now, []).append((score + logprob, (*words, word)))
            alive[group] = {}
            for came, entries in every.items():
                entries.sort(key=lambda e: -(e[0] - diversity * counts.get(e[1][-1], 0)))
                for score, words in entries[: decode.beams // groups]:
                    counts[words[-1]] = counts.get(words[-1], 0) + 1
                    if words[-1] == EOS:
                        ended.append((score, words[:-1]))
                    elif step < decode.max_words:
                        alive[group].setdefault(came, []).append((score, words))
                    elif came == whole:
                        ended.append((score, words))
    return sorted(ended, reverse=True)[: decode.beams]


def plain_sample(seed, decode):
    """The same draws: at each word one number for each sample, ended or not."""
    numbers = np.random.default_rng([seed])
    alive, ended = dict.fromkeys(range(decode.samples), (0.0, ())), []
    for step in range(1, decode.max_words + 1):
        draws = numbers.random(decode.samples)
        for n, (score, words) in list(alive.items()):
            possible = following(seed, words, decode)
            if not possible:
                return []
            scaled = {w: math.exp(p / decode.temperature) for w, p in possible.items()}
            order = sorted(scaled, key=lambda w: -scaled[w])[: decode.top_k or None]
            total, before, kept = sum(scaled[w] for w in order), 0.0, []
            for word in order:
                if before < decode.top_p * total:
                    kept.append(word)
                before += scaled[word]
            point, total = 0.0, sum(scaled[w] for w in kept)
            for word in sorted(kept):
                point += scaled[word] / total
                if draws[n] < point:
                    break
            score += possible[word]
            if word == EOS or step == decode.max_words:
                ended.append((score, words if word == EOS else (*words, word)))
                del alive[n]
            else:
                alive[n] = score, (*words, word)
        if not alive:
            break
    return sorted(ended, reverse=True)


PLAIN = {
    "greedy": (plain_greedy, st.just({})),
    "beam": (
        plain_beam,
        st.fixed_dictionaries(
            {"beams": st.integers(1, 4)},
            optional={"forced": st.sampled_from([["dog"], ["Dog|cat", "runs"], ["a", "a|runs"]])},
        ),
    ),
    "diverse_beam": (
        plain_beam,
        st.sampled_from(
            [
                {"beams": 4, "groups": 2, "diversity": 0.7},
                {"beams": 3, "groups": 3, "diversity": 2.0},
            ]
        ),
    ),
    "sample": (
        plain_sample,
        st.fixed_dictionaries(
            {"samples": st.integers(1, 3)},
            optional={
                "temperature": st.sampled_from([0.6, 1.7]),
                "top_k": st.integers(1, 3),
                "top_p": st.sampled_from([0.4, 0.9]),
            },
        ),
    ),
}


def test_every_strategy_has_a_plain_twin():
    assert PLAIN.keys() == STRATEGIES.keys()


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_captions_under_rules_are_those_of_the_plain_search(strategy, data):
    plain, options = PLAIN[strategy]
    seeds = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
    try:
        decode = changed(
            STRATEGIES[strategy].settings(), strategy, **data.draw(RULES), **data.draw(options)
        )
    except UsageError as error:
        assert "is forced and banned" in str(error)  # noqa: PT017
        return
    tokens = Tokens(BOS, EOS, forced_ids(decode.rules, WORDS))
    rules = rules_of(decode.rules, WORDS, decode.max_words)
    expected = [plain(seed, decode) for seed in seeds]
    run = STRATEGIES[strategy].run
    if not all(expected):
        with pytest.raises(UsageError, match=r"leave no word|holds all forced words"):
            run(MODEL, MODEL.start(seeds), tokens, rules, decode, 2, seeds)
        return
    searched = run(MODEL, MODEL.start(seeds), tokens, rules, decode, 2, seeds)
    for entries, plainly in zip(searched, expected, strict=True):
        kept = min(2, decode.beams, len(plainly))
        assert [h.ids for h in entries[:kept]] == [words for _, words in plainly[:kept]]
        for h, (score, _) in zip(entries[:kept], plainly, strict=False):
            assert h.score == pytest.approx(score, abs=1e-4)
