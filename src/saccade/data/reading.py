"""What the readers of caption files share: problems with a place, text lines, JSON, paths."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import DataError
from saccade.values.examples import Example

_SPLITS = {
    "training": "train",
    "restval": "train",  # Karpathy's COCO: validation pictures that everyone trains on
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}


@dataclass(frozen=True)
class Problem:
    """Something wrong at one place of a caption file. `read` stops at one that is fatal."""

    path: Path
    place: str  # "17" for a line, " images[17]" in JSON, "" for the whole file
    message: str  # what is wrong and the cure
    fatal: bool = True

    @property
    def source(self) -> str:
        """The place as examples name theirs, "captions.jsonl:17"."""
        return place(self.path, self.place)

    def error(self) -> DataError:
        """The problem as an exception."""
        where = f"{self.path}:{self.place}" if self.place else str(self.path)
        return DataError(f"{where}: {self.message}")


Found = Example | Problem


def place(path: Path, where: int | str) -> str:
    """ "captions.jsonl:17", "dataset.json: images[17]"."""
    return f"{path.name}:{where}" if where != "" else path.name


def split_name(text: str) -> str:
    """A split's usual name: train, val or test whatever the source calls them."""
    name = text.strip().lower()
    return _SPLITS.get(name, name)


def spell_lines(lines: Sequence[int]) -> str:
    """Line numbers in short: 3, 4, 5, 9 -> "3-5,9"."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1][1:] = [line]
        else:
            parts.append([line])
    return ",".join("-".join(map(str, part)) for part in parts)


def caption_source(example: Example, caption: int) -> str:
    """Where a caption stands: its own line when the picture's captions have one each."""
    match = re.fullmatch(r"(.*:)([\d,-]+)", example.source)
    if match is None:
        return example.source
    lines: list[int] = []
    for part in match[2].split(","):
        first, _, last = part.partition("-")
        lines.extend(range(int(first), int(last or first) + 1))
    if len(lines) != len(example.captions):
        return example.source
    return match[1] + str(lines[caption])


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises DataError when it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the name.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error}).") from error


def read_lines(path: Path) -> Iterator[tuple[int, str | Problem]]:
    """Numbered lines of a UTF-8 file (with or without BOM), line ends stripped.

    A line with bytes that are not UTF-8 comes as a Problem. Raises DataError when the file can't
    be read at all."""
    data = read_bytes(path)
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            yield number, raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            message = (
                f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8; "
                "save the file as UTF-8."
            )
            yield number, Problem(path, str(number), message)


def read_json(path: Path) -> Any:
    """The value of a whole JSON file. Raises DataError naming line and column."""
    data = read_bytes(path)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8."
        ) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{error.lineno}: not valid JSON ({error.msg}, column {error.colno}); "
            "mend it there, or copy the file again if it was cut off."
        ) from error
    except RecursionError as error:
        raise DataError(f"{path}: not valid JSON (brackets nested too deeply).") from error


class Finder:
    """Where pictures lie: the `images` folder when given, else near the caption file.

    A name is tried below each folder in turn, with its own folders and then, in the `images`
    folder, without them. A picture that is nowhere gets the first place tried, for the message."""

    def __init__(self, path: Path, images: Path | None, near: Sequence[str] = ("", "images")):
        self.images = images
        self.folders = [images] if images else [path.parent / name for name in near]

    def __call__(self, name: str) -> Path:
        places = [folder / name for folder in self.folders]
        if self.images:
            places.append(self.images / re.split(r"[/\\]", name)[-1])
        if "\\" in name and os.sep != "\\":  # written on Windows
            places += [folder / name.replace("\\", "/") for folder in self.folders]
        for path in places:
            if os.path.lexists(path):
                return path
        return places[0]
