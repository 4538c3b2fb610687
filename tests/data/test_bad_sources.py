"""`read` names what is wrong with a captions file: file, line and cure, in one sentence."""

import json
import os
from pathlib import Path

import pytest

from saccade.data.boxes import read_boxes
from saccade.data.references import read_references
from saccade.data.sources import gather, read
from saccade.errors import DataError
from tests.data.written import COCO, FLICKR, lines, put


def test_karpathy_malformed(tmp_path):
    value = {
        "images": [
            {"filename": "a.jpg", "split": "val", "sentences": [{"raw": "x"}]},
            {"sentences": []},
            3,
        ]
    }
    path = put(tmp_path / "dataset_x.json", json.dumps(value))
    with pytest.raises(
        DataError, match=r"dataset_x\.json: images\[1\]: is malformed \(no 'filename'\)"
    ):
        read(path)
    assert len(gather(path)[1]) == 2


def test_coco_other_files_and_lost_captions(tmp_path):
    boxes = {"images": COCO["images"], "annotations": [{"image_id": 7, "bbox": [1, 2, 3, 4]}] * 200}
    path = put(tmp_path / "instances_val2017.json", json.dumps(boxes))
    with pytest.raises(
        DataError, match=r"annotations\[0\]: has no caption; captions are in COCO's"
    ):
        read(path)
    lost = COCO | {"annotations": [{"image_id": 99, "caption": "x"}]}
    with pytest.raises(DataError, match=r'image_id 99 is not among "images"'):
        read(put(tmp_path / "captions_val2017.json", json.dumps(lost)))


def test_flickr_without_tab(tmp_path):
    path = put(tmp_path / "x.token", FLICKR + "5.jpg A cow .\n")
    with pytest.raises(DataError, match=r"x\.token:6: is not of the form name\.jpg#0<tab>caption"):
        read(path)


