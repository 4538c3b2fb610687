"""Which words of a sentence about a scene are wrong, one by one."""

from __future__ import annotations

from saccade.data.scenes.draw import COLOURS
from saccade.data.scenes.language import NUMBERS, PLURALS, SIZE_WORDS, NounPhrase, is_kind, parse
from saccade.data.scenes.layout import holds
from saccade.values.examples import Scene, Thing


def wrong_words(text: str, scene: Scene) -> tuple[bool | None, ...]:
    """For each word (split at spaces) of a text: False where it is true of the scene, True where
    it is not, None for a word that says nothing of it ("a", "stands").

    A noun is wrong when no such thing is there; a colour, then a size, when no thing of its noun
    (and colour) has it, or where the noun is wrong, nothing at all; a number when there are fewer
    or, where it is exact, more; "left", "right" and "far" when the relation they are of holds of
    no two things that its phrases name. A colour or noun outside the grammar is compared with all
    things."""
    words = text.split()
    claims, things = parse(text), scene.things
    wrong: list[bool | None] = [None] * len(words)
    for place, word in enumerate(words):  # whatever the grammar does not reach
        if is_kind(word):
            wrong[place] = not any(word in (t.kind, PLURALS[t.kind]) for t in things)
        elif word in COLOURS:
            wrong[place] = not any(word == t.colour for t in things)
        elif word in SIZE_WORDS:
            wrong[place] = not any(SIZE_WORDS[word] == t.size for t in things)
    for phrase in claims.phrases:
        _judge(wrong, words, phrase, things)
    places = [t for t, word in enumerate(words) if word in ("left", "right", "far")]
    # In the order of the sentence each such word is of one relation; "above" has no content word.
    told = list(dict.fromkeys(r for r in claims.relations if r[1].split()[0] in words))
    ways = list(dict.fromkeys(relation for _, relation, _ in told))
    side = max(scene.width, scene.height)
    for place in places:
        relation = next((way for way in ways if way.split()[0] == words[place]), None)
        if relation is None:
            continue
        pairs = [(i, j) for i, way, j in told if way == relation]
        wrong[place] = not all(
            any(
                holds(relation, one.box, other.box, side)
                for one in _fitting(claims.phrases[i], things)
                for other in _fitting(claims.phrases[j], things)
                if one is not other
            )
            for i, j in pairs
        )
    return tuple(wrong)


def _fitting(phrase: NounPhrase, things: tuple[Thing, ...]) -> list[Thing]:
    return [thing for thing in things if phrase.fits(thing)]


def _judge(
    wrong: list[bool | None], words: list[str], phrase: NounPhrase, things: tuple[Thing, ...]
) -> None:
    """The colour, size and number of one phrase."""
    kin = [thing for thing in things if phrase.kind in (None, thing.kind)] or list(things)
    if phrase.colour_word is not None:
        alike = [thing for thing in kin if thing.colour == phrase.colour]
        wrong[phrase.colour_word] = not alike
        kin = alike or kin
    if phrase.size_word is not None:
        wrong[phrase.size_word] = not any(thing.size == phrase.size for thing in kin)
    first = [p for p in (phrase.size_word, phrase.colour_word, phrase.kind_word) if p is not None]
    before = min(first) - 1
    if phrase.kind is not None and before >= 0 and words[before] in NUMBERS:
        present = sum(phrase.fits(thing) for thing in things)
        wrong[before] = present != phrase.count
