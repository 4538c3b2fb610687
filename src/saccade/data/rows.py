"""Rows of equal size in one flat file that several processes may fill at once.

Row n stands at n * row_bytes of the data file and is described by line n of the index: its number,
its key and a checksum of both. Rows are only appended, under a file lock and after the index has
been read again; nothing that a line describes is ever cut or overwritten, so that a file mapped
into another process's memory stays valid. A row counts only if its checksum holds.
"""

import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from saccade.errors import CacheError
from saccade.files import write_json, write_text

PATIENCE = 600.0  # seconds to wait for the lock, which is held only while a batch is written
CHUNK = 64  # rows that a thread checks at a time


class IndexLine(NamedTuple):
    """One line of the index. A row without a key is unused: it holds nothing of known origin."""

    row: int
    key: str | None
    crc32: int
    path: str  # for people

    def line(self) -> str:
        return json.dumps(self._asdict()) + "\n"


def _parse(line: bytes) -> IndexLine | None:
    try:
        value = json.loads(line)
        entry = IndexLine(value["row"], value["key"], value["crc32"], value["path"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    kinds = (type(entry.row), type(entry.crc32), type(entry.path))
    named = entry.key is None or (isinstance(entry.key, str) and entry.key.isascii())
    return entry if named and kinds == (int, int, str) else None


def _checksum(key: str | None, row: bytes | memoryview) -> int:
    return zlib.crc32(row, zlib.crc32((key or "").encode()))


class RowFile:
    """The rows of one folder: `features.f16`, `index.jsonl` and the lock `writing.lock`."""

    def __init__(self, folder: Path, row_bytes: int, about: dict[str, object]) -> None:
        """about: what is written into about.json, for people."""
        self.folder, self.row_bytes, self.about = folder, row_bytes, about
        self.data = folder / "features.f16"
        self.index = folder / "index.jsonl"
        self.rows: dict[str, int] = {}  # by key, as far as the index is readable
        self.strangers = False  # whether another process was seen writing
        self._bad: set[int] = set()  # rows whose checksum failed here
        self._checked: set[int] = set()
        self._forget()
        self.refresh()

    def _forget(self) -> None:
        self.rows.clear()
        self._crc32: dict[int, int] = {}  # by row
        self._lines = 0
        self._offset = 0
        self._identity = (0, 0)
        self._damaged = 0  # lines that don't describe the row of their number

    # Reading -----------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Take in the lines added to the index since; whether it ends in half a line."""
        if not self.index.exists():
            self._forget()
            return False
        if not self.index.is_file():
            raise CacheError(f"{self.index} is not a regular file; remove it.")
        with self.index.open("rb") as index:
            status = os.fstat(index.fileno())
            if (status.st_dev, status.st_ino) != self._identity or status.st_size < self._offset:
                self._forget()
                self._identity = (status.st_dev, status.st_ino)
            index.seek(self._offset)
            text = index.read()
        whole = text[: text.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._take(_parse(line))
        self._offset += len(whole)
        return len(whole) < len(text)

    def _take(self, entry: IndexLine | None) -> None:
        row = self._lines
        self._lines += 1
        if entry is None or entry.row != row:
            self._damaged += 1
        elif entry.key is not None and row not in self._bad:
            self._damaged += entry.key in self.rows  # no key is written twice
            self.rows[entry.key] = row
            self._crc32[row] = entry.crc32

    def check(
        self,
        keys: Iterable[str],
        workers: int = 2,
        progress: Callable[[int], None] = lambda done: None,
    ) -> int:
        """Check the rows of these keys that were not checked yet in this process, and drop those
        whose checksum fails. Returns how many were dropped. progress: how many more are good."""
        known = {key: self.rows[key] for key in keys if key in self.rows}
        new = sorted((row, key) for key, row in known.items() if row not in self._checked)
        progress(len(known) - len(new))
        if not new:
            return 0
        dropped = 0
        chunks = [new[at : at + CHUNK] for at in range(0, len(new), CHUNK)]
        with self._opened() as data, ThreadPoolExecutor(max(1, workers)) as pool:
            for chunk, good in zip(
                chunks, pool.map(lambda chunk: self._good(data, chunk), chunks), strict=True
            ):
                progress(sum(good))
                for (row, key), holds in zip(chunk, good, strict=True):
                    if holds:
                        self._checked.add(row)
                    else:
                        dropped += 1
                        self._bad.add(row)
                        del self.rows[key]
        return dropped

    def all_checked(self, keys: Iterable[str]) -> bool:
        """Whether every row of these keys was checked in this process."""
        return all(self.rows[key] in self._checked for key in keys if key in self.rows)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The data file's descriptor, for reading; of an empty file where there is none."""
        path = self.data if self.data.exists() else Path(os.devnull)
        data = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield data
        finally:
            os.close(data)

    def _good(self, data: int, chunk: Sequence[tuple[int, str]]) -> list[bool]:
        return [self._holds(data, row, key, self._crc32[row]) for row, key in chunk]

    def _holds(self, data: int, row: int, key: str | None, crc32: int) -> bool:
        content = os.pread(data, self.row_bytes, row * self.row_bytes)
        return len(content) == self.row_bytes and _checksum(key, content) == crc32

    # Writing -----------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock. It is the operating system's (flock): it ends with its process,
        whatever that process's number, container or host."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / "writing.lock", timeout=PATIENCE)
        try:
            with warnings.catch_warnings():
                # filelock's substitute where flock is missing asks for process numbers.
                warnings.simplefilter("error")
                lock.acquire()
        except Timeout as error:
            raise CacheError(
                f"{self.folder}: another process has held the lock of this feature cache for "
                f"{PATIENCE:.0f} seconds; end it, or use another place with --cache DIR."
            ) from error
        except (NotImplementedError, UserWarning) as error:
            raise CacheError(
                f"{self.folder}: this disk has no file locks, so two processes could damage the "
                "feature cache; choose another disk with --cache DIR."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def repair(self) -> int:
        """Under the lock: make line n of the index describe row n again. Returns the number of
        damaged lines, among which what a killed writer leaves is not counted. A line that stands
        in another's place is put right where the checksum of the row it names holds."""
        torn = self.refresh()
        written = self.data.stat().st_size // self.row_bytes if self.data.exists() else 0
        damaged = self._damaged
        if damaged or torn or any(row in self._crc32 for row in self._bad):
            self._rewrite_index(written)
            self.refresh()
        elif self._lines < written:  # rows that were written, but not their lines
            self._write_lines(IndexLine(row, None, 0, "") for row in range(self._lines, written))
        if not (self.folder / "about.json").exists():
            write_json(self.folder / "about.json", self.about)
        return damaged

    def _rewrite_index(self, written: int) -> None:
        table: dict[int, IndexLine] = {}
        keys: set[str] = set()
        uncertain = []
        for number, line in enumerate(self.index.read_bytes().splitlines()):
            entry = _parse(line)
            if entry is None or entry.key is None or entry.row in self._bad:
                continue
            if entry.row == number and entry.key not in keys:
                table[number] = entry
                keys.add(entry.key)
            elif 0 <= entry.row < written:
                uncertain.append(entry)
        with self._opened() as data:
            proven = {e.key: e for e in uncertain if self._holds(data, e.row, e.key, e.crc32)}
        table = {row: entry for row, entry in table.items() if entry.key not in proven}
        table |= {entry.row: entry for entry in proven.values()}
        count = max([written, *(row + 1 for row in table)])
        entries = (table.get(row, IndexLine(row, None, 0, "")) for row in range(count))
        write_text(self.index, "".join(entry.line() for entry in entries))

    def append(self, names: Sequence[tuple[str, str]], rows: Sequence[memoryview]) -> None:
        """Add the rows whose keys are not there yet. names: (key, path) of each."""
        with self.locked():
            before = self._lines
            self.refresh()
            self.strangers |= self._lines > before
            self.repair()
            new = {
                key: (path, row)
                for (key, path), row in zip(names, rows, strict=True)
                if key not in self.rows
            }
            start = self._lines
            self._bad -= set(range(start, start + len(new)))  # beyond the data's end, if any
            self.data.touch()
            with self.data.open("r+b") as data:
                data.seek(start * self.row_bytes)
                for _, row in new.values():
                    data.write(row)
            self._write_lines(
                IndexLine(start + at, key, _checksum(key, row), path)
                for at, (key, (path, row)) in enumerate(new.items())
            )
            self._checked |= {self.rows[key] for key in new}

    def _write_lines(self, entries: Iterable[IndexLine]) -> None:
        with self.index.open("a", encoding="utf-8") as index:
            index.write("".join(entry.line() for entry in entries))
        self.refresh()
