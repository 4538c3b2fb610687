"""Maps that other tools have written: .npy, .npz and grey PNG files.

Nothing is unpickled. What a file holds is checked here: numbers, finite, not negative, flat.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from saccade.errors import DataError
from saccade.files import read_bytes, reason
from saccade.photos.opening import PIXEL_LIMIT

MOST_BYTES = 2**30  # of an unpacked array
KINDS = "a .npy or .npz file of numpy, or a grey PNG"

_NPY, _ZIP, _PNG = b"\x93NUMPY", b"PK\x03\x04", b"\x89PNG"
_ORDERED = re.compile(r"arr_(\d+)")


@dataclass(frozen=True)
class GivenMaps:
    """Maps of one caption, each (h, w), or (L,) for a model of regions: of these words of it, or
    in the order of its words, or one for all of them."""

    maps: tuple[np.ndarray, ...]
    words: tuple[str, ...] | None = None  # one for each map
    whole: bool = False  # the words are the whole caption


def read_maps(paths: Sequence[Path]) -> GivenMaps:
    """The maps of one file, or of several with one map each, in the order of the words.

    A .npy file holds an array (T, h, w), or (h, w) for one map. An .npz file holds an array for
    each word, by its name, or in order as numpy names them (arr_0, ...), or one array "maps"
    (T, h, w) with its "words" (T,) if there are any. A PNG holds one map. Raises DataError."""
    files = [_read(path) for path in paths]
    if len(files) == 1:
        return files[0]
    for path, found in zip(paths, files, strict=True):
        if len(found.maps) != 1 or found.words is not None:
            raise DataError(
                f"{path} holds {len(found.maps)} maps; of several files each holds one map, and "
                "their order is that of the words."
            )
    return GivenMaps(tuple(found.maps[0] for found in files))


def given(maps: np.ndarray | Mapping[str, np.ndarray] | Sequence[np.ndarray]) -> GivenMaps:
    """Arrays at hand: (T, h, w) or (h, w), a list of maps, or maps by word. Raises DataError."""
    if isinstance(maps, Mapping):
        return GivenMaps(
            tuple(
                one_map(np.asarray(value), f"the map of '{word}'") for word, value in maps.items()
            ),
            tuple(maps),
        )
    if isinstance(maps, np.ndarray):
        return GivenMaps(_split(maps, "the array of maps"))
    return GivenMaps(
        tuple(one_map(np.asarray(value), f"map {i}") for i, value in enumerate(maps, 1))
    )


def _read(path: Path) -> GivenMaps:
    data = read_bytes(path, DataError)
    if data.startswith(_NPY):
        return GivenMaps(_split(_array(data, str(path)), str(path)))
    if data.startswith(_ZIP):
        return _archive(data, path)
    if data.startswith(_PNG):
        return GivenMaps((_grey(data, path),))
    raise DataError(f"{path} is not a file of maps; name {KINDS}.")


def _array(data: bytes, name: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that old versions wrote
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as wrong:  # a damaged header raises what the parser of its text does
        if "allow_pickle" in str(wrong):
            raise DataError(
                f"{name} holds Python objects, which are not loaded; save an array of numbers."
            ) from wrong
        first = reason(wrong).splitlines()[0].rstrip(".")
        raise DataError(f"{name} is damaged ({first}); save it again with numpy.save.") from wrong


def _archive(data: bytes, path: Path) -> GivenMaps:
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                if not item.filename.endswith(".npy"):
                    raise DataError(
                        f"{path} holds {item.filename!r:.80}, which is not an array; save the maps "
                        "with numpy.savez."
                    )
                if item.file_size > MOST_BYTES:
                    raise DataError(
                        f"{path}: {item.filename!r:.80} unpacks to over 1 GiB; shrink it."
                    )
                name = item.filename.removesuffix(".npy")
                arrays[name] = _array(archive.read(item), f"{path}, {name!r:.80}")
    except DataError:
        raise
    except Exception as wrong:  # zipfile's own, and what each of its compressions raises
        raise DataError(
            f"{path} is damaged ({reason(wrong)}); save it again with numpy.savez."
        ) from wrong
    if not arrays:
        raise DataError(f"{path} holds no array; save the maps with numpy.savez.")
    words = arrays.pop("words", None) if "maps" in arrays else None
    if words is not None:
        return _with_words(arrays, words, path)
    if len(arrays) == 1 and {*arrays} <= {"maps", "arr_0"}:
        (stack,) = arrays.values()
        return GivenMaps(_split(stack, str(path)))
    numbers = [_ORDERED.fullmatch(name) for name in arrays]
    if all(numbers):
        order = sorted(arrays, key=lambda name: int(name.removeprefix("arr_")))
        return GivenMaps(tuple(one_map(arrays[name], f"{path}, {name!r:.80}") for name in order))
    return GivenMaps(
        tuple(one_map(value, f"{path}, {name!r:.80}") for name, value in arrays.items()),
        tuple(arrays),
    )


def _with_words(arrays: dict[str, np.ndarray], words: np.ndarray, path: Path) -> GivenMaps:
    """`maps` and `words`, and nothing else."""
    others = sorted(arrays.keys() - {"maps"})
    if others:
        raise DataError(f"{path} holds 'maps', 'words' and '{others[0]}'; leave out the last.")
    if words.dtype.kind != "U" or words.ndim != 1:
        raise DataError(f'{path}: \'words\' is a list of words, as numpy.array(["a", "dog"]).')
    maps = _split(arrays["maps"], f"{path}, 'maps'")
    if len(words) != len(maps):
        raise DataError(f"{path} holds {len(maps)} maps and {len(words)} words; save one for each.")
    return GivenMaps(maps, tuple(words.tolist()), whole=True)


def _split(array: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
    """(T, h, w) -> T maps; (h, w) -> one."""
    if array.ndim <= 2:
        return (one_map(array, name),)
    if array.ndim > 3 or not len(array):
        raise DataError(
            f"{name} has the shape {array.shape}; maps are (words, height, width), or one map "
            "(height, width)."
        )
    return tuple(one_map(values, f"{name}, map {i}") for i, values in enumerate(array, 1))


def one_map(values: np.ndarray, name: str) -> np.ndarray:
    """A map as float64. Raises DataError, with its name, for what is none."""
    if values.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {values.dtype}; a map is an array of real numbers.")
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(f"{name} has the shape {values.shape}; a map is (height, width).")
    if values.size > PIXEL_LIMIT:
        raise DataError(f"{name} has over {PIXEL_LIMIT:,} values; make it smaller.")
    numbers = values.astype(np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        raise DataError(
            f"{name} is nan or infinite in {int(wrong.sum())} of {values.size} places; put 0 where "
            "it says nothing."
        )
    if numbers.min() < 0:
        raise DataError(
            f"{name} is negative in {int((numbers < 0).sum())} of {values.size} places; a map says "
            "how much each place matters: save its positive part, or its absolute value."
        )
    return numbers


def _grey(data: bytes, path: Path) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > PIXEL_LIMIT:
                raise DataError(f"{path} has over {PIXEL_LIMIT:,} pixels; make it smaller.")
            deep = image.mode.startswith("I")
            values = np.asarray(image if deep else image.convert("RGBA")).astype(np.float64)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as wrong:
        raise DataError(f"{path} is damaged ({reason(wrong)}); save the map again.") from wrong
    if deep:
        return one_map(values, str(path))
    if (values[..., :1] != values[..., 1:3]).any():
        raise DataError(f"{path} is in colour; save the map itself, in grey, without the photo.")
    if (values[..., 3] != 255).any():
        raise DataError(f"{path} is transparent in places; save the map as plain grey.")
    return one_map(values[..., 0], str(path))
