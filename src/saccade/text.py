"""Captions to word ids and back: training tokens and the vocabulary.

This is the model's own tokeniser, for any script. Scores use the PTB tokeniser of coco-caption
(`saccade.metrics`), as papers do.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saccade.errors import CheckpointError

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)

# Scripts written without spaces: each character is a token, and no spaces are put back.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2FA1F),
)
_JOINERS = "'’-.,"  # kept inside a word: don't, t-shirt, 3.5


# The rules of `tokenise` for plain ASCII, twenty times as fast.
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:(?:['-](?=[a-z0-9])|(?<=[0-9])[.,](?=[0-9]))[a-z0-9]+)*")


def _unspaced(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _UNSPACED)


def tokenise(text: str) -> list[str]:
    """Lower-case words without punctuation, in any script.

    Letters, marks and digits make words; an apostrophe, hyphen, full stop or comma stays when it
    stands between two of them ("don't", "t-shirt", "3.5"). Han, kana, Thai, Lao, Khmer and Myanmar
    characters, whose scripts use no spaces, are tokens of their own (with their marks)."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _tokenise_any(text)


def _tokenise_any(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text).lower()
    words: list[str] = []
    current = ""

    def flush() -> None:
        nonlocal current
        if current:
            words.append(current)
        current = ""

    for position, char in enumerate(text):
        category = unicodedata.category(char)
        if category[0] == "M":  # a mark belongs to the letter before it
            if current:
                current += char
            elif words:
                words[-1] += char
        elif category[0] in "LN":
            if _unspaced(char):
                flush()
                words.append(char)
            else:
                current += char
        elif char in _JOINERS and current and position + 1 < len(text):
            following = text[position + 1]
            digits = current[-1].isdigit() and following.isdigit()
            if digits if char in ".," else following.isalnum() and not _unspaced(following):
                current += "'" if char == "’" else char
            else:
                flush()
        else:
            flush()
    flush()
    return words


def join(words: Sequence[str]) -> str:
    """Words to a sentence: spaces between them, except inside scripts that have none."""
    text = ""
    for word in words:
        if text and not (_unspaced(text[-1]) and _unspaced(word[0])):
            text += " "
        text += word
    return text


@dataclass(frozen=True)
class Vocabulary:
    """Words and their ids. Ids 0 to 3 are PAD, BOS, EOS and UNK; words follow, commonest first."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(SPECIALS)] != SPECIALS:
            raise ValueError(f"a vocabulary starts with {SPECIALS}, not {self.words[:4]}")
        if len(set(self.words)) != len(self.words):
            raise ValueError("a vocabulary holds every word once")

    pad, bos, eos, unk = 0, 1, 2, 3

    @classmethod
    def build(cls, captions: Iterable[str], min_count: int = 5) -> "Vocabulary":
        """Every word seen at least `min_count` times, by falling count, then alphabet."""
        counts = Counter(word for caption in captions for word in tokenise(caption))
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
        words = tokenise(caption) if isinstance(caption, str) else list(caption)
        return [self.ids.get(word, self.unk) for word in words[:max_words]]

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

    @classmethod
    def load(cls, path: Path | str) -> "Vocabulary":
        """Read `vocab.json`. Raises CheckpointError naming the file when it is missing or bad."""
        path = Path(path)
        try:
            return cls(tuple(json.loads(path.read_text(encoding="utf-8"))["words"]))
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{path} is missing: the checkpoint folder is incomplete; copy it again whole."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}); copy the checkpoint folder again."
            ) from error
