"""The strategies there are: name -> its settings and its search. A new one is a file and a row.

"beam" with one beam is greedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, Protocol

import torch

from saccade.config import Tag, from_dict, to_dict
from saccade.decoding.beam import BeamSettings
from saccade.decoding.beam import run as run_beam
from saccade.decoding.diverse import DiverseBeamSettings
from saccade.decoding.diverse import run as run_diverse
from saccade.decoding.greedy import GreedySettings
from saccade.decoding.greedy import run as run_greedy
from saccade.decoding.hypothesis import Hypothesis, Tokens
from saccade.decoding.rules import Rule, RuleSettings, forced_ids, rules_of
from saccade.decoding.sampling import SampleSettings
from saccade.decoding.sampling import run as run_sample
from saccade.errors import UsageError
from saccade.models.contract import Features, State, Stepper
from saccade.text import Vocabulary


class Decoding(Protocol):
    """What the settings of every strategy have: frozen dataclasses."""

    @property
    def strategy(self) -> str: ...
    @property
    def beams(self) -> int:
        """How many sentences a search gives of each picture."""
        ...

    @property
    def length_power(self) -> float: ...
    @property
    def max_words(self) -> int: ...
    @property
    def allow_unk(self) -> bool: ...
    @property
    def rules(self) -> RuleSettings: ...


Run = Callable[
    [Stepper, State, Tokens, Sequence[Rule], Any, int, Sequence[int]], list[list[Hypothesis]]
]


class Strategy(NamedTuple):
    """One row of the table."""

    settings: type  # a frozen dataclass with a field `strategy`
    run: Run  # (model, state, tokens, rules, settings, keep, a seed per picture)


STRATEGIES: Mapping[str, Strategy] = {
    "greedy": Strategy(GreedySettings, run_greedy),
    "beam": Strategy(BeamSettings, run_beam),
    "diverse_beam": Strategy(DiverseBeamSettings, run_diverse),
    "sample": Strategy(SampleSettings, run_sample),
}
TAG = Tag("strategy", "beam", {name: row.settings for name, row in STRATEGIES.items()})

# Names of transformers' `generate` for ours.
ALIASES = {
    "num_beams": "beams",
    "num_beam_groups": "groups",
    "diversity_penalty": "diversity",
    "num_return_sequences": "samples",
    "length_penalty": "length_power",
    "no_repeat_ngram_size": "no_repeated_ngram",
}


_RULES = frozenset(f.name for f in fields(RuleSettings))


def changed(settings: Any, /, strategy: str | None = None, **changes: Any) -> Any:
    """Settings with those changes that are not None: another strategy keeps what the two have in
    common, settings that the strategy lacks choose the first of the table that has them all
    (`beams` a beam search, `temperature` sampling), and rules (`min_words`, ...) and the names of
    transformers are understood. Raises UsageError for what is unknown, contradicts itself or is out
    of range."""
    wanted: dict[str, Any] = {}
    for typed, value in changes.items():
        name = ALIASES.get(typed, typed)
        if value is None:
            continue
        if name in wanted and wanted[name] != value:
            raise _two_values(name)
        wanted[name] = value
    rules = {name: wanted.pop(name) for name in _RULES & wanted.keys()}
    if strategy is None:
        strategy = _implied(settings.strategy, wanted.keys(), bool(rules.get("forced")))
    elif not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise UsageError(f"there is no strategy '{strategy}'; choose {', '.join(STRATEGIES)}.")
    kind = STRATEGIES[strategy].settings
    names = _names(strategy)
    for name in sorted(wanted.keys() - names):
        owners = [other for other in STRATEGIES if name in _names(other)]
        cure = f"it is one of {' and '.join(owners)}; " if owners else ""
        known = ", ".join(sorted(names | _RULES - ({"forced"} if strategy != "beam" else set())))
        raise UsageError(
            f"the strategy '{strategy}' has no setting '{name}'; {cure}{strategy} has {known}."
        )
    values = to_dict(settings)
    kept = {name: values[name] for name in names & values.keys()}
    if settings.strategy != strategy == "diverse_beam":
        kept.pop("beams", None)  # a beam search's number need not be one that divides
    ruled = {**values["rules"], **rules}
    return from_dict(kind, {**kept, **wanted, "rules": ruled}, "decode")


def configured(*tables: Any) -> Any:
    """Tables `decode` of a preset, of a checkpoint, of what was set: each laid over those before it
    by `changed`, as one. A value that is no table comes back as it is. Raises UsageError."""
    settings: Any = BeamSettings()
    for table in tables:
        if not isinstance(table, Mapping):
            return table
        settings = changed(settings, **side_by_side(table))
    return to_dict(settings)


def side_by_side(table: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a table `decode` and those of its table `rules`, as `changed` takes them.
    Raises UsageError for what is no rule."""
    rules = table.get("rules", {})
    if not isinstance(rules, Mapping):
        raise UsageError("decode.rules is a table: name the rule, decode.rules.NAME = VALUE.")
    for name in rules:
        if ALIASES.get(name, name) not in _RULES:
            raise UsageError(
                f"unknown setting 'decode.rules.{name}'; known here: {', '.join(sorted(_RULES))}."
            )
    flat = {str(name): value for name, value in table.items() if name != "rules"}
    for name in flat.keys() & rules.keys():
        if flat[name] != rules[name]:
            raise _two_values(name)
    return {**flat, **rules}


def _two_values(name: str) -> UsageError:
    return UsageError(f"{name} and its other name have two values; leave one out.")


def _names(strategy: str) -> frozenset[str]:
    """The settings of a strategy, its rules aside."""
    every = {f.name for f in fields(STRATEGIES[strategy].settings)}
    return frozenset(every - {"strategy", "rules"})


def _implied(strategy: str, wanted: Iterable[str], forced: bool) -> str:
    """The strategy, if it has all settings that are wanted, else the first that has. Raises
    UsageError where none has."""
    names = set(wanted)

    def fits(other: str) -> bool:
        return names <= _names(other) and (not forced or other == "beam")

    found = next((other for other in (strategy, *STRATEGIES) if fits(other)), None)
    if found is not None:
        return found
    owners = {name: [s for s in STRATEGIES if name in _names(s)] for name in sorted(names)}
    if forced:
        owners["forced"] = ["beam"]
    for name, known in owners.items():
        if not known:
            every = sorted(frozenset.union(*map(_names, STRATEGIES)) | _RULES)
            raise UsageError(
                f"there is no setting '{name}' of decoding; there are {', '.join(every)}."
            )
    told = "; ".join(f"{name} of {' and '.join(known)}" for name, known in owners.items())
    raise UsageError(f"no strategy has all of these settings: {told}; leave some out.")


@torch.no_grad()
def search(
    model: Stepper,
    features: Features,
    vocabulary: Vocabulary,
    settings: Decoding,
    keep: int = 1,
    seeds: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Features of B pictures -> for each its hypotheses, best first. seeds (B,): of each picture,
    where sentences are drawn by chance. Raises UsageError where the rules leave no word."""
    forced = forced_ids(settings.rules, vocabulary)
    tokens = Tokens(vocabulary.bos, vocabulary.eos, forced)
    rules = rules_of(settings.rules, vocabulary, settings.max_words, settings.allow_unk)
    state = model.start(features)
    run = STRATEGIES[settings.strategy].run
    return run(model, state, tokens, rules, settings, keep, seeds or [0] * state.count)
