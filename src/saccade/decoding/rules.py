"""Rules of a search: functions of (logits (N, V), history (N, t)) that take words away.

A rule sets the logits of words that may not come next to -inf, or lowers them; it may write into
the logits that it is given. The probability that it takes from a word is given to no other, so all
other log-probabilities stay the model's. history holds the words of each hypothesis so far, BOS not
among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from saccade.config import check_ranges, ranged
from saccade.errors import UsageError
from saccade.text import Vocabulary, english, tokenize

Rule = Callable[[Tensor, Tensor], Tensor]

MOST_FORCED = 3  # a beam is kept for each subset of them

# Words that no sentence ends in: a caption that does was cut, or scored for its n-grams alone.
BAD_ENDINGS = (*sorted(english.BAD_ENDINGS), "and")


@dataclass(frozen=True)
class RuleSettings:
    """What no caption may do, whatever the strategy."""

    min_words: int = ranged(0, 0, 10_000)
    no_repeated_word: bool = False  # no word twice in a row
    no_repeated_ngram: int = ranged(0, 0, 100)  # no_repeat_ngram_size; 0: off
    trigram_penalty: float = ranged(0.0, 0.0, 1000.0)  # nats for each time a trigram is repeated
    bad_endings: tuple[str, ...] = ()  # words that a caption does not end in: BAD_ENDINGS, say
    banned: tuple[str, ...] = ()  # words that never come
    # Words that must come, up to three; "dog|puppy": one of them. For the strategy beam.
    forced: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self, "decode.rules")
        if len(self.forced) > MOST_FORCED:
            raise UsageError(
                f"decode.rules.forced is at most {MOST_FORCED} words or sets of alternatives "
                f"(dog|puppy), not {len(self.forced)}."
            )
        banned = {spelled for word in self.banned for spelled in (word, *tokenize(word))}
        for entry in self.forced:
            if set(alternatives(entry)) <= banned:
                raise UsageError(
                    f"decode.rules: '{entry}' is forced and banned; leave it out of one of them."
                )


def alternatives(entry: str) -> list[str]:
    """The words of one entry of `forced`. Raises UsageError where one is not one word."""
    words = [tokenize(part) for part in entry.split("|")]
    if any(len(word) != 1 for word in words):
        raise UsageError(
            f"decode.rules.forced: '{entry}' is not one word, nor words with | between them."
        )
    return [word for (word,) in words]


class _Decoding(Protocol):
    """What `check_decode` reads of a strategy's settings."""

    @property
    def strategy(self) -> str: ...
    @property
    def max_words(self) -> int: ...
    @property
    def rules(self) -> RuleSettings: ...


def check_decode(settings: _Decoding, forces: bool = False) -> None:
    """What the settings of every strategy check when they are made. forces: the strategy can make
    words come. Raises UsageError for values out of range and rules that contradict the rest."""
    check_ranges(settings, "decode")
    rules = settings.rules
    if rules.min_words > settings.max_words:
        raise UsageError(
            f"decode.rules.min_words ({rules.min_words}) is above decode.max_words "
            f"({settings.max_words}); change one."
        )
    if rules.forced and not forces:
        raise UsageError(
            f"decode.rules.forced needs the strategy beam; '{settings.strategy}' can't make words "
            "come."
        )
    if len(rules.forced) > settings.max_words:
        raise UsageError(
            f"decode.rules.forced: {len(rules.forced)} words do not fit into decode.max_words "
            f"({settings.max_words}); change one."
        )


def ban(ids: Sequence[int]) -> Rule:
    """Words that may never come."""
    banned = list(ids)

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        logits[:, banned] = -torch.inf
        return logits

    return rule


def no_repeated_word() -> Rule:
    """No word twice in a row."""

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        return logits.scatter_(1, history[:, -1:], -torch.inf) if history.size(1) else logits

    return rule


def no_repeated_ngram(size: int) -> Rule:
    """No `size` words that stand in the sentence already (`no_repeat_ngram_size` of transformers);
    1: no word twice."""

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        for row, place in _continuations(history, size):
            logits[row, history[row, place]] = -torch.inf
        return logits

    return rule


def repeated_trigram_penalty(penalty: float) -> Rule:
    """Words that would repeat a trigram lose `penalty` nats for each time that it stands there."""

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        for row, place in _continuations(history, 3):
            logits[row, history[row, place]] -= penalty
        return logits

    return rule


