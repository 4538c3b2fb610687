"""Five true sentences about a scene, of nine forms, about the same two things."""

import numpy as np

from saccade.data.scenes.language import PLURALS, ground
from saccade.data.scenes.layout import SIZES, holds, relation
from saccade.types import Region, Scene, Thing

_INVERSE = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "next to": "next to",
    "far from": "far from",
}
_SAID = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
    "next to": ("next to", "beside"),
    "far from": ("far from",),
}
_NUMBERS = {1: "a", 2: "two", 3: "three", 4: "four"}


def _groups(scene: Scene) -> list[list[Thing]]:
    """Things alike in kind and colour together; the largest (then leftmost, then topmost) first.
    This is what sentences are about, so that a model can learn what to talk about."""
    found: dict[tuple[str, str], list[Thing]] = {}
    for thing in scene.things:
        found.setdefault((thing.kind, thing.colour), []).append(thing)

    def salience(group: list[Thing]) -> tuple:
        first = group[0].box
        return (-sum(SIZES[t.size] for t in group), first[0], first[1])

    return sorted(found.values(), key=salience)


def _name(group: list[Thing], rng: np.random.Generator, colour: bool = True) -> str:
    """ "a small red car", "two red cars", "an orange sun" """
    thing, count = group[0], len(group)
    parts = [thing.colour] if colour else []
    if count == 1 and thing.size != "medium" and rng.random() < 0.3:
        words = {"small": ("small", "little"), "large": ("large", "big")}[thing.size]
        parts.insert(0, str(rng.choice(words)))
    parts.append(thing.kind if count == 1 else PLURALS[thing.kind])
    article = _NUMBERS[count]
    if article == "a" and parts[0][0] in "aeiou":
        article = "an"
    return " ".join((article, *parts))


def _relation(one: list[Thing], other: list[Thing], side: float) -> str | None:
    """A relation that holds without doubt between all of one group and all of the other."""
    said = relation(one[0].box, other[0].box)
    options = [said] if said else ["next to", "far from"]
    for option in options:
        if all(holds(option, a.box, b.box, side, margin=0.6) for a in one for b in other):
            return option
    return None


def _sentence(
    form: int, groups: list[list[Thing]], said: str | None, rng: np.random.Generator
) -> str:
    first = groups[0]
    a = _name(first, rng)
    be = "is" if len(first) == 1 else "are"
    if len(groups) == 1:
        forms = (
            f"there {be} {a}",
            a,
            f"we see {a}",
            f"a picture of {a}",
            f"{a} alone",
            f"here {be} {a}",
            f"{a} and nothing else",
        )
        return forms[form % len(forms)]
    b = _name(groups[1], rng)
    if said is None:
        forms = (
            f"{a} and {b}",
            f"there {be} {a} and {b}",
            f"{a} with {b}",
            f"we see {a} and {b}",
            f"a picture of {a} and {b}",
            f"here {be} {a} and {b}",
            f"{b} and {a}",
        )
        return forms[form % len(forms)]
    how = str(rng.choice(_SAID[said]))
    back = str(rng.choice(_SAID[_INVERSE[said]]))
    stand = "stands" if len(first) == 1 else "stand"
    third = f" and {_name(groups[2], rng)}" if len(groups) > 2 else ""
    forms = (
        f"{a} {how} {b}",
        f"there {be} {a} {how} {b}",
        f"{a} {be} {how} {b}",
        f"{a} {stand} {how} {b}",
        f"{how} {b} there {be} {a}",
        f"{b} {back} {a}",
        f"{a} and {b}",
        f"a picture of {a} and {b}",
        f"{a} {how} {b}{third}",
    )
    return forms[form % len(forms)]


def captions(scene: Scene, seed: int, index: int) -> tuple[tuple[str, ...], tuple[Region, ...]]:
    """Five different references of a scene, and the box of every noun, colour and size in them."""
    rng = np.random.default_rng([seed, index, 1])
    groups = _groups(scene)
    said = _relation(groups[0], groups[1], scene.width) if len(groups) > 1 else None
    sentences: list[str] = []
    order = rng.permutation(9)
    turn = 0
    while len(sentences) < 5:
        sentence = _sentence(int(order[turn % 9]) + 9 * (turn // 9), groups, said, rng)
        turn += 1
        if turn > 60 or sentence not in sentences:
            sentences.append(sentence)
    regions = tuple(
        Region(number, word, box)
        for number, sentence in enumerate(sentences)
        for word, boxes in ground(sentence, scene, sizes=True)
        for box in boxes
    )
    return tuple(sentences), regions
