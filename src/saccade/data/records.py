"""JSONL, JSON lists and CSV/TSV of image, caption(s) and split.

{"image": "images/1.jpg", "captions": ["A dog runs.", "A dog on grass."], "split": "train"}

Rows with one caption each are merged by picture. Drawn scenes add "scene" (what is truly there)
and "regions" (the box of what each word names) to their lines; other keys are ignored.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saccade.data.reading import (
    Finder,
    Found,
    Problem,
    place,
    read_json,
    read_lines,
    spell_lines,
    split_name,
)
from saccade.values.examples import Example, Region, Scene, Thing
from saccade.values.places import Box

_IMAGE = ("image", "file", "filename", "file_name", "path", "filepath", "image_path", "image_name")
_CAPTION = ("caption", "captions", "text", "sentence", "sentences", "comment")
_SPLIT = ("split", "set", "subset", "partition")
_NUMBERED = re.compile(rf"({'|'.join(_CAPTION)})[ _]?\d+")
_SPLIT_MEANING = "split (train, val or test)"


def read_jsonl(path: Path, images: Path | None = None) -> Iterator[Found]:
    """One JSON object a line."""
    rows = _Rows(path, Finder(path, images))
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            try:
                value = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                about = (
                    f"{error.msg}, column {error.colno}"
                    if isinstance(error, json.JSONDecodeError)
                    else "brackets nested too deeply"
                )
                message = f"not valid JSON ({about}); write one complete object on each line."
                yield Problem(path, str(number), message)
                continue
            yield from rows.take_object(value, str(number))
    yield from rows.examples()


def read_list(path: Path, images: Path | None = None) -> Iterator[Found]:
    """A JSON list of the same objects."""
    rows = _Rows(path, Finder(path, images))
    for index, value in enumerate(read_json(path)):
        yield from rows.take_object(value, f" [{index}]")
    yield from rows.examples()


def read_table(path: Path, images: Path | None = None) -> Iterator[Found]:
    """CSV (comma, semicolon or |) or TSV with a header row."""
    problems: list[Problem] = []

    def lines() -> Iterator[str]:
        for _, line in read_lines(path):
            if isinstance(line, Problem):
                problems.append(line)
            yield "\n" if isinstance(line, Problem) else line + "\n"

    rows = _Rows(path, Finder(path, images))
    stream = lines()
    header_line = next(stream)
    mark = delimiter(header_line)
    header = [name.strip().strip('"').lower() for name in header_line.split(mark)]
    columns = _Columns.find(header)
    if columns is None:
        yield Problem(
            path,
            "1",
            f"the header names the columns {', '.join(header)}; an image and a caption column are "
            "needed, as in: image,caption,split",
        )
        return
    # The one well-known |-separated file (Flickr30k's) has quotation marks that quote nothing.
    quoting = csv.QUOTE_NONE if mark == "|" else csv.QUOTE_MINIMAL
    reader = csv.reader(stream, delimiter=mark, quoting=quoting, strict=True)
    while True:
        start = str(reader.line_num + 2)
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"not a valid row ({error}); mend its quotation marks."
            problems.append(Problem(path, start, message))
            cells = []
        yield from problems
        problems.clear()
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            message = f"has {len(cells)} fields where the header has {len(header)}"
            cure = 'put captions with commas in quotation marks: "A dog, running."'
            yield Problem(path, start, f"{message}; {cure}" if mark == "," else f"{message}.")
            continue
        yield from rows.take_cells(cells, columns, start)
    yield from rows.examples()


def delimiter(header: str) -> str:
    """What separates the columns of a table, from its header."""
    return next((mark for mark in "\t|;" if mark in header), ",")


def is_header(line: str) -> bool:
    """Whether a line is a header that `read_table` understands."""
    names = [name.strip().strip('"').lower() for name in line.split(delimiter(line))]
    return _Columns.find(names) is not None


def is_record(value: Any) -> bool:
    """Whether a JSON value looks like one of `read_jsonl`'s lines."""
    return isinstance(value, dict) and _pick(value, _IMAGE) is not None


@dataclass(frozen=True)
class _Columns:
    image: int
    captions: tuple[int, ...]
    split: int | None

    @classmethod
    def find(cls, header: list[str]) -> "_Columns | None":
        first = {name: index for index, name in reversed(list(enumerate(header)))}
        image = next((first[name] for name in _IMAGE if name in first), None)
        captions = [i for i, name in enumerate(header) if name in _CAPTION]
        captions += [i for i, name in enumerate(header) if _NUMBERED.fullmatch(name)]
        split = next((first[name] for name in _SPLIT if name in first), None)
        return cls(image, tuple(captions), split) if image is not None and captions else None


