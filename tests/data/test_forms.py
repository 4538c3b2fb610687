"""Forms in which people have their captions: read where the meaning is plain, else named."""

import json

import pytest

from saccade.data.columns import Choices
from saccade.data.sources import gather, read
from saccade.errors import DataError
from tests.data.written import COCO, FLICKR, KARPATHY, lines, pairs, put

TWO = [("0.png", ("a red car",)), ("1.png", ("a dog",))]
RECORDS = [{"image": "0.png", "caption": "a red car"}, {"image": "1.png", "caption": "a dog"}]
JSON_FORMS = {
    "by column": {"image": {"0": "0.png", "1": "1.png"}, "caption": {"0": "a red car", "1": "a dog"}},
    "columns": {"image": ["0.png", "1.png"], "caption": ["a red car", "a dog"]},
    "split orient": {"columns": ["image", "caption"], "index": [0, 1], "data": [["0.png", "a red car"], ["1.png", "a dog"]]},
    "index orient": {"0": RECORDS[0], "1": RECORDS[1]},
    "under a key": {"version": 1, "data": RECORDS},
    "images": {"images": RECORDS},
    "annotations alone": {"annotations": [{"image_id": "0.png", "caption": "a red car"}, {"image_id": "1.png", "caption": "a dog"}]},
    "by picture": {"0.png": "a red car", "1.png": ["a dog"]},
    "objects by picture": {"0.png": {"caption": "a red car"}, "1.png": [{"caption": "a dog"}]},
    "dataset library": [{"image": {"path": "0.png", "bytes": None}, "caption": "a red car"}, {"image": {"path": "1.png"}, "caption": "a dog"}],
    "nested sentences": [{"filename": "0.png", "sentences": [{"raw": "a red car"}]}, {"filename": "1.png", "sentences": {"raw": "a dog"}}],
}  # fmt: skip
TEXT_FORMS = {
    "a.csv": "image_id,caption\n0.png,a red car\n1.png,a dog\n",
    "b.csv": "ID,Caption\n0.png,a red car\n1.png,a dog\n",
    "c.csv": 'caption,image_file\n"a red car",0.png\na dog,1.png\n',
    "d.tsv": "filepath\ttitle\n0.png\ta red car\n1.png\ta dog\n",
    "e.csv": "0.png,a red car\n1.png,a dog\n",
    "f.txt": "0.png\ta red car\n1.png\ta dog\n",
    "g.txt": "a red car\t0.png\na dog\t1.png\n",
    "h.txt": "0.png a red car\n1.png a dog\n",
    "i.txt": "\n0.png#zhc#0 a red car\n1.png#zhc#0\ta dog\n",
    "j.txt": "0.png#0 a red car\n1.png#0 a dog\n",
    "k.csv": 'img_id,Image Name,split,raw\n7,0.png,,"[""a red car""]"\n8,1.png,,"[\'a dog\']"\n',
    "m.csv": "image,caption,caption,split\n0.png,a red car,,\n1.png,,a dog,\n",
    "n.csv": 'image, caption, split\n0.png, "a red car",\n1.png, a dog,\n',
    "o.csv": "0.png,0,a red car\n1.png,0,a dog\n",
    "l.json": '{"image": "0.png", "caption": "a red car"}\n{"image": "1.png", "caption": "a dog"}\n',
}


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json_of_many_shapes(tmp_path, form):
    dataset = read(put(tmp_path / "a.json", json.dumps(JSON_FORMS[form], indent=1)))
    assert [(e.id, e.captions) for e in dataset.examples] == TWO


@pytest.mark.parametrize("name", TEXT_FORMS)
def test_text_of_many_shapes(tmp_path, name):
    dataset = read(put(tmp_path / name, TEXT_FORMS[name]))
    assert [(e.id, e.captions) for e in dataset.examples] == TWO


def test_quotation_marks_of_captions_between_tabs(tmp_path):
    text = 'image\tcaption\n0.png\t"Stop" on a sign\n1.png\ta "big" dog\n'
    dataset = read(put(tmp_path / "a.tsv", text))
    assert [e.captions for e in dataset.examples] == [('"Stop" on a sign',), ('a "big" dog',)]
    text = 'image\tcaption\n0.png\t"a ""big"" dog"\n1.png\t"two\nlines"\n'
    dataset = read(put(tmp_path / "a.tsv", text))
    assert [e.captions for e in dataset.examples] == [('a "big" dog',), ("two\nlines",)]


