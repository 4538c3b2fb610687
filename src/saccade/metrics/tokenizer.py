"""The tokens that coco-caption scores: Penn Treebank words, lower case, punctuation removed."""

from __future__ import annotations

import re
from collections.abc import Iterable

_REMOVED = {"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
_TOKEN = re.compile(r"\w+(?=n't\b)|n't|'(?:s|m|d|ll|re|ve)\b|\w+(?:-\w+)*|\.{3}|\S", re.IGNORECASE)


def tokenise(caption: str) -> str:
    """The caption's tokens with single spaces between them."""
    found = _TOKEN.findall(caption.replace("’", "'").lower())
    return " ".join(word for word in found if word not in _REMOVED)


def tokenise_all(captions: Iterable[str]) -> list[str]:
    """`tokenise` for many captions."""
    return [tokenise(caption) for caption in captions]
