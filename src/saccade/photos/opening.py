"""Opening photos as they come: any mode, any rotation, any damage, one clear sentence when not.

What is simplified: colour profiles are not applied (as in the data loaders that backbones were
trained with); CMYK is turned to RGB by the plain formula; of an animation the first frame counts.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageChops, TiffImagePlugin

from saccade.errors import PictureError

PIXEL_LIMIT = 100_000_000
_USUAL = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SUFFIXES = frozenset((*_USUAL, ".jpe", ".jfif", ".avif", ".jp2", ".ppm", ".pgm"))
Source = Path | str | BinaryIO | Image.Image
Photo = Path | str | Image.Image

# Formats that hold photos. The others that Pillow knows include ones that run other programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_photo(
    source: Source, pixel_limit: int = PIXEL_LIMIT, draft: tuple[int, int] | None = None
) -> Image.Image:
    """A photo as 8-bit RGB, upright (EXIF), transparency laid on white.

    source: a path, a binary file (left open), or a Pillow image (left as it is). draft: a JPEG may
    be decoded at a half, quarter or eighth of its size, but not below this (width, height), which
    is several times faster; `photo_size` tells the full size. Raises PictureError when the photo
    is missing, not a picture, damaged, cut off, or has more than `pixel_limit` pixels."""
    with _opened(source, pixel_limit) as (image, name), _decoding(name):
        orientation = _orientation(image)
        if draft is not None:
            image.draft(None, draft[::-1] if orientation >= 5 else draft)
        rgb = _to_rgb(image, name)
        turn = _TURNS.get(orientation)
        if turn is not None:
            rgb = rgb.transpose(turn)
        rgb.info = {}  # the orientation it carried has been applied: nobody may apply it again
        return rgb


def photo_size(source: Source, pixel_limit: int = PIXEL_LIMIT) -> tuple[int, int]:
    """Width and height of the upright photo, from its header alone.

    Raises PictureError as `open_photo` does, except for damage beyond the header."""
    with _opened(source, pixel_limit) as (image, name), _decoding(name):
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def picture_digest(path: Path | str) -> str:
    """SHA-256 of the file's bytes. Raises PictureError when they can't be read."""
    with _file(Path(path)) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise PictureError(f"{path} can't be read ({error.strerror or error}).") from error


def find_photos(paths: Sequence[Path | str]) -> list[Path]:
    """Files as given; folders as all the pictures in and below them (by suffix), sorted.

    Hidden files are left out, and no path comes twice. Raises PictureError for a path that does
    not exist and for a folder without pictures."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(_walk(path))
            if not inside:
                raise PictureError(
                    f"{path} holds no pictures ({', '.join(_USUAL)} ...); name another folder."
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise PictureError(f"{path} does not exist; check the name.")
    return list(dict.fromkeys(found))


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()  # a link may point back up
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


@contextmanager
def _file(path: Path) -> Iterator[BufferedReader]:
    """The open file, or a PictureError that says why not."""
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder, not a picture; name a picture inside it.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist; check the name and the folder.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureError(
            f"{path} can't be opened ({reason}); check the file's permissions."
        ) from error
    with file:
        yield file


@contextmanager
def _opened(source: Source, pixel_limit: int) -> Iterator[tuple[Image.Image, str]]:
    """The image, not decoded yet and within the limit, and its name for messages."""
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "the picture")
        _check_size(source, name, pixel_limit)
        yield source, name
    elif isinstance(source, str | Path):
        with _file(Path(source)) as file:
            yield _identify(file, str(source), pixel_limit), str(source)
    else:
        name = str(getattr(source, "name", "") or "the picture")
        yield _identify(source, name, pixel_limit), name


def _identify(file: BinaryIO, name: str, pixel_limit: int) -> Image.Image:
    """What `Image.open` does, without its size check.

    That check is one number for the whole process, warns on the console and can't be set for one
    call or one thread; here every call checks its own limit."""
    with _decoding(name):
        file.seek(0)
        head = file.read(64)
    if not head:
        raise PictureError(f"{name} is empty (0 bytes); copy or download it again.")
    Image.init()
    for kind in _FORMATS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        verdict = accept(head[:16]) if accept is not None else False
        if factory is None or not verdict or isinstance(verdict, str):
            continue  # a text says that this build of Pillow lacks the format
        file.seek(0)
        with _decoding(name):
            image = factory(file, "")
        _check_size(image, name, pixel_limit)
        return image
    raise PictureError(_unrecognised_message(name, head))


def _check_size(image: Image.Image, name: str, limit: int) -> None:
    width, height = image.size
    if width * height > limit:
        raise PictureError(
            f"{name} has {width} x {height} pixels ({width * height / 1e6:,.1f} million), above "
            f"the limit of {limit / 1e6:,.1f} million; make it smaller."
        )
    if width * height == 0:
        raise PictureError(f"{name} has no pixels ({width} x {height}); copy it again.")


def _unrecognised_message(name: str, head: bytes) -> str:
    """The sentence for a file that is no picture."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return f"{name} is an HEIC photo, which can't be read here; convert it to JPEG."
    if not any(byte < 9 for byte in head):
        return f"{name} is not a picture: it holds text; replace it or take it out."
    return f"{name} is not a picture of a known format; convert it to JPEG or PNG, or take it out."


def _damaged(name: str, error: Exception) -> PictureError:
    if isinstance(error, MemoryError):
        return PictureError(f"{name} does not fit into memory; make it smaller.")
    reason = str(error).strip() or type(error).__name__
    return PictureError(f"{name} is damaged or cut off: {reason}; copy or download it again.")


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name} has far too many pixels; make it smaller.") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise _damaged(name, error) from error


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1 to 8, known before the pixels are decoded."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1  # Pillow turns TIFFs itself, size and pixels
    try:
        # Not image.getexif(): a PNG's decodes the whole picture to look behind the pixels.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data around a sound picture
        return 1
    return orientation if orientation in _TURNS else 1


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    image.load()
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image), 65535.0)
    if image.mode == "I":
        values = np.asarray(image)
        return _grey(values, _full_scale(values, (255.0, 65535.0)))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0)
        return _grey(values, _full_scale(values, (1.0, 255.0, 65535.0)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(
            image
        )  # only Adobe stores inks inverted; Pillow expects it of all
    if image.mode == "LAB":
        raise PictureError(f"{name} stores its colours as LAB; convert it to JPEG or PNG.")
    return image.convert("RGB")


def _full_scale(values: np.ndarray, usual: Sequence[float]) -> float:
    """What stands for white where the format does not say: the least usual value not exceeded."""
    top = float(values.max())
    return next((scale for scale in usual if top <= scale), top)


def _grey(values: np.ndarray, full: float) -> Image.Image:
    scaled = np.clip(values.astype(np.float32) * (255.0 / full), 0, 255)
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")
