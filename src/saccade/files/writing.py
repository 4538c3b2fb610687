"""Writing files so that a crash or a full disk never leaves half of one."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saccade.errors import SaccadeError


def _disk_error(path: Path, error: OSError) -> SaccadeError:
    reason = error.strerror or str(error)
    return SaccadeError(
        f"{path}: could not be written ({reason}); what stood there before is untouched. "
        "Free some space or choose another place, then run the command again."
    )


@contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed to `path`, else removed.

    Raises SaccadeError when the disk refuses (full, read-only, no permission)."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as readable UTF-8 JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def previous(folder: Path) -> Path:
    """Where `replace_folder` parks the old folder while it swaps in the new one."""
    return folder.with_name(f".{folder.name}.previous")


def replace_folder(folder: Path | str, fill: Callable[[Path], None]) -> None:
    """Call `fill` with a new temporary folder, then put it in the place of `folder`.

    A folder can't be replaced in one rename, so the old one is parked at `previous(folder)` for
    the instant between two renames; `surviving_folder` finds it there after a crash.
    Raises SaccadeError when the disk refuses; the old folder is then still in place."""
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    parked = previous(folder)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        fill(temporary)
        if folder.exists():
            shutil.rmtree(parked, ignore_errors=True)
            folder.rename(parked)
        temporary.rename(folder)
    except OSError as error:
        raise _disk_error(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(parked, ignore_errors=True)


def surviving_folder(folder: Path | str) -> Path:
    """`folder`, or the parked old one if a crash fell exactly between the two renames."""
    folder = Path(folder)
    parked = previous(folder)
    return parked if not folder.exists() and parked.exists() else folder
