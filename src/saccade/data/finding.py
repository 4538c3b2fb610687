"""Where the pictures lie that caption files name, also by names that nearly fit."""

import difflib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from saccade.data.tables import PICTURE_FILE

Level = Callable[[str], str]  # a name in the form in which it is compared


class Finder:
    """Where pictures lie: the `images` folder when it is named, else near the caption file.

    A name is tried below each folder in turn, with its own folders and then, in the `images`
    folder, without them. One that is nowhere is matched to a file whose name differs only in case,
    Unicode form or extension, where there is exactly one such file; `near_misses` counts these. A
    picture that is nowhere at all has the first place tried, for the message."""

    def __init__(self, path: Path, images: Path | None, near: Sequence[str] = ("", "images")):
        self.images = images
        self.folders = [images] if images else [path.parent / name for name in near]
        self.near_misses: dict[str, str] = {}
        self._names: dict[tuple[Path, Level], dict[str, list[str]]] = {}

    def __call__(self, name: str) -> Path:
        """The picture's file."""
        if "\0" in name:
            return self.folders[0] / name.replace("\0", "\ufffd")
        places = [folder / name for folder in self.folders]
        if self.images:
            places.append(self.images / re.split(r"[/\\]", name)[-1])
        if "\\" in name and os.sep != "\\":  # written on Windows
            places += [folder / name.replace("\\", "/") for folder in self.folders]
        for path in places:
            if os.path.lexists(path):
                return path
        for level in (_unicode, _case, _stem):
            for path in places:
                similar = self._similar(path, level)
                if len(similar) == 1:
                    self.near_misses[name] = similar[0].name
                    return similar[0]
                if similar:
                    return places[0]  # several: `suggest` names them
        return places[0]

    def note(self) -> str:
        """What to say of the names that only nearly fitted, or ""."""
        if not self.near_misses:
            return ""
        name, file = next(iter(self.near_misses.items()))
        counted = len(self.near_misses)
        which = "1 picture" if counted == 1 else f"{counted:,} pictures"
        return (
            f"{which} found by a name that differs in case, Unicode form or extension, "
            f"such as {file} for {name}."
        )

    def _similar(self, path: Path, level: Level) -> list[Path]:
        """The files that a path fits at a level of tolerance; its folders fit in the same way."""
        folder = path.parent
        if not self._listing(folder, level):
            if folder == path or folder in (self.images, *self.folders):
                return []
            above = _case if level is _stem else level
            folders = [f for f in self._similar(folder, above) if f.is_dir()]
            if len(folders) != 1:
                return []
            folder = folders[0]
        names = self._listing(folder, level).get(level(path.name), [])
        return [folder / name for name in names]

    def _listing(self, folder: Path, level: Level) -> dict[str, list[str]]:
        key = (folder, level)
        if key not in self._names:
            names: dict[str, list[str]] = {}
            try:
                for name in _names(folder):
                    if level is not _stem or PICTURE_FILE.fullmatch(name):
                        names.setdefault(level(name), []).append(name)
            except OSError:
                pass
            self._names[key] = names
        return self._names[key]


def suggest(path: Path) -> str:
    """Files of nearly the name of one that is missing: "; did you mean a.JPG?", or ""."""
    try:
        names = [name for name in _names(path.parent) if not name.startswith(".")]
    except OSError:
        return ""
    wanted = _stem(path.name)
    close = [name for name in names if _stem(name) == wanted]
    if not close:
        folded = {_case(name): name for name in names[:20_000]}
        close = [folded[n] for n in difflib.get_close_matches(_case(path.name), folded, 1, 0.8)]
    return f"; did you mean {' or '.join(sorted(close)[:3])}?" if close else ""


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as files:
        return [file.name for file in files]


def _unicode(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _case(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _stem(name: str) -> str:
    return _case(name[: name.rindex(".")] if PICTURE_FILE.fullmatch(name) else name)
