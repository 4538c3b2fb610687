"""Grid features on disk: the encoder runs once per picture.

A cache is a folder named by what its features depend on (encoder weights, preprocessing, grid),
and in it a picture is found by its content, so a stale entry can't be used. Features are float16
in one flat file that is mapped into memory; an index line follows each batch of rows, so that a
killed run goes on where it stopped.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from saccade.errors import CacheError, PictureError
from saccade.files import write_json

DTYPE = np.dtype("<f2")


@dataclass(frozen=True)
class View:
    """A picture as it is encoded: its file, the hash of its content, and whether mirrored."""

    path: Path
    digest: str
    mirrored: bool = False

    @property
    def key(self) -> str:
        return f"{self.digest}:mirrored" if self.mirrored else self.digest


@dataclass(frozen=True)
class Skipped:
    """A picture that could not be decoded, and why."""

    path: Path
    reason: str


class FeatureCache:
    """Grid features (L, F) of pictures, by content.

    folder: where caches live; key: what the features depend on (`Encoder.digest()`); grid (h, w);
    features F. Raises CacheError when the folder can't be used."""

    def __init__(self, folder: Path | str, key: str, grid: tuple[int, int], features: int) -> None:
        self.shape = (grid[0] * grid[1], features)
        self.row_bytes = self.shape[0] * self.shape[1] * DTYPE.itemsize
        self.folder = Path(folder) / f"{key}-{grid[0]}x{grid[1]}x{features}"
        self.data = self.folder / "features.f16"
        self.index = self.folder / "index.jsonl"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(
                f"{self.folder}: the feature cache can't be made ({error.strerror}); "
                "choose another place with --cache DIR."
            ) from error
        if not (self.folder / "about.json").exists():
            about = {"encoder": key, "grid": list(grid), "features": features, "dtype": "float16"}
            write_json(self.folder / "about.json", about)
        self.rows = self._read_index()

    def _read_index(self) -> dict[str, int]:
        """Content key -> row, of the rows that are fully there; a torn last line is dropped."""
        rows: dict[str, int] = {}
        if not self.index.exists() or not self.data.exists():
            return rows
        complete = self.data.stat().st_size // self.row_bytes
        for line in self.index.read_text("utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                key, row = entry["key"], entry["row"]
            except (ValueError, KeyError, TypeError):
                break
            if row >= complete:
                break
            rows[key] = row
        return rows

    def __contains__(self, view: View) -> bool:
        return view.key in self.rows

    def bytes_for(self, count: int) -> int:
        """Disk space that `count` pictures take."""
        return count * self.row_bytes

    def array(self) -> np.ndarray:
        """All features, (rows, L, F) float16, mapped and read only; no memory is taken."""
        if not self.rows:
            return np.zeros((0, *self.shape), DTYPE)
        count = self.data.stat().st_size // self.row_bytes
        return np.memmap(self.data, DTYPE, "r", shape=(count, *self.shape))

    def fill(
        self,
        views: Sequence[View],
        load: Callable[[View], np.ndarray],
        encode: Callable[[np.ndarray], np.ndarray],
        batch: int = 32,
        progress: Callable[[int], None] = lambda done: None,
        workers: int = 2,
    ) -> list[Skipped]:
        """Encode the views that are not there yet, in memory bounded by a few batches.

        load: a view -> pixels (3, H, W) uint8, raising PictureError; encode: (B, 3, H, W) uint8 ->
        (B, L, F). progress is told how many more are done. Returns the pictures skipped. Raises
        CacheError when the disk is full; everything written so far is kept and used next time."""
        missing = list({view.key: view for view in views if view not in self}.values())
        progress(len(views) - len(missing))
        if not missing:
            return []
        needed, free = self.bytes_for(len(missing)), shutil.disk_usage(self.folder).free
        if needed > free:
            raise CacheError(
                f"{self.folder}: the features of {len(missing)} pictures take {_size(needed)} and "
                f"{_size(free)} are free; choose another disk with --cache DIR, or a coarser grid."
            )
        skipped: list[Skipped] = []
        try:
            with (
                self._lock(),
                self.data.open("ab") as data,
                self.index.open("a", encoding="utf-8") as index,
            ):
                if self.data.stat().st_size != len(self.rows) * self.row_bytes:  # half a row
                    data.truncate(len(self.rows) * self.row_bytes)
                self._rewrite_index_if_torn(index)
                for loaded in _in_batches(missing, load, batch, workers):
                    good = [(v, pixels) for v, pixels in loaded if isinstance(pixels, np.ndarray)]
                    skipped += [
                        Skipped(v.path, str(error))
                        for v, error in loaded
                        if isinstance(error, PictureError)
                    ]
                    if good:
                        self._append(data, index, good, encode)
                    progress(len(loaded))
        except OSError as error:
            raise CacheError(
                f"{self.folder}: writing features stopped ({error.strerror or error}); "
                f"{len(self.rows)} pictures are safe. Free some space, or choose another disk "
                "with --cache DIR, and run the command again: it goes on from there."
            ) from error
        return skipped

    def _append(
        self,
        data: IO[bytes],
        index: IO[str],
        good: list[tuple[View, np.ndarray]],
        encode: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        features = encode(np.stack([pixels for _, pixels in good]))
        if not np.isfinite(features).all():
            names = ", ".join(str(view.path) for view, _ in good)
            raise CacheError(f"the encoder gave features that are no finite numbers for {names}.")
        # float16 ends at 65504; nothing a sane encoder says lies beyond.
        data.write(np.clip(features, -65504, 65504).astype(DTYPE).tobytes())
        data.flush()
        lines = ""
        for view, _ in good:
            row = len(self.rows)
            self.rows[view.key] = row
            lines += json.dumps({"key": view.key, "row": row, "path": str(view.path)}) + "\n"
        index.write(lines)
        index.flush()

    def _rewrite_index_if_torn(self, index: IO[str]) -> None:
        """After a kill the index may end in lines without rows: write the good ones again."""
        lines = self.index.read_text("utf-8", errors="replace").splitlines(keepends=True)
        if len(lines) != len(self.rows) or (lines and not lines[-1].endswith("\n")):
            index.truncate(0)
            for line in lines[: len(self.rows)]:
                index.write(line.rstrip("\n") + "\n")
            index.flush()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One writer at a time; the lock of a dead process is taken over."""
        import psutil

        lock = self.folder / "writing.lock"
        try:
            owner = int(lock.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            owner = 0
        if owner and owner != os.getpid() and psutil.pid_exists(owner):
            raise CacheError(
                f"{self.folder}: process {owner} is writing this feature cache; wait for it, or "
                "give this run its own place with --cache DIR."
            )
        lock.write_text(str(os.getpid()), "utf-8")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


Loaded = list[tuple[View, np.ndarray | PictureError]]


def _in_batches(
    views: Sequence[View], load: Callable[[View], np.ndarray], batch: int, workers: int
) -> Iterator[Loaded]:
    """Pictures decoded by threads one batch ahead of the encoder."""

    def attempt(view: View) -> tuple[View, np.ndarray | PictureError]:
        try:
            return view, load(view)
        except PictureError as error:
            return view, error

    with ThreadPoolExecutor(max(1, workers)) as pool:
        ahead = None
        for start in range(0, len(views), batch):
            following = [pool.submit(attempt, view) for view in views[start : start + batch]]
            if ahead is not None:
                yield [future.result() for future in ahead]
            ahead = following
        if ahead is not None:
            yield [future.result() for future in ahead]


def digests(
    paths: Iterable[Path],
    digest: Callable[[Path], str],
    progress: Callable[[int], None] = lambda done: None,
    workers: int = 4,
) -> tuple[dict[Path, str], list[Skipped]]:
    """Content hashes of pictures, by threads, and those that can't be read."""

    def attempt(path: Path) -> tuple[Path, str, str]:
        try:
            return path, digest(path), ""
        except PictureError as error:
            return path, "", str(error)

    found, skipped = {}, []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for path, value, reason in pool.map(attempt, dict.fromkeys(paths), chunksize=16):
            if reason:
                skipped.append(Skipped(path, reason))
            else:
                found[path] = value
            progress(1)
    return found, skipped


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
