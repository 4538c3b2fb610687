"""The tokens that coco-caption scores: Penn Treebank words, lower case, punctuation removed.

The same tokens as coco-caption's `PTBTokenizer` (Stanford's Java class with `-preserveLines
-lowerCase`, then its list of punctuation removed), without Java. `docs/metrics.md` lists what is
known to differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from saccade.metrics import lexer
from saccade.text.words import is_unspaced
from saccade.text.words import tokenize as model_tokens

# coco-caption's list. It has "-LRB-" too, which never occurs after lower-casing: brackets stay.
PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

# Pieces between spaces whose tokens don't depend on what stands around them: nearly all. One that
# ends in a full stop is such a piece unless it is an initial or an abbreviation.
_ALONE = re.compile(r"""[A-Za-z]+(?:-[A-Za-z]+)*(?:[,;:?!]|'s)?|[.,;:?!"]|'s|n't""")
_LAST = re.compile(r"[A-Za-z]{2,}(?:-[A-Za-z]+)*\.")
_CLAUSE = 8  # letters between spaces, on average: too many for words
_MOST_REMEMBERED = 200_000
_remembered: dict[str, str | None] = {}  # piece -> its tokens, None when its surroundings matter


def tokenize(caption: str) -> str:
    """The caption's tokens with single spaces between them.

    A token of a phone number, a fraction or markup can hold no-break spaces, as in the original."""
    pieces = []
    for piece in caption.split():
        tokens = _remembered.get(piece, "?")  # which no piece becomes
        pieces.append(_remember(piece) if tokens == "?" else tokens)
    if None in pieces:
        return _kept(caption)
    return " ".join(filter(None, pieces))


def tokenize_all(captions: Iterable[str], *, characters: bool = False) -> list[str]:
    """`tokenize` for many captions; with `characters`, `tokenize_characters`."""
    return [(tokenize_characters if characters else tokenize)(caption) for caption in captions]


def tokenize_characters(caption: str) -> str:
    """Tokens for scripts without spaces, with single spaces between them: each of their characters
    is one (Han, kana, Thai, Lao, Khmer, Myanmar), other scripts' words are, and punctuation is
    removed. The model's own tokens (`saccade.text.tokenize`)."""
    return " ".join(model_tokens(caption))


def mostly_unspaced(captions: Iterable[str]) -> bool:
    """Whether most captions that hold a word are of such a script and written without spaces, so
    that `tokenize` makes a whole caption or clause one token."""
    total = unspaced = 0
    for caption in captions:
        if caption.isascii():
            total += not caption.isspace() and bool(caption)
            continue
        letters = [sum(map(is_unspaced, piece)) for piece in caption.split()]
        runs = [count for count in letters if count]
        total += bool(letters)
        unspaced += sum(runs) > 1 and (len(runs) == 1 or sum(runs) / len(runs) >= _CLAUSE)
    return 2 * unspaced > total


def _remember(piece: str) -> str | None:
    alone = _ALONE.fullmatch(piece) or (_LAST.fullmatch(piece) and not lexer.keeps_full_stop(piece))
    if len(_remembered) >= _MOST_REMEMBERED:  # a server that runs for months must not fill memory
        _remembered.clear()
    tokens = _kept(piece) if alone else None
    _remembered[piece] = tokens
    return tokens


def _kept(caption: str) -> str:
    words = " ".join(lexer.words(caption)).rstrip().split(" ")
    return " ".join(word for word in words if word not in PUNCTUATION)
