"""Pictures in the columns of a parquet file: bytes, or objects with `bytes` and `path` as the
`datasets` library writes them: only `path` where a picture lies in a file of its own. Rows are
counted from 1."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

from saccade.errors import PictureError, UsageError
from saccade.files import reason, require_file

_LOCK = Lock()  # two threads that need one group read it once


def pyarrow() -> Any:
    """The library with its parquet part. Raises UsageError where it is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "parquet needs the package pyarrow: pip install 'saccade-captioner[publish]'."
        ) from None
    return pyarrow


def open_parquet(path: Path) -> Any:
    """The file as `pyarrow.parquet.ParquetFile`. Raises PictureError for one that is damaged,
    UsageError without pyarrow."""
    library = pyarrow()
    require_file(path, PictureError, "parquet file")
    try:
        return library.parquet.ParquetFile(path)
    except (OSError, library.ArrowException) as error:
        raise PictureError(f"{path}: is damaged ({reason(error)}); copy it again.") from error


def picture_columns(path: Path) -> list[str]:
    """The columns that hold pictures themselves. Raises PictureError as `open_parquet`."""
    types = pyarrow().types
    names = []
    for field in open_parquet(path).schema_arrow:
        kind = field.type
        if types.is_struct(kind):
            index = kind.get_field_index("bytes")
            kind = kind.field(index).type if index >= 0 else kind
        if types.is_binary(kind) or types.is_large_binary(kind):
            names.append(field.name)
    return names


def rows_with_pictures(path: Path, column: str) -> list[int]:
    """The rows whose picture is in the file. Raises PictureError as `open_parquet`."""
    file = open_parquet(path)
    rows: list[int] = []
    start = 1
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        empty = _empty(file, group, column)
        if empty == 0:
            rows += range(start, start + count)
        elif empty != count:
            held = read_group(path, column, group)
            rows += (start + at for at, content in enumerate(held) if content)
        start += count
    return rows


def files_of_rows(path: Path, column: str) -> dict[int, Path]:
    """The files that a column of objects names, by row; of a relative name, beside the parquet file
    where there is such a file. Raises PictureError as `open_parquet`."""
    library = pyarrow()
    file = open_parquet(path)
    kind = file.schema_arrow.field(column).type
    if not library.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return {}
    names: list[str | None] = []
    try:
        for batch in file.iter_batches(columns=[f"{column}.path"]):
            names += (row and row.get("path") for row in batch.column(0).to_pylist())
    except (OSError, library.ArrowException) as error:
        raise PictureError(f"{path}: is damaged ({reason(error)}); copy it again.") from error
    beside = ((row, name, path.parent / name) for row, name in enumerate(names, 1) if name)
    return {row: place if place.exists() else Path(name) for row, name, place in beside}


def _empty(file: Any, group: int, column: str) -> int | None:
    """How many rows of a group hold nothing, where the file says it."""
    metadata = file.metadata.row_group(group)
    for index in range(metadata.num_columns):
        part = metadata.column(index)
        if part.path_in_schema in (column, f"{column}.bytes"):
            known = part.statistics
            if known is not None and known.has_null_count:
                return int(known.null_count)
    return None


def read_row(path: Path, column: str, row: int) -> bytes:
    """The picture in a row. Raises PictureError where there is none."""
    require_file(path, PictureError, "parquet file")
    columns, starts = _layout(path, path.stat().st_mtime_ns)
    if column not in columns or not 1 <= row <= starts[-1]:
        raise PictureError(f"{path} has no row {row} with a column {column!r}; check the name.")
    group = bisect_right(starts, row - 1) - 1
    content = read_group(path, column, group)[row - 1 - starts[group]]
    if not content:
        raise PictureError(f"{path}: row {row} holds no picture in {column!r}; fill it in.")
    return content


@lru_cache(maxsize=16)
def _layout(path: Path, changed: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names of the columns, and how many rows are before each row group and in all."""
    file = open_parquet(path)
    counts = (file.metadata.row_group(g).num_rows for g in range(file.metadata.num_row_groups))
    return tuple(file.schema_arrow.names), (0, *accumulate(counts))


def read_group(path: Path, column: str, group: int) -> tuple[bytes | None, ...]:
    """The pictures of a row group, None where there is none."""
    with _LOCK:
        return _group(path, column, group, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _group(path: Path, column: str, group: int, changed: int) -> tuple[bytes | None, ...]:
    library = pyarrow()
    try:
        table = open_parquet(path).read_row_group(group, columns=[column])
    except (OSError, library.ArrowException, MemoryError) as error:
        raise PictureError(
            f"{path}: row group {group + 1} can't be read ({reason(error)}); copy the file again."
        ) from error
    return tuple(
        value.get("bytes") if isinstance(value, dict) else value
        for value in table.column(0).to_pylist()
    )