BAD_LINES = [
    ('{"image": "a.jpg", "caption": "x"', r"not valid JSON \(Expecting ',' delimiter, column 34\)"),
    ('["a.jpg", "x"]', "is not an object; write"),
    ('{"caption": "x"}', 'names no image; it is an object with the key \'caption\'; give its path as "image"'),
    ('{"image": "  ", "caption": "x"}', "names no image"),
    ('{"image": true, "caption": "x"}', "names no image"),
    ('{"image": "a.jpg"}', 'has no captions; it is an object with the key \'image\'; give them as "captions"'),
    ('{"image": "a.jpg", "captions": [1]}', '"captions" must be text or a list of texts'),
    ('{"image": "a.jpg", "captions": {"en": "x"}}', '"captions" must be text or a list of texts'),
    ('{"image": "a.jpg", "caption": "x", "split": 1}', "that is not text"),
    ('{"image": "a.jpg", "caption": "\\ud800"}', "holds half a surrogate pair"),
    ('{"image": "a.jpg", "caption": "x", "scene": {"width": 3}}', '"scene" is malformed'),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 1, 0, 0, 1, 1]]}', "word 1 of caption 0"),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 0, 0, 0, 1]]}', "must be .caption, word"),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 0, 0, 0, 1, "?"]]}', "four finite numbers"),
    ("[" * 100_000, "nests deeper than 100 levels"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_bad_lines_are_named(tmp_path, line, message):
    good = lines({"image": "g.jpg", "caption": "x", "split": "train"})
    path = put(tmp_path / "a.jsonl", good + line + "\n" + good)
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_all_problems_are_collected(tmp_path):
    path = put(tmp_path / "a.jsonl", lines({"image": "g.jpg", "caption": "x"}) + "{\n{}\n[]\n")
    dataset, problems = gather(path)
    assert len(dataset.examples) == 1
    assert [problem.source for problem in problems] == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]
    with pytest.raises(DataError, match=r"a\.jsonl:2: .*\(2 more: saccade check .*a\.jsonl\)"):
        read(path)


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        ("a.jpg,A dog, running.,train", 2, 'has 4 fields where the header has 3; put captions .*"A dog, running'),
        ("a.jpg", 2, "has 1 fields where the header has 3"),
        (",A dog.,train", 2, "names no image"),
        ('a.jpg,"A ""dog,train\nb.jpg,x,val', 2, "not a valid row .unexpected end of data.; correct its quotation"),
        ('g.jpg,x,train\na.jpg,"A "dog"",train', 3, "not a valid row"),
        ('a.jpg,"[""x"", 1]",train', 2, "looks like a list of captions and can't be read"),
        ("a.jpg,x,", 2, "has no split, while others have one"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(tmp_path, rows, place, message):
    path = put(tmp_path / "a.csv", f"image,caption,split\n{rows}\ng.jpg,x,train\n")
    with pytest.raises(DataError, match=rf"a\.csv:{place}: .*{message}"):
        read(path)


def test_missing_columns(tmp_path):
    path = put(tmp_path / "a.csv", "image,mood\na.jpg,x\n")
    with pytest.raises(
        DataError, match=r"a\.csv:1: the header names the columns image, mood; an image and a"
    ):
        read(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.token"])
def test_a_byte_that_is_not_utf8(tmp_path, name):
    good = {
        "a.jsonl": '{"image": "a.jpg", "caption": "cafe"}',
        "a.csv": "a.jpg,cafe",
        "a.token": "a.jpg#0\tcafe",
    }[name]
    text = ("image,caption\n" if name == "a.csv" else good + "\n") + good + "\n" + good
    raw = text.encode()
    end = raw.rindex(b"cafe") + 3
    (tmp_path / name).write_bytes(raw[:end] + b"\xe9" + raw[end + 1 :])
    with pytest.raises(
        DataError, match=rf"{name}:3: byte \d+ of the line \(0xe9\) is not UTF-8; save"
    ):
        read(tmp_path / name)
    # JSON as a whole, too
    (tmp_path / "b.json").write_bytes(b'{"images": [],\n"annotations": ["\xe9"]}')
    with pytest.raises(DataError, match=r"b\.json:2: byte 0xe9 is not UTF-8"):
        read(tmp_path / "b.json")


def test_other_encodings_and_line_ends(tmp_path):
    record = lines({"image": "a.jpg", "caption": "x", "split": "val"})
    assert (
        len(read(put(tmp_path / "a.jsonl", record.replace("\n", "\r\n"), bom=True)).examples) == 1
    )
    assert len(read(put(tmp_path / "b.json", json.dumps(COCO), bom=True)).examples) == 2
    (tmp_path / "c.jsonl").write_bytes(record.encode("utf-16"))
    with pytest.raises(DataError, match="is UTF-16 text; save it as UTF-8"):
        read(tmp_path / "c.jsonl")


def test_json_cut_off(tmp_path):
    text = json.dumps(COCO, indent=1)
    path = put(tmp_path / "captions_val2017.json", text[:200])
    with pytest.raises(DataError, match=r"captions_val2017\.json:\d+: is not valid JSON .*cut off"):
        read(path)


@pytest.mark.parametrize(
    "text", ["hello\n", "\x00\x01", '{"a": 1}', "[1, 2]", "{}", "[]", '{"images": []}', '"text"']
)
def test_not_captions(tmp_path, text):
    with pytest.raises(
        DataError, match=r"but not of captions: it is .*; accepted|not a captions file; accepted"
    ) as caught:
        read(put(tmp_path / "a.json", text))
    assert '{"image": "images/1.jpg"' in str(caught.value)


def test_nothing_in_it(tmp_path):
    with pytest.raises(DataError, match="is empty; accepted are"):
        read(put(tmp_path / "a.jsonl", " \n"))
    with pytest.raises(DataError, match="holds no pictures; accepted are"):
        read(put(tmp_path / "a.csv", "image,caption\n"))
    with pytest.raises(DataError, match="does not exist; check the name"):
        read(tmp_path / "no.jsonl")


def test_only_regular_files_are_read(tmp_path):
    fifo = tmp_path / "captions.jsonl"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), Path("/dev/null")):
        for read_it in (gather, lambda path: read_references([path]), read_boxes):
            with pytest.raises(DataError, match=r"is a (pipe|device)"):
                read_it(path)
    with pytest.raises(DataError, match="is a pipe"):
        gather(tmp_path)
    list_of_names = put(tmp_path / "a.jsonl", lines({"image": "a.jpg", "caption": "x"}))
    with pytest.raises(DataError, match="is a pipe"):
        gather(list_of_names, splits={"val": fifo})


@pytest.mark.parametrize("name", ["a" * 300, "a" * 5000, "no\0such"])
def test_impossible_names(name):
    for read_it in (gather, lambda path: read_references([path])):
        with pytest.raises(DataError, match=r"can't be (read|opened) [(]"):
            read_it(name)
