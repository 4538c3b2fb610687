"""Writing files so that a crash or a full disk never leaves half of one, nor destroys another."""

import errno
import itertools
import json
import math
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from saccade.errors import SaccadeError, UsageError
from saccade.files.reading import reason
from saccade.text.printing import encodable

_COUNTER = itertools.count()
_CURES = {
    errno.ENOSPC: "free some space or choose another place",
    errno.EDQUOT: "free some space or choose another place",
    errno.EFBIG: "choose a place that takes larger files",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "choose a folder; a part of this path is a file",
    errno.ELOOP: "choose another name; this link leads to itself",
    errno.ENXIO: "start the program that reads it first",
}


def write_error(path: Path | str, error: OSError, kept: bool = True) -> SaccadeError:
    """What the disk refused, naming the file that was to be written and the cure. kept: what stood
    there before is untouched."""
    told = re.search(r"\(os error (\d+)\)", str(error))  # how safetensors, in Rust, says it
    if error.errno is None and told is not None:
        error = OSError(int(told[1]), os.strerror(int(told[1])))
    number = 0 if error.errno is None else error.errno
    cure = _CURES.get(number, "choose another place, or free this one")
    try:
        stands = kept and os.path.lexists(path)
    except ValueError:
        stands = False
    before = "; what stood there before is untouched" if stands else ""
    return SaccadeError(
        f"{path}: could not be written ({reason(error)}){before}; {cure}, then run the command "
        "again."
    )


def refuse_inputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | str]) -> None:
    """Raise UsageError when an output (by the option that names it) is one of the inputs or another
    output, so that nothing is overwritten that was to be read."""
    places: dict[tuple[int, int], str] = {}
    names: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        real = os.path.realpath(path)
        if real in names:
            raise UsageError(f"{names[real]} and {option} name the same file, {path}; name two.")
        names[real] = option
        with suppress(OSError, ValueError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                places[status.st_dev, status.st_ino] = f"{option} {path}"
    if not places:
        return
    for name in inputs:
        with suppress(OSError, ValueError):
            status = Path(name).stat()
            place = places.get((status.st_dev, status.st_ino))
            if place is not None:
                raise UsageError(
                    f"{place} is a file to be read and would be overwritten; name another file."
                )


def check_writable(path: Path | str) -> None:
    """Raise SaccadeError now for a place that can't be written to, before hours of work for it."""
    path = Path(path)
    target, special = output_target(path)
    if special:
        return
    folder = target.parent
    while not os.path.lexists(folder) and folder.parent != folder:
        folder = folder.parent
    probe = folder / temporary_name(target)
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        _remove(probe)


def check_folder(folder: Path | str) -> None:
    """Raise SaccadeError now for a folder that can't be made or written to."""
    folder = Path(folder)
    try:
        real = Path(os.path.realpath(folder))
        if real.exists() and not real.is_dir():
            raise SaccadeError(f"{folder}: is a file, not a folder; name a folder to write to.")
        while not real.exists() and real.parent != real:
            real = real.parent
        if not real.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        probe = real / temporary_name(folder)
        try:
            probe.touch(exist_ok=False)
        finally:
            _remove(probe)
    except OSError as error:
        raise write_error(folder, error, kept=False) from error
    except ValueError as error:
        raise SaccadeError(
            f"{folder}: is not a name of a folder ({error}); choose another."
        ) from error


@contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path; on success its file takes the place of `path`, else it is removed.

    The temporary file is beside `path`, or beside what a link leads to: the link stays. What is no
    regular file (a pipe, /dev/null, /dev/stdout) is written into. Raises SaccadeError when the
    place can't be written to (full, read-only, a folder, a disk's device)."""
    path = Path(path)
    target, special = output_target(path)
    folder = Path(tempfile.gettempdir()) if special else target.parent
    temporary = folder / temporary_name(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield temporary
        if special:
            with os.fdopen(open_special(path), "wb") as pipe, temporary.open("rb") as source:
                shutil.copyfileobj(source, pipe)
        else:
            with suppress(OSError):
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except OSError as error:
        raise write_error(path, error, kept=not special) from error
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # where removing fails too, the first error is the one to report
        temporary.unlink(missing_ok=True)


def temporary_name(target: Path) -> str:
    """`.NAME.tmp-PROCESS-NUMBER.SUFFIX`, of a length that every disk takes."""
    name = os.fsencode(target.name)[:100].decode(errors="ignore")
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= 20 else ""
    return f".{name}.tmp-{os.getpid()}-{next(_COUNTER)}{suffix}"


def output_target(path: Path) -> tuple[Path, bool]:
    """The file that is to be replaced (where links lead), and whether `path` is to be written into
    instead. Raises SaccadeError for what can be neither."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path)), False  # a link may lead to a file yet to be made
    except OSError as error:
        raise write_error(path, error) from error
    except ValueError as error:
        raise SaccadeError(f"{path}: is not a file name ({error}); choose another.") from error
    if stat.S_ISDIR(mode):
        raise SaccadeError(f"{path}: is a folder; name a file to write to.")
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise SaccadeError(f"{path}: is a disk or a socket; name a file to write to.")
    if not stat.S_ISREG(mode) or stream_of(path) is not None:
        return path, True
    if not os.access(path, os.W_OK):
        raise SaccadeError(f"{path}: is read-only; allow writing to it, or name another file.")
    return Path(os.path.realpath(path)), False


