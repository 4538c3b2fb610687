"""One table of captions that grows: JSON lines, CSV or parquet.

Rows are appended in batches and synchronised with the disk; what a kill left of a last line is cut
off when the table is opened again. A photo is done when a row has its content and the model.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from saccade.errors import DataError, SaccadeError, UsageError
from saccade.files import (
    atomic_file,
    check_folder,
    parse_json,
    read_bytes,
    to_json,
    write_bytes,
    write_error,
)
from saccade.publish.contract import AltText, content_key
from saccade.text.printing import encodable

COLUMNS = ("photo", "caption", "model", "sha256", "review", "doubtful")
Row = Mapping[str, Any]


class Store(Protocol):
    """Where rows are kept."""

    path: Path

    def rows(self) -> Iterator[Row]:
        """Those that are complete. Raises DataError for a file that is no such table."""
        ...

    def append(self, rows: list[Row]) -> None:
        """Rows at the end, on the disk afterwards. Raises SaccadeError."""
        ...

    def rewrite(self, change: Callable[[Row], Row]) -> None:
        """Put each row as `change` gives it back in its place; a file that stays as it is is not
        written. Raises SaccadeError."""
        ...


class Table:
    """See the module. overwrite: photos are captioned anew, and of a photo the last row counts."""

    def __init__(self, store: Store, model: str, overwrite: bool = False) -> None:
        self.store = store
        self.model = model
        self.overwrite = overwrite
        self._known = {(row.get("sha256"), row.get("model")) for row in store.rows()}
        self._waiting: list[Row] = []
        self._keys: dict[Path, tuple[str, object]] = {}  # with the file's state when it was read
        self._texts: dict[str, Row] | None = None  # the last row of each photo, once one is read
        self._edits: dict[str, AltText] = {}

    def done(self, photo: Path) -> bool:
        """See `Form`. Raises PictureError for a photo that can't be read."""
        state = _state(photo)
        key = content_key(photo)
        self._keys[photo] = key, state
        return self.has(key)

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`: on the disk after `flush`."""
        key, state = self._keys.pop(photo, ("", None))
        if state is None or state != _state(photo):  # as where a text was embedded meanwhile
            key = content_key(photo)
        self.add(str(photo), key, alt)

    def known(self) -> set[str]:
        """The content keys of the photos that are done."""
        if self.overwrite:
            return set()
        return {str(key) for key, model in self._known if model == self.model}

    def has(self, key: str) -> bool:
        """Whether the photo of this content key is done."""
        return not self.overwrite and (key, self.model) in self._known

    def add(self, photo: str, key: str, alt: AltText) -> None:
        """`write` for a photo whose content key is known."""
        self._known.add((key, self.model))
        self._waiting.append(
            {
                "photo": encodable(photo),
                "caption": alt.text,
                "model": self.model,
                "sha256": key,
                "review": alt.review,
                "doubtful": list(alt.doubtful),
            }
        )

    def flush(self) -> None:
        """See `Form`."""
        self._keys.clear()
        if self._waiting:
            self.store.append(self._waiting)
            self._waiting = []
            self._texts = None
        if self._edits:
            self.store.rewrite(self._edited)
            self._edits, self._texts = {}, None

    def read(self, photo: Path) -> AltText | None:
        """See `Form`: of its last row, whichever model wrote it."""
        if self._texts is None:
            self._texts = {str(row["sha256"]): row for row in self.store.rows()}
        row = self._texts.get(content_key(photo))
        if row is None:
            return None
        review = row.get("review") if isinstance(row.get("review"), bool) else None
        words = row.get("doubtful")
        doubtful = tuple(map(str, words)) if isinstance(words, list) else ()
        return AltText(str(row.get("caption") or ""), str(row.get("model")), "en", review, doubtful)

    def replace(self, photo: Path, alt: AltText) -> None:
        """See `Form`: in the row that it has, on the disk after `flush`."""
        self._edits[content_key(photo)] = alt

    def key(self, photo: Path) -> str:
        """See `Form`."""
        return content_key(photo)

    def _edited(self, row: Row) -> Row:
        alt = self._edits.get(str(row["sha256"]))
        if alt is None or row.get("model") != alt.model:
            return row
        return {**row, "caption": alt.text, "review": alt.review, "doubtful": list(alt.doubtful)}


def _state(photo: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written again; None of a photo that is no file of its own."""
    try:
        status = photo.stat()
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _changed(rows: Iterable[Row], change: Callable[[Row], Row]) -> list[Row] | None:
    """The rows as `change` gives them back; None where all stay as they are."""
    before = list(rows)
    after = [change(row) for row in before]
    return None if after == before else after


def _append(path: Path, end: int, data: bytes) -> None:
    """Bytes at a place of a file, the last ones of it afterwards, on the disk."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(descriptor, end)
            os.lseek(descriptor, end, os.SEEK_SET)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise write_error(path, error) from error


class JsonLines:
    """A JSON object per line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0

    def rows(self) -> Iterator[Row]:
        """See `Store`."""
        data = read_bytes(self.path) if self.path.exists() else b""
        self._end = data.rfind(b"\n") + 1
        for number, line in enumerate(data[: self._end].split(b"\n")[:-1], 1):
            value = parse_json(line, f"{self.path}:{number}")
            if not isinstance(value, dict) or "sha256" not in value:
                raise DataError(
                    f"{self.path}:{number}: is not a line of a caption table; name another file."
                )
            yield value

    def append(self, rows: list[Row]) -> None:
        """See `Store`."""
        data = "".join(f"{to_json(dict(row))}\n" for row in rows).encode()
        _append(self.path, self._end, data)
        self._end += len(data)

    def rewrite(self, change: Callable[[Row], Row]) -> None:
        """See `Store`."""
        rows = _changed(self.rows(), change)
        if rows is not None:
            data = "".join(f"{to_json(dict(row))}\n" for row in rows).encode()
            write_bytes(self.path, data)
            self._end = len(data)


class Csv:
    """Comma-separated, a header first; doubtful words as a JSON list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0

    def rows(self) -> Iterator[Row]:
        """See `Store`."""
        data = read_bytes(self.path) if self.path.exists() else b""
        text = data.decode("utf-8", "surrogateescape")
        quoted, stop = False, 0
        for at, character in enumerate(text):  # a row ends outside quotes
            if character == '"':
                quoted = not quoted
            elif character == "\n" and not quoted:
                stop = at + 1
        text = text[:stop]
        self._end = len(text.encode("utf-8", "surrogateescape"))
        if not text:
            return
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(
                f"{self.path}: is not a caption table (its header is not {','.join(COLUMNS)}); "
                "name another file."
            )
        for row in reader:
            review = {"true": True, "false": False}.get(row["review"] or "")
            yield {**row, "review": review, "doubtful": _words(row["doubtful"])}

    def append(self, rows: list[Row]) -> None:
        """See `Store`."""
        data = _csv(rows, header=not self._end)
        _append(self.path, self._end, data)
        self._end += len(data)

    def rewrite(self, change: Callable[[Row], Row]) -> None:
        """See `Store`."""
        rows = _changed(self.rows(), change)
        if rows is not None:
            data = _csv(rows, header=True)
            write_bytes(self.path, data)
            self._end = len(data)


def _csv(rows: list[Row], header: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        review = "" if row["review"] is None else str(row["review"]).lower()
        writer.writerow({**row, "review": review, "doubtful": json.dumps(row["doubtful"])})
    return text.getvalue().encode("utf-8", "replace")


def _words(cell: str | None) -> list[str]:
    """A cell's JSON list; nothing where a person has made another thing of it."""
    try:
        value = json.loads(cell or "[]")
    except (ValueError, RecursionError):
        return []
    return [str(word) for word in value] if isinstance(value, list) else []


class Parquet:
    """A folder of parquet files, one for each batch, which readers take as one table."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet
        except ImportError:
            raise UsageError(
                "parquet needs the package pyarrow: pip install 'saccade-captioner[publish]'."
            ) from None
        self.path = path
        self._parquet = pyarrow.parquet
        self._count = 0

    def rows(self) -> Iterator[Row]:
        """See `Store`."""
        import pyarrow

        if self.path.is_file():
            raise DataError(f"{self.path}: is a file; a growing parquet table is a folder.")
        for part in sorted(self.path.glob("part-*.parquet")):
            try:
                table = self._parquet.read_table(part)
            except (OSError, pyarrow.ArrowException) as error:
                raise DataError(f"{part}: is damaged; remove it.") from error
            if not set(COLUMNS) <= set(table.column_names):
                raise DataError(f"{part}: is not a caption table; name another folder.")
            self._count = max(self._count, int(part.stem.removeprefix("part-") or 0) + 1)
            yield from table.select(COLUMNS).to_pylist()

    def append(self, rows: list[Row]) -> None:
        """See `Store`."""
        check_folder(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._put(self.path / f"part-{self._count:06}.parquet", rows)
        self._count += 1

    def rewrite(self, change: Callable[[Row], Row]) -> None:
        """See `Store`: file by file."""
        for part in sorted(self.path.glob("part-*.parquet")):
            rows = _changed(self._parquet.read_table(part).to_pylist(), change)
            if rows is not None:
                self._put(part, rows)

    def _put(self, part: Path, rows: list[Row]) -> None:
        import pyarrow

        kinds = [pyarrow.string()] * 4 + [pyarrow.bool_(), pyarrow.list_(pyarrow.string())]
        schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
        with atomic_file(part) as temporary:
            table = pyarrow.Table.from_pylist([dict(row) for row in rows], schema)
            try:
                self._parquet.write_table(table, temporary)
            except (OSError, pyarrow.ArrowException) as error:
                raise SaccadeError(f"{part}: can't be written ({error}).") from error
