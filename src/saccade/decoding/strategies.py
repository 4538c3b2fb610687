"""The strategies there are: name -> its settings and its search. A new one is a file and a row.

"beam" with one beam is greedy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, Protocol

import torch

from saccade.config import Tag
from saccade.decoding.beam import BeamSettings
from saccade.decoding.beam import run as run_beam
from saccade.decoding.diverse import DiverseBeamSettings
from saccade.decoding.diverse import run as run_diverse
from saccade.decoding.greedy import GreedySettings
from saccade.decoding.greedy import run as run_greedy
from saccade.decoding.hypothesis import Hypothesis, Tokens
from saccade.decoding.rules import Rule, RuleSettings, rules_of
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


def changed(settings: Any, strategy: str | None = None, **changes: Any) -> Any:
    """Settings with those changes that are not None: another strategy keeps what the two have in
    common, a number of beams makes a greedy search a beam search, and rules (`min_words`, ...) and
    the names of transformers are understood. Raises UsageError for what is unknown or out of
    range."""
    wanted = {ALIASES.get(k, k): value for k, value in changes.items() if value is not None}
    if strategy is None and isinstance(settings, GreedySettings) and "beams" in wanted:
        strategy = "beam"
    if strategy is not None and strategy != settings.strategy:
        if strategy not in STRATEGIES:
            raise UsageError(f"there is no strategy '{strategy}'; choose {', '.join(STRATEGIES)}.")
        made = STRATEGIES[strategy].settings()
        common = {f.name for f in fields(made)} & {f.name for f in fields(settings)} - {"strategy"}
        if strategy == "diverse_beam":  # a beam search's number need not be one that divides
            common -= {"beams"}
        settings = replace(made, **{name: getattr(settings, name) for name in common})
    names = {f.name for f in fields(RuleSettings)}
    ruled = {name: wanted.pop(name) for name in names & wanted.keys()}
    if ruled:
        wanted["rules"] = replace(settings.rules, **ruled)
    unknown = wanted.keys() - {f.name for f in fields(settings)}
    if unknown:
        known = sorted({f.name for f in fields(settings)} | names)
        raise UsageError(
            f"the strategy '{settings.strategy}' has no setting '{sorted(unknown)[0]}'; it has "
            f"{', '.join(known)}."
        )
    return replace(settings, **wanted)


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
    tokens = Tokens(vocabulary.bos, vocabulary.eos)
    rules = rules_of(settings.rules, vocabulary, settings.allow_unk)
    state = model.start(features)
    run = STRATEGIES[settings.strategy].run
    return run(model, state, tokens, rules, settings, keep, seeds or [0] * state.count)
