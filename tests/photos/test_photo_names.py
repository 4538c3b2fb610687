"""What names stand for which photos."""

import tarfile
from pathlib import Path

import pytest
from PIL import Image

from saccade.errors import PictureError
from saccade.photos.naming import name_photos
from saccade.photos.opening import open_photo, photo_size, picture_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two folders of photos, and the same photos in a tar and a parquet file."""
    for name in ("a/1.png", "a/2.png", "b/deep/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (int(name[-5]), 0, 0)).save(tmp_path / name)
    (tmp_path / "a" / "notes.md").write_text("mine")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for name in ("1.png", "2.png"):
            archive.add(tmp_path / "a" / name, name)
        archive.add(tmp_path / "a" / "notes.md", "1.txt")
    return tmp_path


def short(folder: Path, *names: str) -> list[str]:
    return [str(p.relative_to(folder)) for p in name_photos([folder / n for n in names]).paths]


def test_patterns(folder):
    assert short(folder, "a/*.png") == ["a/1.png", "a/2.png"]
    assert short(folder, "**/*.png") == ["a/1.png", "a/2.png", "b/deep/3.png"]
    assert short(folder, "?", "a/1.png") == ["a/1.png", "a/2.png", "b/deep/3.png"]  # folders
    found = name_photos([folder / "a" / "*"])
    assert [p.name for p in found.left_out] == ["notes.md"]
    with pytest.raises(PictureError, match=r"\*\.webp: no picture has such a name"):
        name_photos([folder / "*.webp"])
    (folder / "a" / "[1].png").write_bytes(b"x")  # a file of that very name
    assert short(folder, "a/[1].png") == ["a/[1].png"]


def test_lists(folder, monkeypatch):
    (folder / "list.txt").write_text("a/1.png\n\nb\r\nall.tar\nno.png\na/1.png\n")
    names = ["a/1.png", "b/deep/3.png", "all.tar/1.png", "all.tar/2.png"]
    found = name_photos([Path(f"@{folder}/list.txt")])
    assert found.paths == (*(folder / n for n in names), Path("no.png"))
    monkeypatch.chdir(folder)
    assert name_photos(["@list.txt"]).paths == (*map(Path, names), Path("no.png"))
    (folder / "@list.txt").write_bytes(b"a photo of that name")
    assert name_photos(["@list.txt"]).paths == (Path("@list.txt"),)
    (folder / "empty.txt").write_text("\n")
    with pytest.raises(PictureError, match=r"empty\.txt names no photo; write one on each line"):
        name_photos([f"@{folder}/empty.txt"])
    with pytest.raises(PictureError, match=r"no\.txt does not exist"):
        name_photos([f"@{folder}/no.txt"])


def test_archives(folder):
    assert short(folder, "all.tar") == ["all.tar/1.png", "all.tar/2.png"]
    assert short(folder, "all.tar/2.png") == ["all.tar/2.png"]
    member = folder / "all.tar" / "2.png"
    assert open_photo(member).getpixel((0, 0)) == (2, 0, 0)
    assert photo_size(member) == (9, 7)
    assert picture_digest(member) == picture_digest(folder / "a" / "2.png")
    with pytest.raises(PictureError, match=r"all\.tar has no member 9\.png"):
        open_photo(folder / "all.tar" / "9.png")
    shards = folder / "shards" / "x"
    shards.mkdir(parents=True)
    (folder / "all.tar").rename(shards / "all.tar")
    assert short(folder, "shards") == ["shards/x/all.tar/1.png", "shards/x/all.tar/2.png"]
    with pytest.raises(PictureError, match="does not exist"):
        name_photos([folder / "all.tar"])
    with tarfile.open(folder / "none.tar", "w") as archive:
        archive.add(folder / "a" / "notes.md", "1.txt")
    with pytest.raises(PictureError, match=r"none\.tar holds no pictures"):
        name_photos([folder / "none.tar"])


def test_a_tar_file_that_changes_is_read_again(folder):
    assert len(name_photos([folder / "all.tar"]).paths) == 2
    with tarfile.open(folder / "all.tar", "a") as archive:
        archive.add(folder / "b" / "deep" / "3.png", "3.png")
    assert open_photo(folder / "all.tar" / "3.png").getpixel((0, 0)) == (3, 0, 0)


def test_parquet(folder):
    pyarrow = pytest.importorskip("pyarrow", reason="pip install 'saccade-captioner[publish]'")
    pytest.importorskip("pyarrow.parquet")
    contents = [(folder / "a" / f"{n}.png").read_bytes() for n in (1, 2)] * 2
    images = [{"bytes": content, "path": None} for content in contents]
    images[1] = {"bytes": None, "path": None}
    columns = {"image": images, "n": [1, 2, 3, 4]}
    path = folder / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=3)
    assert short(folder, "a.parquet") == [f"a.parquet/image/{n}" for n in (1, 3, 4)]
    reds = [open_photo(p).getpixel((0, 0))[0] for p in name_photos([path]).paths]
    assert reds == [1, 1, 2]
    for name, message in (
        ("image/9", "has no row 9"),
        ("image/2", "row 2 holds no picture in 'image'"),
        ("x/1", "no row 1 with a column 'x'"),
        ("image/x", "named by column and row, as in a.parquet/image/1"),
    ):
        with pytest.raises(PictureError, match=message):
            open_photo(path / name)
    pyarrow.parquet.write_table(pyarrow.table({**columns, "mask": contents}), path)
    with pytest.raises(
        PictureError, match=r"columns image, mask; name one, as in .*a\.parquet/image"
    ):
        name_photos([path])
    assert short(folder, "a.parquet/mask")[:2] == ["a.parquet/mask/1", "a.parquet/mask/2"]
    pyarrow.parquet.write_table(pyarrow.table({"n": [1]}), path)
    with pytest.raises(PictureError, match="no column with pictures' bytes"):
        name_photos([path])


def test_a_parquet_file_that_names_files_in_place_of_bytes(folder):
    """As `datasets.Dataset.to_parquet` writes photos that it has not loaded into the table."""
    pyarrow = pytest.importorskip("pyarrow", reason="pip install 'saccade-captioner[publish]'")
    pytest.importorskip("pyarrow.parquet")
    content = (folder / "a" / "2.png").read_bytes()
    images = [
        {"bytes": None, "path": str(folder / "a" / "1.png")},
        {"bytes": content, "path": "a/2.png"},  # bytes count first
        {"bytes": None, "path": "b/deep/3.png"},  # beside the table
        {"bytes": None, "path": None},
        None,
        {"bytes": None, "path": str(folder / "gone.png")},
    ]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    path = folder / "a.parquet"
    table = pyarrow.table({"image": pyarrow.array(images, kind)})
    pyarrow.parquet.write_table(table, path)
    names = ["a/1.png", "a.parquet/image/2", "b/deep/3.png", "gone.png"]
    assert short(folder, "a.parquet") == names
    pyarrow.parquet.write_table(table.slice(3, 2), path)
    with pytest.raises(PictureError, match=r"a\.parquet holds no picture in 'image'"):
        name_photos([path])


def test_a_list_without_its_sign_is_told_how_to_be_named(tmp_path):
    (tmp_path / "list.txt").write_text("a.png\n")
    with pytest.raises(PictureError, match=r"list\.txt is no picture; .*: @.*list\.txt\.$"):
        name_photos([tmp_path / "list.txt"])
