"""Opening photos as they come: any mode, any rotation, any damage, one clear sentence when not.

What is simplified: colour profiles are not applied (as in the data loaders that backbones were
trained with); CMYK is turned to RGB by the plain formula; of an animation the first frame counts.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import ExifTags, Image, ImageChops, TiffImagePlugin

from saccade.errors import PictureError
from saccade.files import reason, require_file
from saccade.photos.archives import archive_of, read_inside
from saccade.photos.array import array_photo

PIXEL_LIMIT = 100_000_000
Size = tuple[int, int]  # width, height
Source = Path | str | BinaryIO | Image.Image
Photo = Source | np.ndarray | bytes | bytearray | memoryview
ACCEPTED = (
    "a path, a Pillow image, a numpy array (H, W, 3) or (H, W) of uint8, a file's bytes, or a file "
    "opened in binary mode"
)

# Formats that hold photos. The others that Pillow knows include ones that run other programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
_DEPTHS = (4095.0, 16383.0, 65535.0)  # white of 12, 14 and 16 bits: cameras and scanners have each
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Opened(NamedTuple):
    """A photo from one opening of its file: 8-bit RGB, upright, transparency laid on white."""

    image: Image.Image  # a JPEG's perhaps decoded at a part of its size
    size: Size  # of the whole photo
    shown: Image.Image | None = None  # a copy to draw on, where one was to be kept


def as_source(photo: Photo) -> Source:
    """A photo of any accepted kind as a path, a binary file or a Pillow image.

    Raises PictureError, naming what is accepted, for anything else."""
    match photo:
        case str() | Path():
            if str(photo).startswith(("http://", "https://", "http:/", "https:/", "ftp:/")):
                raise PictureError(f"{photo} is a web address; download the picture first.")
            return photo
        case Image.Image():
            return photo
        case bytes() | bytearray() | memoryview():
            return io.BytesIO(photo)
        case np.ndarray():
            return array_photo(photo)
        case io.TextIOBase():
            raise PictureError(f"{photo!r} is opened as text; open it in binary mode, 'rb'.")
        case io.IOBase():
            return photo if photo.seekable() else io.BytesIO(photo.read())
        case _Readable():  # what wraps a file: a named temporary file, an upload
            return io.BytesIO(photo.read())
    kind = type(photo).__name__
    raise PictureError(f"{photo!r:.60} ({kind}) is not a photo; a photo is {ACCEPTED}.")


def open_photo(
    photo: Photo, pixel_limit: int = PIXEL_LIMIT, draft: Size | None = None
) -> Image.Image:
    """A photo as 8-bit RGB, upright (EXIF), transparency laid on white.

    photo: as `as_source` has it; a file is left open, a Pillow image as it is. draft: a JPEG may be
    decoded at a half, quarter or eighth of its size, but not below this (width, height), which is
    several times faster. Raises PictureError when the photo is missing, not a picture, damaged, cut
    off, or has more than `pixel_limit` pixels."""
    return read_photo(photo, None if draft is None else lambda _: draft, 0, pixel_limit).image


def read_photo(
    photo: Photo,
    least: Callable[[Size], Size] | None = None,
    keep: int = 0,
    pixel_limit: int = PIXEL_LIMIT,
) -> Opened:
    """A photo and its full size, from one opening of its file.

    least: from the photo's size, the (width, height) below which a JPEG must not be decoded; a
    Pillow image, the caller's own, is always decoded whole. keep: also keep a copy to draw, whose
    long side is at most this many pixels. Raises PictureError as `open_photo` does."""
    source = as_source(photo)
    with _held(source) as (held, name), _decoding(name):
        image = _identified(held, name, pixel_limit)
        orientation = _orientation(image)
        size = _upright(image.size, orientation)
        drafted = least is not None and image is not source
        if least is not None and drafted:
            image.draft(None, _upright(least(size), orientation))
        rgb = _finished(image, name, orientation)
        if not keep:
            return Opened(rgb, size)
        scale = min(1.0, keep / max(size))
        target = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        large = rgb
        if drafted and rgb.width < target[0]:  # too small to draw on: decoded once more
            image = _identified(held, name, pixel_limit)
            image.draft(None, _upright(target, orientation))
            large = _finished(image, name, orientation)
        shown = large if large.size == target else large.resize(target, Image.Resampling.LANCZOS)
        return Opened(rgb, size, shown)


def photo_size(photo: Photo, pixel_limit: int = PIXEL_LIMIT) -> Size:
    """Width and height of the upright photo, from its header alone.

    Raises PictureError as `open_photo` does, except for damage beyond the header."""
    with _held(as_source(photo)) as (held, name), _decoding(name):
        image = _identified(held, name, pixel_limit)
        return _upright(image.size, _orientation(image))


def nearly_black(photo: Image.Image) -> bool:
    """Whether nothing in an RGB photo is brighter than 15 of 255, as where a file's values fill
    only a few of its bits."""
    return max(high for _, high in photo.getextrema()) < 16  # type: ignore[misc]


def picture_digest(path: Path | str) -> str:
    """SHA-256 of the file's bytes. Raises PictureError when they can't be read."""
    with _file(Path(path)) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise PictureError(
                f"{path} can't be read ({reason(error)}); check the disk."
            ) from error


@contextmanager
def _file(path: Path) -> Iterator[io.BufferedReader | io.BytesIO]:
    """The open file, or a PictureError that says why not; of a path into an archive, its bytes."""
    inside = archive_of(path)
    if inside is not None:
        yield io.BytesIO(read_inside(*inside))
        return
    require_file(path, PictureError, "picture")
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise PictureError(
            f"{path} can't be opened ({reason(error)}); check the file's permissions."
        ) from error
    with file:
        yield file


@contextmanager
def _held(source: Source) -> Iterator[tuple[BinaryIO | Image.Image, str]]:
    """The image or its open file, and its name for messages."""
    if isinstance(source, Image.Image):
        yield source, str(getattr(source, "filename", "") or "the picture")
    elif isinstance(source, str | Path):
        with _file(Path(source)) as file:
            yield file, str(source)
    else:
        yield source, str(getattr(source, "name", "") or "the picture")


def _identified(held: BinaryIO | Image.Image, name: str, pixel_limit: int) -> Image.Image:
    """The image, not decoded yet and within the limit."""
    if isinstance(held, Image.Image):
        _check_size(held, name, pixel_limit)
        return held
    return _identify(held, name, pixel_limit)


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
    """The sentence for a file that is not a picture."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return f"{name} is an HEIC photo, which can't be read; convert it to JPEG."
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


def _upright(size: Size, orientation: int) -> Size:
    """A stored size as it is seen, and the other way round."""
    return size[::-1] if orientation >= 5 else size


def _finished(image: Image.Image, name: str, orientation: int) -> Image.Image:
    """Decoded, 8-bit RGB, and turned upright."""
    rgb = _to_rgb(image, name)
    turn = _TURNS.get(orientation)
    if turn is not None:
        rgb = rgb.transpose(turn)
    rgb.info = {}  # the orientation it carried has been applied: it must not be applied again
    return rgb


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    image.load()
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        return _grey(values, _full_scale(values, _DEPTHS))
    if image.mode == "I":
        values = np.asarray(image)
        return _grey(values, _full_scale(values, (255.0, *_DEPTHS)))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0)
        return _grey(values, _full_scale(values, (1.0, 255.0, *_DEPTHS)))
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