def test_json_by_split_with_several_views_of_a_report(tmp_path):
    record = {"id": "CXR1", "report": "The heart is normal.", "image_path": ["1/0.png", "1/1.png"]}
    value = {"train": [record], "val": [record | {"image_path": ["2/0.png"]}], "test": []}
    dataset = read(put(tmp_path / "annotation.json", json.dumps(value)))
    report = ("The heart is normal.",)
    assert pairs(dataset) == [("1/0.png", report, "train"), ("1/1.png", report, "train"), ("2/0.png", report, "val")]  # fmt: skip
    assert any("1 record names several pictures" in note for note in dataset.notes)
    assert dataset.examples[2].source == "annotation.json: val [0]"


def test_captions_by_picture_within_splits(tmp_path):
    value = {"training": {"0.png": "a"}, "validation": {"1.png": ["b", "c"]}}
    dataset = read(put(tmp_path / "a.json", json.dumps(value)))
    assert pairs(dataset) == [("0.png", ("a",), "train"), ("1.png", ("b", "c"), "val")]


def test_each_record_with_all_references(tmp_path):
    record = {"image_id": "a1", "image_path": "0.png", "caption_str": "x", "reference_strs": ["x", "y"], "set_name": "train"}  # fmt: skip
    value = {"dataset_name": "textcaps", "data": [record, record | {"caption_str": "y"}]}
    dataset = read(put(tmp_path / "a.json", json.dumps(value)))
    assert pairs(dataset) == [("a1", ("x", "y"), "train")]
    assert dataset.examples[0].image.name == "0.png"


def test_row_numbers_are_not_ids(tmp_path):
    path = put(tmp_path / "a.csv", "id,image_id,caption\n0,30.0,two men\n1,10.0,a car\n")
    dataset = read(path)
    assert [e.id for e in dataset.examples] == ["30", "10"]
    assert "identified by 'image_id', not by 'id'" in dataset.notes[0]


def test_what_can_not_be_understood_is_named(tmp_path):
    path = put(tmp_path / "a.jsonl", lines({"pic": "a.jpg", "words": "x"}))
    with pytest.raises(DataError, match=r"names no image; it is an object with the keys 'pic', 'words'"):  # fmt: skip
        read(path)
    dataset = read(path, choices=Choices("pic", "words"))
    assert [(e.id, e.captions) for e in dataset.examples] == [("a.jpg", ("x",))]
    with pytest.raises(DataError, match=r"'word' \(--caption-column\) is not among them"):
        read(path, choices=Choices("pic", "word"))
    path = put(tmp_path / "b.csv", "pic,words\na.jpg,x\n")
    with pytest.raises(DataError, match=r"columns pic, words; 'photo' \(--image-column\) is not among them"):  # fmt: skip
        read(path, choices=Choices("photo", "words"))
    assert read(path, choices=Choices("pic", "words")).examples[0].captions == ("x",)
    path = put(tmp_path / "c.json", json.dumps([{"pic": "a.jpg", "words": ["x"]}]))
    with pytest.raises(DataError, match=r"begins with an object with the keys 'pic', 'words'; name"):  # fmt: skip
        read(path)
    assert read(path, choices=Choices("pic", "words")).examples[0].captions == ("x",)


@pytest.mark.parametrize(
    ("start", "what"),
    [(b"PK\x03\x04", "spreadsheet"), (b"\x1f\x8b\x08", "gzip"), (b"<?xml", "XML")],
)  # fmt: skip
def test_other_files_are_named(tmp_path, start, what):
    (tmp_path / "a.csv").write_bytes(start + b"\x00\x01" * 20)
    with pytest.raises(DataError, match=rf"is not a captions file, but .*{what}"):
        read(tmp_path / "a.csv")


def test_pictures_inside_the_records(tmp_path):
    record = {"image": {"bytes": "iVBORw0=", "path": None}, "caption": "x"}
    with pytest.raises(DataError, match="holds the picture itself, as bytes; save the pictures"):
        read(put(tmp_path / "a.jsonl", lines(record)))


