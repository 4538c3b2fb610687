"""What a set of captions is like, whatever the pictures: variety, length, how captions end.

distinct-n is Li et al., "A diversity-promoting objective function for neural conversation models"
(2016): different n-grams over all n-grams, over all captions. Bad endings are those of Luo et al.,
"Discriminability objective for training descriptive captions" (2018): captions cut off after an
article, a preposition or "is", the mark of a model that learnt to stop early.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from saccade.errors import DataError
from saccade.metrics.tokenizer import tokenize_all
from saccade.text.english import BAD_ENDINGS

UNKNOWN = ("<unk>", "unk")


@dataclass(frozen=True)
class Variety:
    """Figures about captions alone; shares are fractions."""

    captions: int
    distinct_1: float  # different words over all words
    distinct_2: float
    vocabulary: int  # different words
    unique: float  # share of different captions
    novel: float | None  # share of captions that no training caption equals, if those are known
    mean_length: float  # words
    shortest: int
    longest: int
    empty: float
    bad_endings: float
    unknown_words: float  # share of words that are <unk>

    def to_json(self) -> dict[str, float | int | None]:
        """Plain JSON values."""
        return asdict(self)


def distinct(captions: Iterable[str], n: int) -> float:
    """Different n-grams over all n-grams, in tokenized captions; 0 when there are none."""
    total, different = 0, set()
    for caption in captions:
        words = caption.split()
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        total += len(grams)
        different.update(grams)
    return len(different) / total if total else 0.0


def variety(
    captions: Sequence[str], training: Iterable[str] | None = None, *, characters: bool = False
) -> Variety:
    """Figures about captions as raw text; `training` are captions that the model learnt from.

    With `characters`, words are characters where a script has no spaces."""
    if not len(captions):
        raise DataError("there is no caption to describe.")
    texts = tokenize_all(captions, characters=characters)
    rows = [text.split() for text in texts]
    words = [word for row in rows for word in row]
    lengths = [len(row) for row in rows]
    known = None if training is None else set(tokenize_all(training, characters=characters))
    share = 1 / len(texts)
    return Variety(
        captions=len(texts),
        distinct_1=distinct(texts, 1),
        distinct_2=distinct(texts, 2),
        vocabulary=len(set(words)),
        unique=len(set(texts)) * share,
        novel=None if known is None else sum(text not in known for text in texts) * share,
        mean_length=sum(lengths) * share,
        shortest=min(lengths),
        longest=max(lengths),
        empty=sum(not length for length in lengths) * share,
        bad_endings=sum(bool(row) and row[-1] in BAD_ENDINGS for row in rows) * share,
        unknown_words=sum(word in UNKNOWN for word in words) / max(len(words), 1),
    )
