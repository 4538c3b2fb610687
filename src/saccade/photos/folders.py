"""Which pictures a person means who names files and folders, and what was left out of them."""

import os
from collections.abc import Sequence
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

    def notes(self) -> list[str]:
        """What was left out, in sentences: nothing where nothing was."""
        notes = list(self.unreadable)
        if self.left_out:
            notes.append(f"{_counted(self.left_out)} left out: {_listed(self.left_out)}.")
        return notes


def find_photos(paths: Sequence[Path | str]) -> FoundPhotos:
    """Files as they are; folders as all the pictures in and below them (by suffix), sorted.

    Hidden files are not looked at. Raises PictureError for a path that does not exist, and for a
    folder in which there are no pictures."""
    photos: list[Path] = []
    left_out: list[Path] = []
    unreadable: list[str] = []
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
        inside, others, closed = _walk(path)
        if not inside:
            kinds = ", ".join(_USUAL)
            none = f"{path} holds no pictures ({kinds} ...); name another folder."
            why = " ".join(closed) or none
            if others:
                why += f" It holds {_counted(others)} of other kinds: {_listed(others)}."
            raise PictureError(why)
        photos += inside
        left_out += others
        unreadable += closed
    return FoundPhotos(
        tuple(dict.fromkeys(photos)), tuple(dict.fromkeys(left_out)), tuple(unreadable)
    )


def _walk(folder: Path) -> tuple[list[Path], list[Path], list[str]]:
    """The pictures of a folder, its other files, and a sentence for each folder that can't be
    read."""
    pictures: list[Path] = []
    others: list[Path] = []
    errors: list[str] = []
    seen = set()  # a link may point back up

    def note(error: OSError) -> None:
        errors.append(
            f"{error.filename} can't be read ({reason(error)}); its pictures are missing: check "
            "the folder's permissions."
        )

    for place, folders, names in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                known = Path(name).suffix.lower() in SUFFIXES
                (pictures if known else others).append(Path(place, name))
    return sorted(pictures), sorted(others), errors


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
