"""Document frequencies: in how many pictures' references each n-gram occurs.

CIDEr weighs n-grams by them. Counted once from a training corpus and saved, they make the CIDEr of
a few pictures mean something, and keep it the same from run to run.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saccade.errors import DataError
from saccade.files import atomic_file, require_file
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
    characters: bool = False  # whether the words are characters (see `tokenize_characters`)

    @classmethod
    def of(cls, references: Sequence[Sequence[str]], *, characters: bool = False) -> Frequencies:
        """Count in tokenized references; `references[i]` are those of picture i."""
        corpus = Corpus.of(references)
        keys, counts = [], []
        for order in corpus.orders():
            keys.append(order.keys)
            counts.append(document_frequency(order))
        return cls(corpus.pictures, corpus.words, tuple(keys), tuple(counts), characters)

    def __len__(self) -> int:
        return sum(map(len, self.keys))

    def __getitem__(self, ngram: str | tuple[str, ...]) -> int:
        """In how many pictures an n-gram ("a man", or its words) occurs."""
        at = 0  # the number of the words before, as an n-gram
        parts = ngram.split() if isinstance(ngram, str) else ngram
        if not 1 <= len(parts) <= ORDERS:
            raise KeyError(ngram)
        for n, word in enumerate(parts):
            if word not in self.words:
                return 0
            key = at * len(self.words) * (n > 0) + self.words[word]
            at = int(np.searchsorted(self.keys[n], key))
            if at == len(self.keys[n]) or self.keys[n][at] != key:
                return 0
        return int(self.counts[len(parts) - 1][at])

    def save(self, path: Path | str) -> None:
        """Write a `.npz` of plain arrays (nothing pickled)."""
        arrays: dict[str, Any] = {f"keys{n + 1}": keys for n, keys in enumerate(self.keys)}
        arrays |= {
            f"counts{n + 1}": counts.astype(np.int32) for n, counts in enumerate(self.counts)
        }
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                pictures=np.int64(self.pictures),
                characters=np.bool_(self.characters),
                words=text,
                **arrays,
            )

    @classmethod
    def load(cls, path: Path | str) -> Frequencies:
        """Read what `save` wrote. Raises DataError naming the file when it is something else."""
        make = "make one with `saccade score --save-frequencies`"
        require_file(path, DataError)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            words = arrays["words"].tobytes().decode().split("\n")
            keys = tuple(arrays[f"keys{n}"] for n in range(1, ORDERS + 1))
            counts = tuple(arrays[f"counts{n}"] for n in range(1, ORDERS + 1))
            pictures, characters = arrays["pictures"], arrays.get("characters", np.bool_(False))
        except (
            *(OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, MemoryError),
            *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, struct.error),
        ) as error:  # fmt: skip
            raise DataError(f"{path} is not a file of document frequencies; {make}.") from error
        fault = _fault(words, keys, counts, pictures, characters)
        if fault:
            raise DataError(f"{path} is damaged ({fault}); {make}.")
        return cls(
            int(pictures),
            {word: i for i, word in enumerate(words if words != [""] else [])},
            tuple(array.astype(np.int64) for array in keys),
            tuple(array.astype(np.int64) for array in counts),
            bool(characters),
        )

    def lookup(self, corpus: Corpus) -> Lookup:
        """To ask for the n-grams of another corpus, order by order."""
        return Lookup(self, corpus)


def _fault(
    words: Sequence[str],
    keys: Sequence[np.ndarray],
    counts: Sequence[np.ndarray],
    pictures: np.ndarray,
    characters: np.ndarray,
) -> str:
    """What of a file's parts can't be, "" for nothing."""
    if pictures.shape or pictures.dtype.kind not in "iu" or not 0 < pictures < 2**53:
        return "how many pictures were counted is not a whole number above 0"
    if characters.shape or characters.dtype.kind != "b":
        return "whether characters were counted is neither true nor false"
    size = 0 if words == [""] else len(words)
    if len(set(words)) != len(words) or keys[0].shape != (size,):
        return "its words are not those that were counted"
    before = 1
    for n, (order, count) in enumerate(zip(keys, counts, strict=True), 1):
        whole = {order.dtype.kind, count.dtype.kind} <= {"i", "u"}
        if order.ndim != 1 or order.shape != count.shape or not whole:
            return f"its {n}-grams don't fit together"
        if len(order) and (
            np.any(order[1:] <= order[:-1]) or order[0] < 0 or int(order[-1]) >= before * size
        ):
            return f"its {n}-grams are not in order"
        if len(count) and (count.min() < 1 or count.max() > pictures):
            return f"a {n}-gram is in no picture, or in more than there are"
        before = len(order)
    return ""


class Lookup:
    """Counts for the n-grams of a corpus: `next(order)` for order 1, 2, 3, 4 in turn.

    The first n-1 words of a known n-gram are a known (n-1)-gram, so that the numbers found for one
    order are all that the next one needs."""

    def __init__(self, frequencies: Frequencies, corpus: Corpus) -> None:
        self.frequencies = frequencies
        theirs = (frequencies.words.get(word, -1) for word in corpus.words)
        self.words = np.fromiter(theirs, np.int64, len(corpus.words))
        self.numbers = self.words  # there, of the n-grams of the order before; -1: unknown

    def next(self, order: Order) -> np.ndarray:
        """Document frequencies of the order's n-grams, 0 for unknown ones: (size,)."""
        if order.n > 1 and order.size:
            prefix, last = np.divmod(order.keys, len(self.words))
            start, end = self.numbers[prefix], self.words[last]
            keys = start * len(self.frequencies.words) + end
            self.numbers = find(self.frequencies.keys[order.n - 1], keys)
            self.numbers[(start < 0) | (end < 0)] = -1
        counts = np.append(self.frequencies.counts[order.n - 1], 0)  # -1, unknown, is this 0
        return counts[self.numbers[: order.size]]


def find(keys: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """Where each of `sought` stands in the sorted keys, -1 when it does not."""
    if not len(keys):
        return np.full(len(sought), -1)
    at = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    return np.where(keys[at] == sought, at, -1)
