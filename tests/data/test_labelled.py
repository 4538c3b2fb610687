"""Boxes that users draw: read, refused with their place, found in captions, checked."""

import json

import pytest
from PIL import Image

from saccade.cli import main
from saccade.data.boxes import read_boxes
from saccade.data.labelled import places_of, read_phrase_boxes, regions_of
from saccade.data.sources import read
from saccade.errors import DataError
from saccade.values.examples import PhraseBox, Region

DOG = {"phrase": "a brown dog", "box": [8, 9, 10, 20], "kind": "animals"}


def written(folder, *lines):
    Image.new("RGB", (64, 48)).save(folder / "1.png")
    path = folder / "data.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def line(*boxes, captions=("A brown dog runs.", "Two brown dogs, a brown dog.")):
    return {"image": "1.png", "split": "train", "captions": list(captions), "boxes": list(boxes)}


def test_a_box_is_x_y_width_height():
    assert read_phrase_boxes([DOG]) == (PhraseBox("a brown dog", (8, 9, 18, 29), "animals"),)


def test_a_phrase_is_found_wherever_it_stands_in_either_number():
    assert places_of("brown dog", "Two brown dogs, a brown dog.") == [(1, 3), (4, 6)]
    assert places_of("brown dogs", "a brown dog") == [(1, 3)]
    assert places_of("brown dog", "a brown big dog") == []
    assert places_of("a dog", "the dog") == [(1, 2)]


def test_examples_bring_boxes_and_the_regions_of_their_words(tmp_path):
    (example,) = read(written(tmp_path, line(DOG))).examples
    box = (8, 9, 18, 29)
    assert example.boxes == (PhraseBox("a brown dog", box, "animals"),)
    # words split at white space: "dogs," and "dog." are words 2 and 5 of the second caption
    assert set(example.regions) == {
        Region(caption, word, box)
        for caption, word in ((0, 1), (0, 2), (1, 1), (1, 2), (1, 4), (1, 5))
    }


def test_two_boxes_of_a_phrase_are_two_regions_of_each_word():
    boxes = (PhraseBox("dogs", (0, 0, 1, 1)), PhraseBox("dogs", (2, 0, 3, 1)))
    assert regions_of(boxes, ["dogs run"]) == (
        Region(0, 0, (0, 0, 1, 1)),
        Region(0, 0, (2, 0, 3, 1)),
    )


def test_a_file_of_boxes_is_a_source_of_boxes(tmp_path):
    path = written(tmp_path, {"image": "photos/1.png", "boxes": [DOG]}, {"image": "2.png"})
    boxes = read_boxes(path)
    assert boxes.of("elsewhere/1.png") == dict.fromkeys(("dog", "dogs"), ((8, 9, 18, 29),))
    assert boxes.of("3.png") == {}
    assert [word.head for word in boxes.picture("1.png").words(["brown", "dog"])] == [False, True]


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ("dog", '"boxes" must be a list'),
        (["dog"], "box 1 is not an object"),
        ([DOG, {"box": [1, 2, 3, 4]}], 'box 2 has no "phrase"'),
        ([{**DOG, "phrase": " .. "}], 'box 1 has no word in its "phrase"'),
        ([{"phrase": "dog"}], 'has no "box" of four numbers'),
        ([{**DOG, "box": [1, 2, 3]}], 'has no "box" of four numbers'),
        ([{**DOG, "box": [1, 2, "3", 4]}], 'has no "box" of four numbers'),
        ([{**DOG, "box": [1, 2, True, 4]}], 'has no "box" of four numbers'),
        ([{**DOG, "box": [1, 2, 3, 1e300]}], "is not in pixels"),
        ([{**DOG, "box": [9, 9, 8, -8]}], "width and height of 8 and -8"),
        ([{**DOG, "kind": 3}], '"kind" that is not text'),
    ],
)
def test_a_bad_box_is_named_with_file_and_line(tmp_path, boxes, says):
    good = {"image": "0.png", "captions": ["a dog"]}
    path = written(tmp_path, good, {"image": "1.png", "captions": ["a dog"], "boxes": boxes})
    for reader in (read, read_boxes):
        with pytest.raises(DataError) as caught:
            reader(path)
        assert "data.jsonl:2: " in str(caught.value)
        assert says in str(caught.value)


def test_a_file_without_boxes_is_refused(tmp_path):
    with pytest.raises(DataError, match='no line has "boxes"'):
        read_boxes(written(tmp_path, {"image": "1.png", "captions": ["a dog"]}))


def test_check_names_boxes_that_can_not_be_meant(tmp_path, capsys):
    off = {"phrase": "dog", "box": [64, 0, 5, 5]}
    beyond = {"phrase": "dog", "box": [60, 0, 10, 5]}
    unnamed = {"phrase": "cat", "box": [0, 0, 5, 5]}
    path = written(tmp_path, line(DOG, off, beyond, unnamed))
    main(["check", str(path), "--json", str(tmp_path / "told.json")])
    told = json.loads((tmp_path / "told.json").read_text())
    messages = [f["message"] for f in told["findings"] if f["kind"] == "Boxes"]
    assert len(messages) == 3
    assert "box 2 (dog) lies outside the photo, which is 64 x 48" in messages[0]
    assert "box 3 (dog) reaches beyond" in messages[1]
    assert "box 4 (cat) is named in none of its captions" in messages[2]
    assert "Boxes" in capsys.readouterr().out
