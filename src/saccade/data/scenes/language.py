"""What a sentence about a scene claims, whether that is true, and the boxes of its words.

sentence := clause {and there is list | with list} [alone | and nothing else]
clause   := [opening] list [[is] relation list]  |  relation list there is list
list     := phrase {and phrase}
phrase   := (a | an | the | one) [size] [colour] kind  |  (two | three | four) [size] [colour] kinds

An ambiguous sentence is read in its stronger sense: in "a car left of a tree and a ball" the car is
left of both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from saccade.data.scenes.draw import COLOURS, KINDS
from saccade.data.scenes.layout import holds
from saccade.values.examples import Scene, Thing
from saccade.values.places import Box

PLURALS = {"fish": "fish"} | {kind: f"{kind}s" for kind in KINDS if kind != "fish"}
SIZE_WORDS = {"small": "small", "little": "small", "large": "large", "big": "large"}
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4}
_ARTICLES = {"a": 1, "an": 1, "the": 1}
_KIND_OF = {plural: kind for kind, plural in PLURALS.items()} | {kind: kind for kind in KINDS}


def is_kind(word: str) -> bool:
    """Whether a word is the noun of a kind of thing, in the singular or the plural."""
    return word in _KIND_OF


_Table = dict[tuple[str, ...], str]  # a wording -> its meaning


def _ways(meanings: dict[str, str] | Iterable[str]) -> _Table:
    """Wordings as lists of words, the longest first, so that the first match is the right one."""
    pairs = meanings.items() if isinstance(meanings, dict) else ((way, way) for way in meanings)
    return dict(
        sorted(((tuple(way.split()), what) for way, what in pairs), key=lambda w: -len(w[0]))
    )


_RELATIONS = _ways(
    {
        "to the left of": "left of",
        "left of": "left of",
        "to the right of": "right of",
        "right of": "right of",
        "above": "above",
        "over": "above",
        "below": "below",
        "under": "below",
        "next to": "next to",
        "beside": "next to",
        "far from": "far from",
    }
)
_THERE = _ways(("there is", "there are"))
_OPENINGS = _THERE | _ways(("we see", "a picture of", "this is", "here is", "here are"))
_VERBS = _ways(("is", "are", "stands", "stand", "sits", "sit"))
_ENDINGS = _ways(("alone", "and nothing else"))
_AND, _WITH = _ways(("and",)), _ways(("with",))
_AND_THERE = _ways(("and there is", "and there are"))


@dataclass(frozen=True)
class NounPhrase:
    """One object, or several of a kind, that a sentence names. The `_word` fields are indices into
    the sentence's words. `kind` is None only for a stray colour in an ungrammatical sentence."""

    kind: str | None
    kind_word: int | None
    colour: str | None = None
    colour_word: int | None = None
    size: str | None = None
    size_word: int | None = None
    count: int = 1
    exactly: bool = False  # a number was named: there may be no more than that

    def fits(self, thing: Thing, size: bool = True) -> bool:
        """Whether the object has the kind, colour and (with `size`) size named."""
        return (
            self.kind in (None, thing.kind)
            and self.colour in (None, thing.colour)
            and (not size or self.size in (None, thing.size))
        )

    def name(self, count: int) -> str:
        """ "small red car", "red cars" """
        kind = PLURALS[self.kind] if self.kind and count != 1 else self.kind
        return " ".join(part for part in (self.size, self.colour, kind) if part)


