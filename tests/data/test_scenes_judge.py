"""The judge of captions tells true from false, and knows where their words should look."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.data.scenes import (
    COLOURS,
    KINDS,
    RELATIONS,
    absent_words,
    captions,
    check,
    ground,
    holds,
    make_scene,
)
from saccade.data.scenes.layout import groups
from saccade.values.examples import Scene, Thing

MANY = 500
INVERSE = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "next to": "next to",
    "far from": "far from",
}
NAMES = ("red", "blue", "ball", "balls", "car", "tree")
WORDS = (*NAMES, *"a an two there is and with left right to the of above next small x".split())  # noqa: SIM905


def scene(*things: Thing) -> Scene:
    return Scene(96, 96, "meadow", things)


CAR = Thing("car", "red", "large", (5.0, 60.0, 45.0, 82.0))
TREE = Thing("tree", "green", "large", (60.0, 55.0, 88.0, 90.0))
BALL = Thing("ball", "blue", "small", (10.0, 10.0, 26.0, 26.0))
BALL2 = Thing("ball", "blue", "small", (74.0, 30.0, 90.0, 46.0))


@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        ("a red car left of a green tree", None),
        ("a red car is to the left of a green tree", None),
        ("there is a green tree to the right of a red car", None),
        ("left of a green tree there is a large red car", None),
        ("a big car and two small blue balls", None),
        ("two balls above a red car", "the balls are not above the red car"),  # one of them is not
        ("a blue ball above a red car", None),
        ("a red car under a blue ball", None),
        ("a ball and a ball", None),
        ("a blue ball far from a green tree", None),
        ("a blue car left of a green tree", "there is no blue car"),
        ("a red cat", "there is no red cat"),
        ("a small red car", "there is no small red car"),
        ("a red car right of a green tree", "the red car is not right of the green tree"),
        ("a red car above a green tree", "the red car is not above the green tree"),
        ("three blue balls", "there are 2 blue balls, not 3"),
        ("two red cars", "there is 1 red car, not 2"),
        ("a car and a car", "it names more things than there are"),
        ("a red car alone", "there is more than that"),
        ("a red red car", "not understood"),
        ("a red", "it names nothing"),
        ("we see above beside", "it names nothing"),
        ("a car of a tree", "not understood"),
        ("a car and", "it breaks off"),
        ("", "it names nothing"),
        ("left of a tree there is", "it breaks off"),
        ("a red car is", "it breaks off"),
        ("a red car is a green tree", "not understood"),
        ("a red car left of a green tree right of a blue ball", "not understood"),
        ("a car left a tree", "not understood"),
        ("a cars", "not understood"),
        ("a red car and there is a blue ball", None),
        ("a red car under a blue ball and there is a green tree", None),
        ("there is a green tree with a ball and a ball alone", "there is more than that"),
        ("there is a green tree with a car and two balls alone", None),
        (
            "a red car left of a green tree and a blue ball",
            None,
        ),  # of both, taking one of the balls
        (
            "a red car and two balls left of a green tree",
            "the balls are not left of the green tree",
        ),
        ("a red car and a ball above a green tree", "the red car is not above the green tree"),
        ("one blue ball", "there are 2 blue balls, not 1"),
        ("the red car", None),
        ("the small car", "there is no small car"),
        ("a red cat and a blue cat", "there is no blue cat"),
        ("two car", "not understood"),
    ],
)
def test_the_judge(caption, fault):
    verdict = check(caption, scene(CAR, TREE, BALL, BALL2))
    if fault is None:
        assert verdict.true, verdict.faults
        assert verdict.faults == ()
    else:
        assert not verdict.true
        assert any(fault in told for told in verdict.faults), verdict.faults


def test_one_thing_must_be_all_that_is_said_of_it():
    """A blue ball is above the car and a red ball is not: "a red ball above a car" is false."""
    red = Thing("ball", "red", "small", (70.0, 70.0, 86.0, 86.0))
    drawn = scene(CAR, BALL, red)
    assert check("a blue ball above a car", drawn).true
    assert not check("a red ball above a car", drawn).true
    assert check("a ball above a car", drawn).true


FLIPS = {
    "left": "right",
    "right": "left",
    "above": "below",
    "over": "under",
    "below": "above",
    "under": "over",
    "two": "three",
    "three": "two",
}
OTHER_SIZE = {"small": "large", "little": "big", "large": "small", "big": "little"}


def test_a_reference_with_one_word_wrong_is_false():
    tried = Counter()
    for index in range(MANY):
        drawn = make_scene(3, index)
        absent = sorted(set(COLOURS) - {t.colour for t in drawn.things})
        missing = sorted(set(KINDS) - {t.kind for t in drawn.things})
        alike = len({t.kind for t in drawn.things}) < len(groups(drawn))
        for sentence in captions(drawn, 3, index)[0]:
            words = sentence.split()
            for position, word in enumerate(words):
                single = word.removesuffix("s")
                if word in COLOURS:
                    changed = absent[index % len(absent)]
                elif single in KINDS:
                    changed = missing[index % len(missing)]
                    changed += "s" if word != single and changed != "fish" else ""
                elif word in FLIPS and not (alike and "picture" in words):
                    changed = FLIPS[word]
                elif word in OTHER_SIZE and len(groups(drawn)) == len(drawn.things) and not alike:
                    changed = OTHER_SIZE[word]
                else:
                    continue
                tried[word] += 1
                wrong = " ".join([*words[:position], changed, *words[position + 1 :]])
                assert not check(wrong, drawn).true, (sentence, wrong, drawn)
            for one, other in (
                ("next to", "far from"),
                ("beside", "far from"),
                ("far from", "next to"),
            ):
                if one in sentence:
                    tried[one] += 1
                    assert not check(sentence.replace(one, other), drawn).true
    assert {*COLOURS, *KINDS, *FLIPS, *OTHER_SIZE, "next to", "beside", "far from"} <= set(tried)


def test_swapping_what_a_sentence_names_makes_it_false():
    """Not a bag of words: which is left of which, and which is of which colour, count."""
    drawn = scene(CAR, TREE, BALL)
    assert check("a red car left of a green tree", drawn).true
    assert not check("a green tree left of a red car", drawn).true
    assert not check("a green car left of a red tree", drawn).true


@settings(max_examples=100)
@given(
    a=st.tuples(*[st.integers(0, 60)] * 2),
    b=st.tuples(*[st.integers(0, 60)] * 2),
    size=st.integers(5, 30),
)
def test_relations_are_the_geometry_they_name(a, b, size):
    one, other = ((x, y, x + size, y + size) for x, y in (a, b))
    for said in RELATIONS:
        assert holds(said, one, other, 96) == holds(INVERSE[said], other, one, 96)
        if holds(said, one, other, 96, clearly=True):
            assert holds(said, one, other, 96)
    assert sum(holds(s, one, other, 96, clearly=True) for s in RELATIONS[:4]) <= 1
    assert not (holds("next to", one, other, 96) and holds("far from", one, other, 96))
    if holds("left of", one, other, 96):
        assert one[2] <= other[0]
    if holds("above", one, other, 96):
        assert one[3] <= other[1]
    with pytest.raises(ValueError, match="inside"):
        holds("inside", one, other, 96)


def test_words_of_a_true_caption_are_grounded_in_what_makes_it_true():
    drawn = scene(CAR, TREE, BALL, BALL2)
    assert ground("a blue ball above a red car", drawn) == [
        (1, (BALL.box,)),
        (2, (BALL.box,)),
        (5, (CAR.box,)),
        (6, (CAR.box,)),
    ]
    assert ground("two blue balls", drawn) == [
        (1, (BALL.box, BALL2.box)),
        (2, (BALL.box, BALL2.box)),
    ]
    assert ground("a blue ball", drawn) == [(1, (BALL.box, BALL2.box)), (2, (BALL.box, BALL2.box))]
    # false: a blue car. The noun can still be looked at, and so can the colour; a cat can't.
    assert ground("a blue car", drawn) == [(1, (BALL.box, BALL2.box)), (2, (CAR.box,))]
    assert ground("a pink cat", drawn) == [(1, ()), (2, ())]
    assert ground("nonsense words", drawn) == []
    # false for its size or its relation only: the car is still the car
    assert ground("a small red car", drawn) == [(2, (CAR.box,)), (3, (CAR.box,))]
    assert ground("a red car above a tree", drawn) == [
        (1, (CAR.box,)),
        (2, (CAR.box,)),
        (5, (TREE.box,)),
    ]


def test_words_of_a_garbled_caption_are_grounded_too():
    drawn = scene(CAR, TREE, BALL, BALL2)
    balls = (BALL.box, BALL2.box)
    assert ground("car red red a blue balls of green of", drawn) == [
        (0, (CAR.box,)),
        (1, (CAR.box,)),
        (2, (CAR.box,)),
        (4, balls),
        (5, balls),
        (7, (TREE.box,)),
    ]
    assert ground("a blue", drawn) == [(1, balls)]
    assert ground("", drawn) == []


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(WORDS),
        max_size=12,
    ),
    seed=st.integers(0, 1000),
)
def test_any_words_get_a_verdict_and_every_noun_and_colour_a_place(words, seed):
    drawn = make_scene(seed, 0)
    caption = " ".join(words)
    verdict = check(caption, drawn)
    assert verdict.true == (not verdict.faults)
    assert [position for position, _ in ground(caption, drawn)] == [
        i for i, word in enumerate(words) if word in NAMES
    ]


@pytest.mark.parametrize(
    ("caption", "absent"),
    [
        ("a red car left of a green tree", ()),
        ("a blue car", ()),  # false, but something is blue and something is a car
        ("a purple cat and two cats", ("purple", "cat", "cats")),
        ("two balls and a pink pink fish", ("pink", "fish")),
        ("nothing of the grammar, a dragon", ()),
        ("", ()),
    ],
)
def test_words_for_what_is_not_in_the_picture(caption, absent):
    assert absent_words(caption, scene(CAR, TREE, BALL)) == absent


@pytest.mark.parametrize("index", range(20))
def test_true_captions_name_nothing_absent(index):
    drawn = make_scene(3, index, 96)
    for caption in captions(drawn, 3, index)[0]:
        assert absent_words(caption, drawn) == ()
