"""Photos as they come: every mode, rotation and kind of damage."""

import contextlib
import hashlib
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile, ImageOps

from saccade.errors import PictureError
from saccade.photos.folders import find_photos
from saccade.photos.opening import open_photo, photo_size, picture_digest

RED, WHITE = (255, 0, 0), (255, 255, 255)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def close(pixel: tuple[int, ...], expected: tuple[int, ...], by: int = 3) -> bool:
    return all(abs(a - b) <= by for a, b in zip(pixel, expected, strict=True))


def grey(value: float, kind: type) -> Image.Image:
    return Image.fromarray(np.full((4, 6), value, kind))


PALETTE = Image.new("P", (6, 4), 1)
PALETTE.putpalette([0, 0, 0, 255, 0, 0])

MODES = [
    ("rgb.jpg", Image.new("RGB", (6, 4), RED), {}, RED),
    ("grey.jpg", Image.new("L", (6, 4), 77), {}, (77,) * 3),
    # Pillow writes CMYK JPEGs as Adobe does, inverted.
    ("cmyk.jpg", Image.new("CMYK", (6, 4), (0, 255, 255, 0)), {}, RED),
    ("cmyk.tif", Image.new("CMYK", (6, 4), (0, 255, 255, 0)), {}, RED),
    ("ycc.jpg", Image.new("YCbCr", (6, 4), (76, 85, 255)), {}, RED),
    ("16.png", grey(0x8080, np.uint16), {}, (128,) * 3),
    ("16-of-12.png", grey(0x0800, np.uint16), {}, (128,) * 3),
    ("16-of-14.tif", grey(0x2000, np.uint16), {}, (128,) * 3),
    ("32-of-12.tif", grey(0x0800, np.int32), {}, (128,) * 3),
    ("16.tif", grey(0x8080, np.uint16), {}, (128,) * 3),
    ("32-of-16.tif", grey(0x8080, np.int32), {}, (128,) * 3),
    ("32-of-8.tif", grey(128, np.int32), {}, (128,) * 3),
    ("negative.tif", grey(-5, np.int32), {}, (0,) * 3),
    ("float.tif", grey(0.5, np.float32), {}, (128,) * 3),
    ("float-of-8.tif", grey(128, np.float32), {}, (128,) * 3),
    ("nan.tif", grey(np.nan, np.float32), {}, (0,) * 3),
    ("palette.png", PALETTE, {}, RED),
    ("palette.gif", PALETTE, {}, RED),
    ("palette-index.png", PALETTE, {"transparency": 1}, WHITE),
    ("palette-bytes.png", PALETTE, {"transparency": b"\x00\x00"}, WHITE),
    ("rgb-key.png", Image.new("RGB", (6, 4), RED), {"transparency": RED}, WHITE),
    ("grey-key.png", Image.new("L", (6, 4), 9), {"transparency": 9}, WHITE),
    ("rgba.png", Image.new("RGBA", (6, 4), (255, 0, 0, 0)), {}, WHITE),
    ("rgba-half.webp", Image.new("RGBA", (6, 4), (255, 0, 0, 128)), {"lossless": True}, (255, 127, 127)),
    ("la.png", Image.new("LA", (6, 4), (0, 128)), {}, (127,) * 3),
    ("bits.png", Image.new("1", (6, 4), 1), {}, WHITE),
    ("bmp.bmp", Image.new("RGB", (6, 4), RED), {}, RED),
    ("ppm.ppm", Image.new("RGB", (6, 4), RED), {}, RED),
]  # fmt: skip


@pytest.mark.parametrize(("name", "image", "options", "expected"), MODES, ids=[m[0] for m in MODES])
def test_modes(tmp_path, name, image, options, expected):
    path = tmp_path / name
    image.save(path, **options)
    photo = open_photo(path)
    assert (photo.mode, photo.size) == ("RGB", (6, 4))
    assert photo_size(path) == (6, 4)
    assert close(photo.getpixel((2, 2)), expected), photo.getpixel((2, 2))


def test_cmyk_without_adobe_is_not_inverted(tmp_path):
    data = io.BytesIO()
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(data, "JPEG")
    raw = data.getvalue()
    start = raw.index(b"\xff\xee")  # the Adobe marker
    size = int.from_bytes(raw[start + 2 : start + 4], "big")
    plain = raw[:start] + raw[start + 2 + size :]
    # Its stored values are the inverted ones, taken at their word when nothing says "inverted".
    assert close(open_photo(io.BytesIO(raw)).getpixel((3, 3)), RED)
    assert close(open_photo(io.BytesIO(plain)).getpixel((3, 3)), (0, 0, 0))


def test_lab_is_refused(tmp_path):
    Image.new("LAB", (4, 4)).save(tmp_path / "lab.tif")
    with pytest.raises(PictureError, match=r"lab\.tif stores its colours as LAB; convert it"):
        open_photo(tmp_path / "lab.tif")


