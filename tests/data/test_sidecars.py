"""Folders of pictures with a text file beside each."""

from pathlib import Path

import pytest

from saccade.data.check import check
from saccade.data.references import read_references
from saccade.data.sources import gather, read
from saccade.errors import DataError
from tests.data.written import pairs, put


def folder(path: Path) -> Path:
    for name in ("train/a.jpg", "train/b.png", "val/c.jpg", "val/d.jpg", ".hidden.jpg"):
        put(path / name, "picture")
    put(path / "train/a.txt", "A dog runs.\n\nA dog.\r\n", bom=True)
    put(path / "train/b.caption", "A red kite.")
    put(path / "val/c.txt", "两只狗")
    put(path / "notes.txt", "of no picture")
    return path


def test_captions_beside_pictures(tmp_path):
    dataset = read(folder(tmp_path))
    assert dataset.kind == "text files beside pictures"
    assert pairs(dataset) == [
        ("train/a.jpg", ("A dog runs.", "A dog."), "train"),
        ("train/b.png", ("A red kite.",), "train"),
        ("val/c.jpg", ("两只狗",), "val"),
    ]
    assert all(e.image.is_file() for e in dataset.examples)
    assert dataset.examples[0].source == f"{tmp_path.name}: train/a.txt"
    assert dataset.notes == ("1 picture without a text file of captions left out.",)
    assert read_references([tmp_path], "val").captions == {"val/c.jpg": ("两只狗",)}


def test_text_that_can_not_be_read(tmp_path):
    folder(tmp_path)
    (tmp_path / "train/a.txt").write_bytes(b"x\ncaf\xe9\n")
    _, problems = gather(tmp_path)
    assert "line 2: byte 4 of the line (0xe9) is not UTF-8" in problems[0].message
    with pytest.raises(DataError, match=r"train/a\.txt: line 2: byte 4"):
        read(tmp_path)
    assert [f.kind for f in check(tmp_path).findings if "a.txt" in f.source] == ["Unusable lines"]


def test_no_text_beside_pictures(tmp_path):
    put(tmp_path / "a.jpg", "picture")
    put(tmp_path / "b.txt", "of no picture")
    with pytest.raises(DataError, match="holds no captions file; accepted are"):
        read(tmp_path)
