"""CIDEr and CIDEr-D: how close a caption's weighted n-grams are to those of its references.

Vedantam, Zitnick, Parikh, "CIDEr: consensus-based image description evaluation" (2015). An n-gram
weighs its count in the caption times log(pictures / document frequency) (equation 1); the score is
the cosine of hypothesis and reference, averaged over references and n = 1..4 (equations 2, 3).

CIDEr-D (the paper's section 6) clips a hypothesis's weights to the reference's, multiplies by
exp(-(difference in length)^2 / (2 * 6^2)) and by 10. **What coco-caption calls CIDEr is CIDEr-D**:
its `cider_scorer.py` clips and has the penalty, and so has every "CIDEr" that papers report. Here
too, `cider` is that figure; `plain=True` gives the paper's CIDEr without clipping and penalty.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from saccade.metrics.frequencies import Frequencies
from saccade.metrics.ngrams import ORDERS, Corpus, Order, document_frequency

SIGMA = 6.0


def per_picture(
    corpus: Corpus,
    orders: Iterable[Order] | None = None,
    frequencies: Frequencies | None = None,
    *,
    plain: bool = False,
) -> np.ndarray:
    """CIDEr-D of each picture: (pictures,). Document frequencies are those of the corpus's own
    references unless others are passed."""
    accumulator = Accumulator(corpus, frequencies, plain=plain)
    for order in orders or corpus.orders():
        accumulator.add(order)
    return accumulator.scores()


class Accumulator:
    """Adds up the four orders' cosines, one order at a time."""

    def __init__(
        self, corpus: Corpus, frequencies: Frequencies | None = None, *, plain: bool = False
    ) -> None:
        self.pictures = corpus.pictures if frequencies is None else frequencies.pictures
        self.corpus, self.plain = corpus, plain
        self.log_pictures = np.log(float(self.pictures))
        self.heaviest = 0.0  # n-gram of the references
        self.lookup = None if frequencies is None else frequencies.lookup(corpus)
        self.total = np.zeros(len(corpus.picture))  # per reference caption

    def add(self, order: Order) -> None:
        """Add the cosines of one order, times the length penalty."""
        seen = document_frequency(order) if self.lookup is None else self.lookup.next(order)
        weight = self.log_pictures - np.log(np.maximum(1.0, seen))
        ours = order.hyp_count * weight[order.hyp_gram]
        theirs = order.ref_count * weight[order.ref_gram]
        our_norm = np.sqrt(np.bincount(order.hyp_picture, ours**2, self.corpus.pictures))
        their_norm = np.sqrt(np.bincount(order.ref_caption, theirs**2, len(self.total)))
        self.heaviest = max(self.heaviest, float(theirs.max(initial=0.0)))
        met, meeting = ours[order.where], theirs[order.hits]
        products = met * meeting if self.plain else np.minimum(met, meeting) * meeting
        cosine = np.bincount(order.ref_caption[order.hits], products, len(self.total)).astype(float)
        norms = our_norm[self.corpus.picture] * their_norm
        np.divide(cosine, norms, out=cosine, where=norms != 0)
        self.total += cosine

    def scores(self) -> np.ndarray:
        """CIDEr-D per picture: the mean over orders and references, times 10.

        Warns when it is 0 whatever the captions say, because no n-gram has a weight."""
        corpus = self.corpus
        if self.pictures == 1:
            _warn_of_no_weight("CIDEr of a single picture is 0", "it", 1)
        elif self.heaviest == 0 and corpus.ref_lengths.any():
            _warn_of_no_weight("CIDEr is 0", f"all {self.pictures} pictures", self.pictures)
        total = self.total
        if not self.plain:
            delta = corpus.hyp_lengths[corpus.picture] - corpus.ref_lengths
            total = total * np.exp(-(delta.astype(np.float64) ** 2) / (2 * SIGMA**2))
        summed = np.bincount(corpus.picture, total, corpus.pictures)
        return 10.0 * summed / (ORDERS * corpus.references)


def _warn_of_no_weight(what: str, where: str, pictures: int) -> None:
    warnings.warn(
        f"{what} whatever the captions are: every n-gram of the references is in {where}, so its "
        f"weight is log({pictures}/{pictures}) = 0. Use document frequencies that were counted in "
        "a training corpus.",
        stacklevel=4,
    )


def cider(
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    frequencies: Frequencies | None = None,
    *,
    plain: bool = False,
) -> tuple[float, np.ndarray]:
    """CIDEr-D of the whole set (the mean) and of each picture (pictures,), from tokenized texts."""
    scores = per_picture(Corpus.of(references, hypotheses), frequencies=frequencies, plain=plain)
    return float(scores.mean()), scores
