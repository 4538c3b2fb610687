"""Five true sentences about a scene, of some twenty forms, all about the same two things."""

from typing import NamedTuple

import numpy as np

from saccade.data.scenes.language import PLURALS, ground
from saccade.data.scenes.layout import groups, relation
from saccade.values.examples import Region, Scene, Thing

# The first wording is the most frequent one.
_WORDINGS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
    "next to": ("next to", "beside"),
    "far from": ("far from",),
}
_ADJECTIVES = {"small": ("small", "little"), "large": ("large", "big")}
_NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}

# {a} and {b} are the scene's main groups, {c} a third one; {is_a} is "is" or "are"; {how} is the
# relation of a to b. The larger object always comes first: a sentence in the other order would be
# equally true, but nothing in the picture determines when to use it.
#
# The first form of each list is always among the five, and without sizes: it becomes a captioner's
# most probable sentence, so it is the most informative one.
_RELATED = (
    "{a} {how} {b}",
    "there {is_a} {a} {how} {b}",
    "{a} {is_a} {how} {b}",
    "we see {a} {how} {b}",
    "here {is_a} {a} {how} {b}",
    "a picture of {a} {how} {b}",
    "{a} and {b}",
)
_WITH_THIRD = "{a} {how} {b} and there {is_c} {c}"
_UNRELATED = (
    "{a} and {b}",
    "there {is_a} {a} and {b}",
    "{a} with {b}",
    "we see {a} and {b}",
    "a picture of {a} and {b}",
    "here {is_a} {a} and {b}",
)
_ALONE = (
    "there {is_a} {a}",
    "we see {a}",
    "a picture of {a}",
    "{a} alone",
    "here {is_a} {a}",
    "{a} and nothing else",
)


class _Namer(NamedTuple):
    """Names objects; every choice of words comes from `rng`."""

    rng: np.random.Generator

    def choose(self, *options: str) -> str:
        return options[self.rng.integers(len(options))]

    def usually(self, first: str, *others: str) -> str:
        return self.choose(*others) if others and self.rng.random() < 0.3 else first

    def name(self, group: tuple[Thing, ...], size: bool) -> str:
        """ "a small red car", "two red cars", "an orange sun" """
        thing, count = group[0], len(group)
        parts = [thing.colour, PLURALS[thing.kind] if count > 1 else thing.kind]
        alike = all(t.size == thing.size for t in group)
        if size and alike and thing.size in _ADJECTIVES and self.rng.random() < 0.3:
            parts.insert(0, self.choose(*_ADJECTIVES[thing.size]))
        article = "an" if count == 1 and parts[0][0] in "aeiou" else _NUMBERS[count]
        return " ".join((article, *parts))


def _sentences(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five different sentences."""
    objects = groups(scene)
    namer = _Namer(rng)
    related = relation(objects[0], objects[1], scene.width) if len(objects) > 1 else None
    forms = list(_RELATED if related else _UNRELATED if len(objects) > 1 else _ALONE)
    if related and len(objects) > 2:
        forms[-1] = _WITH_THIRD
    sentences: list[str] = []
    numbers = [0, *(1 + rng.permutation(len(forms) - 1)[:4])]
    for number in rng.permutation(numbers):
        form = forms[number]
        sizes = number > 0 and form != _WITH_THIRD  # the longest stays within 16 words
        words = {
            f"is_{letter}": "is" if len(group) == 1 else "are"
            for letter, group in zip("abc", objects, strict=False)
        }
        for letter, group in zip("abc", objects, strict=False):
            words[letter] = namer.name(group, size=sizes)
        if related:
            words["how"] = namer.usually(*_WORDINGS[related])
        sentences.append(form.format_map(words))
    return sentences


def captions(scene: Scene, seed: int, index: int) -> tuple[tuple[str, ...], tuple[Region, ...]]:
    """Five different references of a scene, and the box of every noun, colour and size in them."""
    sentences = _sentences(scene, np.random.default_rng([seed, index, 1]))
    regions = tuple(
        Region(number, word, box)
        for number, sentence in enumerate(sentences)
        for word, boxes in ground(sentence, scene, sizes=True)
        for box in boxes
    )
    return tuple(sentences), regions
