"""Scoring a set of captions: tokenize, then BLEU, ROUGE-L and CIDEr in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.metrics import bleu, rouge
from saccade.metrics.cider import Accumulator
from saccade.metrics.frequencies import Frequencies
from saccade.metrics.inputs import Hypotheses, References, aligned
from saccade.metrics.ngrams import Corpus
from saccade.metrics.tokenizer import mostly_unspaced, tokenize_all


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
        """The figures, times 100, as lines of text."""
        rows = [f"{name:8} {100 * value:6.1f}" for name, value in self.values.items()]
        return "\n".join([*rows, f"{self.pictures} pictures, figures times 100"])


def score(
    references: References,
    hypotheses: Hypotheses,
    *,
    frequencies: Frequencies | None = None,
    characters: bool = False,
) -> Scores:
    """BLEU-1..4, ROUGE-L and CIDEr (what the usual tools call so: CIDEr-D) of captions against
    references.

    Both are dictionaries by picture, or both lists in the same order; a picture has one hypothesis
    and one or more references, all as raw text (or as `{"caption": text}`, and COCO's lists of
    results are read). `frequencies` replaces the document frequencies of the references themselves;
    `characters` scores characters where a script has no spaces (Chinese, Japanese, Thai...).

    Raises DataError for other types, and naming pictures that only one of the two has. Warns
    (UserWarning) of figures that mean nothing: references without a word, captions without spaces
    that are one token each, n-grams that are in all pictures."""
    ids, groups, texts = aligned(references, hypotheses)
    check_frequencies(frequencies, characters)
    tokens = tokenized(groups, texts, characters=characters)
    warn_of_tokens(groups, texts, tokens[0], characters=characters)
    return score_tokenized(ids, *tokens, frequencies=frequencies)


def check_frequencies(frequencies: Frequencies | None, characters: bool) -> None:
    """Raises DataError when document frequencies were counted in tokens of the other kind."""
    if frequencies is not None and frequencies.characters != characters:
        counted, scored = "words", "characters"
        if frequencies.characters:
            counted, scored = scored, counted
        raise DataError(
            f"the document frequencies are those of {counted}, but {scored} are scored; count "
            f"frequencies of {scored}, or score {counted}."
        )


def warn_of_tokens(
    groups: Sequence[Sequence[str]],
    texts: Sequence[str],
    tokens: Sequence[Sequence[str]],
    *,
    characters: bool = False,
) -> None:
    """Warns of raw references and hypotheses whose tokens (of the references) make no sense."""
    blank = sum(not text for group in tokens for text in group)
    if blank:
        pictures = sum(not all(group) for group in tokens)
        warnings.warn(
            f"{blank} reference {'caption' if blank == 1 else 'captions'} of {pictures} "
            f"{'picture' if pictures == 1 else 'pictures'} without a word: a hypothesis loses by "
            "them in ROUGE-L and CIDEr, as in coco-caption; leave them out.",
            stacklevel=3,
        )
    if not characters:
        for name, captions in (
            ("references", [text for group in groups for text in group]),
            ("hypotheses", texts),
        ):
            if mostly_unspaced(captions):
                warnings.warn(
                    f"most {name} are written without spaces, so that a whole caption is one token "
                    "and only equal captions match; score characters instead: --characters, in "
                    "Python characters=True.",
                    stacklevel=3,
                )
                break


def tokenized(
    groups: Sequence[Sequence[str]], texts: Sequence[str], *, characters: bool = False
) -> tuple[list[list[str]], list[str]]:
    """References and hypotheses, tokenized."""
    flat = iter(tokenize_all((text for group in groups for text in group), characters=characters))
    return [[next(flat) for _ in group] for group in groups], tokenize_all(
        texts, characters=characters
    )


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
    per_picture["CIDEr"] = accumulator.scores()
    total = bleu.from_statistics(counts.sum(axis=0))
    values = dict(zip(bleu.NAMES, map(float, total), strict=True))
    for name in ("ROUGE-L", "CIDEr"):
        values[name] = float(per_picture[name].mean())
    return Scores(values, tuple(ids), per_picture, counts)
