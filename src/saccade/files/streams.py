"""JSON that is written as its entries come: what is done is on the disk, whatever happens next."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from saccade.files.writing import (
    atomic_file,
    check_writable,
    open_special,
    output_target,
    to_json,
    write_error,
)


class JsonStream:
    """Entries to a file: a line each where its name ends in .jsonl, else a JSON list that is
    complete after every entry.

    What stood there before is replaced when the first entry comes, not before; a link stays, and
    what is not a regular file (a pipe, /dev/stdout) is written into. As a context manager it
    finishes the file also when an error or a signal ends the work.

    Raises SaccadeError at once for a place that can't be written to, and from `add` when the disk
    refuses; the entries before then stay readable."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.count = 0  # entries that are complete in the file
        self._lines = self.path.suffix.lower() == ".jsonl"
        self._end = b"" if self._lines else b"\n]\n"
        check_writable(self.path)
        self._special = output_target(self.path)[1]
        self._descriptor: int | None = None
        self._size = 0  # bytes of the entries that are complete

    def __enter__(self) -> "JsonStream":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if self._descriptor is None and kind is None:  # no entry at all
                self._open(b"" if self._lines else b"[")
        finally:
            self._finish()

    def add(self, value: Any) -> None:
        """Write one more entry and hand it to the system."""
        entry = to_json(value).encode()
        before = b"" if self._lines else b",\n" if self.count else b"[\n"
        data = before + entry + (b"\n" if self._lines else b"")
        if self._descriptor is None:
            self._open(data)
        else:
            try:
                self._put(data)
            except OSError as wrong:
                self._repair()
                raise write_error(self.path, wrong, kept=False) from wrong
        self.count += 1

    def _open(self, data: bytes) -> None:
        """Put a file with its first entry in place, and keep it open."""
        if self._special:
            try:
                self._descriptor = open_special(self.path)
                self._put(data)
            except OSError as wrong:
                raise write_error(self.path, wrong, kept=False) from wrong
            return
        with atomic_file(self.path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                self._descriptor = descriptor
                self._put(data)
            except OSError:
                self._descriptor = None
                os.close(descriptor)
                raise

    def _put(self, data: bytes) -> None:
        """Write data after what is complete; of a regular file the list's end, too."""
        assert self._descriptor is not None
        if self._special:
            _write(self._descriptor, data)
        else:
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            _write(self._descriptor, data + self._end)
        self._size += len(data)

    def _repair(self) -> None:
        """Take back what is not complete."""
        assert self._descriptor is not None
        if self._special:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            _write(self._descriptor, self._end)

    def _finish(self) -> None:
        if self._descriptor is None:
            return
        try:
            self._repair()
            if self._special:
                with suppress(OSError):  # the reader may be gone
                    _write(self._descriptor, self._end)
        finally:
            os.close(self._descriptor)
            self._descriptor = None


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
