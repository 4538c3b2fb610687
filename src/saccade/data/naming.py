"""Which words of a caption name something that has boxes on the photo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from saccade.data.coco_words import PAIRS
from saccade.text import tokenize
from saccade.text.english import is_content, plural, singular, stem
from saccade.text.naming import naming_words
from saccade.values.examples import NamedWord, PhraseBox
from saccade.values.places import Box


class BoxedPhrase(NamedTuple):
    """What a phrase says of a thing with boxes."""

    stems: frozenset[str]  # of its content words
    kinds: tuple[str, ...]  # "people", "clothing", ...
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class PictureBoxes:
    """What words name in one picture."""

    name: str  # as the source writes it: "val2017/000000000139.jpg", "1000092795"
    width: int  # of the annotated picture; 0 when the source does not say
    height: int
    named: Mapping[str, tuple[Box, ...]]  # by lower-case word, or two words with a space
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of what these name
    phrases: tuple[BoxedPhrase, ...] = ()
    categories: frozenset[str] = frozenset()  # of COCO's instances, crowds too

    def scaled(self, x: float, y: float) -> PictureBoxes:
        """The same for a picture that is x times as wide and y times as high."""

        def scale(boxes: Iterable[Box]) -> tuple[Box, ...]:
            return tuple((x0 * x, y0 * y, x1 * x, y1 * y) for x0, y0, x1, y1 in boxes)

        return replace(
            self,
            width=round(self.width * x),
            height=round(self.height * y),
            named={word: scale(boxes) for word, boxes in self.named.items()},
            phrases=tuple(entry._replace(boxes=scale(entry.boxes)) for entry in self.phrases),
        )

    def words(self, words: Sequence[str]) -> tuple[NamedWord, ...]:
        """The words of a caption that name something with boxes here, by place.

        Heads (the thing's own word, as a rule its noun) are those of `ground_words`. Of the other
        content words those count whose stem is in a phrase. One that stands before a head with
        only such words between ("a large brown dog") describes the head: it has those of the
        head's boxes that a phrase with this word has, and without any it does not count.
        Elsewhere a word has all boxes of all phrases that hold it."""
        lower = [word.lower() for word in words]
        heads = dict(ground_words(lower, self.named))
        named = []
        head: int | None = None  # that the current word stands before
        for place in range(len(lower) - 1, -1, -1):
            word = lower[place]
            if place in heads:
                head = place
                pairs = (" ".join(lower[max(at, 0) : at + 2]) for at in (place - 1, place))
                name = next((n for n in pairs if n in self.kinds), word)
                named.append(NamedWord(place, heads[place], self.kinds.get(name, ()), True))
            elif not is_content(word):
                head = None
            else:
                about = [entry for entry in self.phrases if stem(word) in entry.stems]
                if head is not None:
                    theirs = frozenset(heads[head])
                    about = [entry for entry in about if theirs.intersection(entry.boxes)]
                boxes = dict.fromkeys(
                    box
                    for entry in about
                    for box in entry.boxes
                    if head is None or box in heads[head]
                )
                kinds = dict.fromkeys(kind for entry in about for kind in entry.kinds)
                if boxes:
                    named.append(NamedWord(place, tuple(boxes), tuple(kinds), False))
        return tuple(reversed(named))


def ground_words(
    words: Sequence[str], named: Mapping[str, tuple[Box, ...]]
) -> list[tuple[int, tuple[Box, ...]]]:
    """The words of a caption that name something with boxes: (index, boxes), by index.

    As `naming_words` has them; of a pair both words have its boxes."""
    names = naming_words(words, named, PAIRS)
    return [(index, boxes) for start, stop, boxes in names for index in range(start, stop)]


def phrase_boxes(name: str, boxes: Sequence[PhraseBox]) -> PictureBoxes:
    """What phrases name in a picture, in whose own pixels their boxes are."""
    phrases: dict[tuple[str, ...], dict[Box, None]] = {}
    of: dict[tuple[str, ...], dict[str, None]] = {}
    for entry in boxes:
        words = tuple(tokenize(entry.phrase))
        phrases.setdefault(words, {})[entry.box] = None
        of.setdefault(words, {}).update(dict.fromkeys(filter(None, (entry.kind,))))
    whole = [(words, tuple(of[words]), tuple(theirs)) for words, theirs in phrases.items()]
    return name_phrases(name, 0, 0, whole)


def name_phrases(
    name: str,
    width: int,
    height: int,
    phrases: Iterable[tuple[Sequence[str], tuple[str, ...], tuple[Box, ...]]],
) -> PictureBoxes:
    """What phrases (words, kinds, boxes) name: by each form of their last words, and whole."""
    named: dict[str, dict[Box, None]] = {}
    kinds: dict[str, dict[str, None]] = {}
    whole: dict[BoxedPhrase, None] = {}
    for words, theirs, boxes in phrases:
        whole[BoxedPhrase(content_stems(words), theirs, boxes)] = None
        for form in head_forms(words):
            named.setdefault(form, {}).update(dict.fromkeys(boxes))
            kinds.setdefault(form, {}).update(dict.fromkeys(theirs))
    return PictureBoxes(
        name,
        width,
        height,
        {word: tuple(boxes) for word, boxes in named.items()},
        {word: tuple(theirs) for word, theirs in kinds.items()},
        tuple(whole),
    )


def content_stems(words: Iterable[str]) -> frozenset[str]:
    """The stems of a phrase's content words."""
    return frozenset(stem(word) for word in words if is_content(word))


def head_forms(words: Sequence[str]) -> frozenset[str]:
    """The last word of a phrase in the singular and the plural (two words for a known pair); none
    for "it" or "each other"."""
    if not words or not is_content(words[-1]):
        return frozenset()
    pair = " ".join(words[-2:])
    head = pair if pair in PAIRS else words[-1]
    return frozenset((head, singular(head), plural(singular(head))))
