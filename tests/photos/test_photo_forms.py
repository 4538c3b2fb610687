"""What a photo may be: paths, bytes, files, arrays, Pillow images; one opening for all uses."""

import io
import math
import os
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.errors import PictureError
from saccade.photos.opening import nearly_black, open_photo, photo_size, picture_digest, read_photo

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_every_kind_gives_the_same_pixels(path):
    data = path.read_bytes()
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as raw,
        tempfile.NamedTemporaryFile() as named,
        tempfile.SpooledTemporaryFile() as spooled,
    ):
        for copy in (named, spooled):
            copy.write(data)
            copy.seek(0)
        kinds = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)]
        kinds += [file, raw, named, spooled, PIXELS, Image.fromarray(PIXELS)]
        for photo in kinds:
            assert np.array_equal(open_photo(photo), PIXELS), photo
    assert np.array_equal(open_photo(PIXELS[:, ::-1]), PIXELS[:, ::-1])  # a view
    assert photo_size(data) == photo_size(PIXELS) == (8, 6)
    grey = np.asarray(open_photo(PIXELS[:, :, 0]))
    assert np.array_equal(grey, PIXELS[:, :, :1].repeat(3, 2))
    assert np.array_equal(open_photo(PIXELS[:, :, :1]), grey)


def test_a_pipe_of_bytes_is_read_to_its_end(path):
    ends = os.pipe()
    with os.fdopen(ends[1], "wb") as write:
        write.write(path.read_bytes())
    with os.fdopen(ends[0], "rb") as read:
        assert np.array_equal(open_photo(read), PIXELS)


@pytest.mark.parametrize(
    ("photo", "says"),
    [
        (None, r"None \(NoneType\) is not a photo; a photo is a path, a Pillow image"),
        (3.0, r"3\.0 \(float\) is not a photo"),
        ({"a": 1}, r"\(dict\) is not a photo"),
        ("https://example.org//a.jpg", "https://example.org//a.jpg is a web address; download"),
        (PIXELS.astype(np.float32), r"\(6, 8, 3\) and type float32 is not a photo; give uint8"),
        (PIXELS.transpose(2, 0, 1), r"shape \(3, 6, 8\)"),
        (PIXELS[None], r"shape \(1, 6, 8, 3\)"),
        (PIXELS[:0], "no pixels"),
        (io.StringIO("x"), "is opened as text; open it in binary mode"),
        (b"", "the picture is empty"),
        (b"no picture at all", "the picture is not a picture"),
    ],
)
def test_anything_else_is_refused_with_what_is_accepted(photo, says):
    for function in (open_photo, photo_size):
        with pytest.raises(PictureError, match=says):
            function(photo)


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    for function in (open_photo, photo_size, picture_digest):
        with pytest.raises(PictureError, match=rf"a\.png is {kind}, not a picture; name a regular"):
            function(path)


@pytest.mark.parametrize("turned", [False, True])
def test_one_opening_gives_size_input_and_a_copy_to_draw_on(tmp_path, monkeypatch, turned):
    y, x = np.mgrid[0:1200, 0:1600]
    picture = np.stack((x * 255 // 1600, y * 255 // 1200, (x + y) // 11), 2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=95)
    whole = open_photo(tmp_path / "a.jpg")
    opened, real = [], Path.open
    monkeypatch.setattr(Path, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    photo = read_photo(tmp_path / "a.jpg", lambda size: (size[0] // 8, size[1] // 8), keep=600)
    assert len(opened) == 1
    assert photo.size == whole.size == ((1200, 1600) if turned else (1600, 1200))
    assert max(photo.image.size) == 200
    assert max(photo.shown.size) == 600
    small = whole.resize(photo.shown.size, Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(photo.shown).astype(int) - np.asarray(small)).mean() < 1.5
    tiny = read_photo(PIXELS, keep=600)
    assert tiny.shown.size == tiny.size == (8, 6)
    assert read_photo(PIXELS).shown is None


@pytest.mark.parametrize(("bits", "depth"), [(12, 12), (11, 12), (13, 14), (14, 14), (16, 16)])
def test_values_of_few_bits_fill_the_range(tmp_path, bits, depth):
    ramp = np.linspace(0, 2**bits - 1, 64, dtype=np.uint16)[None]
    Image.fromarray(ramp).save(tmp_path / "a.png")
    found = np.asarray(open_photo(tmp_path / "a.png"))[0, :, 0]
    assert found.max() == math.floor(255 * (2**bits - 1) / (2**depth - 1) + 0.5)


def test_nearly_black():
    assert nearly_black(Image.new("RGB", (4, 4), (15, 15, 15)))
    assert not nearly_black(Image.new("RGB", (4, 4), (0, 0, 16)))
