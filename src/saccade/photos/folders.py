"""Which pictures a person means who names files and folders, and what was left out of them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.errors import PictureError
from saccade.files import reason
from saccade.text.printing import printable

_USUAL = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SUFFIXES = frozenset((*_USUAL, ".jpe", ".jfif", ".avif", ".jp2", ".ppm", ".pgm"))


@dataclass(frozen=True)
class FoundPhotos:
    """Photos, and what folders hold beside them."""

    paths: tuple[Path, ...]  # each once
    left_out: tuple[Path, ...] = ()  # files whose suffix is not a picture's
    unreadable: tuple[str, ...] = ()  # folders that could not be read: a sentence each
    runs: tuple[Path, ...] = ()  # folders in which training put its files

    def notes(self) -> list[str]:
        """What was left out, in sentences: nothing where nothing was."""
        notes = [*self.unreadable, *map(describe_run, self.runs)]
        if self.left_out:
            notes.append(f"{_counted(self.left_out)} left out: {_listed(self.left_out)}.")
        return notes


def find_photos(paths: Sequence[Path | str]) -> FoundPhotos:
    """Files as they are; folders as all the pictures in and below them (by suffix), sorted.

    Hidden files and runs of training are not looked at. Raises PictureError for a path that does
    not exist, and for a folder in which there are no pictures."""
    photos: list[Path] = []
    left_out: list[Path] = []
    unreadable: list[str] = []
    runs: list[Path] = []
    for path in map(Path, paths):
        try:
            path.stat()
        except FileNotFoundError as error:
            raise PictureError(f"{path} does not exist; check the name.") from error
        except (OSError, ValueError) as error:
            raise PictureError(
                f"{path} can't be opened ({reason(error)}); check its name and permissions."
            ) from error
        if not path.is_dir():
            photos.append(path)
            continue
        inside: list[Path] = []
        others: list[Path] = []
        closed: list[str] = []
        for place, names in walk(path, closed, runs):
            for name in names:
                known = Path(name).suffix.lower() in SUFFIXES
                (inside if known else others).append(Path(place, name))
        if not inside:
            kinds = ", ".join(_USUAL)
            none = f"{path} holds no pictures ({kinds} ...); name another folder."
            why = " ".join(closed) or none
            if others:
                why += f" It holds {_counted(others)} of other kinds: {_listed(others)}."
            raise PictureError(why)
        photos += sorted(inside)
        left_out += sorted(others)
        unreadable += closed
    return FoundPhotos(
        tuple(dict.fromkeys(photos)),
        tuple(dict.fromkeys(left_out)),
        tuple(unreadable),
        tuple(dict.fromkeys(runs)),
    )


def walk(folder: Path, unreadable: list[str], runs: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """(folder, names of its files) of a folder and of each below it, links followed once.

    Hidden files and folders are left out, and runs of training: their pictures are results. Adds
    the runs below the folder to `runs`, and to `unreadable` a sentence for each folder that can't
    be read."""
    seen = set()  # a link may point back up

    def note(error: OSError) -> None:
        unreadable.append(
            f"{error.filename} can't be read ({reason(error)}); its pictures are missing: check "
            "the folder's permissions."
        )

    for place, folders, names in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        if is_run(names) and Path(place) != folder:
            folders.clear()
            runs.append(Path(place))
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield place, [name for name in names if not name.startswith(".")]


def is_run(names: Sequence[str]) -> bool:
    """Whether a folder of files of these names is a run that `saccade train` made."""
    return "run.json" in names and "log.jsonl" in names


def describe_run(folder: Path) -> str:
    """What to say of a run among pictures."""
    return f"{printable(folder)} is a run of saccade train: left out."


def _counted(files: Sequence[Path]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files):,} files"


def _listed(files: Sequence[Path], most: int = 5) -> str:
    """Some names, and a hint where they may be photos."""
    names = ", ".join(printable(path.name) for path in files[:most])
    more = ", ..." if len(files) > most else ""
    heic = any(path.suffix.lower() in (".heic", ".heif") for path in files)
    bare = any(not path.suffix for path in files)
    hint = " (convert HEIC photos to JPEG)" if heic else ""
    hint += " (a picture without a suffix can be named itself)" if bare else ""
    return names + more + hint
