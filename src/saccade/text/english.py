"""A few rules of English: function words, plurals, and a small stem to compare words by.

Deliberately small: no dictionary, no parts of speech. It is wrong for rare words ("lens" becomes
"len"), which is harmless where both sides of a comparison go through the same rule.
"""

from __future__ import annotations

import re

# Articles and quantifiers, pronouns, prepositions (with the nouns of "on top of", "in front of"),
# conjunctions, auxiliaries, adverbs.
_FUNCTION_WORDS = """
    a an the this that these those some any all both each every another other others no not many
    much more most several few such own same
    i me my we us our you your he him his she her hers it its they them their who whom whose which
    what where when why how there here one's someone something anything nothing itself himself
    herself themselves oneself
    of in on at by with without from to into onto unto up down over under above below beneath
    between among along across through throughout around round about near beside besides behind
    before after against off out outside inside toward towards upon via per during within next
    for as like than then while and or nor but so if because until although though
    is are was were be been being am has have had having do does did done doing can could will
    would shall should may might must get gets getting got it's there's that's
    top front side bunch lots together apart away back also just very too only still yet well else
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

# Words that no caption ends in: of Luo et al., "Discriminability objective for training descriptive
# captions" (2018), where they mark a model that learnt to stop early.
BAD_ENDINGS = frozenset(
    "a an the in for at of with before after on upon near to is are am".split()  # noqa: SIM905
)

_IES = "cookie movie brownie hoodie zombie selfie smoothie veggie goalie hippie beanie birdie"
_IRREGULAR = {  # plural: singular
    "children": "child", "people": "person", "mice": "mouse", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "oxen": "ox", "buses": "bus", "gases": "gas", "skis": "ski", "taxis": "taxi",
    "leaves": "leaf", "loaves": "loaf", "shelves": "shelf", "wolves": "wolf", "calves": "calf",
    "scarves": "scarf", "halves": "half", "hooves": "hoof", "knives": "knife", "wives": "wife",
    "lives": "life", "potatoes": "potato", "tomatoes": "tomato", "heroes": "hero",
    "mangoes": "mango", **{f"{word}s": word for word in _IES.split()},
}  # fmt: skip
_IRREGULAR_PLURAL = {one: many for many, one in _IRREGULAR.items()}
_SAME = {"sheep", "fish", "deer", "scissors", "canvas", "christmas", "series", "species"}
_NOT_MEN = {"human", "german", "roman", "specimen", "omen", "ramen", "abdomen"}
_VOWEL = re.compile("[aeiouy]")


def is_content(word: str) -> bool:
    """Whether a word can describe a picture: it is not a function word, a number in digits or
    punctuation.

    Nouns, verbs, adjectives and numerals count alike; special tokens such as "<unk>" do not."""
    word = word.lower()
    return word[:1].isalnum() and not word.isdigit() and word not in FUNCTION_WORDS


def singular(word: str) -> str:
    """The singular of a lower-case noun, or the word itself: dogs, boxes, berries, men, knives."""
    if word in _SAME or word in _NOT_MEN:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("men"):
        return f"{word[:-3]}man"
    if len(word) < 4:  # gas, has, yes
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "zzes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def plural(word: str) -> str:
    """The plural of a lower-case singular noun."""
    if word in _SAME:
        return word
    if word in _IRREGULAR_PLURAL:
        return _IRREGULAR_PLURAL[word]
    if word.endswith("man") and word not in _NOT_MEN:
        return f"{word[:-3]}men"
    if re.search("[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"


def stem(word: str) -> str:
    """The form in which words are compared: dogs = dog, running = runs = run.

    Plurals and third persons (`singular`), then -ing and -ed with a doubled consonant undone, then
    a final e, after Porter (1980, "An algorithm for suffix stripping"), step 1. Irregular verbs
    (sat, ridden) stay as they are."""
    word = singular(word.lower())
    if word.endswith("ied") and len(word) > 4:
        return f"{word[:-3]}y"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and _VOWEL.search(rest) and not word.endswith("eed"):
            doubled = rest[-1] == rest[-2] and rest[-1] not in "aeioulsz"
            word = rest[:-1] if doubled else rest
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
