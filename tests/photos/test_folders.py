"""Which pictures a folder holds, and what is said of the rest."""

import os

import pytest

from saccade.errors import PictureError
from saccade.photos.folders import find_photos


def test_find_photos(tmp_path):
    for name in ("b.JPG", "a.png", "deep/er/c.WebP", "notes.txt", ".hidden.jpg", ".git/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "deep/up").symlink_to(tmp_path)  # round and round
    found = find_photos([tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in found.paths] == [
        "a.png",
        "b.JPG",
        "deep/er/c.WebP",
    ]
    odd = tmp_path / "notes.txt"  # named by hand: taken at its word
    assert find_photos([odd, tmp_path / "a.png", tmp_path, odd]).paths == (odd, *found.paths)
    with pytest.raises(PictureError, match=r"no\.jpg does not exist"):
        find_photos([tmp_path, tmp_path / "no.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match=r"empty holds no pictures \(\.jpg"):
        find_photos([tmp_path / "empty"])
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(PictureError, match="can't be opened"):
            find_photos([tmp_path / name])


def test_what_is_left_out_is_counted_and_named(tmp_path):
    for name in ("a.png", "b.heic", "in/bare", "in/notes.txt", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_photos([tmp_path, tmp_path / "in" / ".." / "a.png"])
    assert [path.name for path in found.left_out] == ["b.heic", "bare", "notes.txt"]
    (note,) = found.notes()
    assert note.startswith("3 files left out: b.heic, bare, notes.txt (convert HEIC")
    assert find_photos([tmp_path / "a.png"]).notes() == []
    (tmp_path / "a.png").unlink()
    with pytest.raises(PictureError, match=r"holds no pictures .* 3 files of other kinds: b\.heic"):
        find_photos([tmp_path])


def test_an_unreadable_folder_is_said(tmp_path):
    """A path longer than the system takes: not even root can read it."""
    (tmp_path / "a.png").write_bytes(b"x")
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=here)
            inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
    finally:
        os.close(here)
    found = find_photos([tmp_path])
    assert [path.name for path in found.paths] == ["a.png"]
    (said,) = found.unreadable
    assert "can't be read (File name too long); its pictures are missing" in said
    assert found.notes() == [said]
