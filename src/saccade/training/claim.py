"""The folder of a run is claimed before anything expensive: it must be new, empty or a run, can be
written to, and is locked while a training works in it."""

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from saccade.errors import UsageError
from saccade.files import check_writable, settle_folder, write_error
from saccade.text.printing import echo

RUN, LOG, SKIPPED = "run.json", "log.jsonl", "skipped.jsonl"
LOCK = ".saccade-lock"  # also says that a run was begun in the folder
_BEFORE_RUN = (LOG, SKIPPED)  # written before run.json


def check_place(out: Path, data: Path, images: Path | None) -> None:
    """Raise UsageError for a place that can't become a run: a file, a link to nowhere, a folder
    that holds something else, a run, or the folder of the data or of the pictures itself. A place
    below these is good: what reads folders leaves runs out (`saccade.photos.folders.is_run`)."""
    if not str(out).strip():
        raise UsageError("--out is empty; name a new folder.")
    try:
        real = Path(os.path.realpath(out))
        there = out.exists()
    except OSError as error:
        raise write_error(out, error, kept=False) from error
    except ValueError as error:
        raise UsageError(f"--out {out!s:.80} can't be the name of a folder ({error}).") from error
    if not there and out.is_symlink():
        raise UsageError(f"--out {out} is a link to {real}, which does not exist; name a folder.")
    if there and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder; name a new folder.")
    for folder in (data, images):
        if folder is not None and folder.is_dir() and real == Path(os.path.realpath(folder)):
            raise UsageError(f"--out {out} is a folder to be read; name a new folder.")
    if there:
        _check_empty(out)


def _check_empty(out: Path) -> None:
    try:
        names = sorted(entry.name for entry in out.iterdir())
    except OSError as error:
        raise write_error(out, error) from error
    if RUN in names:
        raise UsageError(
            f"{out} already holds a run; go on with it (--resume {out}) or name another folder."
        )
    own = {LOCK, *_BEFORE_RUN} if LOCK in names else set()
    foreign = [name for name in names if name not in own and not _is_temporary(name)]
    if foreign:
        raise UsageError(
            f"--out {out} holds {foreign[0]} and is not a run; name a new folder or an empty one."
        )


def _is_temporary(name: str) -> bool:
    """Whether a killed process left this: see `files.temporary_name` and `files.replace_folder`."""
    known = (RUN, LOG, SKIPPED, "best", "last")
    return any(name.startswith(f".{entry}.tmp-") for entry in known)


@contextmanager
def claimed_new(out: Path, data: Path, images: Path | None) -> Iterator[None]:
    """Hold a new run's folder. It is removed again when no run came about. Raises UsageError as
    `check_place` and when another process trains into it, SaccadeError where nothing can be
    written."""
    check_place(out, data, images)
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(out, error) from error
    with _locked(out):
        try:
            _check_empty(out)  # again, now that no other training can begin there
            _clear(out, _BEFORE_RUN)
            yield
        finally:
            if not (out / RUN).exists():
                _clear(out, (*_BEFORE_RUN, LOCK))
                if made:
                    with suppress(OSError):  # somebody put something into it
                        out.rmdir()


@contextmanager
def claimed_run(run: Path) -> Iterator[None]:
    """Hold the folder of a run that is to go on, without what killed processes left in it. Raises
    UsageError when another process trains in it, SaccadeError where nothing can be written."""
    with _locked(run):
        try:
            for name in ("best", "last"):
                settle_folder(run / name)
            _clear(run, ())
        except OSError as error:
            raise write_error(run, error) from error
        yield


def _clear(folder: Path, names: tuple[str, ...]) -> None:
    for entry in list(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            if _is_temporary(entry.name):
                shutil.rmtree(entry, ignore_errors=True)
        elif entry.name in names or _is_temporary(entry.name):
            entry.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, the operating system's (flock): it ends with the process."""
    check_writable(folder / RUN)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # filelock's substitute for flock outlives its process
            lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"another process trains into {folder} right now; wait for its end, or name another "
            "folder."
        ) from error
    except (NotImplementedError, UserWarning):
        echo(
            f"Note: the disk of {folder} has no file locks; see to it that nothing else trains "
            "into this folder.",
            err=True,
        )
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        yield
    finally:
        lock.release()
