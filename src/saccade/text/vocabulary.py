"""Words to ids and back."""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from saccade.text.words import tokenize

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)


@dataclass(frozen=True)
class Vocabulary:
    """Words and their ids. Ids 0 to 3 are PAD, BOS, EOS and UNK; words follow, commonest first."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(SPECIALS)] != SPECIALS:
            raise ValueError(f"a vocabulary starts with {', '.join(SPECIALS)}")
        if len(set(self.words)) != len(self.words):
            raise ValueError("a vocabulary holds every word once")

    pad, bos, eos, unk = 0, 1, 2, 3

    @classmethod
    def build(cls, captions: Iterable[str], min_count: int = 5) -> "Vocabulary":
        """Every word seen at least `min_count` times, by falling count, then alphabet."""
        counts = Counter(word for caption in captions for word in tokenize(caption))
        kept = [word for word, count in counts.items() if count >= min_count]
        kept.sort(key=lambda word: (-counts[word], word))
        return cls(SPECIALS + tuple(kept))

    @cached_property
    def ids(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, caption: str | Sequence[str], max_words: int | None = None) -> list[int]:
        """Word ids, BOS and EOS not among them; unknown words become UNK."""
        words = tokenize(caption) if isinstance(caption, str) else list(caption)
        return [self.ids.get(word, self.unk) for word in words[:max_words]]

    def near(self, word: str) -> list[str]:
        """Up to three words that are spelled alike, the nearest first."""
        return difflib.get_close_matches(word, self.words[len(SPECIALS) :], n=3)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids to words, up to EOS; PAD and BOS are left out."""
        words = []
        for index in ids:
            if index == self.eos:
                break
            if index not in (self.pad, self.bos):
                words.append(self.words[index])
        return words

    def to_json(self) -> str:
        """One word a line, so that a diff of two vocabularies can be read."""
        return json.dumps({"words": list(self.words)}, ensure_ascii=False, indent=0) + "\n"
