"""CIDEr-D and BLEU-4 of sampled captions as word ids: rewards of self-critical training.

Rennie et al., "Self-critical sequence training for image captioning" (2017). References are turned
into weighted n-grams once; scoring a batch then is a few sorts and look-ups over all of it at once.
The figures are those of `cider.cider` and `bleu.bleu` on the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saccade.errors import DataError
from saccade.metrics.bleu import from_statistics
from saccade.metrics.cider import SIGMA
from saccade.metrics.frequencies import Frequencies, find
from saccade.metrics.ngrams import ORDERS, Corpus

Ids = Sequence[int] | np.ndarray


class CiderD:
    """Rewards against cached references.

    `references[p]` are the captions of picture p as word ids. `end` is the id that ends a sampled
    caption: it and what follows are ignored, and so is `pad` anywhere. With `count_end`, references
    count as having the end token for a last word, and so do sampled captions that hold it, as the
    well-known self-critical code does: without it, nothing tells a model not to stop at "a man on
    a". A sampled caption without it was cut and has no end. Document frequencies are counted in the
    references unless passed; `frequencies_of` makes them from ids."""

    def __init__(
        self,
        references: Sequence[Sequence[Ids]],
        *,
        end: int | None = None,
        pad: int | None = None,
        count_end: bool = False,
        frequencies: Frequencies | None = None,
    ) -> None:
        if count_end and end is None:
            raise DataError("count_end needs `end`, the id that ends a caption.")
        self.end, self.pad, self.count_end = end, pad, count_end
        self.pictures = len(references)
        texts = [[self._text(caption) for caption in group] for group in references]
        if not all(texts):
            raise DataError(f"picture {texts.index([])} has no reference caption.")
        corpus = Corpus.of(texts)
        self.frequencies = Frequencies.of(texts) if frequencies is None else frequencies
        self.log_pictures = float(np.log(self.frequencies.pictures))
        self._index(corpus)

    def _text(self, caption: Ids) -> str:
        return " ".join(map(str, self._trim(list(map(int, caption)))))

    def _trim(self, ids: list[int]) -> list[int]:
        if self.end is not None and self.end in ids:
            ids = ids[: ids.index(self.end)]
        ids = [word for word in ids if word != self.pad]
        return [*ids, self.end] if self.count_end and self.end is not None else ids

    def _index(self, corpus: Corpus) -> None:
        """Number every n-gram of the references and of the document frequencies, and store each
        picture's weighted n-grams."""
        counted = self.frequencies
        words = {word: i for i, word in enumerate(dict.fromkeys([*counted.words, *corpus.words]))}
        numbers = np.fromiter(map(int, words), np.int64, len(words))
        self.number_of = np.argsort(numbers)  # of the word id at this place of `word_ids`
        self.word_ids = numbers[self.number_of]
        self.words = len(numbers) + 1
        self.references = corpus.references
        self.lengths = corpus.ref_lengths
        self.keys: list[np.ndarray] = []  # sorted n-gram keys, as in `ngrams.Order.keys`
        weights: list[np.ndarray] = []  # of each n-gram
        pieces: list[tuple[np.ndarray, ...]] = []
        counts: list[np.ndarray] = []
        # From the numbers that words and n-grams have there to those that they have here.
        from_counted = word_from_counted = np.arange(len(counted.words))
        from_corpus = np.fromiter((words[word] for word in corpus.words), np.int64)
        word_from_corpus = from_corpus
        for order in corpus.orders():
            if order.n == 1:
                keys = np.arange(len(words))
            else:
                prefix, last = np.divmod(counted.keys[order.n - 1], max(len(counted.words), 1))
                ours = from_counted[prefix] * self.words + word_from_counted[last]
                prefix, last = np.divmod(order.keys, max(len(corpus.words), 1))
                theirs = from_corpus[prefix] * self.words + word_from_corpus[last]
                keys = np.unique(np.concatenate([ours, theirs]))
                from_counted = np.searchsorted(keys, ours)
                from_corpus = np.searchsorted(keys, theirs)
            seen = np.ones(len(keys))
            seen[from_counted] = np.maximum(1, counted.counts[order.n - 1])
            weight = self.log_pictures - np.log(seen)
            gram = from_corpus[order.ref_gram]
            tfidf = order.ref_count * weight[gram]
            norm = np.sqrt(np.bincount(order.ref_caption, tfidf**2, len(corpus.picture)))
            norm[norm == 0] = 1.0
            self.keys.append(keys)
            weights.append(weight)
            pieces.append((order.ref_picture, gram, order.ref_caption, tfidf, norm))
            counts.append(order.ref_count)
        self.offsets = np.cumsum([0] + [len(weight) for weight in weights])
        self.grams = int(self.offsets[-1])
        # All orders together, an n-gram's number offset by those of the shorter ones.
        grams = np.concatenate([piece[1] + self.offsets[n] for n, piece in enumerate(pieces)])
        key = np.concatenate([piece[0] for piece in pieces]) * self.grams + grams
        by_key = np.argsort(key, kind="stable")
        self.entry_row = np.concatenate([piece[2] for piece in pieces])[by_key]
        self.entry_weight = np.concatenate([piece[3] for piece in pieces])[by_key]
        scaled = np.concatenate([piece[3] / piece[4][piece[2]] for piece in pieces])
        self.entry_scaled = scaled[by_key]  # divided by the reference's norm
        self.pair_keys, self.pair_starts = np.unique(key[by_key], return_index=True)
        self.pair_counts = np.diff(np.append(self.pair_starts, len(key)))
        count = np.concatenate(counts)[by_key]
        # The count in the reference that has the n-gram most often.
        self.pair_most = np.maximum.reduceat(count, self.pair_starts) if len(count) else count
        self.all_weights = np.concatenate([*weights, [self.log_pictures]])  # one at least

    def rewards(self, ids: np.ndarray | Sequence[Ids], pictures: Ids) -> np.ndarray:
        """CIDEr-D of sampled captions: (N,). `ids` is (N, T), or N sequences; `pictures` (N,) says
        which picture's references each is scored against."""
        owner, words, lengths = self._checked(ids, pictures)
        caption, gram, count, order = self._grams(words, lengths)
        weight = count * np.where(
            gram < 0, self.log_pictures, self.all_weights[np.maximum(gram, 0)]
        )
        norms = np.sqrt(np.bincount(caption * ORDERS + order, weight**2, len(owner) * ORDERS))
        norms[norms == 0] = 1.0
        scaled = 1.0 / norms[caption * ORDERS + order]
        # Each n-gram that the picture's references have, once per reference that has it.
        pair = self._find_pairs(owner[caption], gram)
        hit = np.flatnonzero(pair >= 0)
        pair = pair[hit]
        times = self.pair_counts[pair]
        repeated = np.repeat(hit, times)
        inner = np.arange(len(repeated)) - np.repeat(np.cumsum(times) - times, times)
        entry = np.repeat(self.pair_starts[pair], times) + inner
        clipped = np.minimum(weight[repeated], self.entry_weight[entry])
        value = clipped * self.entry_scaled[entry] * scaled[repeated]
        row = self.entry_row[entry]
        owners = caption[repeated]
        delta = lengths[owners] - self.lengths[row]
        value *= np.exp(-(delta.astype(np.float64) ** 2) / (2 * SIGMA**2))
        total = np.bincount(owners, value, len(owner))
        return 10.0 * total / (ORDERS * self.references[owner])

    def bleu(self, ids: np.ndarray | Sequence[Ids], pictures: Ids) -> np.ndarray:
        """BLEU-4 of each of the same captions alone, 0 to 1: (N,)."""
        owner, words, lengths = self._checked(ids, pictures)
        caption, gram, count, order = self._grams(words, lengths)
        pair = self._find_pairs(owner[caption], gram)
        most = self.pair_most[pair] if len(self.pair_most) else np.zeros_like(pair)
        clipped = np.where(pair < 0, 0, np.minimum(most, count))
        correct = np.bincount(caption * ORDERS + order, clipped, len(owner) * ORDERS)
        starts = np.cumsum(self.references) - self.references
        closest = [
            min(self.lengths[s : s + n].tolist(), key=lambda other: (abs(other - length), other))
            for s, n, length in zip(starts[owner], self.references[owner], lengths, strict=True)
        ]
        guessed = np.maximum(0, lengths[:, None] - np.arange(ORDERS))
        columns = (lengths[:, None], np.array(closest, np.int64).reshape(-1, 1), guessed)
        return from_statistics(np.hstack((*columns, correct.reshape(-1, ORDERS))))[:, -1]

    def _checked(
        self, ids: np.ndarray | Sequence[Ids], pictures: Ids
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whose each caption is (N,), all their words, and their lengths (N,). Raises DataError."""
        owner = np.asarray(pictures, np.int64)
        words, lengths = self._flatten(ids)
        if len(owner) != len(lengths):
            raise DataError(f"{len(lengths)} captions but {len(owner)} picture numbers.")
        if len(owner) and not 0 <= owner.min() <= owner.max() < self.pictures:
            raise DataError(f"picture numbers must be 0 to {self.pictures - 1}.")
        return owner, words, lengths

    def _flatten(self, ids: np.ndarray | Sequence[Ids]) -> tuple[np.ndarray, np.ndarray]:
        """All words of the captions one after the other as our numbers, and the lengths."""
        if not isinstance(ids, np.ndarray):
            longest = max((len(row) for row in ids), default=0)
            rows = [list(row) + [-1] * (longest - len(row)) for row in ids]
            ids = np.array(rows, np.int64).reshape(len(rows), longest)
        kept = ids >= 0
        if self.end is not None:
            kept &= np.cumsum(ids == self.end, axis=1) == 0
        if self.pad is not None:
            kept &= ids != self.pad
        lengths = kept.sum(axis=1)
        if self.count_end and self.end is not None:  # one more word, after the last of those ended
            ended = (ids == self.end).any(axis=1)
            ids = np.concatenate([ids, np.full((len(ids), 1), self.end)], axis=1)
            kept = np.concatenate([kept, ended[:, None]], axis=1)
            lengths = lengths + ended
        flat = ids[kept]
        place = find(self.word_ids, flat)
        unknown = place < 0
        known = self.number_of[place] if len(self.number_of) else place
        if unknown.any():  # different unknown words stay different
            _, inverse = np.unique(flat[unknown], return_inverse=True)
            known[unknown] = -1 - inverse
        return known, lengths

    def _grams(
        self, words: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct n-grams of each caption: caption, n-gram (negative: not in any reference),
        count, order (0 to 3)."""
        caption = np.repeat(np.arange(len(lengths)), lengths)
        left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(words))
        captions, grams, orders = [caption], [words], [np.zeros(len(words), np.int64)]
        local = np.unique(words, return_inverse=True)[1]  # numbers of this batch, for identity
        names, current, base = local, words, int(local.max(initial=0)) + 1
        for n in range(1, ORDERS):
            at = np.flatnonzero(left > n)
            before, after = current[at], words[at + n]
            numbers = find(self.keys[n], before * self.words + after)
            numbers[(before < 0) | (after < 0)] = -1
            unknown = np.flatnonzero(numbers < 0)
            pairs = names[at] * base + local[at + n]
            inverse = np.unique(pairs, return_inverse=True)[1]
            numbers[unknown] = -1 - inverse[unknown]
            current, names = np.full(len(words), -1), np.zeros(len(words), np.int64)
            current[at], names[at] = numbers, inverse
            captions.append(caption[at])
            grams.append(np.where(numbers < 0, numbers, numbers + self.offsets[n]))
            orders.append(np.full(len(at), n))
        all_grams = np.concatenate(grams)
        lowest = int(all_grams.min(initial=0))
        spread = self.grams - lowest
        keys = np.concatenate(captions) * ORDERS + np.concatenate(orders)
        keys, counts = np.unique(keys * spread + (all_grams - lowest), return_counts=True)
        where, gram = np.divmod(keys, spread)
        return where // ORDERS, gram + lowest, counts, where % ORDERS

    def _find_pairs(self, picture: np.ndarray, gram: np.ndarray) -> np.ndarray:
        pairs = find(self.pair_keys, picture * self.grams + gram)
        pairs[gram < 0] = -1
        return pairs


def frequencies_of(references: Sequence[Sequence[Ids]]) -> Frequencies:
    """Document frequencies of references that are word ids, to save and pass to `CiderD`."""
    return Frequencies.of([[" ".join(map(str, map(int, row))) for row in g] for g in references])