@dataclass(frozen=True)
class Claims:
    """What a sentence claims: its phrases and relations (phrase, relation, phrase) by their
    numbers.

    When `fault` is not None the sentence does not follow the grammar; `phrases` are then the
    objects and colours recognised in it."""

    phrases: tuple[NounPhrase, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    alone: bool = False  # it claims that nothing else is there
    fault: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a sentence is true of a scene, and if not, why not."""

    true: bool
    faults: tuple[str, ...] = ()


class _Ungrammatical(Exception):
    """Raised where a sentence leaves the grammar."""


class _Reader:
    """Reads a sentence word by word."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0
        self.phrases: list[NounPhrase] = []
        self.relations: list[tuple[int, str, int]] = []

    def take(self, table: _Table) -> str | None:
        """The meaning of the next words in the table, which are consumed; None when not in it."""
        for way, what in table.items():
            if tuple(self.words[self.at : self.at + len(way)]) == way:
                self.at += len(way)
                return what
        return None

    def word(self, options: Iterable[str]) -> str | None:
        """The next word, consumed, if it is one of the options."""
        if self.at < len(self.words) and self.words[self.at] in options:
            self.at += 1
            return self.words[self.at - 1]
        return None

    def phrase(self) -> int:
        """Read a phrase; its number."""
        first = self.word(_ARTICLES) or self.word(NUMBERS)
        if first is None:
            raise _Ungrammatical
        count = _ARTICLES.get(first) or NUMBERS[first]
        size = self.word(SIZE_WORDS)
        size_word = self.at - 1 if size else None
        colour = self.word(COLOURS)
        colour_word = self.at - 1 if colour else None
        kind = self.word(PLURALS.values() if count > 1 else KINDS)
        if kind is None:
            raise _Ungrammatical
        self.phrases.append(
            NounPhrase(
                _KIND_OF[kind],
                self.at - 1,
                colour,
                colour_word,
                SIZE_WORDS[size] if size else None,
                size_word,
                count,
                first in NUMBERS,
            )
        )
        return len(self.phrases) - 1

    def phrases_here(self) -> list[int]:
        """Read phrases joined by "and"; returns their numbers."""
        numbers = [self.phrase()]
        while self.words[self.at : self.at + 2] not in (["and", "there"], ["and", "nothing"]):
            if not self.take(_AND):
                break
            numbers.append(self.phrase())
        return numbers

    def relate(self, ones: list[int], relation: str, others: list[int]) -> None:
        self.relations += [(one, relation, other) for one in ones for other in others]

    def sentence(self) -> Claims:
        """Read all of it. Raises _Ungrammatical at the first word that does not fit the grammar."""
        fronted = self.take(_RELATIONS)
        if fronted:
            others = self.phrases_here()
            if not self.take(_THERE):
                raise _Ungrammatical
            self.relate(self.phrases_here(), fronted, others)
        else:
            self.take(_OPENINGS)
            ones = self.phrases_here()
            verb = self.take(_VERBS)
            relation = self.take(_RELATIONS)
            if relation:
                self.relate(ones, relation, self.phrases_here())
            elif verb:
                raise _Ungrammatical
        while self.take(_AND_THERE) or self.take(_WITH):
            self.phrases_here()
        alone = self.take(_ENDINGS) is not None
        if self.at < len(self.words):
            raise _Ungrammatical
        return Claims(tuple(self.phrases), tuple(self.relations), alone)


def _recognised(words: list[str]) -> tuple[NounPhrase, ...]:
    """The objects of an ungrammatical sentence, with the colour right before each, and stray
    colours."""
    phrases = []
    colour: tuple[str, int] | None = None
    for position, word in enumerate(words):
        kind = _KIND_OF.get(word)
        if colour and not kind:
            phrases.append(NounPhrase(None, None, *colour))
        if kind:
            phrases.append(NounPhrase(kind, position, *(colour or ())))
        colour = (word, position) if word in COLOURS else None
    if colour:
        phrases.append(NounPhrase(None, None, *colour))
    return tuple(phrases)


def parse(sentence: str) -> Claims:
    """What a sentence claims. One outside the grammar ("a red red car") has a `fault`."""
    words = sentence.split()
    reader = _Reader(words)
    try:
        return reader.sentence()
    except _Ungrammatical:
        phrases = _recognised(words)
    if not any(phrase.kind for phrase in phrases):
        return Claims(phrases, fault="it names nothing")
    rest = " ".join(words[reader.at :])
    return Claims(phrases, fault=f'not understood from "{rest}" on' if rest else "it breaks off")


def _assignments(claims: Claims, scene: Scene) -> Iterator[tuple[tuple[Thing, ...], ...]]:
    """Every assignment of the phrases to different objects of the scene with all relations true."""
    choices = [
        list(combinations([i for i, t in enumerate(scene.things) if p.fits(t)], p.count))
        for p in claims.phrases
    ]

    def extend(taken: tuple[tuple[int, ...], ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
        if len(taken) == len(choices):
            yield taken
            return
        used = {i for group in taken for i in group}
        for group in choices[len(taken)]:
            if used.isdisjoint(group):
                yield from extend((*taken, group))

    side = max(scene.width, scene.height)
    for taken in extend(()):
        named = tuple(tuple(scene.things[i] for i in group) for group in taken)
        if all(
            holds(relation, one.box, other.box, side)
            for i, relation, j in claims.relations
            for one in named[i]
            for other in named[j]
        ):
            yield named


def _possible(claims: Claims, scene: Scene) -> bool:
    return next(_assignments(claims, scene), None) is not None


def _miscounted(phrase: NounPhrase, scene: Scene) -> str | None:
    """What is wrong with the number of objects that a phrase names."""
    present = sum(phrase.fits(thing) for thing in scene.things)
    if present == 0:
        return f"there is no {phrase.name(1)}"
    if present < phrase.count or (phrase.exactly and present != phrase.count):
        be = "is" if present == 1 else "are"
        return f"there {be} {present} {phrase.name(present)}, not {phrase.count}"
    return None


def _faults(claims: Claims, scene: Scene) -> Iterator[str]:
    """What is wrong with a sentence, in words; nothing when it is true."""
    if claims.fault:
        yield claims.fault
        return
    wrong = [fault for p in claims.phrases if (fault := _miscounted(p, scene))]
    if wrong:
        yield from dict.fromkeys(wrong)
    elif not _possible(Claims(claims.phrases), scene):
        yield "it names more things than there are"
    elif not _possible(claims, scene):
        alone = [r for r in claims.relations if not _possible(Claims(claims.phrases, (r,)), scene)]
        for i, relation, j in alone:
            one, other = claims.phrases[i], claims.phrases[j]
            names = f"the {one.name(one.count)}", f"the {other.name(other.count)}"
            yield f"{names[0]} {'is' if one.count == 1 else 'are'} not {relation} {names[1]}"
        if not alone:
            yield "its relations do not all hold at once"
    if claims.alone and len(scene.things) > sum(p.count for p in claims.phrases):
        yield "there is more than that"


def check(caption: str, scene: Scene) -> Verdict:
    """Whether every object, colour, size, number and relation in a caption is true of the scene,
    all at once, with a different object of the scene for each one named. "a car" is true of two
    cars; "one car" and "three cars" are not. A sentence outside the grammar is not true."""
    faults = tuple(_faults(parse(caption), scene))
    return Verdict(not faults, faults)


def absent_words(text: str, scene: Scene) -> tuple[str, ...]:
    """The kinds and colours in a text that nothing in the scene has, as written, in order and each
    once. "a red car" has none in a scene with a red ball and a blue car: see `check`."""
    kinds = {thing.kind for thing in scene.things}
    colours = {thing.colour for thing in scene.things}
    absent = [
        word
        for word in text.split()
        if (word in COLOURS and word not in colours)
        or (word in _KIND_OF and _KIND_OF[word] not in kinds)
    ]
    return tuple(dict.fromkeys(absent))


def ground(caption: str, scene: Scene, sizes: bool = False) -> list[tuple[int, tuple[Box, ...]]]:
    """For each noun and colour of a caption (and, with `sizes`, size): its word's position and the
    boxes (pixels) of the objects that it may refer to, by position.

    In a true caption, words refer to the objects that make it true. Otherwise a word refers to the
    objects of its phrase's kind and colour; if there are none, a noun to all objects of its kind
    and a colour to all of that colour. No boxes: there is no such object, and no attention can be
    right."""
    claims = parse(caption)
    things = scene.things
    true = next(_faults(claims, scene), None) is None
    whole = list(_assignments(claims, scene)) if true else []
    grounded: list[tuple[int, tuple[Box, ...]]] = []
    for position, phrase in enumerate(claims.phrases):
        named = {id(thing) for taken in whole for thing in taken[position]}
        fitting = tuple(
            t.box for t in things if (id(t) in named if whole else phrase.fits(t, size=False))
        )
        if phrase.kind_word is not None:
            kin = tuple(t.box for t in things if t.kind == phrase.kind)
            grounded.append((phrase.kind_word, fitting or kin))
        if phrase.colour_word is not None:
            alike = tuple(t.box for t in things if t.colour == phrase.colour)
            grounded.append((phrase.colour_word, fitting or alike))
        if sizes and phrase.size_word is not None:
            grounded.append((phrase.size_word, fitting))
    return sorted(grounded)
