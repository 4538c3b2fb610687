"""Growing tables: no line torn, nothing twice, and what is not ours is refused."""

import csv
import json
from pathlib import Path

import pytest

from saccade.errors import DataError, PictureError, UsageError
from saccade.publish import AltText, open_form

TABLES = ("jsonl", "csv", "parquet")
STRANGE = 'a "dog",\nand a\tcat – 犬'


def rows_of(path: Path) -> list[dict]:
    """As another program reads it."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            {**row, "review": {"": None, "true": True, "false": False}[row["review"]],
             "doubtful": json.loads(row["doubtful"])}
            for row in rows
        ]  # fmt: skip
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n}.jpg" for n in range(5)]
    for n, path in enumerate(paths):
        path.write_bytes(b"photo %d" % n)
    return paths


@pytest.mark.parametrize("name", TABLES)
def test_a_table_grows_and_knows_what_is_done(tmp_path, photos, name):
    form, path = open_form(name, tmp_path, "m1")
    assert path == tmp_path / f"captions.{name}"
    for photo in photos[:2]:
        assert not form.done(photo)
        form.write(photo, AltText(STRANGE, "m1"))
    form.flush()
    form.write(photos[2], AltText("a cat", "m1", review=True, doubtful=("cat",)))
    form.flush()
    assert [row["caption"] for row in rows_of(path)] == [STRANGE, STRANGE, "a cat"]
    assert rows_of(path)[2]["doubtful"] == ["cat"]
    assert [row["review"] for row in rows_of(path)] == [None, None, True]

    again, _ = open_form(name, tmp_path, "m1")
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(photos[0].read_bytes())
    assert [again.done(photo) for photo in (*photos[:4], copy)] == [True, True, True, False, True]
    again.write(photos[3], AltText("x", "m1"))
    again.flush()
    assert [row["photo"] for row in rows_of(path)] == [str(p) for p in photos[:4]]
    other, _ = open_form(name, tmp_path, "m2")  # another model's captions are other captions
    assert not other.done(photos[0])
    anew, _ = open_form(name, tmp_path, "m1", overwrite=True)
    assert not anew.done(photos[0])


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_what_a_kill_left_of_a_row_is_cut_off(tmp_path, photos, name):
    """Cut at every byte: what is whole stays, and the table goes on as if nothing had been."""
    form, path = open_form(name, tmp_path, "m")
    for photo in photos[:2]:
        form.write(photo, AltText(STRANGE, "m"))
    form.flush()
    whole = path.read_bytes()
    for stop in range(len(whole)):
        path.write_bytes(whole[:stop])
        again, _ = open_form(name, tmp_path, "m")
        todo = [photo for photo in photos[:2] if not again.done(photo)]
        for photo in todo:
            again.write(photo, AltText(STRANGE, "m"))
        again.flush()
        assert path.read_bytes() == whole, stop


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jsonl", b'{"image": "1.jpg", "captions": ["mine"]}\n'),
        ("jsonl", b"not json\n"),
        ("csv", b"image,caption\n1.jpg,mine\n"),
        ("parquet", b"a file"),
    ],
)
def test_a_file_that_is_no_table_of_ours_is_refused_and_stays(tmp_path, name, content):
    path = tmp_path / f"captions.{name}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"captions.{name}"):
        open_form(name, tmp_path, "m")
    assert path.read_bytes() == content


def test_names_and_places(tmp_path):
    with pytest.raises(UsageError, match="no form 'xml'"):
        open_form("xml", tmp_path, "m")
    with pytest.raises(UsageError, match="--write txt takes no path"):
        open_form("txt=a", tmp_path, "m")
    with pytest.raises(UsageError, match="name a file"):
        open_form("csv=", tmp_path, "m")
    _, path = open_form(f"csv={tmp_path}/mine.csv", tmp_path, "m")
    assert path == tmp_path / "mine.csv"


def test_a_photo_that_is_gone_is_its_own_error(tmp_path):
    form, _ = open_form("jsonl", tmp_path, "m")
    with pytest.raises(PictureError, match=r"gone\.jpg"):
        form.done(tmp_path / "gone.jpg")


@pytest.mark.parametrize("name", ["txt", "xmp"])
def test_a_file_beside_each_photo(tmp_path, photos, name):
    form, table = open_form(name, tmp_path, "m")
    assert table is None
    assert not form.done(photos[0])
    form.write(photos[0], AltText("a dog", "m"))
    written = photos[0].with_suffix(f".{name}")
    assert b"a dog" in written.read_bytes()
    assert form.done(photos[0])
    assert not open_form(name, tmp_path, "m", overwrite=True)[0].done(photos[0])
    photos[1].with_suffix(f".{name}").write_bytes(b"")  # somebody's: an empty text is a text
    if name == "txt":
        assert form.done(photos[1])
    else:
        with pytest.raises(DataError, match=r"1\.xmp"):
            form.done(photos[1])
