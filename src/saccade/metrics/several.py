"""Several captions per picture: how good the best and the average one are, and how different.

Oracle and average as papers on diverse captioning report them. self-CIDEr is Wang &
Chan, "Describing like humans: on diversity in image captioning" (2019): with K the matrix of CIDEr
between a picture's own captions and s the square roots of its eigenvalues (the singular values of
latent semantic analysis), diversity is -log_m(max s / sum s) for m captions, 0 when they are all
alike and 1 when they share nothing. div-n is the different n-grams of a picture's captions over
all their words (Aneja et al., "Sequential latent spaces", 2019), averaged over pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.metrics.frequencies import Frequencies
from saccade.metrics.inputs import captions_of, mismatch
from saccade.metrics.ngrams import ORDERS
from saccade.metrics.scores import (
    check_frequencies,
    score_tokenized,
    tokenized,
    warn_of_tokens,
)


@dataclass(frozen=True)
class SeveralScores:
    """Scores of several captions per picture, by metric; means over pictures."""

    pictures: int
    captions: int
    oracle: dict[str, float]  # of each picture's best caption by that metric
    average: dict[str, float]
    self_cider: float
    div_1: float
    div_2: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def score_several(
    references: Mapping[Any, Sequence[str]],
    hypotheses: Mapping[Any, Sequence[str]],
    *,
    frequencies: Frequencies | None = None,
    characters: bool = False,
) -> SeveralScores:
    """Oracle and average of every metric (BLEU per picture, then averaged), and diversity.

    Document frequencies are the references' own unless passed; `characters`, the warnings and what
    is raised are as in `score`."""
    missing = [key for key in references if key not in hypotheses]
    extra = [key for key in hypotheses if key not in references]
    if missing or extra:
        raise DataError(mismatch(missing, extra))
    if not references:
        raise DataError("there is no picture to score: the references are empty.")
    raw = [captions_of(key, references[key]) for key in references]
    texts = [captions_of(key, hypotheses[key], "hypothesis") for key in references]
    check_frequencies(frequencies, characters)
    groups, _ = tokenized(raw, (), characters=characters)
    candidates, _ = tokenized(texts, (), characters=characters)
    flat = [text for captions in texts for text in captions]
    warn_of_tokens(raw, flat, groups, characters=characters)
    counted = Frequencies.of(groups) if frequencies is None else frequencies
    picture = np.repeat(np.arange(len(groups)), [len(captions) for captions in candidates])
    scores = score_tokenized(
        range(len(picture)),
        [groups[i] for i in picture],
        [caption for captions in candidates for caption in captions],
        frequencies=counted,
    )
    counts = np.bincount(picture)
    starts = np.cumsum(counts) - counts
    oracle, average = {}, {}
    for name, values in scores.per_picture.items():
        oracle[name] = float(np.maximum.reduceat(values, starts).mean())
        average[name] = float((np.add.reduceat(values, starts) / counts).mean())
    return SeveralScores(
        pictures=len(groups),
        captions=len(picture),
        oracle=oracle,
        average=average,
        self_cider=float(np.mean([self_cider(row, counted) for row in candidates])),
        div_1=float(np.mean([div(row, 1) for row in candidates])),
        div_2=float(np.mean([div(row, 2) for row in candidates])),
    )


def div(captions: Sequence[str], n: int) -> float:
    """Different n-grams over all words of one picture's tokenized captions."""
    rows = [caption.split() for caption in captions]
    grams = {tuple(row[i : i + n]) for row in rows for i in range(len(row) - n + 1)}
    return len(grams) / max(sum(map(len, rows)), 1)


def self_cider(captions: Sequence[str], frequencies: Frequencies) -> float:
    """Diversity of one picture's tokenized captions, 0 to 1; 0 for a single caption."""
    if len(captions) < 2:
        return 0.0
    kernel = np.zeros((len(captions), len(captions)))
    for n in range(1, ORDERS + 1):
        rows = [caption.split() for caption in captions]
        grams = [[tuple(row[i : i + n]) for i in range(len(row) - n + 1)] for row in rows]
        names = {gram: i for i, gram in enumerate(dict.fromkeys(g for row in grams for g in row))}
        if not names:
            continue
        vectors = np.zeros((len(captions), len(names)))
        for i, row in enumerate(grams):
            for gram in row:
                vectors[i, names[gram]] += 1
        pictures = np.array([max(1, frequencies[gram]) for gram in names])  # that have the n-gram
        vectors *= np.log(frequencies.pictures / pictures)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms != 0)
        kernel += vectors @ vectors.T / ORDERS
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(kernel), 0.0))
    if roots.sum() == 0:
        return 0.0
    return float(max(0.0, -np.log(roots.max() / roots.sum()) / np.log(len(captions))))
