"""Scoring a set of captions: tokenize, then BLEU, ROUGE-L and CIDEr in one pass."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.metrics import bleu, rouge
from saccade.metrics.cider import Accumulator
from saccade.metrics.frequencies import Frequencies
from saccade.metrics.ngrams import Corpus
from saccade.metrics.tokenizer import tokenize_all

References = Mapping[Any, Sequence[str]] | Sequence[Sequence[str]]
Hypotheses = Mapping[Any, str] | Sequence[str]


@dataclass(frozen=True)
class Scores:
    """What one set of captions scored. Figures are fractions (BLEU-4 0.217, CIDEr 0.785); `table()`
    shows them times 100, as papers do."""

    values: dict[str, float]  # of the whole set, by metric
    ids: tuple[Hashable, ...] = field(repr=False)
    per_picture: dict[str, np.ndarray] = field(repr=False, compare=False)  # (pictures,) by metric
    statistics: np.ndarray = field(
        repr=False, compare=False
    )  # (pictures, 10): see `bleu.statistics`

    @property
    def pictures(self) -> int:
        """How many pictures were scored."""
        return len(self.ids)

    def __getitem__(self, metric: str) -> float:
        return self.values[metric]

    def to_json(self) -> dict[str, Any]:
        """The figures of the whole set as plain JSON values."""
        return {"pictures": self.pictures, "scores": dict(self.values)}

    def table(self) -> str:
        """The figures, times 100, as lines of text; CIDEr-D is left out, being CIDEr's figure."""
        shown = {name: value for name, value in self.values.items() if name != "CIDEr-D"}
        rows = [f"{name:8} {100 * value:6.1f}" for name, value in shown.items()]
        return "\n".join([*rows, f"{self.pictures} pictures, figures times 100"])


def score(
    references: References, hypotheses: Hypotheses, *, frequencies: Frequencies | None = None
) -> Scores:
    """BLEU-1..4, ROUGE-L, CIDEr (CIDEr-D, as in coco-caption) of captions against references.

    Both are dictionaries by picture, or both lists in the same order. A picture has one hypothesis
    and one or more references, all as raw text. `frequencies` replaces the document frequencies of
    the references themselves. Raises DataError naming pictures that only one of the two has."""
    ids, groups, texts = aligned(references, hypotheses)
    return score_tokenized(ids, *tokenized(groups, texts), frequencies=frequencies)


def tokenized(
    groups: Sequence[Sequence[str]], texts: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
    """References and hypotheses, tokenized."""
    flat = iter(tokenize_all(text for group in groups for text in group))
    return [[next(flat) for _ in group] for group in groups], tokenize_all(texts)


def score_tokenized(
    ids: Sequence[Hashable],
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    *,
    frequencies: Frequencies | None = None,
) -> Scores:
    """`score` for texts that are tokenized and in order already."""
    corpus = Corpus.of(references, hypotheses)
    accumulator = Accumulator(corpus, frequencies)
    columns = bleu.length_columns(corpus)
    for order in corpus.orders():  # one at a time, so that memory holds one order only
        columns.append(bleu.correct(corpus, order))
        accumulator.add(order)
    counts = np.stack(columns, axis=1)
    per_picture = dict(zip(bleu.NAMES, bleu.from_statistics(counts).T, strict=True))
    per_picture["ROUGE-L"] = rouge.rouge_l(references, hypotheses)[1]
    per_picture["CIDEr"] = per_picture["CIDEr-D"] = accumulator.scores()
    total = bleu.from_statistics(counts.sum(axis=0))
    values = dict(zip(bleu.NAMES, map(float, total), strict=True))
    for name in ("ROUGE-L", "CIDEr", "CIDEr-D"):
        values[name] = float(per_picture[name].mean())
    return Scores(values, tuple(ids), per_picture, counts)


def aligned(
    references: References, hypotheses: Hypotheses
) -> tuple[tuple[Any, ...], list[Sequence[str]], list[str]]:
    """The pictures' ids, their references and their hypotheses, in the references' order."""
    if isinstance(references, Mapping) != isinstance(hypotheses, Mapping):
        raise DataError(
            "references and hypotheses must both be dictionaries by picture, or both lists in the "
            "same order."
        )
    if isinstance(references, Mapping) and isinstance(hypotheses, Mapping):
        missing = [key for key in references if key not in hypotheses]
        extra = [key for key in hypotheses if key not in references]
        if missing or extra:
            raise DataError(mismatch(missing, extra))
        ids = tuple(references)
        groups, texts = [references[key] for key in ids], [hypotheses[key] for key in ids]
    else:
        groups, texts = list(references), list(hypotheses)
        if len(groups) != len(texts):
            raise DataError(
                f"there are references for {len(groups)} pictures but {len(texts)} hypotheses; "
                "give one hypothesis per picture, in the same order."
            )
        ids = tuple(range(len(groups)))
    if not ids:
        raise DataError("there is no picture to score: the references are empty.")
    checked = [_references(key, group) for key, group in zip(ids, groups, strict=True)]
    return ids, checked, [_hypothesis(key, text) for key, text in zip(ids, texts, strict=True)]


def _references(key: Hashable, group: Sequence[str]) -> Sequence[str]:
    if isinstance(group, str):  # one reference, not one per character
        group = [group]
    if not len(group):
        raise DataError(f"picture {key!r} has no reference caption; give one or leave it out.")
    if not all(isinstance(text, str) for text in group):
        raise DataError(f"picture {key!r} has a reference caption that is not text.")
    return group


def _hypothesis(key: Hashable, text: object) -> str:
    if isinstance(text, Sequence) and not isinstance(text, str) and len(text) == 1:
        text = text[0]  # coco-caption's habit: a list of the one caption
    if not isinstance(text, str):
        raise DataError(
            f"picture {key!r} must have one caption as text, not {text!r:.60}; for several per "
            "picture use saccade.metrics.several."
        )
    return text


def mismatch(missing: Sequence[Hashable], extra: Sequence[Hashable]) -> str:
    """One sentence naming the pictures that only one side has."""
    parts = []
    if missing:
        parts.append(f"{_some(missing)} without a hypothesis")
    if extra:
        parts.append(f"{_some(extra)} without references")
    return "the two sets hold different pictures: " + "; ".join(parts) + "."


def _some(ids: Sequence[Hashable], shown: int = 5) -> str:
    names = ", ".join(repr(key) for key in ids[:shown])
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return f"{len(ids)} picture{'s' * (len(ids) != 1)} ({names}{more})"
