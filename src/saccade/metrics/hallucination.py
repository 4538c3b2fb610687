"""Words that captions name and no reference of their picture does, the commonest first.

After the idea of CHAIR (Rohrbach et al. 2018, arXiv 1809.02156), but for all content words and
against the references alone: people mention little of what is there, so a word in this list may
still be true. Words are compared by a small stem (`saccade.text.english.stem`: plurals, -s, -ing,
-ed), not by meaning: "man" is in no reference that says "guy".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass

from saccade.errors import DataError
from saccade.text import tokenize
from saccade.text.english import is_content, stem
from saccade.text.naming import naming_words

__all__ = ["Hallucination", "hallucinated", "is_content"]


@dataclass(frozen=True)
class Hallucination:
    """A word that captions name and no reference of their pictures has."""

    word: str  # its commonest form
    count: int  # captions that name it where no reference does
    said: int  # captions that name it at all
    examples: tuple[Hashable, ...]  # the first of those pictures

    @property
    def rate(self) -> float:
        """How often it is in no reference when it is used."""
        return self.count / self.said


def hallucinated(
    captions: Mapping[Hashable, Sequence[str]],
    references: Mapping[Hashable, Sequence[str]],
    *,
    examples: int = 5,
) -> tuple[Hallucination, ...]:
    """Every content word that a caption names and no reference of the picture has.

    `captions` are words, by picture; `references` are texts. The most often hallucinated word comes
    first, of equals the one used less often. A word counts once a caption, in whatever form; a
    picture without references is left out. Raises DataError when a picture is not among the
    references at all."""
    said: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    wrong: dict[str, list[Hashable]] = {}
    for picture, words in captions.items():
        if picture not in references:
            raise DataError(f"picture {picture} has a caption but no references; give it an entry.")
        known = known_stems(references[picture])
        if not known:
            continue
        for key, form in content_stems(words).items():
            said[key] += 1
            if key not in known:
                wrong.setdefault(key, []).append(picture)
                forms.setdefault(key, Counter())[form] += 1
    commonest = {
        key: min((-count, form) for form, count in of.items())[1] for key, of in forms.items()
    }
    return ranked(wrong, said, commonest, examples)


def in_no_reference(
    words: Sequence[str],
    references: Sequence[str],
    names: Mapping[str, frozenset[str]] | None = None,
    pairs: Container[str] = frozenset(),
) -> tuple[bool | None, ...]:
    """For each word of a caption, whether no reference of its picture has it; None for a word that
    is no content word.

    names: word, or two words with a space -> what it can mean: a word is in a reference that names
    something it can mean, too ("puppy" for "dog"), as in `saccade.metrics.chair`; pairs: two words
    that are never taken for one of them."""
    known = known_stems(references)
    there: set[str] = set()
    own: dict[int, frozenset[str]] = {}
    if names:
        for text in references:
            for _, _, kinds in naming_words(tokenize(text), names, pairs):
                there |= kinds
        for start, stop, kinds in naming_words(words, names, pairs):
            own |= dict.fromkeys(range(start, stop), kinds)
    return tuple(
        stem(word) not in known and not own.get(place, frozenset()) & there
        if is_content(word)
        else None
        for place, word in enumerate(words)
    )


def content_stems(words: Sequence[str]) -> dict[str, str]:
    """The content words of a caption: stem -> the form first used."""
    named: dict[str, str] = {}
    for word in words:
        if is_content(word):
            named.setdefault(stem(word), word.lower())
    return named


def known_stems(references: Sequence[str]) -> set[str]:
    """The stems of all words of a picture's references."""
    return {stem(word) for text in references for word in tokenize(text)}


def ranked(
    wrong: Mapping[str, Sequence[Hashable]],
    said: Mapping[str, int],
    words: Mapping[str, str],
    examples: int = 5,
) -> tuple[Hallucination, ...]:
    """By key: the pictures where it was wrong, how often it was used at all, and the word to show;
    the most often wrong one first, of equals the one used less often."""
    items = [
        Hallucination(words[key], len(pictures), said[key], tuple(pictures[:examples]))
        for key, pictures in wrong.items()
    ]
    return tuple(sorted(items, key=lambda item: (-item.count, item.said, item.word)))
