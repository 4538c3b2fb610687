"""Document frequencies: in how many pictures' references each n-gram occurs.

CIDEr weighs n-grams by them. Counted once from a training corpus and saved, they make the CIDEr of
a few pictures mean something, and keep it the same from run to run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.files import atomic_file
from saccade.metrics.ngrams import ORDERS, Corpus, Order, document_frequency


@dataclass(frozen=True)
class Frequencies:
    """Counts of n-grams over `pictures` pictures.

    n-gram number i of order n is `keys[n-1][i]`, the number of its first n-1 words as an
    (n-1)-gram times `len(words)` plus its last word's number; keys are sorted."""

    pictures: int
    words: dict[str, int]
    keys: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, references: Sequence[Sequence[str]]) -> Frequencies:
        """Count in tokenized references; `references[i]` are those of picture i."""
        corpus = Corpus.of(references)
        keys, counts = [], []
        for order in corpus.orders():
            keys.append(order.keys)
            counts.append(document_frequency(order))
        return cls(corpus.pictures, corpus.words, tuple(keys), tuple(counts))

    def __len__(self) -> int:
        return sum(map(len, self.keys))

    def __getitem__(self, ngram: str | tuple[str, ...]) -> int:
        """In how many pictures an n-gram ("a man", or its words) occurs."""
        found = 0
        parts = ngram.split() if isinstance(ngram, str) else ngram
        if not 1 <= len(parts) <= ORDERS:
            raise KeyError(ngram)
        for n, word in enumerate(parts):
            if word not in self.words:
                return 0
            key = found * len(self.words) * (n > 0) + self.words[word]
            found = int(np.searchsorted(self.keys[n], key))
            if found == len(self.keys[n]) or self.keys[n][found] != key:
                return 0
        return int(self.counts[len(parts) - 1][found])

    def save(self, path: Path | str) -> None:
        """Write a `.npz` of plain arrays (nothing pickled)."""
        arrays: dict[str, Any] = {f"keys{n + 1}": keys for n, keys in enumerate(self.keys)}
        arrays |= {
            f"counts{n + 1}": counts.astype(np.int32) for n, counts in enumerate(self.counts)
        }
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, pictures=np.int64(self.pictures), words=text, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Frequencies:
        """Read what `save` wrote. Raises DataError naming the file when it is something else."""
        try:
            with np.load(path, allow_pickle=False) as file:
                text = file["words"].tobytes().decode()
                words = {word: i for i, word in enumerate(text.split("\n") if text else [])}
                keys = tuple(file[f"keys{n}"] for n in range(1, ORDERS + 1))
                counts = tuple(file[f"counts{n}"].astype(np.int64) for n in range(1, ORDERS + 1))
                pictures = int(file["pictures"])
        except FileNotFoundError as error:
            raise DataError(
                f"{path} does not exist; make it with `saccade score --save-frequencies {path}`."
            ) from error
        except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path} is not a file of document frequencies; make one with "
                "`saccade score --save-frequencies`."
            ) from error
        sound = len(words) == len(keys[0]) and pictures > 0
        if not sound or any(len(k) != len(c) for k, c in zip(keys, counts, strict=True)):
            raise DataError(f"{path} is damaged: its parts don't fit together; make it again.")
        return cls(pictures, words, keys, counts)

    def lookup(self, corpus: Corpus) -> Lookup:
        """To ask for the n-grams of another corpus, order by order."""
        return Lookup(self, corpus)


class Lookup:
    """Counts for the n-grams of a corpus: `next(order)` for order 1, 2, 3, 4 in turn.

    The first n-1 words of a known n-gram are a known (n-1)-gram, so that the numbers found for one
    order are all that the next one needs."""

    def __init__(self, frequencies: Frequencies, corpus: Corpus) -> None:
        self.frequencies = frequencies
        theirs = (frequencies.words.get(word, -1) for word in corpus.words)
        self.words = np.fromiter(theirs, np.int64, len(corpus.words))
        self.found = self.words

    def next(self, order: Order) -> np.ndarray:
        """Document frequencies of the order's n-grams, 0 for unknown ones: (size,)."""
        if order.n > 1 and order.size:
            prefix, last = np.divmod(order.keys, len(self.words))
            start, end = self.found[prefix], self.words[last]
            wanted = start * len(self.frequencies.words) + end
            self.found = find(self.frequencies.keys[order.n - 1], wanted)
            self.found[(start < 0) | (end < 0)] = -1
        counts = np.append(self.frequencies.counts[order.n - 1], 0)  # -1, unknown, is this 0
        return counts[self.found[: order.size]]


def find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted key stands in the sorted keys, -1 when it does not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)
