"""The scenes' English, both ways: sentences about a scene, and whether a sentence is true of it.

sentence := [opening] phrase [relation phrase] {and|with phrase}
          | relation phrase "there is" phrase
phrase   := (a | an | the | one) [size] [colour] kind  |  (two | three | four) [size] [colour] kinds
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from saccade.data.scenes.draw import COLOURS, KINDS
from saccade.data.scenes.layout import SIZES, holds
from saccade.types import Box, Scene, Thing

PLURALS = {"fish": "fish"} | {kind: f"{kind}s" for kind in KINDS if kind != "fish"}
_SINGULAR = {plural: kind for kind, plural in PLURALS.items()}
NUMBERS = {"two": 2, "three": 3, "four": 4}
_ARTICLES = ("a", "an", "the", "one")
SIZE_WORDS = {"small": "small", "little": "small", "large": "large", "big": "large"}
# How a relation may be said; longest first where one begins another.
RELATIONS = {
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
_VERBS = ("", "is", "are", "stands", "stand", "sits", "sit")
_OPENINGS = (
    "",
    "there is",
    "there are",
    "we see",
    "a picture of",
    "this is",
    "here is",
    "here are",
)
_ENDINGS = ("", "alone", "and nothing else")


@dataclass(frozen=True)
class Phrase:
    """One thing, or several of a kind, that a sentence names, and where its words stand."""

    kind: str
    kind_word: int
    colour: str | None = None
    colour_word: int | None = None
    size: str | None = None
    size_word: int | None = None
    count: int = 1

    def fits(self, thing: Thing) -> bool:
        return (
            thing.kind == self.kind
            and self.colour in (None, thing.colour)
            and self.size in (None, thing.size)
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.size, self.colour, self.kind) if part)


@dataclass(frozen=True)
class Claims:
    """What a sentence says: phrases, and relations (phrase, relation, phrase) by their numbers."""

    phrases: tuple[Phrase, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    alone: bool = False  # and nothing else is there


@dataclass(frozen=True)
class Verdict:
    """Whether a sentence is true of a scene, and if not, why not."""

    true: bool
    faults: tuple[str, ...] = ()


@dataclass
class _Reader:
    """A place in a sentence."""

    words: list[str]
    at: int = 0
    phrases: list[Phrase] = field(default_factory=list)

    def take(self, options: tuple[str, ...]) -> str | None:
        """The longest option that stands here, taken; None when none does."""
        for option in sorted(options, key=lambda text: -len(text.split())):
            parts = option.split()
            if self.words[self.at : self.at + len(parts)] == parts:
                self.at += len(parts)
                return option
        return None

    def phrase(self) -> bool:
        """Read one phrase; False (and nothing taken) when none stands here."""
        start = self.at
        first = self.take((*_ARTICLES, *NUMBERS))
        if first is None:
            return False
        count = NUMBERS.get(first, 1)
        size_word = self.at
        size = self.take(tuple(SIZE_WORDS))
        colour_word = self.at
        colour = self.take(tuple(COLOURS))
        kind_word = self.at
        kind = self.take(tuple(_SINGULAR)) if count > 1 else self.take(tuple(KINDS))
        if kind is None:
            self.at = start
            return False
        self.phrases.append(
            Phrase(
                _SINGULAR.get(kind, kind) if count > 1 else kind,
                kind_word,
                colour,
                colour_word if colour else None,
                SIZE_WORDS[size] if size else None,
                size_word if size else None,
                count,
            )
        )
        return True


def parse(sentence: str) -> Claims | None:
    """What a sentence claims; None when it is not of the grammar (so also "a red red car")."""
    reader = _Reader(sentence.split())
    relations: list[tuple[int, str, int]] = []
    fronted = reader.take(tuple(RELATIONS))
    if fronted is not None:
        if not reader.phrase() or reader.take(("there is", "there are")) is None:
            return None
        if not reader.phrase():
            return None
        relations.append((1, RELATIONS[fronted], 0))
    else:
        reader.take(_OPENINGS[1:])
        if not reader.phrase():
            return None
        before = reader.at
        reader.take(_VERBS[1:])
        said = reader.take(tuple(RELATIONS))
        if said is None:
            reader.at = before
        elif not reader.phrase():
            return None
        else:
            relations.append((0, RELATIONS[said], 1))
    while (reader.at < len(reader.words)) and reader.take(("and", "with")):
        if not reader.phrase():
            reader.at -= 1
            break
    alone = reader.take(_ENDINGS[1:]) is not None
    if reader.at != len(reader.words):
        return None
    return Claims(tuple(reader.phrases), tuple(relations), alone)


def _assignments(claims: Claims, scene: Scene) -> Iterator[tuple[tuple[Thing, ...], ...]]:
    """Every way to let the phrases stand for different things of the scene, all relations true."""
    choices = []
    for phrase in claims.phrases:
        fitting = [i for i, thing in enumerate(scene.things) if phrase.fits(thing)]
        choices.append(list(combinations(fitting, phrase.count)))

    def extend(position: int, taken: tuple[tuple[int, ...], ...]) -> Iterator[tuple]:
        if position == len(choices):
            yield taken
            return
        used = {i for group in taken for i in group}
        for group in choices[position]:
            if not used & set(group):
                yield from extend(position + 1, (*taken, group))

    for groups in extend(0, ()):
        named = tuple(tuple(scene.things[i] for i in group) for group in groups)
        if all(_related(named[i], said, named[j], scene) for i, said, j in claims.relations):
            yield named


def _related(ones: tuple[Thing, ...], said: str, others: tuple[Thing, ...], scene: Scene) -> bool:
    return all(
        holds(said, one.box, other.box, max(scene.width, scene.height))
        for one in ones
        for other in others
    )


def _number(phrase: Phrase, scene: Scene) -> int:
    return sum(phrase.fits(thing) for thing in scene.things)


def check(caption: str, scene: Scene) -> Verdict:
    """Whether every thing, colour, size, count and relation that a caption names is there, all at
    once: one thing of the scene for each thing named. Counts from two on are exact."""
    claims = parse(caption)
    if claims is None:
        return Verdict(False, (f'not understood: "{caption}"',))
    faults = []
    for phrase in claims.phrases:
        found = _number(phrase, scene)
        if found == 0:
            faults.append(f"there is no {phrase}")
        elif phrase.count > 1 and found != phrase.count:
            faults.append(f"the {phrase} is there {found} times, not {phrase.count}")
    if not faults and next(_assignments(claims, scene), None) is None:
        apart = Claims(claims.phrases)
        if next(_assignments(apart, scene), None) is None:
            faults.append("it names more things than there are")
        else:
            faults += [
                f"no {claims.phrases[i]} is {said} a {claims.phrases[j]}"
                for i, said, j in claims.relations
            ]
    if not faults and claims.alone and len(scene.things) > sum(p.count for p in claims.phrases):
        faults.append("there is more than that")
    return Verdict(not faults, tuple(faults))


def ground(caption: str, scene: Scene, sizes: bool = False) -> list[tuple[int, tuple[Box, ...]]]:
    """For each noun and colour of a caption (and size, if asked): its word's position and the boxes
    of what it may truly stand for.

    A true caption's words stand for the things that make it true. Otherwise a noun stands for what
    fits its phrase, else for any of its kind; a colour for what fits its phrase, else for anything
    of that colour. No boxes: nothing of the kind is there, and no look can be right."""
    claims = parse(caption)
    if claims is None:
        return []
    whole = list(_assignments(claims, scene)) if check(caption, scene).true else []
    grounded = []
    for position, phrase in enumerate(claims.phrases):
        fitting = [t for t in scene.things if phrase.fits(t)]
        if whole:
            named = {id(t) for groups in whole for t in groups[position]}
            fitting = [t for t in scene.things if id(t) in named]
        kin = fitting or [t for t in scene.things if t.kind == phrase.kind]
        grounded.append((phrase.kind_word, tuple(t.box for t in kin)))
        if phrase.colour_word is not None:
            alike = fitting or [t for t in scene.things if t.colour == phrase.colour]
            grounded.append((phrase.colour_word, tuple(t.box for t in alike)))
        if sizes and phrase.size_word is not None:
            grounded.append((phrase.size_word, tuple(t.box for t in fitting)))
    return sorted(grounded)


assert set(SIZE_WORDS.values()) <= set(SIZES)