@dataclass
class _Entry:
    """What is known of a picture so far."""

    name: str
    split: str
    places: list[str]
    captions: list[str] = field(default_factory=list)
    scene: Scene | None = None
    regions: tuple[Region, ...] = ()


class _Rows:
    """Collects rows into pictures."""

    def __init__(self, path: Path, finder: Finder) -> None:
        self.path, self.finder = path, finder
        self.entries: list[_Entry] = []
        self.merged: dict[tuple[str, str], _Entry] = {}

    def take_object(self, value: Any, where: str) -> Iterator[Problem]:
        try:
            self._take_object(value, where)
        except _Bad as bad:
            yield Problem(self.path, where, str(bad))

    def take_cells(self, cells: list[str], columns: _Columns, where: str) -> Iterator[Problem]:
        image = cells[columns.image].strip()
        if not image:
            yield Problem(self.path, where, "names no image; fill in its image column.")
            return
        split = "" if columns.split is None else split_name(cells[columns.split])
        captions = [cells[column].strip() for column in columns.captions]
        if len(captions) > 1:  # caption1, caption2, ...: not every picture has all of them
            captions = [caption for caption in captions if caption] or [""]
        elif captions[0].startswith('["'):
            try:
                captions = _strings(json.loads(captions[0]), "captions")
            except (json.JSONDecodeError, _Bad):
                yield Problem(self.path, where, "its captions are not a valid JSON list.")
                return
        self._add(_Entry(image, split, [where], captions), merge=True)

    def _take_object(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _Bad('is not an object; write {"image": ..., "captions": [...]}.')
        image = _pick(value, _IMAGE)
        if not isinstance(image, str) or not image.strip():
            raise _Bad('names no image; give its path as "image".')
        split = _pick(value, _SPLIT)
        if split is not None and not isinstance(split, str):
            raise _Bad(f'has a {_SPLIT_MEANING} that is not text; write "split": "train".')
        key = next((key for key in _CAPTION if value.get(key) is not None), None)
        if key is None:
            raise _Bad('has no captions; give them as "captions": ["...", "..."].')
        entry = _Entry(image, split_name(split or ""), [where], _strings(value[key], key))
        if value.get("scene") is not None:
            entry.scene = _scene(value["scene"])
        if value.get("regions") is not None:
            entry.regions = _regions(value["regions"], entry.captions)
        plain = entry.scene is None and not entry.regions
        self._add(entry, merge=plain and isinstance(value[key], str))

    def _add(self, entry: _Entry, merge: bool) -> None:
        known = self.merged.get((entry.name, entry.split)) if merge else None
        if known is not None:
            known.captions += entry.captions
            known.places += entry.places
            return
        self.entries.append(entry)
        if merge:
            self.merged[entry.name, entry.split] = entry

    def examples(self) -> Iterator[Example]:
        for entry in self.entries:
            if entry.places[0].isdigit():
                where = spell_lines([int(line) for line in entry.places])
            else:
                where = entry.places[0]
            yield Example(
                self.finder(entry.name),
                tuple(entry.captions),
                entry.split,
                entry.name,
                place(self.path, where),
                entry.scene,
                entry.regions,
            )


class _Bad(Exception):
    """What is wrong with one record; becomes a Problem."""


def _pick(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _strings(value: Any, name: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise _Bad(f'its "{name}" must be text or a list of texts.')
    return values


def _box(values: Any) -> Box:
    if not isinstance(values, list) or len(values) != 4:
        raise _Bad("a box must be four numbers: [x0, y0, x1, y1].")
    try:
        x0, y0, x1, y1 = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise _Bad("a box must be four numbers: [x0, y0, x1, y1].") from error
    return (x0, y0, x1, y1)


def _scene(value: Any) -> Scene:
    try:
        things = tuple(
            Thing(str(t["kind"]), str(t["colour"]), str(t["size"]), _box(t["box"]))
            for t in value["things"]
        )
        return Scene(int(value["width"]), int(value["height"]), str(value["background"]), things)
    except (KeyError, TypeError, ValueError) as error:
        raise _Bad(f'its "scene" is malformed ({error}); draw the scenes again.') from error


def _regions(value: Any, captions: list[str]) -> tuple[Region, ...]:
    words = [len(caption.split()) for caption in captions]
    regions = []
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, list) or len(entry) != 6:
            raise _Bad('each of its "regions" must be [caption, word, x0, y0, x1, y1].')
        caption, word, *box = entry
        if type(caption) is not int or type(word) is not int:
            raise _Bad('each of its "regions" must start with the indices of caption and word.')
        if not (0 <= caption < len(captions) and 0 <= word < words[caption]):
            raise _Bad(f'its "regions" name word {word} of caption {caption}, which is not there.')
        regions.append(Region(caption, word, _box(box)))
    return tuple(regions)
