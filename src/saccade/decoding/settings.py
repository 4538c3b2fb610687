"""How captions are searched for: settings by strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from saccade.config import Tag, check_ranges, ranged


@dataclass(frozen=True)
class GreedySettings:
    """The likeliest word, every time."""

    length_power: float = ranged(0.0, 0.0, 100.0)  # score = log-probability / words ** this
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False  # allow <unk> in captions
    strategy: Literal["greedy"] = "greedy"

    def __post_init__(self) -> None:
        check_ranges(self, "decode")

    @property
    def beams(self) -> int:
        """How many sentences a search gives."""
        return 1


@dataclass(frozen=True)
class BeamSettings:
    """The best `beams` sentences so far, at every word; one beam is greedy."""

    beams: int = ranged(5, 1, 1000)
    length_power: float = ranged(0.0, 0.0, 100.0)  # score = log-probability / words ** this
    max_words: int = ranged(20, 1, 10_000)
    allow_unk: bool = False  # allow <unk> in captions
    strategy: Literal["beam"] = "beam"

    def __post_init__(self) -> None:
        check_ranges(self, "decode")


Decoding = GreedySettings | BeamSettings
TAG = Tag("strategy", "beam", {"greedy": GreedySettings, "beam": BeamSettings})


def changed(settings: Decoding, **changes: Any) -> Decoding:
    """Settings with those changes that are not None; a number of beams makes a greedy search a beam
    search. Raises UsageError for what is out of range."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if isinstance(settings, GreedySettings) and "beams" in changes:
        settings = BeamSettings(1, settings.length_power, settings.max_words, settings.allow_unk)
    return replace(settings, **changes)
