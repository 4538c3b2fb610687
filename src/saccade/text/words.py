"""Captions to words and back: the model's own tokenizer, for any script.

Scores use the PTB tokenizer of coco-caption (`saccade.metrics`), as papers do.
"""

import re
import unicodedata
from collections.abc import Sequence

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


# The rules of `tokenize` for plain ASCII, twenty times as fast.
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:(?:['-](?=[a-z0-9])|(?<=[0-9])[.,](?=[0-9]))[a-z0-9]+)*")


def is_unspaced(char: str) -> bool:
    """Whether a character is of a script that is written without spaces between words."""
    return any(low <= ord(char) <= high for low, high in _UNSPACED)


def tokenize(text: str) -> list[str]:
    """Lower-case words without punctuation, in any script.

    Letters, marks and digits make words; an apostrophe, hyphen, full stop or comma stays when it
    stands between two of them ("don't", "t-shirt", "3.5"). Han, kana, Thai, Lao, Khmer and Myanmar
    characters, whose scripts use no spaces, are tokens of their own (with their marks)."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _tokenize_any(text)


def has_words(text: str) -> bool:
    """Whether a caption has at least one word: what decides everywhere whether it counts."""
    return bool(tokenize(text))


def _tokenize_any(text: str) -> list[str]:
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
            if is_unspaced(char):
                flush()
                words.append(char)
            else:
                current += char
        elif char in _JOINERS and current and position + 1 < len(text):
            following = text[position + 1]
            digits = current[-1].isdigit() and following.isdigit()
            if digits if char in ".," else following.isalnum() and not is_unspaced(following):
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
        if text and not (is_unspaced(text[-1]) and is_unspaced(word[0])):
            text += " "
        text += word
    return text
