"""Pictures inside other files, by paths that go on into them: `shard.tar/0001.jpg`, and
`table.parquet/image/17` for column and row (from 1). Nothing is extracted."""

from __future__ import annotations

from pathlib import Path

from saccade.errors import PictureError
from saccade.photos.parquets import (
    files_of_rows,
    picture_columns,
    read_row,
    rows_with_pictures,
)
from saccade.photos.tars import read_tar_member, tar_members

SUFFIXES = (".tar", ".parquet")


def is_archive(path: Path) -> bool:
    """Whether a path is a file that pictures can be in."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def archive_of(path: Path) -> tuple[Path, str] | None:
    """The archive that a path goes into and the rest of the path; None for another path."""
    for parent in path.parents:
        if parent.suffix.lower() in SUFFIXES and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


def read_inside(archive: Path, name: str) -> bytes:
    """A picture's bytes, by what `archive_of` says. Raises PictureError."""
    if archive.suffix.lower() == ".tar":
        return read_tar_member(archive, name)
    column, _, row = name.rpartition("/")
    if not column or not row.isdecimal():
        raise PictureError(
            f"{archive}/{name}: a picture in a parquet file is named by column and row, as in "
            f"{archive.name}/image/1."
        )
    return read_row(archive, column, int(row))


def pictures_inside(archive: Path, suffixes: frozenset[str], column: str = "") -> list[Path]:
    """The pictures in an archive, in its order: of a tar file the members of these suffixes, of a
    parquet file the rows of its column of pictures, or the files that they name instead. Raises
    PictureError where there are none, or several columns and none is named."""
    if archive.suffix.lower() == ".tar":
        names = [n for n in tar_members(archive) if Path(n).suffix.lower() in suffixes]
        if not names:
            raise PictureError(f"{archive} holds no pictures; name another file.")
        return [archive / name for name in names]
    columns = picture_columns(archive)
    if column and column not in columns:
        raise PictureError(
            f"{archive} has no pictures in a column {column!r} (it has them in: "
            f"{', '.join(columns) or 'none'})."
        )
    if not column and len(columns) != 1:
        raise PictureError(
            f"{archive} has pictures in the columns {', '.join(columns)}; name one, as in "
            f"{archive}/{columns[0]}."
            if columns
            else f"{archive} has no column with pictures' bytes; name another file."
        )
    column = column or columns[0]
    places = files_of_rows(archive, column)
    places |= {row: archive / column / str(row) for row in rows_with_pictures(archive, column)}
    if not places:
        raise PictureError(f"{archive} holds no picture in {column!r}; name another file.")
    return [places[row] for row in sorted(places)]
