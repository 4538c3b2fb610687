"""Broader words for words of captions, and which words can mean the same thing.

From the words of COCO's categories (`saccade.data.coco_words`), with two changes: a word that says
man or woman does not mean the other, and "animal" names every animal. English only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from saccade.data.coco_words import CATEGORIES
from saccade.data.synonyms import naming
from saccade.text.english import plural, singular

_MALE = "man, boy, guy, gentleman, male, father, dad, son, brother, policeman, fireman, fisherman, "
_MALE += "businessman, cowboy, waiter, groom"
_FEMALE = "woman, girl, lady, female, mother, mom, daughter, sister, policewoman, waitress, bride"
_ANIMALS = "bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe"
_VEHICLES = "bicycle, car, motorcycle, airplane, bus, train, truck, boat"
# Categories whose name is a broader word for each of its words.
_BROAD = (
    "person, car, airplane, boat, truck, bird, cat, dog, horse, sheep, cow, chair, cake, umbrella"
)
_EVERYDAY = {"airplane": "plane"}
_MEN, _WOMEN = "man", "woman"  # what stands for COCO's person


def _split(words: str) -> list[str]:
    return words.split(", ")


def _both(words: str) -> set[str]:
    """Singulars and plurals."""
    return {form for word in _split(words) for form in (word, plural(word))}


@lru_cache(maxsize=1)
def meanings() -> Mapping[str, frozenset[str]]:
    """Word, or two words with a space -> the kinds of thing that it can mean. Two words can mean
    the same thing where these meet: "puppy" and "terrier", "man" and "people", not "man" and
    "woman"."""
    male, female = _both(_MALE), _both(_FEMALE)
    kinds = {}
    for word, categories in naming(CATEGORIES).items():
        people = "person" in categories
        rest = categories - {"person"}
        if people and word not in female:
            rest |= {_MEN}
        if people and word not in male:
            rest |= {_WOMEN}
        kinds[word] = frozenset(rest)
    for word, named in (("animal", _ANIMALS), ("vehicle", _VEHICLES)):
        kinds[word] = kinds[plural(word)] = frozenset(_split(named))
    kinds["people"] = kinds["persons"] = kinds["person"]
    return kinds


@lru_cache(maxsize=1)
def _above() -> Mapping[str, str]:
    """Singular -> its broader word, in the singular."""
    above = {}
    names = naming(CATEGORIES)
    for word, categories in names.items():
        many = singular(word) != word or (word.endswith("s") and word[:-1] in names)
        if many or " " in word or len(categories) > 1:
            continue
        (category,) = categories
        name = _EVERYDAY.get(category, category)
        if category in _split(_BROAD) and word not in (name, category):
            above[word] = name
    above |= dict.fromkeys(_split(_ANIMALS), "animal")
    above |= {_EVERYDAY.get(name, name): "vehicle" for name in _split(_VEHICLES)}
    return above


def broader(word: str) -> str | None:
    """A word for more things than `word`, of the same number ("puppies": "dogs", "men": "people"),
    or None where the list has none."""
    word = word.lower()
    one = singular(word)
    above = _above().get(one)
    if above is None or one == word:
        return above
    return "people" if above == "person" else plural(above)
