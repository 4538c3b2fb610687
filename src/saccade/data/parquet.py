"""Parquet tables with pictures' bytes, as the `datasets` library writes them, or their file names.

Columns are chosen as those of other tables (`saccade.data.columns`); the only column of bytes is
the picture's, whatever its name. Rows are counted from 1. Pictures' bytes are not read here.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from saccade.data.columns import Choices, Columns, choose, picture_id
from saccade.data.reading import Entry, Found, Note, short
from saccade.data.records import Rows
from saccade.errors import DataError, PictureError
from saccade.files import reason
from saccade.photos.parquets import open_parquet, picture_columns, pyarrow, rows_with_pictures

MAGIC = b"PAR1"


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every row's picture, rows of one picture merged."""
    try:
        file = open_parquet(path)
        held = picture_columns(path)
        columns, note = _columns(path, tuple(file.schema_arrow.names), held, choices)
        assert columns.picture is not None
        inside = set(rows_with_pictures(path, columns.picture)) if columns.picture in held else None
    except PictureError as error:
        raise DataError(str(error)) from error
    if inside is not None:  # what is read then has usual names, whatever the columns' are
        choices = Choices(None, choices.caption_column, choices.keep_rejected)
    rows = Rows(path, choices)
    members: dict[str, str] = {}  # a picture's own id -> where it stands first
    files: dict[str, str] = {}  # where a picture stands -> its file's name, where it is told
    for number, row in enumerate(_rows(path, file, columns, held), 1):
        if inside is not None:
            row = _usual(row, columns, number in inside, number, members, files)
        yield from rows.take_object(row, str(number))
    told = list(files.values())
    unique = len(set(told)) == len(told)
    for item in rows.found():
        if isinstance(item, Entry) and inside is not None:
            item.inside = item.name.startswith(f"{columns.picture}/")
            if item.inside and unique and item.id == item.name:
                item.id = files.get(item.name, item.id)
        yield item
    if note:
        yield Note(note)


def _usual(
    row: dict[str, Any],
    columns: Columns,
    here: bool,
    number: int,
    members: dict[str, str],
    files: dict[str, str],
) -> dict[str, Any]:
    """A row with its picture as "image" (where it stands in the file, if it is here) and its id as
    "image_id"."""
    assert columns.picture is not None
    picture, key = row.pop(columns.picture), None
    if columns.id is not None and columns.id != columns.picture:
        key = picture_id(row.pop(columns.id))
    if not here:
        return {"image": picture, "image_id": key, **row}
    member = f"{columns.picture}/{number}"
    if isinstance(picture, dict) and isinstance(picture.get("path"), str) and picture["path"]:
        files[member] = picture["path"]
    member = member if key is None else members.setdefault(key, member)
    return {"image": member, "image_id": key, **row}


def _columns(
    path: Path, names: tuple[str, ...], held: list[str], choices: Choices
) -> tuple[Columns, str]:
    """The columns that are read, and what was decided."""
    columns = choose(names, choices)
    note = ""
    if choices.image_column is None and held and columns.picture not in held:
        if len(held) > 1:
            raise DataError(
                f"{path} holds pictures in the columns {', '.join(held)}; choose one: "
                f"--image-column {held[0]}."
            )
        own = Choices(held[0], choices.caption_column, choices.keep_rejected)
        columns = replace(choose(names, own), id=columns.id or held[0], note="")
        note = f"Pictures are from the column {held[0]!r} of {path.name}."
    for option, column, there in (
        ("--image-column", choices.image_column, columns.picture is not None),
        ("--caption-column", choices.caption_column, bool(columns.captions)),
    ):
        if not there:
            listed = short(", ".join(names), 200)
            which = "an image and a caption column are needed; choose yours with"
            which = which if column is None else f"{column!r} is not among them; correct"
            raise DataError(f"{path} has the columns {listed}; {which} {option}.")
    return columns, note


def _rows(path: Path, file: Any, columns: Columns, held: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of the columns that matter, without pictures' bytes."""
    there = (columns.picture, columns.id, columns.split, *columns.captions, *columns.rejected)
    wanted = dict.fromkeys(name for name in there if name is not None)
    leaves: list[str] = []
    for name in wanted:
        if name in held:
            field = file.schema_arrow.field(name)
            inner = getattr(field.type, "num_fields", 0)
            if inner and field.type.get_field_index("path") >= 0:
                leaves.append(f"{name}.path")
        else:
            leaves.append(name)
    library = pyarrow()
    try:
        for batch in file.iter_batches(columns=leaves):
            yield from ({name: row.get(name) for name in wanted} for row in batch.to_pylist())
    except (OSError, library.ArrowException) as error:
        raise DataError(f"{path}: is damaged ({reason(error)}); copy it again.") from error
