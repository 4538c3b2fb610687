"""What a person names photos by: files, folders, lists of them, patterns, and files that hold
photos (tar and parquet)."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from saccade.errors import PictureError
from saccade.files import read_lines
from saccade.photos.archives import archive_of, is_archive, pictures_inside
from saccade.photos.folders import SUFFIXES, FoundPhotos, find_photos

LIST = "@"  # before a list's name
_LISTS = (".txt", ".lst", ".list")  # what such a file is called, mostly


def name_photos(names: Sequence[Path | str]) -> FoundPhotos:
    """The photos of all names, each once, in their order.

    `@list.txt` is a file with a name on each line, relative to the current folder or else to the
    list's; a photo that is not there is found out when it is opened, so that the others go on. A
    name that is no file and has *, ? or [ is a pattern (** for folders at any depth). Of tar files
    the pictures count, of parquet files those of the only column with bytes, or of a column that is
    named as in `a.parquet/image`; a folder without pictures stands for the archives in it.

    Raises PictureError for a name that fits nothing, and as `find_photos` for files and folders."""
    return _joined([_named(Path(name)) for name in names])


def _named(path: Path) -> FoundPhotos:
    text = str(path)
    inside = archive_of(path)
    if is_archive(path):
        return FoundPhotos(tuple(pictures_inside(path, SUFFIXES)))
    if inside is not None:
        archive, name = inside
        if archive.suffix.lower() == ".parquet" and "/" not in name:
            return FoundPhotos(tuple(pictures_inside(archive, SUFFIXES, name)))
        return FoundPhotos((path,))
    if text.startswith(LIST) and not path.exists():
        return _listed(Path(text.removeprefix(LIST)))
    if glob.has_magic(text) and not path.exists():
        return _matching(text)
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() in _LISTS and path.is_file() and not text.startswith(LIST):
        raise PictureError(
            f"{path} is no picture; to name the photos that it lists, one a line: {LIST}{path}."
        )
    return find_photos([path])


def _folder(path: Path) -> FoundPhotos:
    try:
        return find_photos([path])
    except PictureError:
        archives = sorted(filter(is_archive, path.rglob("*")))
        if not archives:
            raise
        return _each(archives)


def _matching(pattern: str) -> FoundPhotos:
    matches = sorted(map(Path, glob.iglob(pattern, recursive=True)))  # noqa: PTH207  (absolute)
    known = [p for p in matches if p.is_dir() or p.suffix.lower() in SUFFIXES or is_archive(p)]
    if not known:
        raise PictureError(f"{pattern}: no picture has such a name; check the pattern.")
    if "**" in pattern:  # what is in a folder that matches, matches itself
        known = [path for path in known if not path.is_dir()]
    found = _each(known)
    taken = set(known)
    others = (path for path in matches if path not in taken and not path.is_dir())
    return FoundPhotos(found.paths, (*found.left_out, *others), found.unreadable, found.runs)


def _listed(path: Path) -> FoundPhotos:
    lines = [line.strip() for line in read_lines(path, PictureError)]

    def places() -> Iterator[Path]:
        for line in filter(None, lines):
            beside = path.parent / line
            yield beside if not Path(line).exists() and beside.exists() else Path(line)

    photos = list(places())
    if not photos:
        raise PictureError(f"{path} names no photo; write one on each line.")
    return _each(photos)


def _each(paths: Sequence[Path]) -> FoundPhotos:
    """The photos of places: files as they are, whether they are there or not."""
    return _joined(
        [
            _named(path) if is_archive(path) or path.is_dir() else FoundPhotos((path,))
            for path in paths
        ]
    )


def _joined(parts: Sequence[FoundPhotos]) -> FoundPhotos:
    return FoundPhotos(
        tuple(dict.fromkeys(chain.from_iterable(part.paths for part in parts))),
        tuple(dict.fromkeys(chain.from_iterable(part.left_out for part in parts))),
        tuple(dict.fromkeys(chain.from_iterable(part.unreadable for part in parts))),
        tuple(dict.fromkeys(chain.from_iterable(part.runs for part in parts))),
    )
