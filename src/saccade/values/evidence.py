"""What is known about each word of a caption beside the map: plain frozen dataclasses.

`saccade.explain` measures these, `saccade.viz` shows them. Log-probabilities and entropies are in
nats; a map is (h, w), not negative, and sums to 1 (all zero where a map says nothing). Letters as
in `saccade.values`; S: shares of the grid's cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from saccade.values.captions import Caption

# The keys of WordEvidence.maps and .curves, unless others are chosen (`Explanation.labels`).
MAPS = ("attention", "gradient", "occlusion")

Seen = Literal["seen", "partly", "guessed"]
Verdict = Literal["supported", "weak", "contradicted"]


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its interval, which is one at `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Curves:
    """What covering cells in the order of one map does to one word.

    Deletion covers the map's highest cells first, insertion uncovers them first (Petsiuk et al.
    2018, RISE, arXiv 1806.07421); the control does both in random orders."""

    shares: tuple[float, ...]  # (S,) of the cells covered or uncovered, rising, 0 to 1
    deletion: tuple[float, ...]  # (S,) log-probability of the word
    insertion: tuple[float, ...]  # (S,)
    random_deletion: tuple[float, ...]  # (S,) mean over the random orders
    random_insertion: tuple[float, ...]  # (S,)
    deletion_area: float  # under the word's probability over the shares: low is faithful
    insertion_area: float  # high is faithful
    random_deletion_area: float
    random_insertion_area: float
    effect: Interval  # how far the log-probability falls beyond the control's fall, mean over 5-50%


@dataclass(frozen=True)
class Agreement:
    """How far two maps agree."""

    rank: float  # Spearman's correlation over the cells
    overlap: float  # share of the top tenth of cells that both name; 0.1 by chance


@dataclass(frozen=True)
class WordEvidence:
    """One word at one place of a sentence, and the evidence for and against its map."""

    word: str
    place: int  # of the sentence, from 0
    logprob: float
    entropy: float  # of the whole distribution at this place
    runners_up: tuple[tuple[str, float], ...]  # (word, log-probability), best first
    beta: float | None  # the gate, for a model that has one
    without_mean: float  # log-probability with the training set's mean features for the picture
    without_blank: float  # log-probability with a blank picture's features
    seen: Seen  # from the two, by stated thresholds
    verdict: Verdict  # on one map (`Explanation.verdict_on`), by stated thresholds
    reason: str  # the verdict in one sentence, with its figures
    # Name -> a map of the shape of the caption's `where`: those of `Explanation.labels`.
    maps: Mapping[str, np.ndarray] = field(repr=False, default_factory=dict)
    curves: Mapping[str, Curves] = field(repr=False, default_factory=dict)  # of the maps tested
    agreement: Mapping[str, Agreement] = field(
        repr=False, default_factory=dict
    )  # "attention-gradient"
    chance: float | None = None  # that the peak is on the thing (`saccade.explain.chance`)


@dataclass(frozen=True)
class Counterfactual:
    """Why not this word? The same evidence for another word at one place of the caption."""

    place: int
    said: WordEvidence
    other: WordEvidence


@dataclass(frozen=True)
class PixelCheck:
    """What changes when a cell's pixels are covered, and the picture encoded again, instead of its
    features: an encoder's cells also know what lies around them."""

    effects: tuple[Interval, ...]  # per word, as `Curves.effect` of the attention map
    rank: float  # Spearman's correlation of the two ways' effects over the words
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """One sentence about one photo with the evidence for each of its words.

    `caption.others` are the other beams, with their own alphas; `beams` holds what was measured of
    them (empty unless requested)."""

    caption: Caption
    words: tuple[WordEvidence, ...]  # one per word of the caption
    verdict_on: str = "attention"  # the map that verdicts are about: "gradient" without attention
    labels: Mapping[str, str] = field(default_factory=dict)  # maps' names -> for people, in order
    absent: Mapping[str, str] = field(default_factory=dict)  # maps that there are not -> why
    typed: bool = False  # the sentence is the user's, not the model's
    instead: tuple[Counterfactual, ...] = ()
    beams: tuple[Explanation, ...] = ()
    pixels: PixelCheck | None = None  # when requested
    settings: Mapping[str, object] = field(
        default_factory=dict
    )  # shares, repeats, seed, thresholds