def test_sixteen_bits_keep_their_order():
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None]
    data = io.BytesIO()
    Image.fromarray(ramp).save(data, "PNG")
    found = np.asarray(open_photo(data))[0, :, 0]
    assert np.abs(found.astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations(tmp_path, suffix, orientation):
    upright = Image.new("RGB", (32, 16), "blue")
    upright.paste("red", (0, 0, 16, 8))  # red at the upper left, as the viewer must see it
    stored = upright
    for step in {2: "m", 3: "rr", 4: "rrm", 5: "mr", 6: "r", 7: "mrrr", 8: "rrr"}.get(
        orientation, ""
    ):
        stored = (
            ImageOps.mirror(stored) if step == "m" else stored.transpose(Image.Transpose.ROTATE_90)
        )
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"o.{suffix}"
    stored.save(path, exif=exif)
    photo = open_photo(path)
    assert photo.size == photo_size(path) == (32, 16)
    assert close(photo.getpixel((3, 3)), (255, 0, 0), by=12)
    for corner in ((28, 3), (3, 13), (28, 13)):
        assert close(photo.getpixel(corner), (0, 0, 255), by=12)
    assert np.array_equal(open_photo(photo), photo)  # turned once, never again
    assert ImageOps.exif_transpose(photo).size == photo.size


def test_nonsense_orientation_and_damaged_exif(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 77
    noise(8, 6).save(tmp_path / "a.jpg", exif=exif)
    assert open_photo(tmp_path / "a.jpg").size == (8, 6)
    noise(8, 6).save(tmp_path / "b.png", exif=b"Exif\0\0not a tiff header at all")
    assert open_photo(tmp_path / "b.png").size == photo_size(tmp_path / "b.png") == (8, 6)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_one_pixel(tmp_path, suffix):
    path = tmp_path / f"one.{suffix}"
    Image.new("RGB", (1, 1), "white").save(path)
    assert open_photo(path).size == photo_size(path) == (1, 1)
    assert close(open_photo(path).getpixel((0, 0)), WHITE)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert close(open_photo(path).getpixel((4, 4)), RED, by=6)


FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP"}


@pytest.mark.parametrize("share", [0.03, 0.5, 0.97])
@pytest.mark.parametrize("suffix", FORMATS)
def test_cut_off(tmp_path, suffix, share):
    data = io.BytesIO()
    noise(200, 150).save(data, FORMATS[suffix])
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data.getvalue()[: int(len(data.getvalue()) * share)])
    with pytest.raises(PictureError, match=r"cut\.\w+ is damaged or cut off: .+; copy or download"):
        open_photo(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_cut_off_is_seen_in_a_draft_too(tmp_path):
    data = io.BytesIO()
    noise(400, 300).save(data, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(data.getvalue()[:-2000])
    assert photo_size(path) == (400, 300)  # the header is sound
    with pytest.raises(PictureError, match="cut off"):
        open_photo(path, draft=(1, 1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jpg", b"", r"a\.jpg is empty \(0 bytes\); copy or download it again\."),
        ("a.jpg", b"Dear all,\n", r"a\.jpg is not a picture: it holds text; replace it"),
        ("a.png", b"<!DOCTYPE html><html>", r"a\.png is not a picture: it holds text"),
        ("a.jpg", bytes(range(200)), r"a\.jpg is not a picture of a known format; convert it"),
        ("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"a\.jpg is an HEIC photo.*convert it"),
        ("a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n", r"a\.jpg is not a picture"),  # would be run
        ("a.png", b"\x89PNG\r\n\x1a\n", r"a\.png is damaged or cut off"),
        ("a.jpg", b"\xff\xd8\xff\xe0", r"a\.jpg is damaged or cut off"),
    ],
)  # fmt: skip
def test_not_pictures(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    for function in (open_photo, photo_size):
        with pytest.raises(PictureError, match=message) as caught:
            function(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", [open_photo, photo_size, picture_digest])
def test_missing_folder_and_impossible_name(tmp_path, function):
    with pytest.raises(PictureError, match=r"no\.jpg does not exist; check the name"):
        function(tmp_path / "no.jpg")
    with pytest.raises(PictureError, match="is a folder, not a picture; name a picture"):
        function(tmp_path)
    with pytest.raises(PictureError, match="can't be opened"):
        function("nul\0byte.jpg")
    with pytest.raises(PictureError, match="can't be opened"):
        function("x" * 5000 + ".jpg")


def test_forbidden(tmp_path, monkeypatch):
    noise(4, 4).save(tmp_path / "a.png")

    def refuse(*args, **options):  # root may read anything, so a real mode would not do
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match=r"a\.png can't be opened \(Permission denied\); check"):
        open_photo(tmp_path / "a.png")


def test_pixel_limit_before_decoding(tmp_path):
    Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")  # 1.6 GB as floats
    message = r"huge\.png has 20000 x 10000 pixels \(200\.0 million\), above the limit of 100\.0"
    for function in (open_photo, photo_size):
        with pytest.raises(PictureError, match=message):
            function(tmp_path / "huge.png")
    # Above what Pillow warns at and below our limit: no warning (they are errors under pytest).
    assert photo_size(tmp_path / "huge.png", pixel_limit=10**9) == (20_000, 10_000)
    noise(40, 30).save(tmp_path / "small.png")
    assert open_photo(tmp_path / "small.png", pixel_limit=1200).size == (40, 30)
    with pytest.raises(PictureError, match="above the limit"):
        open_photo(tmp_path / "small.png", pixel_limit=1199)
    with pytest.raises(PictureError, match="above the limit"):
        open_photo(noise(40, 30), pixel_limit=1199)


def test_webp_larger_than_pillow_allows(tmp_path):
    header = b"RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0\x2f\xff\xff\xff\x0f"  # 16384 x 16384
    (tmp_path / "a.webp").write_bytes(header + bytes(30))
    with pytest.raises(PictureError, match="far too many pixels"):
        open_photo(tmp_path / "a.webp", pixel_limit=10**9)


def test_pillows_globals_stay(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    noise(9, 9).save(tmp_path / "a.png")
    threads = [threading.Thread(target=open_photo, args=(tmp_path / "a.png",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS


def test_draft_is_smaller_and_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    noise(2000, 1000).save(tmp_path / "a.jpg", exif=exif)
    photo = open_photo(tmp_path / "a.jpg", draft=(200, 400))
    assert photo.size == (250, 500)  # an eighth would be below what was asked for
    assert photo_size(tmp_path / "a.jpg") == (1000, 2000)
    assert open_photo(tmp_path / "a.jpg", draft=(900, 100)).size == (1000, 2000)
    noise(200, 100).save(tmp_path / "a.png")
    assert open_photo(tmp_path / "a.png", draft=(2, 2)).size == (200, 100)


def test_files_and_images_are_left_as_they_were(tmp_path):
    data = io.BytesIO()
    noise(9, 7).save(data, "PNG")
    data.seek(5)  # somebody has looked at it
    assert open_photo(data).size == photo_size(data) == (9, 7)
    assert not data.closed
    image = Image.new("LA", (3, 2), (0, 0))
    assert open_photo(image).getpixel((0, 0)) == WHITE
    assert image.mode == "LA"
    rgb = noise(3, 2)
    copy = open_photo(rgb)
    copy.putpixel((0, 0), (1, 2, 3))
    assert rgb.getpixel((0, 0)) != (1, 2, 3)
    with pytest.raises(PictureError, match=r"^the picture is empty"):
        open_photo(io.BytesIO())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts handles in /proc")
def test_no_handle_stays_open(tmp_path):
    noise(30, 20).save(tmp_path / "a.jpg")
    noise(30, 20).save(tmp_path / "a.tif")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:300])
    (tmp_path / "c.jpg").write_text("text")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    kept = []
    for name in ("a.jpg", "a.tif", "b.jpg", "c.jpg") * 3:
        try:
            kept.append(open_photo(tmp_path / name))
            photo_size(tmp_path / name)
        except PictureError as error:
            kept.append(error)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    (tmp_path / "a.jpg").unlink()
    assert kept[0].getpixel((0, 0))  # decoded, not waiting for the file


def test_damage_anywhere_is_a_picture_error_or_a_picture():
    """Bytes flipped at random: never another exception."""
    rng = np.random.default_rng(1)
    for kind in FORMATS.values():
        data = io.BytesIO()
        noise(24, 16).save(data, kind)
        raw = np.frombuffer(data.getvalue(), np.uint8)
        for _ in range(60):
            bad = raw.copy()
            places = rng.integers(0, len(raw), 4) if rng.random() < 0.5 else rng.integers(0, 64, 2)
            bad[places % len(raw)] = rng.integers(0, 256, len(places))
            with contextlib.suppress(PictureError):
                assert open_photo(io.BytesIO(bad.tobytes())).mode == "RGB"


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    st.randoms(use_true_random=False),
)
def test_lossless_round_trip(width, height, mode, random):
    if mode == "I;16":
        values = np.array([random.randrange(256) * 257 for _ in range(width * height)], np.uint16)
        values[0] = 65535  # so that it is seen to be of 16 bits
        image = Image.fromarray(values.reshape(height, width))
        expected = Image.fromarray((values.reshape(height, width) >> 8).astype(np.uint8))
    else:
        image = noise(width, height, random.randrange(1000)).convert(mode)
        expected = image.convert("RGB")
    data = io.BytesIO()
    image.save(data, "PNG")
    assert np.array_equal(open_photo(data), expected.convert("RGB"))
    assert photo_size(data) == (width, height)


def test_digest(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 100_000)
    assert picture_digest(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert picture_digest(str(path)) == picture_digest(path)


def test_real_photos(shared):
    folder = shared / "coco_mini" / "images"
    for path in find_photos([folder]).paths[:20]:
        photo = open_photo(path)
        assert photo.size == photo_size(path)
        half = open_photo(path, draft=(photo.width // 2, photo.height // 2))
        assert half.width >= photo.width // 2
