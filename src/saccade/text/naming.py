"""Which words of a caption name something, given what words can name."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def naming_words(
    words: Sequence[str], named: Mapping[str, T], pairs: Container[str]
) -> list[tuple[int, int, T]]:
    """The names in a caption: (start, stop, what is named), in order.

    `named` is by lower-case word, or two words with a space; what it has as empty is no name. Two
    words that are one name ("traffic light") count as one, and known `pairs` are never taken for
    their parts: a hot dog is not a dog. Of two names in a row for different things only the second
    counts: a bus driver is not a bus."""
    lower = [word.lower() for word in words]
    names: list[tuple[int, int, T]] = []
    at = 0
    while at < len(lower):
        pair = " ".join(lower[at : at + 2])
        size = 2 if " " in pair and (pair in named or pair in pairs) else 1
        thing = named.get(pair if size == 2 else lower[at])
        if thing:
            if names and names[-1][1] == at and names[-1][2] != thing:
                names.pop()
            names.append((at, at + size, thing))
        at += size
    return names
