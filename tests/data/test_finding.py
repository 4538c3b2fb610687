"""Pictures whose names in the captions file only nearly fit."""

import unicodedata
from pathlib import Path

import pytest

from saccade.data.check import check
from saccade.data.finding import suggest
from saccade.data.sources import read
from tests.data.written import lines, put


def found(folder: Path, *names: str) -> tuple[list[str], tuple[str, ...]]:
    rows = [{"image": name, "caption": "x", "split": "train"} for name in names]
    dataset = read(put(folder / "captions.jsonl", lines(*rows)))
    paths = [e.image for e in dataset.examples]
    return [str(p.relative_to(folder)) if p.exists() else "" for p in paths], dataset.notes


DECOMPOSED = unicodedata.normalize("NFD", "Müller.png")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("IMG 0001.png", "IMG 0001.PNG"),
        ("img_1.JPG", "IMG_1.jpg"),
        ("ROCO_00002", "ROCO_00002.jpg"),
        ("a.jpeg", "a.JPG"),
        ("Müller.png", DECOMPOSED),
        (DECOMPOSED, "Müller.png"),
        ("müller.jpg", unicodedata.normalize("NFD", "Müller.png")),
        ("images/a.png", "Images/A.png"),
        ("Images/ROCO_1", "images/roco_1.jpg"),
        ("a.b.c", "a.b.c.png"),
        ("b#1.png", "b#1.png"),
    ],
)
def test_names_that_nearly_fit(tmp_path, name, file):
    put(tmp_path / file, "picture")
    paths, notes = found(tmp_path, name)
    assert paths == [file]
    assert notes == (
        ()
        if name == file
        else (
            "1 picture found by a name that differs in case, Unicode form or extension, such as "
            f"{Path(file).name} for {name}.",
        )
    )


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        (["a.JPG", "a.png"], ["a.jpg"], ["a.JPG"]),  # the case differs, not the extension
        (["a.gif", "a.png"], ["a.jpg"], [""]),  # which of them?
        (["A.jpg", "a.JPG"], ["a.jpg"], [""]),
        (["a.jpg"], ["a.jpg", "A.jpg"], ["a.jpg", ""]),  # that file is another picture's
        (["a.png"], ["a.jpg", "a.gif"], ["", ""]),
        (["ab.jpg"], ["a.jpg"], [""]),
        (["a.txt"], ["a.jpg"], [""]),  # no picture
    ],
)
def test_only_one_file_for_one_name(tmp_path, files, names, expected):
    for file in files:
        put(tmp_path / file, "picture")
    assert found(tmp_path, *names)[0] == expected


def test_missing_pictures_are_suggested(tmp_path):
    for name in ("a.gif", "a.png", "COCO_val2014_000000000042.jpg", "beach_at_noon.jpg"):
        put(tmp_path / name, "picture")
    assert suggest(tmp_path / "a.jpg") == "; did you mean a.gif or a.png?"
    assert suggest(tmp_path / "42") == "; did you mean COCO_val2014_000000000042.jpg?"
    assert suggest(tmp_path / "beach at noon.jpg") == "; did you mean beach_at_noon.jpg?"
    assert suggest(tmp_path / "mountain.jpg") == suggest(tmp_path / "no" / "a.jpg") == ""
    put(tmp_path / "captions.csv", "image,caption,split\nbeach at noon.jpg,x,train\n")
    (finding,) = [f for f in check(tmp_path).findings if f.kind == "Missing pictures"]
    assert finding.message.endswith("; did you mean beach_at_noon.jpg?")
