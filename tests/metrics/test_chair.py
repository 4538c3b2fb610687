"""CHAIR: every number by hand."""

import json
from pathlib import Path

import pytest

from saccade.cli import main
from saccade.data.synonyms import known_pairs, naming, read_synonyms
from saccade.errors import DataError
from saccade.metrics.chair import object_hallucination
from saccade.text import tokenize

CATEGORIES = ("person", "bicycle", "motorcycle", "dog", "hot dog", "bus", "cup", "wine glass")
NAMES = naming(CATEGORIES)


def measured(captions: dict, objects: dict, references: dict | None = None):
    words = {key: tokenize(text) for key, text in captions.items()}
    people = {key: [tokenize(t) for t in texts] for key, texts in (references or {}).items()}
    there = {key: frozenset(kinds) for key, kinds in objects.items()}
    return object_hallucination(words, people, there, NAMES, known_pairs(NAMES), resamples=50)


@pytest.mark.parametrize(
    ("caption", "there", "references", "mentions", "false"),
    [
        ("A man with two dogs", {"person", "dog"}, [], 2, ()),
        ("A man with two dogs", {"person"}, [], 2, ("dogs",)),
        ("A man with two dogs", {"person"}, ["A puppy."], 2, ()),  # a reference names it
        ("a hot dog in a bun", {"hot dog"}, [], 1, ()),  # no dog
        ("a hot dog in a bun", {"dog"}, [], 1, ("hot dog",)),
        ("the bus driver waves", {"person"}, [], 1, ()),  # no bus
        ("a bus stop at night", set(), [], 0, ()),  # a known pair that is no object here
        ("a bike leans", {"motorcycle"}, [], 1, ()),  # either kind
        ("a bike leans", {"cup"}, [], 1, ("bike",)),
        ("a glass next to a glass", {"dog"}, [], 2, ("glass", "glass")),  # each time
        ("nothing at all", set(), [], 0, ()),
    ],
)
def test_one_caption(caption, there, references, mentions, false):
    result = measured({1: caption}, {1: there}, {1: references})
    assert result.mentions == mentions
    assert result.false.get(1, ()) == false
    assert result.sentence.value == bool(false)
    if mentions:
        assert result.instance is not None
        assert result.instance.value == len(false) / mentions
    else:
        assert result.instance is None


def test_many_captions():
    captions = {
        1: "a man and a dog and a bus",  # dog and bus are false
        2: "a dog",
        3: "a dog and a man",  # dog is false
        4: "trees",
    }
    objects = {1: {"person"}, 2: {"dog"}, 3: {"person"}, 4: {"dog"}}
    result = measured(captions, objects)
    assert result.instance is not None
    assert result.instance.value == 3 / 6
    assert result.sentence.value == 2 / 4
    assert 0 <= result.sentence.low <= 0.5 <= result.sentence.high <= 1
    (dog, bus) = result.words
    assert (dog.word, dog.count, dog.said, dog.examples) == ("dog", 2, 3, (1, 3))
    assert (bus.word, bus.count, bus.said) == ("bus", 1, 1)


def test_a_picture_without_objects_is_refused():
    with pytest.raises(DataError, match="picture 2 has no annotated objects"):
        measured({2: "a dog"}, {})
    with pytest.raises(DataError, match="no caption"):
        measured({}, {})


def test_ones_own_words(tmp_path: Path):
    path = tmp_path / "words.txt"
    path.write_text("# ours\n\ndog, hound,  Wolf Hound\ncup\n")
    mine = read_synonyms(path, CATEGORIES)
    names = naming(CATEGORIES, mine)
    assert names["hounds"] == names["wolf hound"] == frozenset({"dog"})
    assert "puppy" not in names
    assert "mug" not in names
    assert names["man"] == frozenset({"person"})  # not in the file: our own words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dgo, hound", r"words.txt:1: dgo is not an annotated category.*such as dog"),
        ("dog, a\ndog, b", "words.txt:2: dog has a line already"),
        ("dog, a very big dog", "words.txt:1: a very big dog has more than two words"),
        ("# nothing\n", "names no category"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "words.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_synonyms(path, CATEGORIES)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures with references, hypotheses and instances, in the current folder."""
    monkeypatch.chdir(tmp_path)
    images = [{"id": n, "file_name": f"{n:012}.jpg", "width": 9, "height": 9} for n in (1, 2)]
    notes = [(1, "a man walks"), (1, "somebody walks"), (2, "a dog sleeps"), (2, "one dog")]
    captions = [{"id": i, "image_id": n, "caption": text} for i, (n, text) in enumerate(notes)]
    Path("refs.json").write_text(json.dumps({"images": images, "annotations": captions}))
    Path("model.json").write_text(
        json.dumps(
            [
                {"image_id": 1, "caption": "a man with a dog"},
                {"image_id": 2, "caption": "a dog on a bus"},
            ]
        )
    )
    kinds = [{"id": i, "name": name} for i, name in enumerate(CATEGORIES)]
    things = [
        {"id": 0, "image_id": 1, "category_id": 0, "bbox": [0, 0, 3, 3], "iscrowd": 1},
        {"id": 1, "image_id": 2, "category_id": 5, "bbox": [0, 0, 3, 3]},
    ]
    boxes = {"images": images, "annotations": things, "categories": kinds}
    Path("instances.json").write_text(json.dumps(boxes))
    boxes["images"], boxes["annotations"] = images[:1], things[:1]
    Path("fewer.json").write_text(json.dumps(boxes))


ARGUMENTS = ["score", "-r", "refs.json", "-H", "model.json", "--resamples", "20"]


def test_through_the_program(files, capsys):
    """Of man, dog, dog and bus the first dog is not there; the man is one of a crowd."""
    assert main([*ARGUMENTS, "--instances", "instances.json", "--json", "out.json"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "CHAIR-i 25.0%" in printed
    assert "CHAIR-s 50.0%" in printed
    assert "Most often false: dog 1 of 2." in printed
    written = json.loads(Path("out.json").read_text())["chair"]["model.json"]
    assert written["chair_i"]["value"] == 0.25
    assert written["mentions"] == 4
    assert written["false"] == {"1": ["dog"]}


def test_missing_pictures_and_options(files, capsys):
    assert main([*ARGUMENTS, "--instances", "fewer.json"]) == 1
    assert "has no picture" in capsys.readouterr().err
    assert main([*ARGUMENTS, "--instances", "fewer.json", "--subset"]) == 0
    assert "CHAIR-s 100.0%" in capsys.readouterr().out
    assert main([*ARGUMENTS, "--synonyms", "words.txt"]) == 2
    assert "--instances" in capsys.readouterr().err
    assert main([*ARGUMENTS, "--instances", "refs.json"]) == 1
