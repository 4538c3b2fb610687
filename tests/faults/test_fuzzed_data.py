"""Every reader of data files, fuzzed over the schema of its format: a result or one sentence.

Each example is a sound file with a few of its values replaced, removed or damaged. The seed is
fixed, so that every run tries the same files."""

import copy
import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saccade.data.boxes import Boxes, read_boxes
from saccade.data.check import check
from saccade.data.columns import Choices
from saccade.data.hypotheses import read_hypotheses
from saccade.data.references import read_references
from saccade.data.sources import gather, read
from saccade.data.trainable import trainable
from saccade.errors import DataError
from saccade.training.setup import vocabulary_of

EXAMPLES = 60
BOX = [1.0, 2.0, 3.0, 4.0]
THING = {"kind": "car", "colour": "red", "size": "small", "box": BOX}
SCENE = {"width": 96, "height": 64, "background": "sky", "things": [THING]}
RECORD = {"image": "a.jpg", "captions": ["A red car.", "A car."], "split": "train"}
DRAWN = {**RECORD, "scene": SCENE, "regions": [[0, 1, *BOX]]}
SENTENCE = {"raw": "A red car.", "tokens": ["a", "red", "car"], "imgid": 0, "sentid": 0}
IMAGE = {"filename": "a.jpg", "filepath": "v", "imgid": 0, "cocoid": 42, "split": "train", "sentences": [SENTENCE], "sentids": [0]}  # fmt: skip
NOTE = {"id": 1, "image_id": 42, "caption": "A red car.", "is_rejected": False}
THING_NOTE = {"id": 1, "image_id": 42, "category_id": 3, "bbox": BOX, "iscrowd": 0}
PICTURE = {"id": 42, "file_name": "a.jpg", "width": 640, "height": 480}
DOCUMENTS = {
    "list.json": [RECORD, {"image_id": 42, "caption": "A dog."}],
    "drawn.json": [DRAWN, DRAWN],
    "splits.json": {"train": [{"id": "1", "report": "x", "image_path": ["a.jpg", "b.jpg"]}], "val": [RECORD], "test": []},
    "columns.json": {"image": {"0": "a.jpg", "1": "b.jpg"}, "caption": {"0": "x", "1": "y"}},
    "mapping.json": {"a.jpg": ["x", "y"], "b.jpg": [{"caption": "z"}]},
    "dataset_x.json": {"dataset": "x", "images": [IMAGE, {**IMAGE, "cocoid": 43}]},
    "captions_train2017.json": {"images": [PICTURE, {"id": 43, "file_name": "b.jpg"}], "annotations": [NOTE, NOTE]},
    "evaluation.json": {"pictures": 1, "captions": [{"id": "a.jpg", "caption": "x", "references": ["y"]}]},
}  # fmt: skip
INSTANCES = {"images": [PICTURE], "annotations": [THING_NOTE, THING_NOTE], "categories": [{"id": 3, "name": "car"}]}  # fmt: skip
TEXTS = {
    "a.jsonl": "".join(json.dumps(record) + "\n" for record in (RECORD, DRAWN, RECORD)),
    "a.csv": 'image,captions,split\na.jpg,"[\'a dog\', \'a cat\']",train\nb.jpg,"A dog, running.",val\n',
    "a.tsv": "id\timage_id\tcaption\n1\t42\tA dog.\n2\t43\tA cat.\n",
    "results.csv": "image_name| comment_number| comment\na.jpg| 0| A dog.\na.jpg| 1| A cat.\n",
    "a.token": "a.jpg#0\tA dog .\na.jpg#1\tA cat .\nb.jpg#zhc#0 x\n",
    "a.txt": "A dog.\nA cat.\n\n[unk] a dog\n",
}  # fmt: skip
XML = "<annotation><size><width>9</width><height>8</height></size><object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"
PHRASES = "[/EN#1/people Two young guys] look at [/EN#2/other a dog] .\n"

steady = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, 10**350, -1, 1e308, -0.0, math.nan, math.inf, 42.0]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "\0", "\ud800", "[", "['a', 'b'", "../..", "/", "a" * 300, "🐶", "nan"]),
    st.just({"deep": [[[[{}]]]]}),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=3),
)  # fmt: skip


def places(value, path=()):
    """The path of every value inside a value."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield (*path, key)
        if isinstance(value[key], dict | list):
            yield from places(value[key], (*path, key))


@st.composite
def damaged(draw, sound):
    """A JSON document with up to three values replaced, removed, doubled or under another key."""
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(places(value))
        if not paths:
            break
        *path, last = draw(st.sampled_from(paths))
        inner = value
        for key in path:
            inner = inner[key]
        way = draw(st.sampled_from(["replace", "replace", "remove", "other key", "double"]))
        if way == "remove":
            del inner[last]
        elif way == "other key" and isinstance(inner, dict):
            inner[draw(st.text(max_size=6))] = inner.pop(last)
        elif way == "double" and isinstance(inner, list):
            inner.append(copy.deepcopy(inner[last]))
        else:
            inner[last] = copy.deepcopy(draw(odd))
    return value


@st.composite
def spoilt(draw, text):
    """A text with up to three pieces replaced, as bytes."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 12)))
        pieces = [b"", b"\0", b"\xff", b'"', b"\n", b"\r", b",", b"\t", b"#", b"[", b"{", b"\\", b"]", b"NaN", b"9" * 5000, b"[" * 2000, "\u2028é".encode()]  # fmt: skip
        piece = draw(st.one_of(st.sampled_from(pieces), st.binary(max_size=6)))
        data = data[:start] + piece + data[stop:]
    return data


