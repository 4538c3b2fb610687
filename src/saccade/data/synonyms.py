"""Which words name which category of object: our own list, or a user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from saccade.data.coco_words import PAIRS, words_of
from saccade.data.reading import short
from saccade.errors import DataError
from saccade.files import decode, read_bytes
from saccade.text.english import plural, singular


def naming(
    categories: Iterable[str], synonyms: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, frozenset[str]]:
    """Word, or two words with a space -> the categories that it can mean. A category in `synonyms`
    is named by the words there alone, the others by `saccade.data.coco_words`."""
    meanings: dict[str, set[str]] = {}
    for category in categories:
        theirs = (synonyms or {}).get(category)
        for word in words_of(category) if theirs is None else theirs:
            meanings.setdefault(word, set()).add(category)
    return {word: frozenset(kinds) for word, kinds in meanings.items()}


def known_pairs(names: Iterable[str]) -> frozenset[str]:
    """The pairs of words that are never taken for one of them."""
    return PAIRS | frozenset(name for name in names if " " in name)


def read_synonyms(path: Path, categories: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """A file with a line for each category: its name, then the words for it, all separated by
    commas (as the list of Rohrbach et al. 2018 has them). Plurals follow by rule. Empty lines and
    lines that start with # do not count.

    Raises DataError naming the line where a category is not among `categories`, stands twice, or a
    name has more than two words."""
    known = list(categories)
    synonyms: dict[str, tuple[str, ...]] = {}
    text = decode(read_bytes(path, DataError), str(path), DataError)
    for number, line in enumerate(text.splitlines(), 1):
        names = [" ".join(name.lower().split()) for name in line.split(",")]
        names = [name for name in names if name]
        if not names or line.lstrip().startswith("#"):
            continue
        category = names[0]
        if category not in known:
            near = get_close_matches(category, known, 1) or known[:3]
            raise DataError(
                f"{path}:{number}: {short(category)} is not an annotated category; a line starts "
                f"with one, such as {', '.join(near)}."
            )
        if category in synonyms:
            raise DataError(f"{path}:{number}: {short(category)} has a line already; join them.")
        long = next((name for name in names[1:] if name.count(" ") > 1), None)
        if long is not None:
            raise DataError(
                f"{path}:{number}: {short(long)} has more than two words; names have one or two."
            )
        names = [name for name in names if name.count(" ") <= 1]
        names += [plural(name) for name in names if singular(name) == name]
        synonyms[category] = tuple(dict.fromkeys(names))
    if not synonyms:
        raise DataError(f"{path} names no category; a line is: category, word, two words, ...")
    return synonyms
