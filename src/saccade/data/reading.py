"""What the readers of caption files share: entries, problems with a place, lines, splits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saccade.data.columns import rejected_by
from saccade.errors import DataError
from saccade.files import read_bytes
from saccade.values.examples import Example, PhraseBox, Region, Scene

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
    message: str  # what is wrong and how to fix it
    fatal: bool = True

    @property
    def source(self) -> str:
        """The place as examples name theirs, "captions.jsonl:17"."""
        return place(self.path, self.place)

    def error(self) -> DataError:
        """The problem as an exception."""
        where = f"{self.path}:{self.place}" if self.place else str(self.path)
        return DataError(f"{where}: {self.message}")


@dataclass(frozen=True)
class Note:
    """What was decided for the user, or left out, in words."""

    text: str


@dataclass
class Entry:
    """What a caption file says of one picture, before any picture is looked for."""

    name: str  # the picture's file as written there; may be its id where no file is named
    id: str
    captions: list[str]
    split: str
    places: list[str]  # the lines that it stands on, or its one place in JSON
    scene: Scene | None = None
    regions: tuple[Region, ...] = ()
    boxes: tuple[PhraseBox, ...] = ()
    merges: bool = False  # whether it is one caption of several, each in a row of its own
    optional: bool = False  # it does not count where its picture is not there
    inside: bool = False  # the picture is in the captions file itself: `name` is its place there

    def where(self) -> str:
        """Its place in the file: "3-5,9", " images[17]"."""
        if self.places[0].isdigit():
            return spell_lines([int(line) for line in self.places])
        return self.places[0]


@dataclass
class LeftOut:
    """Counts the captions that people marked as rejected or canned, for a note."""

    captions: int = 0
    flags: set[str] = field(default_factory=set)

    def add(self, flag: str, captions: int = 1) -> None:
        """Count captions that a key of this name marks."""
        self.captions += captions
        self.flags.add(flag)

    def kept(self, captions: Any) -> Any:
        """A record's captions without the objects among them that are marked."""
        if not isinstance(captions, list):
            return captions
        kept = []
        for item in captions:
            flag = rejected_by(item) if isinstance(item, dict) else None
            if flag is None:
                kept.append(item)
            else:
                self.add(flag)
        return kept

    def notes(self) -> Iterator[Note]:
        if self.captions:
            flags = ", ".join(sorted(self.flags))
            counted = "1 caption" if self.captions == 1 else f"{self.captions:,} captions"
            yield Note(f"{counted} marked {flags} left out; --keep-rejected keeps them.")


Found = Entry | Problem | Note


def place(path: Path, where: int | str) -> str:
    """ "captions.jsonl:17", "dataset.json: images[17]"."""
    name = path.name or str(path)
    return f"{name}:{where}" if where != "" else name


def split_name(text: str) -> str:
    """A split's usual name: train, val or test whatever the source calls them."""
    name = text.strip().lower()
    return _SPLITS.get(name, name)


def is_split(text: str) -> bool:
    """Whether a name is one of train, val and test, as any source calls them."""
    return split_name(text) in ("train", "val", "test")


def split_of(path: Path) -> str:
    """The split that a file's name states (captions_train2017.json, validation-00000.parquet), or
    ""."""
    parts = re.findall("[a-z]+", path.stem.lower())
    named = {split_name(part) for part in parts if is_split(part)}
    return named.pop() if len(named) == 1 else ""


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


def read_lines(path: Path) -> Iterator[tuple[int, str | Problem]]:
    """Numbered lines of a UTF-8 file (with or without BOM), line ends stripped.

    A line with bytes that are not UTF-8 comes as a Problem. Raises DataError when the file can't
    be read at all, or is not a regular file."""
    data = read_bytes(path, DataError)
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            yield number, raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            message = (
                f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8; "
                "save the file as UTF-8."
            )
            yield number, Problem(path, str(number), message)


def writable(*texts: str) -> bool:
    """Whether texts can be written to a file, hours later: JSON can hold what UTF-8 can't."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def short(text: str, most: int = 80) -> str:
    """A text that is not ours as a message holds it: on one line, cut where it is long."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= most else f"{shown[:most]}..."


def keys_of(value: Any, most: int = 8) -> str:
    """What a JSON value is, for messages: the keys of an object, or the kind of another value."""
    if isinstance(value, dict):
        names = [repr(str(key)[:30]) for key in list(value)[:most]]
        more = ", ..." if len(value) > most else ""
        keys = "key" if len(value) == 1 else "keys"
        return f"an object with the {keys} {', '.join(names)}{more}" if names else "an empty object"
    if isinstance(value, list):
        return f"a list that begins with {keys_of(value[0], 3)}" if value else "an empty list"
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
