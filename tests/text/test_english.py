"""The rules of English that words are compared by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.text.english import FUNCTION_WORDS, is_content, plural, singular, stem

NOUNS = (
    "dog/dogs box/boxes berry/berries bus/buses bench/benches glass/glasses knife/knives man/men "
    "woman/women policeman/policemen child/children person/people horse/horses vase/vases sheep/sheep "
    "shoe/shoes potato/potatoes cookie/cookies tie/ties mouse/mice toothbrush/toothbrushes toy/toys "
    "giraffe/giraffes leaf/leaves glove/gloves wave/waves human/humans traffic light/traffic lights"
)
PAIRS = [("traffic light", "traffic lights")]
PAIRS += [tuple(pair.split("/")) for pair in NOUNS.rsplit(" traffic", 1)[0].split()]


@pytest.mark.parametrize(("one", "many"), PAIRS)
def test_singular_and_plural(one, many):
    assert plural(one) == many
    assert singular(many) == one
    assert singular(one) == one
    assert stem(one) == stem(many)


@pytest.mark.parametrize(
    "forms",
    [
        "run runs running",
        "ride rides riding",
        "sit sits sitting",
        "stop stops stopped stopping",
        "play plays played playing",
        "carry carries carried carrying",
        "dress dresses dressed dressing",
        "roll rolls rolled rolling",
        "ski skis skiing",
        "park parks parked parking",
        "jump Jumping",
        "wave waves waving waved",
        "buzz buzzes buzzing",
    ],
)
def test_forms_of_a_verb_have_one_stem(forms):
    assert len({stem(form) for form in forms.split()}) == 1


def test_short_words_and_nouns_in_ing_keep_apart():
    words = "red bed king ring thing string wing sled feed seed dog cat bus grass is as".split()  # noqa: SIM905
    assert len({stem(word) for word in words}) == len(words)
    assert stem("sled") == "sled"
    assert stem("string") == "string"


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_any_text_has_a_stem(word):
    assert isinstance(stem(word), str)
    assert bool(stem(word)) == bool(word)
    is_content(word)


def test_content_words():
    assert [w for w in "The two dogs are running on a red t-shirt 3 <unk> .".split() if is_content(w)] == ["two", "dogs", "running", "red", "t-shirt"]  # fmt: skip # noqa: SIM905
    assert all(word == word.lower() for word in FUNCTION_WORDS)
    assert is_content("собака")
    assert is_content("狗")
    assert not is_content("")
