"""Where the pictures lie that caption files name, also by names that nearly fit."""

import difflib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from saccade.data.tables import PICTURE_FILE

Level = Callable[[str], str]  # a name in the form in which it is compared


class Finder:
    """Where pictures lie: the `images` folder when it is named, else near the caption file.

    A name is tried below each folder in turn, with its own folders and then, in the `images`
    folder, without them. One that is nowhere is matched to a file whose name differs only in case,
    Unicode form or extension, where there is exactly one such file and no other name means it. A
    picture that is nowhere at all has the first place tried, for the message."""

    def __init__(self, path: Path, images: Path | None, near: Sequence[str] = ("", "images")):
        self.images = images
        folders = [images] if images else [path.parent / name for name in near]
        self.folders = [str(folder) for folder in folders]
        self.near_misses: dict[str, Path] = {}
        self._names: dict[tuple[str, Level], dict[str, list[str]]] = {}
        self._meant: dict[tuple[str, Level], str | None] = {}

    def find(self, names: Iterable[str]) -> dict[str, Path]:
        """The file of each name."""
        paths: dict[str, Path] = {}
        missing: list[str] = []
        for name in dict.fromkeys(names):
            places = self._places(name)
            there = next((path for path in places if os.path.lexists(path)), None)
            paths[name] = Path(there or places[0])
            if there is None:
                missing.append(name)
        means = {name: self._nearest(name) for name in missing}
        claims = Counter(path for path in means.values() if path is not None)
        taken = {paths[name] for name in paths if name not in means}
        self.near_misses = {
            name: path
            for name, path in means.items()
            if path is not None and claims[path] == 1 and path not in taken
        }
        return paths | self.near_misses

    def _places(self, name: str) -> list[str]:
        name = name.replace("\0", "\ufffd")
        places = [os.path.join(folder, name) for folder in self.folders]  # noqa: PTH118  (speed)
        if self.images:
            places.append(f"{self.images}/" + re.split(r"[/\\]", name)[-1])
        if "\\" in name and os.sep != "\\":  # written on Windows
            places += [f"{folder}/" + name.replace("\\", "/") for folder in self.folders]
        return places

    def _nearest(self, name: str) -> Path | None:
        """The one file that a name fits at the strictest level at which there is any."""
        for level in (_unicode, _case, _stem):
            for path in self._places(name):
                folder, _, last = path.rpartition("/")
                meant = self._folder(folder or "/", level)
                similar = [] if meant is None else self._listing(meant, level).get(level(last), [])
                if similar:
                    return Path(f"{meant}/{similar[0]}") if len(similar) == 1 else None
        return None

    def note(self) -> str:
        """What to say of the names that only nearly fitted, or ""."""
        if not self.near_misses:
            return ""
        name, path = next(iter(self.near_misses.items()))
        counted = len(self.near_misses)
        which = "1 picture" if counted == 1 else f"{counted:,} pictures"
        return (
            f"{which} found by a name that differs in case, Unicode form or extension, "
            f"such as {path.name} for {name}."
        )

    def _folder(self, folder: str, level: Level) -> str | None:
        """The one folder that a path means at a level of tolerance, where there is one."""
        key = (folder, level)
        if key not in self._meant:
            meant: str | None = folder
            if not os.path.isdir(folder):  # noqa: PTH112  (speed)
                upper, _, last = folder.rstrip("/").rpartition("/")
                case = _case if level is _stem else level
                above = self._folder(upper or ("/" if folder.startswith("/") else "."), level)
                similar: list[str] = []
                if above is not None and above != folder:
                    similar = self._listing(above, case).get(case(last), [])
                meant = f"{above}/{similar[0]}" if len(similar) == 1 else None
            self._meant[key] = meant
        return self._meant[key]

    def _listing(self, folder: str, level: Level) -> dict[str, list[str]]:
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
    stem = _stem(path.name)
    close = [name for name in names if _stem(name) == stem]
    if not close and stem.isdecimal():  # 42 for COCO_val2014_000000000042.jpg
        end = re.compile(rf"(?:.*\D)?0*{int(stem)}")
        close = [name for name in names if end.fullmatch(_stem(name))]
    if not close:
        folded = {_case(name): name for name in names[:20_000]}
        close = [folded[n] for n in difflib.get_close_matches(_case(path.name), folded, 1, 0.8)]
    return f"; did you mean {' or '.join(sorted(close)[:3])}?" if close else ""


def _names(folder: Path | str) -> list[str]:
    with os.scandir(folder) as files:
        return [file.name for file in files]


def _unicode(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _case(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _stem(name: str) -> str:
    return _case(name[: name.rindex(".")] if PICTURE_FILE.fullmatch(name) else name)
