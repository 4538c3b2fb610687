"""What a demo made in its folder: all of it, and nothing else, is removed when it is made again."""

import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from saccade.errors import SaccadeError, UsageError
from saccade.files import check_folder, read_json, write_error, write_json

MARK = "demo.json"  # says that a demo made the folder, and with which files
_BY = "saccade demo"
# What a demo makes, for one that was stopped before it could say what it had made.
_NAMES = re.compile(
    r"scenes/(captions\.jsonl|images/\d{6}\.png)"
    r"|run/(\.saccade-lock|run\.json|(log|skipped)\.jsonl|loss\.png|events/events\.out\.[\w.-]+)"
    r"|run/(best|last)/(config|vocab|trainer)\.json"
    r"|run/(best|last)/(README\.md|(model|trainer)\.safetensors)"
    r"|attention/\d{6}\.(png|gif)|loss\.png|report\.html|why\.html|captions\.json"
    r"|((scenes|run|attention)/([\w-]+/)?)?\.[\w.-]+\.tmp-[\w.-]+(/[\w.-]+)?"
)
_MADE = ("scenes", "run", "attention", "loss.png", "report.html", "why.html", "captions.json")


def begin(out: Path, seed: int) -> None:
    """Mark a folder as a demo's, and remove what an earlier demo made there.

    Raises UsageError, before anything is removed, for a folder that holds no demo and for one with
    files in the demo's places that are not the demo's, or were changed since."""
    if out.is_dir() and any(out.iterdir()):
        own = _own(out)
        if own:
            try:
                _remove(out, own)
            except OSError as error:
                raise write_error(out, error) from error
    check_folder(out)
    write_json(out / MARK, {"made_by": _BY, "seed": seed, "files": None})


def finish(out: Path, seed: int) -> None:
    """Note which files the demo has made, with their hashes."""
    files = {name: _digest(out / name) for name in _present(out)}
    write_json(out / MARK, {"made_by": _BY, "seed": seed, "files": files})


def _own(out: Path) -> list[str]:
    """The files of an earlier demo in a folder."""
    none = UsageError(f"{out} is not empty and holds no demo; name a new folder.")
    if not (out / MARK).is_file():
        raise none
    try:
        about: Any = read_json(out / MARK)
    except SaccadeError as error:
        raise none from error
    if not isinstance(about, dict) or about.get("made_by") != _BY:
        raise none
    files = about.get("files", False)
    if files is not None and not isinstance(files, dict):
        raise none
    names = _present(out)
    for name in names:
        path = out / name
        if path.is_symlink() or not path.is_file():
            good = False
        elif files is not None:
            good = name == "run/.saccade-lock" or files.get(name) == _digest(path)
        else:
            good = _NAMES.fullmatch(name) is not None
        if not good:
            raise UsageError(
                f"{path} is not as a demo made it, and a new demo would remove it; move it away, "
                "or name a new folder."
            )
    return names


def _present(out: Path) -> list[str]:
    """All that is no folder in the places of a demo, by its name below `out`."""
    found: list[Path] = []
    for place in (out / name for name in _MADE):
        if place.is_dir() and not place.is_symlink():
            found += (p for p in place.rglob("*") if p.is_symlink() or not p.is_dir())
        elif place.is_symlink() or place.exists():
            found.append(place)
    return sorted(str(path.relative_to(out)) for path in found)


def _remove(out: Path, names: list[str]) -> None:
    for name in names:
        (out / name).unlink(missing_ok=True)
    for name in _MADE:
        if (out / name).is_dir():
            for folder in sorted((out / name).rglob("*"), reverse=True):
                folder.rmdir()
            with suppress(OSError):  # something was put there just now
                (out / name).rmdir()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