def _continuations(history: Tensor, size: int) -> list[tuple[int, int]]:
    """(row, place) of every word that followed, earlier in its row, the row's last size - 1."""
    words = history.size(1)
    if words < size:
        return []
    context = history[:, words - size + 1 :]  # (N, size - 1)
    places = range(size - 1, words)
    earlier = torch.stack([history[:, p - size + 1 : p] for p in places], 1)  # (N, P, size - 1)
    equal = (earlier == context.unsqueeze(1)).all(-1)
    return [(row, places[p]) for row, p in equal.nonzero().tolist()]


def no_bad_ending(eos: int, endings: Sequence[int], max_words: int) -> Rule:
    """The sentence does not end after some words ("a", "with", "of"), nor is it cut there."""
    bad = torch.tensor(list(endings), dtype=torch.long)

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        if history.size(1):
            ends = torch.isin(history[:, -1], bad.to(history.device))
            logits[ends, eos] = -torch.inf
        if history.size(1) + 1 == max_words:
            logits[:, bad.to(logits.device)] = -torch.inf
        return logits

    return rule


def at_least(words: int, eos: int) -> Rule:
    """No end before this many words."""

    def rule(logits: Tensor, history: Tensor) -> Tensor:
        if history.size(1) < words:
            logits[:, eos] = -torch.inf
        return logits

    return rule


def rules_of(
    wanted: RuleSettings, vocabulary: Vocabulary, max_words: int, allow_unk: bool = False
) -> list[Rule]:
    """The rules that settings ask for, of a search that cuts captions at `max_words`: PAD and BOS
    never come, UNK only where it is allowed. Raises UsageError for a banned word that the
    vocabulary lacks."""
    eos = vocabulary.eos
    unknown = () if allow_unk else (vocabulary.unk,)
    banned = [_known(word, "banned", vocabulary) for word in wanted.banned]
    rules = [ban((vocabulary.pad, vocabulary.bos, *unknown, *banned))]
    spelled = (_spelled(word, vocabulary) for word in wanted.bad_endings)
    endings = [vocabulary.ids[word] for word in spelled if word in vocabulary.ids]
    optional = (
        (wanted.min_words > 0, at_least(wanted.min_words, eos)),
        (wanted.no_repeated_word, no_repeated_word()),
        (wanted.no_repeated_ngram > 0, no_repeated_ngram(wanted.no_repeated_ngram)),
        (wanted.trigram_penalty > 0, repeated_trigram_penalty(wanted.trigram_penalty)),
        (bool(endings), no_bad_ending(eos, endings, max_words)),
    )
    return rules + [rule for on, rule in optional if on]


def forced_ids(wanted: RuleSettings, vocabulary: Vocabulary) -> tuple[tuple[int, ...], ...]:
    """Of each set of forced words the ids, of which one must come. Raises UsageError for a word
    that the vocabulary lacks."""
    return tuple(
        tuple(_known(word, "forced", vocabulary) for word in alternatives(entry))
        for entry in wanted.forced
    )


def check_words(wanted: RuleSettings, vocabulary: Vocabulary) -> None:
    """Raises UsageError for a banned or forced word that the vocabulary lacks."""
    for word in wanted.banned:
        _known(word, "banned", vocabulary)
    forced_ids(wanted, vocabulary)


def _known(word: str, rule: str, vocabulary: Vocabulary) -> int:
    word = _spelled(word, vocabulary)
    if word not in vocabulary.ids:
        near = ", ".join(vocabulary.near(word))
        hint = f" (near: {near})" if near else ""
        cure = "leave it out" if rule == "banned" else "choose another"
        raise UsageError(
            f"decode.rules.{rule}: the model does not know the word '{word}'{hint}; {cure}."
        )
    return vocabulary.ids[word]


def _spelled(word: str, vocabulary: Vocabulary) -> str:
    """A word as the vocabulary has it ("Dog": "dog"), or as it is where it has neither."""
    if word not in vocabulary.ids and len(typed := tokenize(word)) == 1:
        return typed[0]
    return word


def none_left() -> UsageError:
    """What a search raises where its rules leave no word."""
    return UsageError(
        "the rules of the search leave no word to go on or end with; ban fewer words, allow "
        "repeats, or lower the least number of words."
    )