def one_sentence(message: str) -> None:
    """The forms that would be accepted may follow on lines of their own."""
    sentence = message.partition("accepted are:\n")[0]
    assert sentence.strip()
    assert "\n" not in sentence.strip()
    assert len(sentence) < 1500
    sentence.encode()


def read_all(path: Path) -> int:
    """What every reader makes of a file; how many of the five understood it; `check` names what `train` refuses."""
    understood = 0
    for choices in (Choices(), Choices("image", "caption", keep_rejected=True)):
        try:
            dataset, problems = gather(path, choices=choices)
            for problem in problems:
                one_sentence(str(problem.error()))
            for example in dataset.examples:
                assert isinstance(example.id, str)
                assert example.id
                assert isinstance(example.split, str)
                assert all(isinstance(caption, str) for caption in example.captions)
                json.dumps([example.id, *example.captions], ensure_ascii=False).encode()
                assert all(math.isfinite(side) for region in example.regions for side in region.box)
            understood += 1
        except DataError as error:
            one_sentence(str(error))
    try:
        report = check(path, min_count=1)
        understood += 1
        faults = {finding.kind for finding in report.findings if finding.error}
        reported = bool(faults - {"Missing pictures", "Unreadable pictures"})
    except DataError as error:
        one_sentence(str(error))
        reported = True
    assert reported or can_be_trained_on(path)
    for reader in (read_references_of, read_hypotheses):
        try:
            reader(path)
            understood += 1
        except DataError as error:
            one_sentence(str(error))
    return understood


def can_be_trained_on(path: Path) -> bool:
    """Whether `train` goes on to the pictures, with every word in its vocabulary."""
    try:
        vocabulary_of(trainable(read(path).examples).train, min_count=1)
    except DataError:
        return False
    return True


def read_references_of(path: Path) -> None:
    references = read_references([path])
    assert references.captions
    assert all(references.captions.values())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_documents(tmp_path, name):
    path = tmp_path / name
    path.write_text(json.dumps(DOCUMENTS[name]))
    assert read_all(path) or name == "evaluation.json"

    @steady
    @given(damaged(DOCUMENTS[name]))
    def fuzz(value):
        path.write_text(json.dumps(value))
        read_all(path)

    fuzz()


@pytest.mark.parametrize("name", TEXTS)
def test_lines_and_tables(tmp_path, name):
    path = tmp_path / name
    path.write_text(TEXTS[name])
    assert read_all(path)

    @steady
    @given(spoilt(TEXTS[name]))
    def fuzz(data):
        path.write_bytes(data)
        read_all(path)

    fuzz()


@steady
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "any-bytes"
    folder.mkdir(exist_ok=True)
    (folder / "a.json").write_bytes(data)
    read_all(folder / "a.json")


def sound_boxes(path: Path) -> None:
    try:
        boxes = read_boxes(path)
    except DataError as error:
        one_sentence(str(error))
        return
    assert isinstance(boxes, Boxes)
    for entries in boxes.pictures.values():
        for entry in entries:
            for some in boxes.of(entry.name, 100, 50).values():
                assert all(math.isfinite(side) for box in some for side in box)


def test_boxes(tmp_path):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(INSTANCES))
    assert read_boxes(path).of("a.jpg")["car"]

    @steady
    @given(damaged(INSTANCES))
    def fuzz(value):
        path.write_text(json.dumps(value))
        sound_boxes(path)

    fuzz()


def test_boxes_of_phrases(tmp_path):
    for name in ("Sentences", "Annotations"):
        (tmp_path / name).mkdir()
    sentences, annotation = tmp_path / "Sentences" / "7.txt", tmp_path / "Annotations" / "7.xml"
    sentences.write_text(PHRASES)
    annotation.write_text(XML)
    assert read_boxes(tmp_path).of("7.jpg")["guys"]

    @steady
    @given(spoilt(PHRASES), spoilt(XML), st.booleans())
    def fuzz(phrases, xml, both):
        sentences.write_bytes(phrases)
        annotation.write_bytes(xml if both else XML.encode())
        sound_boxes(tmp_path)

    fuzz()


def test_lists_of_splits(tmp_path):
    path, listed = tmp_path / "a.jsonl", tmp_path / "val.txt"
    path.write_text(TEXTS["a.jsonl"])

    @steady
    @given(spoilt("a.jpg\nb.jpg\n"))
    def fuzz(data):
        listed.write_bytes(data)
        _, problems = gather(path, splits={"val": listed})
        for problem in problems:
            one_sentence(str(problem.error()))

    fuzz()
