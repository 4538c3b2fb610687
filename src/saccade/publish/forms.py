"""The forms of output: the only place that names them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from saccade.errors import UsageError
from saccade.publish.contract import Form
from saccade.publish.sidecars import Embedded, Sidecars
from saccade.publish.tables import Csv, JsonLines, Parquet, Store, Table
from saccade.publish.text import TextFiles


class FormRow(NamedTuple):
    """One row of the table: how a form is opened."""

    what: str  # for help texts
    table: Callable[[Path], Store] | None = None  # of a form that is one table
    beside: Callable[[bool], Form] | None = None  # of one with a place for each photo
    by_name: bool = False  # a.jpg and a.png have one place
    inside: bool = False  # writing changes the photo's own file


FORMS: Mapping[str, FormRow] = {
    "txt": FormRow("photo.txt beside each photo", beside=TextFiles, by_name=True),
    "xmp": FormRow("photo.xmp beside each photo", beside=Sidecars, by_name=True),
    "embed": FormRow("XMP in the photo's own file (JPEG, PNG, WebP)", beside=Embedded, inside=True),
    "jsonl": FormRow("one table of JSON lines", table=JsonLines),
    "csv": FormRow("one table", table=Csv),
    "parquet": FormRow("a folder of parquet files", table=Parquet),
}


def row_of(choice: str, option: str = "--write") -> FormRow:
    """The row of a form, or of NAME=PATH. option: what chose it, for messages. Raises UsageError
    for an unknown form."""
    name = choice.partition("=")[0]
    row = FORMS.get(name)
    if row is None:
        raise UsageError(f"{option}: there is no form {name!r}; choose {', '.join(FORMS)} or html.")
    return row


def open_form(
    choice: str, folder: Path, model: str, overwrite: bool = False, option: str = "--write"
) -> tuple[Form, Path | None]:
    """A form by its name, or NAME=PATH for a table, and the table's path; without a PATH it is
    `captions.NAME` in `folder`. option: what chose it, for messages. Raises UsageError for an
    unknown form, DataError for a table that is not one of ours."""
    name, equals, path = choice.partition("=")
    row = row_of(choice, option)
    if row.table is None:
        if equals:
            raise UsageError(f"{option} {name} takes no path: it has a place for each photo.")
        assert row.beside is not None
        return row.beside(overwrite), None
    if equals and not path.strip():
        raise UsageError(f"{option} {name}=: name a file, or leave out the sign.")
    target = Path(path).expanduser() if path else folder / f"captions.{name}"
    return Table(row.table(target), model, overwrite), target