def stream_of(path: Path) -> int | None:
    """1 or 2 where a path is this program's standard output or error (/dev/stdout, say)."""
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)):
                return number
    return None


def open_special(path: Path) -> int:
    """A descriptor to write into a pipe or a character device. A pipe without a reader is
    waited for two seconds. Raises OSError."""
    number = stream_of(path)
    if number is not None:
        (sys.stdout if number == 1 else sys.stderr).flush()
        return os.dup(number)
    for attempt in itertools.count():
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or attempt == 40:
                raise
            time.sleep(0.05)
            continue
        os.set_blocking(descriptor, True)
        return descriptor
    raise AssertionError


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data`, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, atomically. What UTF-8 can't hold, the bytes of file names that are
    not UTF-8, is escaped as in `saccade.text.printing.encodable`."""
    write_bytes(path, encodable(text).encode())


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as readable UTF-8 JSON, atomically; see `to_json` for what JSON can't hold."""
    write_text(path, to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON text that every reader takes: NaN and infinities are null, and the bytes of file names
    that are not UTF-8 are escaped (`caf\\xe9.jpg`)."""
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        plain = _plain(value)
        text = json.dumps(plain, indent=indent, ensure_ascii=False, allow_nan=False)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def previous(folder: Path) -> Path:
    """Where `replace_folder` parks the old folder while it swaps in the new one."""
    folder = Path(os.path.realpath(folder))
    return folder.with_name(f".{folder.name}.previous")


def replace_folder(folder: Path | str, fill: Callable[[Path], None]) -> None:
    """Call `fill` with a new temporary folder, then put it in the place of `folder`; a link stays.

    Files and folders in it that `fill` does not write are kept. A folder can't be replaced in
    one rename, so the old one is parked at `previous(folder)` for the instant between two renames;
    `surviving_folder` finds it there after a crash, and the next call (or `settle_folder`) puts all
    in its place. Raises SaccadeError when the disk refuses; the old folder is then still there."""
    name, folder = folder, Path(os.path.realpath(folder))
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    parked = previous(folder)
    if folder.exists() and not folder.is_dir():
        raise SaccadeError(f"{name}: is a file; a folder is to be written there. Move it away.")
    try:
        settle_folder(folder)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        fill(temporary)
        if folder.exists():
            folder.rename(parked)
        temporary.rename(folder)
        settle_folder(folder)
    except OSError as error:
        raise write_error(name, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def settle_folder(folder: Path | str) -> None:
    """Finish what a crash (or `replace_folder`) left beside a folder: the parked old one returns to
    its place, or what only it holds is moved into the new one. Raises OSError."""
    folder = Path(os.path.realpath(folder))
    parked = previous(folder)
    if not parked.is_dir():
        return
    if not folder.exists():
        parked.rename(folder)
        return
    for entry in list(parked.iterdir()):
        if not os.path.lexists(folder / entry.name):
            entry.rename(folder / entry.name)
    shutil.rmtree(parked)


def surviving_folder(folder: Path | str) -> Path:
    """`folder`, or the parked old one if a crash fell exactly between the two renames."""
    folder = Path(folder)
    parked = previous(folder)
    return parked if not folder.exists() and parked.exists() else folder
