"""BLEU-1 to BLEU-4: clipped n-gram precision times a penalty for brevity.

Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (2002). The
figures are those of coco-caption's `bleu_scorer.py` with `option="closest"`: the closest reference
length (the shorter one when two are as close), and its two small constants against division by 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from saccade.metrics.ngrams import ORDERS, Corpus, Order

NAMES = tuple(f"BLEU-{n}" for n in range(1, ORDERS + 1))
_SMALL, _TINY = 1e-9, 1e-15  # of bleu_scorer.py: added below and above each fraction


def closest_lengths(corpus: Corpus) -> np.ndarray:
    """For every picture, the reference length nearest to its hypothesis's: (pictures,)."""
    lengths = corpus.ref_lengths
    distance = np.abs(lengths - corpus.hyp_lengths[corpus.picture])
    far = int(lengths.max(initial=0)) + 1
    starts = np.cumsum(corpus.references) - corpus.references
    return np.minimum.reduceat(distance * far + lengths, starts) % far


def statistics(corpus: Corpus, orders: Iterable[Order] | None = None) -> np.ndarray:
    """All that BLEU needs, per picture: (pictures, 10) integers.

    Columns: words in the hypothesis, closest reference length, n-grams guessed (4), n-grams
    correct (4). The sum over any set of pictures is all that the BLEU of that set needs."""
    columns = length_columns(corpus)
    columns += [correct(corpus, order) for order in orders or corpus.orders()]
    return np.stack(columns, axis=1)


def length_columns(corpus: Corpus) -> list[np.ndarray]:
    """The first six columns of `statistics`: all that needs no n-gram."""
    columns = [corpus.hyp_lengths, closest_lengths(corpus)]
    return columns + [np.maximum(0, corpus.hyp_lengths - n) for n in range(ORDERS)]


def correct(corpus: Corpus, order: Order) -> np.ndarray:
    """n-grams of each hypothesis, no n-gram counted more often than in one reference has it."""
    most = np.zeros(len(order.hyp_count), np.int64)
    np.maximum.at(most, order.where, order.ref_count[order.hits])
    clipped = np.minimum(most, order.hyp_count)
    return np.bincount(order.hyp_picture, clipped, corpus.pictures).astype(np.int64)


def from_statistics(statistics: np.ndarray) -> np.ndarray:
    """BLEU-1..4 from rows of `statistics` (or sums of them): (..., 10) -> (..., 4)."""
    values = np.asarray(statistics, np.float64)
    hyp_length, ref_length = values[..., 0], values[..., 1]
    precision = (values[..., 6:10] + _TINY) / (values[..., 2:6] + _SMALL)
    bleu = np.cumprod(precision, axis=-1) ** (1.0 / np.arange(1, ORDERS + 1))
    ratio = (hyp_length + _TINY) / (ref_length + _SMALL)
    return bleu * np.exp(np.minimum(0.0, 1.0 - 1.0 / ratio))[..., None]


def bleu(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """BLEU-1..4 of the whole set (4,) and of each picture (pictures, 4), from tokenized texts."""
    counts = statistics(Corpus.of(references, hypotheses))
    return from_statistics(counts.sum(axis=0)), from_statistics(counts)
