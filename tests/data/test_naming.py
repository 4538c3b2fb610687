"""Which words of a caption name something with boxes: every rule on a case worked by hand."""

from saccade.data.naming import phrase_boxes
from saccade.values.examples import NamedWord, PhraseBox

DOG, CAT, HAT, BALL = (0, 0, 9, 9), (20, 0, 29, 9), (2, 0, 4, 2), (50, 50, 60, 60)
KNOWN = phrase_boxes(
    "1.jpg",
    (
        PhraseBox("A large brown dog", DOG, "animals"),
        PhraseBox("the animals", DOG, "animals"),
        PhraseBox("the animals", CAT, "animals"),
        PhraseBox("a red hat", HAT, "clothing"),
        PhraseBox("it", BALL, "other"),
    ),
)


def words(caption: str) -> dict[str, NamedWord]:
    split = caption.split()
    return {split[word.place]: word for word in KNOWN.words(split)}


def test_a_head_is_found_in_the_singular_and_the_plural_with_its_kind():
    assert words("Dogs run") == {"Dogs": NamedWord(0, (DOG,), ("animals",), True)}
    assert words("an animal")["animal"].boxes == (DOG, CAT)
    assert words("a cat on it") == {}  # no phrase has the word, and "it" names nothing by itself


def test_a_word_before_a_head_has_the_heads_boxes_that_its_own_phrase_has():
    found = words("a brown dog")
    assert list(found) == ["brown", "dog"]
    assert found["brown"] == NamedWord(1, (DOG,), ("animals",), False)
    # "brown" is said of the dog alone, which is one of the two animals
    assert words("two brown animals")["brown"].boxes == (DOG,)
    # "red" is said of the hat: before "dog" it is no word about the dog
    assert list(words("a red dog")) == ["dog"]
    assert words("a large browning dog")["browning"].boxes == (DOG,)  # by stems


def test_a_word_elsewhere_has_all_boxes_of_its_phrases():
    assert words("the one that is red")["red"] == NamedWord(4, (HAT,), ("clothing",), False)
    # a function word between: "red" is not about the dog, and keeps the hat's box
    assert words("red is the dog")["red"].boxes == (HAT,)


def test_boxes_are_scaled_with_the_phrases():
    scaled = KNOWN.scaled(2, 3)
    assert scaled.words(["brown", "dog"])[0].boxes == ((0, 0, 18, 27),)