REJECTED = {
    "coco.json": json.dumps(COCO | {"annotations": [
        {"image_id": 8, "caption": "A kite."},
        {"image_id": 8, "caption": "spam", "is_rejected": True, "is_precanned": False},
        {"image_id": 7, "caption": "Quality issues.", "is_precanned": True},
    ]}),
    "rows.jsonl": lines(
        {"image": "8", "caption": "A kite."},
        {"image": "8", "caption": "spam", "is_rejected": 1},
        {"image": "7", "caption": "Quality issues.", "is_precanned": True},
    ),
    "table.csv": "image,caption,is_rejected\n8,A kite.,False\n8,spam,True\n7,Quality issues.,true\n",
    "nested.json": json.dumps([
        {"image": "8", "captions": [{"caption": "A kite."}, {"caption": "spam", "is_rejected": True}]},
        {"image": "7", "captions": [{"caption": "Quality issues.", "is_precanned": True}]},
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_rejected_and_canned_captions(tmp_path, name):
    path = put(tmp_path / name, REJECTED[name])
    dataset = read(path)
    assert {e.id: e.captions for e in dataset.examples} == {"8": ("A kite.",), "7": ()}
    assert "2 captions marked " in dataset.notes[0]
    assert "--keep-rejected keeps them" in dataset.notes[0]
    kept = read(path, choices=Choices(keep_rejected=True))
    assert {e.id: e.captions for e in kept.examples} == {
        "8": ("A kite.", "spam"),
        "7": ("Quality issues.",),
    }
    assert not any("marked" in note for note in kept.notes)


IDS = {
    "two pictures of one id": (COCO | {"images": [{"id": 7, "file_name": "7.jpg"}, {"id": 7.0, "file_name": "8.jpg"}]}, r"images\[1\]: its id 7 is that of images\[0\], 7\.jpg, too"),
    "an id that is true": (COCO | {"images": [{"id": True, "file_name": "7.jpg"}]}, r'images\[0\]: has no "id" that is'),
    "a list for an id": (COCO | {"annotations": [{"image_id": [7], "caption": "x"}]}, r"annotations\[0\]: its image_id is a list"),
    "an unknown id": (COCO | {"annotations": [{"image_id": "9", "caption": "x"}]}, r"annotations\[0\]: its image_id 9 is not among"),
    "karpathy's ids": ({"images": [image | {"cocoid": 1} for image in KARPATHY["images"]]}, r"images\[1\]: is malformed \(its id 1 is that of images\[0\] too"),
    "a list for cocoid": ({"images": [KARPATHY["images"][0] | {"cocoid": [1]}]}, r"its cocoid is a list that begins with a number, not an id"),
    "records": ([{"image": "a.jpg", "image_id": 1, "captions": ["x", "z"]}, {"image": "b.jpg", "image_id": 1, "captions": ["y", "z"]}], r"\[1\]: its id 1 is that of another picture, a\.jpg"),
}  # fmt: skip


@pytest.mark.parametrize("case", IDS)
def test_merged_and_mistyped_ids(tmp_path, case):
    value, message = IDS[case]
    with pytest.raises(DataError, match=message):
        read(put(tmp_path / "captions_val2017.json", json.dumps(value)))


def test_ids_of_other_types_are_the_same(tmp_path):
    value = COCO | {"annotations": [{"image_id": i, "caption": "x"} for i in ("7", 7.0, 7, "8.0")]}
    dataset = read(put(tmp_path / "captions_val2017.json", json.dumps(value)))
    assert {e.id: len(e.captions) for e in dataset.examples} == {"7": 3, "8": 1}


@pytest.mark.parametrize("split", [["train"], 7, {"train": 1}, True])
def test_karpathys_split_is_text(tmp_path, split):
    value = {"images": [{"filename": "a.jpg", "split": split, "sentences": [{"raw": "x"}]}]}
    path = put(tmp_path / "dataset_x.json", json.dumps(value))
    _, problems = gather(path)
    assert [problem.fatal for problem in problems] == [True]
    with pytest.raises(DataError, match=r"images\[0\]: is malformed \(its split is .*, not text"):
        read(path)


@pytest.mark.parametrize("box", ["[NaN, 0, 1, 1]", "[0, 0, 1e999, 1]", "[5, 0, 1, 1]", '["0", 0, 1, 1]', "[true, 0, 1, 1]"])  # fmt: skip
def test_boxes_of_drawn_scenes_are_finite(tmp_path, box):
    scene = '{"width": 9, "height": 9, "background": "sky", "things": [{"kind": "car", "colour": "red", "size": "small", "box": %s}]}'
    for extra in (f'"scene": {scene % box}', f'"regions": [[0, 0, {box[1:]}]'):
        path = put(tmp_path / "a.jsonl", '{"image": "a.jpg", "caption": "x", ' + extra + "}\n")
        with pytest.raises(DataError, match=r"a\.jsonl:1: "):
            read(path)


def test_chinese_token_files(tmp_path):
    text = "100.jpg#zhc#0 一个红色的汽车。\n100.jpg#zhc#1\t红色汽车。\n101#zhm#0 两只狗\n"
    dataset = read(put(tmp_path / "flickr8kzhc.caption.txt", text))
    assert dataset.kind == "Flickr tokens"
    assert [(e.id, len(e.captions)) for e in dataset.examples] == [("100.jpg", 2), ("101", 1)]
    assert read(put(tmp_path / "b.token", FLICKR)).examples[0].captions == ("A dog runs .", "A dog .")  # fmt: skip
