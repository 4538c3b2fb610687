"""Counting n-grams of many captions at once, as numpy arrays instead of dictionaries.

A word is a number; an n-gram is the number of its first n-1 words as an (n-1)-gram, joined with the
number of its last word. Numbering the distinct pairs with one sort gives the n-grams' own numbers,
so that every order costs a sort and no n-gram is ever a Python object. Exact: nothing is hashed.

A caption here is a tokenized text; its words are what `str.split()` says, as in coco-caption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

ORDERS = 4


@dataclass(frozen=True)
class Order:
    """n-grams of one order: in references (R entries) and in hypotheses (H entries).

    An entry is a distinct n-gram of one caption with its count. `where[i]` is the hypothesis entry
    with the n-gram and picture of reference entry `hits[i]`."""

    n: int
    size: int  # how many distinct n-grams there are
    hyp_picture: np.ndarray  # (H,)
    hyp_gram: np.ndarray  # (H,)
    hyp_count: np.ndarray  # (H,)
    ref_caption: np.ndarray  # (R,)
    ref_picture: np.ndarray  # (R,)
    ref_gram: np.ndarray  # (R,)
    ref_count: np.ndarray  # (R,)
    hits: np.ndarray  # (M,) into the reference entries
    where: np.ndarray  # (M,) into the hypothesis entries
    keys: np.ndarray  # (size,) prefix * words + last word, sorted; for order 1 just 0, 1, 2...


@dataclass(frozen=True)
class Corpus:
    """Hypotheses and references of n pictures as word numbers, all captions one after the other:
    first hypothesis 0, 1, ... n-1, then the references of picture 0, of picture 1, ..."""

    words: dict[str, int]
    ids: np.ndarray  # (all words,)
    lengths: np.ndarray  # (captions,)
    hypotheses: int  # how many of the captions are hypotheses
    pictures: int
    picture: np.ndarray  # (references,) whose reference it is
    references: np.ndarray  # (pictures,) how many each has

    @classmethod
    def of(cls, references: Sequence[Sequence[str]], hypotheses: Sequence[str] = ()) -> Corpus:
        """`references[i]` and `hypotheses[i]` belong to picture i; every picture has a reference.

        Without hypotheses it is the references alone, for document frequencies."""
        split = [text.split() for text in hypotheses]
        split += [text.split() for group in references for text in group]
        words = {word: i for i, word in enumerate(dict.fromkeys(w for row in split for w in row))}
        lengths = np.fromiter(map(len, split), np.int64, len(split))
        flat = (words[word] for row in split for word in row)
        counts = np.fromiter(map(len, references), np.int64, len(references))
        return cls(
            words=words,
            ids=np.fromiter(flat, np.int64, int(lengths.sum())),
            lengths=lengths,
            hypotheses=len(hypotheses),
            pictures=len(references),
            picture=np.repeat(np.arange(len(references)), counts),
            references=counts,
        )

    @property
    def hyp_lengths(self) -> np.ndarray:
        return self.lengths[: self.hypotheses]

    @property
    def ref_lengths(self) -> np.ndarray:
        return self.lengths[self.hypotheses :]

    def orders(self) -> Iterator[Order]:
        """The n-grams of order 1, 2, 3, 4, one order in memory at a time."""
        caption = np.repeat(np.arange(len(self.lengths)), self.lengths)  # of each position
        left = np.repeat(np.cumsum(self.lengths), self.lengths) - np.arange(len(self.ids))
        owner = np.concatenate([np.arange(self.hypotheses), self.picture])  # captions' pictures
        gram, keys = self.ids, np.arange(len(self.words))
        for n in range(1, ORDERS + 1):
            if n > 1:  # positions with n words to the caption's end; their n-1-gram and last word
                at = np.flatnonzero(left >= n)
                pairs = np.zeros_like(self.ids)
                pairs[at] = gram[at] * len(self.words) + self.ids[at + n - 1]
                keys, inverse = np.unique(pairs[at], return_inverse=True)
                gram = np.zeros_like(self.ids)
                gram[at] = inverse
            else:
                at = np.arange(len(self.ids))
            size = max(len(keys), 1)
            entries, counts = np.unique(caption[at] * size + gram[at], return_counts=True)
            captions, grams = np.divmod(entries, size)
            first = int(np.searchsorted(captions, self.hypotheses))  # first entry of a reference
            hyp_key = entries[:first]  # a hypothesis's number is its picture's
            ref_picture = owner[captions[first:]]
            ref_key = ref_picture * size + grams[first:]
            if first:
                where = np.minimum(np.searchsorted(hyp_key, ref_key), first - 1)
                hits = np.flatnonzero(hyp_key[where] == ref_key)
                where = where[hits]
            else:
                hits = where = np.zeros(0, np.int64)
            yield Order(
                n=n,
                size=len(keys),
                hyp_picture=captions[:first],
                hyp_gram=grams[:first],
                hyp_count=counts[:first],
                ref_caption=captions[first:] - self.hypotheses,
                ref_picture=ref_picture,
                ref_gram=grams[first:],
                ref_count=counts[first:],
                hits=hits,
                where=where,
                keys=keys,
            )


def document_frequency(order: Order) -> np.ndarray:
    """In the references of how many pictures each n-gram occurs: (size,)."""
    size = max(order.size, 1)
    pairs = np.sort(order.ref_picture * size + order.ref_gram)  # far faster than hashing them
    once = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=once[1:])
    return np.bincount(pairs[once] % size, minlength=order.size)[: order.size]
