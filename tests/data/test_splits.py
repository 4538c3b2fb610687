"""Folders of caption files, splits that are drawn or listed, and round trips."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.data.reading import caption_source, spell_lines
from saccade.data.sources import read, select
from saccade.data.splits import draw_splits
from saccade.errors import DataError
from saccade.values.examples import Example
from tests.data.written import COCO, FLICKR, KARPATHY, lines, pairs, put


def test_coco_as_it_is_downloaded(tmp_path):
    for index, split in enumerate(("train", "val")):
        value = {"images": [{"id": index, "file_name": f"{index}.jpg"}], "annotations": [{"image_id": index, "caption": "x"}]}  # fmt: skip
        put(tmp_path / "annotations" / f"captions_{split}2017.json", json.dumps(value))
        put(tmp_path / f"{split}2017" / f"{index}.jpg", "picture")
    for source in (tmp_path, tmp_path / "annotations", list((tmp_path / "annotations").iterdir())):
        dataset = read(source)
        assert {e.split for e in dataset.examples} == {"train", "val"}
        assert all(e.image.is_file() for e in dataset.examples)


def test_lists_for_any_kind_and_lists_that_overlap(tmp_path):
    path = put(
        tmp_path / "a.jsonl", lines(*({"image": f"i/{n}.jpg", "caption": "x"} for n in range(3)))
    )
    train, val = put(tmp_path / "t.txt", "0.jpg\ni/1.jpg\n"), put(tmp_path / "v.txt", "2.jpg\n")
    dataset = read(path, splits={"train": train, "val": val})
    assert [e.split for e in dataset.examples] == ["train", "train", "val"]
    assert [e.split for e in read(path, splits="test").examples] == ["test"] * 3
    put(val, "2.jpg\n0.jpg\n")
    with pytest.raises(DataError, match=r"v\.txt:2: 0\.jpg is on the train list too \(t\.txt:1\)"):
        read(path, splits={"train": train, "val": val})
    with pytest.raises(DataError, match=r"none\.txt does not exist; check the name"):
        read(path, splits={"train": train, "val": tmp_path / "none.txt"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.jsonl", lines({"image": "a.jpg", "caption": "x"})),
        ("metadata.jsonl", lines({"file_name": "a.jpg", "text": "x"})),
        ("captions.csv", "image,caption\na.jpg,x\n"),
        ("captions.txt", "image,caption\na.jpg,x\n"),
        ("dataset_mine.json", json.dumps(KARPATHY)),
        ("captions.json", json.dumps(COCO)),
        ("captions_val2017.json", json.dumps(COCO)),
        ("results_20130124.token", FLICKR),
    ],
)  # fmt: skip
def test_folders(tmp_path, name, text):
    put(tmp_path / "notes.txt", "not this one")
    path = put(tmp_path / name, text)
    assert read(tmp_path).path == path


def test_a_folder_with_one_file_of_another_name(tmp_path):
    put(tmp_path / "notes.txt", "not this one")
    put(tmp_path / "settings.json", "{}")
    path = put(tmp_path / "annotation.json", json.dumps({"train": [{"image_path": "a", "report": "x"}]}))  # fmt: skip
    assert read(tmp_path).path == path
    put(tmp_path / "mine.csv", "image,caption\na.jpg,x\n")
    with pytest.raises(DataError, match=r"several captions files \(annotation\.json, mine\.csv\)"):
        read(tmp_path)


def test_folders_that_do_not_say(tmp_path):
    with pytest.raises(DataError, match=r"holds no captions file; accepted are"):
        read(tmp_path)
    put(tmp_path / "captions.jsonl", lines({"image": "a.jpg", "caption": "x"}))
    put(tmp_path / "captions.csv", "image,caption\na.jpg,x\n")
    with pytest.raises(
        DataError, match=r"several captions files \(captions\.jsonl, captions\.csv\); name one"
    ):
        read(tmp_path)


def examples(*ids: str) -> list[Example]:
    return [Example(Path(i), ("x",), "", i) for i in ids]


def test_drawn_splits(tmp_path):
    names = [f"{i}.jpg" for i in range(2000)]
    path = put(tmp_path / "a.jsonl", lines(*({"image": n, "caption": "x"} for n in names)))
    dataset = read(path)
    share = len(select(dataset, "val")) / len(names)
    assert 0.08 < share < 0.12
    assert len(select(dataset, "train")) + len(select(dataset, "val")) == len(names)
    assert dataset.notes == (f"The data names no splits: drawn by name, {len(select(dataset, 'train'))} for train and {len(select(dataset, 'val'))} for val, the same every time.",)  # fmt: skip
    before = {e.id: e.split for e in dataset.examples}
    put(path, lines(*({"image": n, "caption": "x"} for n in names[1000:])))
    assert all(before[e.id] == e.split for e in read(path).examples)


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=30))
def test_drawn_splits_leak_nothing_and_leave_none_empty(ids):
    drawn, _ = draw_splits(examples(*ids))
    splits = {i: {e.split for e in drawn if e.id == i} for i in ids}
    assert all(len(found) == 1 for found in splits.values())
    everything = set.union(*splits.values())
    assert everything == ({"train", "val"} if len(set(ids)) > 1 else {"train"})


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(lambda text: text and text[0] != "[")  # fmt: skip
NAMES = st.from_regex(r"[a-zé ]{1,6}\.jpg", fullmatch=True).filter(
    lambda name: name == name.strip()
)
DATA = st.dictionaries(
    NAMES,
    st.tuples(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from(["train", "val", "test"])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(data=DATA, bom=st.booleans())
def test_round_trips(tmp_path_factory, data, bom):
    """The same data written in five ways is read as the same examples."""
    folder = tmp_path_factory.mktemp("round")
    expected = [(name, tuple(captions), split) for name, (captions, split) in data.items()]
    rows = [(name, caption, split) for name, captions, split in expected for caption in captions]
    put(folder / "a.jsonl", lines(*({"image": n, "captions": c, "split": s} for n, c, s in expected)), bom)  # fmt: skip
    put(folder / "b.jsonl", lines(*({"image": n, "caption": c, "split": s} for n, c, s in rows)), bom)  # fmt: skip
    for name, mark in (("c.csv", ","), ("d.tsv", "\t"), ("e.csv", ";")):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=mark)
        writer.writerows([("image", "caption", "split"), *rows])
        put(folder / name, text.getvalue(), bom)
    images = [{"filename": n, "split": s, "sentences": [{"raw": t} for t in c]} for n, c, s in expected]  # fmt: skip
    put(folder / "f.json", json.dumps({"images": images}, ensure_ascii=bom))
    for path in folder.iterdir():
        assert pairs(read(path)) == expected, path.name


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20, unique=True).map(sorted))
def test_line_numbers_in_short(numbers):
    example = Example(
        Path("a"), ("x",) * len(numbers), "", "a", f"a-1,2.csv:{spell_lines(numbers)}"
    )
    assert [caption_source(example, i) for i in range(len(numbers))] == [f"a-1,2.csv:{n}" for n in numbers]  # fmt: skip
    assert spell_lines([3, 4, 5, 9]) == "3-5,9"
