"""Captions from files: COCO annotations and results, JSONL, CSV and TSV, plain text.

Every picture's id becomes text, so that COCO's 42 and a table's "42" are the same picture. A plain
text file has one caption per line; its pictures are called "1", "2", ... by their lines.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import DataError

_IDS = ("image_id", "image", "file_name", "filename", "photo", "file", "id")
_FORMATS = (
    "COCO annotations or results (.json), one JSON object per line (.jsonl), a table with a header "
    "(.csv, .tsv) or one caption per line (.txt)"
)


@dataclass(frozen=True)
class Row:
    """One or more captions of a picture, and where they stand."""

    id: str
    captions: tuple[str, ...]
    source: str  # "captions.jsonl:17"
    whole: bool  # these are all captions of the picture, not one of several rows
    split: str | None = None


def read_references(
    paths: Sequence[Path | str], split: str | None = None
) -> dict[str, tuple[str, ...]]:
    """The captions of each picture. Several plain text files are several people's captions.

    Raises DataError with file, line and cure."""
    rows = [row for path in paths for row in _rows(Path(path))]
    if split is not None:
        found = sorted({row.split for row in rows if row.split is not None})
        rows = [row for row in rows if row.split == split]
        if not rows:
            there = f"it has {', '.join(found)}" if found else "its pictures belong to no split"
            raise DataError(f"{paths[0]} has no picture in the split {split!r}; {there}.")
    groups: dict[str, tuple[str, ...]] = {}
    seen: dict[str, Row] = {}
    for row in rows:
        before = seen.get(row.id)
        if before is not None and (row.whole or before.whole):
            raise DataError(
                f"{row.source}: picture {row.id!r} stands at {before.source} already; keep one."
            )
        groups[row.id] = groups.get(row.id, ()) + row.captions
        seen[row.id] = row
    for key, row in seen.items():
        if not groups[key]:
            raise DataError(f"{row.source}: picture {key!r} has no caption; give it one.")
    lines = [len(list(_rows(Path(path)))) for path in paths if _is_text(Path(path))]
    if len(set(lines)) > 1:
        raise DataError(
            f"the text files {', '.join(map(str, paths))} have {', '.join(map(str, lines))} lines; "
            "line n of each belongs to picture n, so they must be as many."
        )
    return groups


def read_hypotheses(path: Path | str) -> dict[str, str]:
    """The one caption of each picture. Raises DataError with file, line and cure."""
    texts: dict[str, str] = {}
    where: dict[str, str] = {}
    for row in _rows(Path(path)):
        if row.id in texts or len(row.captions) > 1:
            first = f" (the first is at {where[row.id]})" if row.id in where else ""
            raise DataError(
                f"{row.source}: picture {row.id!r} has more than one caption{first}; keep one, or "
                "score them together with --several."
            )
        if not row.captions:
            raise DataError(f"{row.source}: picture {row.id!r} has no caption; give it one.")
        texts[row.id] = row.captions[0]
        where[row.id] = row.source
    return texts


def _is_text(path: Path) -> bool:
    return path.suffix.lower() not in (".json", ".jsonl", ".ndjson", ".csv", ".tsv")


def _rows(path: Path) -> Iterator[Row]:
    text = _read(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        rows = _json_rows(path, text)
    elif suffix in (".jsonl", ".ndjson"):
        rows = _jsonl_rows(path, text)
    elif suffix in (".csv", ".tsv"):
        rows = _table_rows(path, text)
    else:
        rows = _text_rows(path, text)
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise DataError(f"{path} has no captions in it; it should hold {_FORMATS}.")


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder; give a file: {_FORMATS}.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}).") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8.") from error


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    try:
        value = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        hint = (
            "; if it has one object per line, call it .jsonl" if "Extra data" in str(error) else ""
        )
        raise DataError(f"{path}:{line}: not valid JSON ({_reason(error)}){hint}.") from error
    if isinstance(value, dict) and isinstance(value.get("annotations"), list):
        value = value["annotations"]
    if isinstance(value, list):
        for number, record in enumerate(value, 1):
            yield _record(record, f"{path}, entry {number}")
    elif isinstance(value, dict):
        for key, captions in value.items():
            yield _record({"id": key, "captions": captions}, f"{path}, {key!r}")
    else:
        raise DataError(
            f"{path}: neither COCO annotations, nor a list of results, nor captions by picture."
        )


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)


def _jsonl_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DataError(
                    f"{path}:{number}: not valid JSON ({_reason(error)}); every line must be one "
                    "object."
                ) from error
            yield _record(record, f"{path}:{number}")


def _record(record: Any, source: str) -> Row:
    example = 'an object like {"image_id": 42, "caption": "a dog"}'
    if not isinstance(record, dict):
        raise DataError(f"{source}: expected {example}.")
    name = next((key for key in _IDS if isinstance(record.get(key), str | int)), None)
    if name is None:
        raise DataError(f"{source}: no picture id under {', '.join(_IDS)}; expected {example}.")
    captions = record.get("captions", record.get("caption"))
    whole = "captions" in record
    if isinstance(captions, str):
        captions = [captions]
    if not isinstance(captions, list) or not all(isinstance(text, str) for text in captions):
        raise DataError(
            f'{source}: "{"captions" if whole else "caption"}" is missing or not text; '
            f"expected {example}."
        )
    split = record.get("split")
    return Row(str(record[name]), tuple(captions), source, whole, split)


def _table_rows(path: Path, text: str) -> Iterator[Row]:
    tabs = path.suffix.lower() == ".tsv"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",", strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            source = f"{path}:{reader.line_num}"
            if header is None:
                header = [cell.strip().lower() for cell in cells]
                name = next((i for i, cell in enumerate(header) if cell in _IDS), None)
                captions = [i for i, cell in enumerate(header) if cell.startswith("caption")]
                split = header.index("split") if "split" in header else None
                if name is None or not captions:
                    raise DataError(
                        f'{source}: the first line must name the columns, such as "image,caption"; '
                        f"it is {','.join(cells)[:60]!r}."
                    )
            elif cells:
                if len(cells) != len(header):
                    raise DataError(
                        f"{source}: {len(cells)} columns where the header has {len(header)}; a "
                        'caption with a comma in it needs quotes: "a dog, a cat".'
                    )
                found = tuple(cells[i] for i in captions)
                if len(captions) > 1:  # unused columns of pictures with fewer captions
                    found = tuple(caption for caption in found if caption.strip())
                where = None if split is None else cells[split]
                yield Row(cells[name or 0], found, source, len(captions) > 1, where)
    except csv.Error as error:
        raise DataError(
            f"{path}:{reader.line_num}: not a readable table ({error}); check the quotes there."
        ) from error


def _text_rows(path: Path, text: str) -> Iterator[Row]:
    lines = text.split("\n")
    if lines[-1] == "":  # what follows the last line's end
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield Row(str(number), (line.rstrip("\r"),), f"{path}:{number}", False)
