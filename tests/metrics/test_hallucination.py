"""Words that are in no reference, counted by hand."""

import pytest

from saccade.data.sources import read
from saccade.errors import DataError
from saccade.metrics import Hallucination, hallucinated
from saccade.text import tokenize
from saccade.text.english import is_content

REFERENCES = {
    1: ["A dog runs on the grass.", "A brown dog."],
    2: ["Two children are riding bikes"],
    3: ["A woman with an umbrella", "A lady in the rain."],
    4: ["", " "],
}


def words(captions: dict[int, str]) -> dict[int, list[str]]:
    return {picture: text.split() for picture, text in captions.items()}


def test_counted_by_hand():
    """ "man" is said 3 times and wrong 3 times; dogs = dog, running = runs and child = children are
    named; "grass" is said twice and wrong once; picture 4 has nothing to compare with."""
    captions = words(
        {
            1: "a man with two dogs running on grass",
            2: "a man and a child ride a bike on the grass",
            3: "men hold umbrellas umbrellas",
            4: "a dragon",
        }
    )
    found = hallucinated(captions, REFERENCES, examples=2)
    assert found == (
        Hallucination("man", 3, 3, (1, 2)),
        Hallucination("hold", 1, 1, (3,)),
        Hallucination("two", 1, 1, (1,)),
        Hallucination("grass", 1, 2, (2,)),
    )
    assert [item.rate for item in found] == [1, 1, 1, 0.5]


def test_a_word_counts_once_a_caption_and_shows_its_commonest_form():
    references = {key: ["a tree"] for key in range(4)}
    captions = words({0: "cats cats cat", 1: "cat", 2: "Cats", 3: "a tree <unk> ."})
    assert hallucinated(captions, references) == (Hallucination("cats", 3, 3, (0, 1, 2)),)
    assert hallucinated({}, references) == ()


def test_other_scripts():
    assert hallucinated({1: ["собака", "бежит"]}, {1: ["Собака спит."]}) == (
        Hallucination("бежит", 1, 1, (1,)),
    )


def test_a_picture_without_an_entry_is_named():
    with pytest.raises(DataError, match="picture 7 has a caption but no references"):
        hallucinated({7: ["a"]}, REFERENCES)


def test_people_say_what_other_people_do_not(shared):
    """On real captions the first of five against the other four: most words are confirmed."""
    examples = read(shared / "coco_mini" / "captions.json").examples
    captions = {e.id: tokenize(e.captions[0]) for e in examples}
    found = hallucinated(captions, {e.id: e.captions[1:] for e in examples})
    alone = sum(item.count for item in found)
    said = sum(len({w for w in text if is_content(w)}) for text in captions.values())
    assert 0.2 < alone / said < 0.6
    assert all(item.count <= item.said for item in found)
