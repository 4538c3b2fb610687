"""What the name of a model means: a folder on this machine, or an id on the hub."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from saccade.errors import DataError
from saccade.files.reading import Failure
from saccade.files.writing import surviving_folder

HUB = "hf:"  # before owner/name: the hub, whatever folders there are
_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class HubId:
    """A repository of the hub, owner/name."""

    id: str

    def __str__(self) -> str:
        return self.id


def hub_or_folder(
    name: Path | str, error: Failure = DataError, what: str = "folder"
) -> Path | HubId:
    """The folder that `name` is, or else the hub's id that it is.

    `hf:owner/name` is always the hub's. A plain owner/name is the hub's too, unless `owner` is a
    folder here: then it is a mistyped folder. what: it ought to be, for the message. Raises `error`
    with the cure."""
    text = str(name)
    if text.startswith(HUB):
        if not _ID.fullmatch(text.removeprefix(HUB)):
            raise error(f"{text!r}: after '{HUB}' stands an id of the hub, owner/name.")
        return HubId(text.removeprefix(HUB))
    if not text or (isinstance(name, str) and not text.strip()):
        raise error(f"the name of the {what} is empty; name a folder, or owner/name on the hub.")
    try:
        path = Path(name).expanduser()
        if surviving_folder(path).is_dir():
            return path
        exists, beside = path.exists(), path.parent.is_dir()
    except (OSError, ValueError, RuntimeError) as wrong:  # too long, NUL, ~nobody
        raise error(f"{text!r} can't be the name of a {what} ({wrong}).") from wrong
    if exists:
        raise error(f"{text} is a file, not a {what}; name the folder that holds it.")
    id_like = isinstance(name, str) and _ID.fullmatch(text) is not None
    if id_like and not beside:
        return HubId(text)
    if id_like:
        cure = (
            f"{path.parent} is a folder here, so the name is not taken for one of the hub, "
            f"which is {HUB}{text}"
        )
    else:
        cure = "check the path; an id of the hub is owner/name"
    raise error(f"{text}: there is no such {what}{_close(path)}; {cure}.")


def _close(path: Path) -> str:
    """A folder with nearly that name, if there is one."""
    if not path.parent.is_dir():
        return ""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_dir()]
    except OSError:
        return ""
    close = get_close_matches(path.name, names, n=1)
    return f" (did you mean {path.parent / close[0]}?)" if close else ""
