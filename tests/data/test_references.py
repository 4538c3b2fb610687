"""`read_references`: the captions of each picture for scores, from every form of one data set."""

import json

import pytest

from saccade.data.columns import Choices
from saccade.data.references import read_references
from saccade.errors import DataError
from tests.data.written import COCO, lines, put

CAPTIONS = {
    "0.jpg": ("A red car .", "A car , red ."),
    "1.jpg": ("A blue dog runs .", "A dog ."),
    "2.jpg": ("Two men play .", "Men play ."),
}
SPLITS = {"0.jpg": "train", "1.jpg": "val", "2.jpg": "test"}
ROWS = [(name, text) for name, texts in CAPTIONS.items() for text in texts]
FORMS = {
    "list.json": json.dumps([{"image": name, "captions": texts} for name, texts in CAPTIONS.items()]),
    "lines.jsonl": lines(*({"file_name": name, "text": text} for name, text in ROWS)),
    "mapping.json": json.dumps(CAPTIONS),
    "dataset_mine.json": json.dumps({"images": [
        {"filename": name, "split": SPLITS[name], "sentences": [{"raw": text} for text in texts]} for name, texts in CAPTIONS.items()
    ]}),
    "captions_val2014.json": json.dumps({
        "images": [{"id": name, "file_name": f"COCO_{name}"} for name in CAPTIONS],
        "annotations": [{"image_id": name, "caption": text} for name, text in ROWS],
    }),
    "annotations.json": json.dumps([{"id": i, "image_id": name, "caption": text} for i, (name, text) in enumerate(ROWS)]),
    "captions.txt": "image,caption\n" + "".join(f'{name},"{text}"\n' for name, text in ROWS),
    "results.csv": "image_name| comment_number| comment\n" + "".join(f"{name}| 0| {text}\n" for name, text in ROWS),
    "lists.csv": "image,captions\n" + "".join(f'{name},"{list(texts)}"\n' for name, texts in CAPTIONS.items()),
    "flickr.token": "".join(f"{name}#0\t{text}\n" for name, text in ROWS),
    "named.txt": "".join(f"{name} {text}\n" for name, text in ROWS),
    "no-suffix": lines(*({"image": name, "caption": text} for name, text in ROWS)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_one_data_set_in_many_forms(tmp_path, name):
    references = read_references([put(tmp_path / name, FORMS[name])])
    assert references.captions == CAPTIONS
    if name.startswith("captions_val"):
        assert references.names["0.jpg"] == "COCO_0.jpg"


def test_splits(tmp_path):
    path = put(tmp_path / "dataset_mine.json", FORMS["dataset_mine.json"])
    assert read_references([path], "test").captions == {"2.jpg": CAPTIONS["2.jpg"]}
    with pytest.raises(DataError, match="no picture in the split 'dev'; it has test, train, val"):
        read_references([path], "dev")
    drawn = read_references([put(tmp_path / "mapping.json", FORMS["mapping.json"])], "val")
    assert len(drawn.captions) == 1  # as for train and evaluate
    assert "drawn by name" in drawn.notes[0]
    token = put(tmp_path / "flickr.token", FORMS["flickr.token"])
    put(tmp_path / "flickr.testImages.txt", "1.jpg\n")
    assert list(read_references([token], "test").captions) == ["1.jpg"]


def test_plain_text_only_when_nothing_else_fits(tmp_path):
    first, second = put(tmp_path / "a.txt", "a dog\n\n[unk] cat\n"), put(tmp_path / "b.en", "b\nc\nd")  # fmt: skip
    references = read_references([first, second])
    assert references.captions == {"1": ("a dog", "b"), "2": ("", "c"), "3": ("[unk] cat", "d")}
    with pytest.raises(DataError, match=r"have 3, 2 lines; line n of each belongs to picture n"):
        read_references([first, put(tmp_path / "c.txt", "x\ny\n")])
    for name in ("a.json", "a.csv", "a.jsonl"):
        with pytest.raises(DataError):
            read_references([put(tmp_path / name, "a dog\na cat\n")])


def test_several_files(tmp_path):
    one = put(tmp_path / "1" / "a.csv", "image,caption\n0.jpg,x\n1.jpg,y\n")
    two = put(tmp_path / "2" / "a.csv", "image,caption\n0.jpg,z\n")
    references = read_references([one, two])
    assert references.captions == {"0.jpg": ("x", "z"), "1.jpg": ("y",)}
    assert "1 picture is in several files" in references.notes[0]
    twice = lines({"image": "0.jpg", "captions": ["x"]}, {"image": "0.jpg", "captions": ["y"]})
    with pytest.raises(DataError, match=r"a\.jsonl:2: picture '0.jpg' stands at a\.jsonl:1 already"):  # fmt: skip
        read_references([put(tmp_path / "a.jsonl", twice)])


def test_pictures_without_a_caption_left(tmp_path):
    notes = [
        {"image_id": 8, "caption": "A kite."},
        {"image_id": 7, "caption": "spam", "is_rejected": True},
    ]
    path = put(tmp_path / "val.json", json.dumps(COCO | {"annotations": notes}))
    references = read_references([path])
    assert (references.captions, references.left_out) == ({"8": ("A kite.",)}, {"7"})
    assert "1 caption marked is_rejected left out" in references.notes[0]
    assert "1 picture without a caption left out" in references.notes[1]
    assert set(read_references([path], choices=Choices(keep_rejected=True)).captions) == {"7", "8"}
    empty = put(tmp_path / "e.json", json.dumps(COCO | {"annotations": []}))
    with pytest.raises(DataError, match="has no captions in it"):
        read_references([empty])


def test_the_first_problem_is_raised(tmp_path):
    path = put(tmp_path / "a.csv", "image,caption\n0.jpg,x\n1.jpg,y,z\n")
    with pytest.raises(DataError, match=r"a\.csv:3: has 3 fields where the header has 2"):
        read_references([path])
    with pytest.raises(DataError, match="does not exist"):
        read_references([tmp_path / "no.json"])
