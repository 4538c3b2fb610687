"""Grid features on disk: the encoder runs once per picture.

A cache is a folder named by what its features depend on (encoder weights, preprocessing, grid) and
by the format of the cache; in it a picture is found by its content, so that a stale entry can't be
used. Features are float16 in one flat file that is mapped into memory (`saccade.data.rows`); any
number of processes, containers and hosts may fill and use one cache at the same time.
"""

import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saccade.data.rows import RowFile
from saccade.errors import CacheError, PictureError

DTYPE = np.dtype("<f2")
FORMAT = 2  # of the folder; caches of format 1 have no checksums and are left alone, unread
ATTEMPTS = 3  # times that damaged rows are encoded again before the disk is given up


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

    folder: where caches live; key: what the features depend on (`Encoder.cache_key()`); grid
    (h, w); features F. Raises CacheError when the folder can't be used."""

    def __init__(self, folder: Path | str, key: str, grid: tuple[int, int], features: int) -> None:
        self.shape = (grid[0] * grid[1], features)
        self.row_bytes = self.shape[0] * self.shape[1] * DTYPE.itemsize
        self.folder = Path(folder) / f"{key}-{grid[0]}x{grid[1]}x{features}-v{FORMAT}"
        about = {
            "format": FORMAT,
            "encoder": key,
            "grid": list(grid),
            "features": features,
            "dtype": "float16",
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = RowFile(self.folder, self.row_bytes, about)
        except OSError as error:
            raise CacheError(
                f"{self.folder}: the feature cache can't be opened ({error.strerror}); "
                "choose another place with --cache DIR."
            ) from error
        self.data, self.index = self._file.data, self._file.index

    @property
    def rows(self) -> dict[str, int]:
        """Content key -> row of `array`; after `fill`, of the views it was called with, checked."""
        return self._file.rows

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
        say: Callable[[str], None] = lambda sentence: None,
    ) -> list[Skipped]:
        """Encode the views that are not there yet, in memory bounded by a few batches, and check
        those that are: a damaged one is encoded again.

        load: a view -> pixels (3, H, W) uint8, raising PictureError; encode: (B, 3, H, W) uint8 ->
        (B, L, F). progress takes how many more are done; say, a sentence about damage. Processes
        that fill the same cache at the same time share the work. Returns the pictures skipped.
        Raises CacheError when the disk is full; everything written so far is kept."""
        wanted = {view.key: view for view in views}
        skipped: dict[str, Skipped] = {}
        progress(len(views) - len(wanted))
        try:
            for attempt in range(ATTEMPTS):
                self._file.refresh()
                # A second look is at what the repair or another process added: counted already.
                damaged = self._file.check(
                    wanted, workers, progress if attempt == 0 else _uncounted
                )
                if lacking := len(self._missing(wanted, skipped)):
                    with self._file.locked():
                        lines = self._file.repair()
                    if damaged or lines:
                        say(_damage(self.folder, damaged, lines))
                    missing = self._missing(wanted, skipped)
                    progress(lacking - len(missing))
                    self._check_space(len(missing))
                    self._encode(missing, load, encode, batch, progress, workers, skipped)
                if self._file.all_checked(wanted):
                    return list(skipped.values())
        except OSError as error:
            raise CacheError(
                f"{self.folder}: writing features stopped ({error.strerror or error}); "
                f"{len(self.rows)} pictures are safe. Free some space, or choose another disk "
                "with --cache DIR, and run the command again: it continues from there."
            ) from error
        raise CacheError(
            f"{self.folder}: this disk does not return what was written to it; choose another disk "
            "with --cache DIR."
        )

    def _missing(self, wanted: dict[str, View], skipped: dict[str, Skipped]) -> list[View]:
        return [v for key, v in wanted.items() if v not in self and key not in skipped]

    def _check_space(self, count: int) -> None:
        needed, free = self.bytes_for(count), shutil.disk_usage(self.folder).free
        if needed > free:
            raise CacheError(
                f"{self.folder}: the features of {count} pictures take {_size(needed)} and "
                f"{_size(free)} are free; choose another disk with --cache DIR, or a coarser grid."
            )

    def _encode(
        self,
        missing: list[View],
        load: Callable[[View], np.ndarray],
        encode: Callable[[np.ndarray], np.ndarray],
        batch: int,
        progress: Callable[[int], None],
        workers: int,
        skipped: dict[str, Skipped],
    ) -> None:
        for loaded in _loaded(self._batches(missing, batch, progress), load, workers):
            good = [(v, pixels) for v, pixels in loaded if isinstance(pixels, np.ndarray)]
            for view, error in loaded:
                if isinstance(error, PictureError):
                    skipped[view.key] = Skipped(view.path, str(error))
            if good:
                self._append(good, encode)
            progress(len(loaded))

    def _batches(
        self, missing: list[View], batch: int, progress: Callable[[int], None]
    ) -> Iterator[list[View]]:
        """Batches of what is still missing. As soon as another process is seen at the same work,
        the rest is taken in a random order: then both seldom encode the same picture."""
        rest = missing[::-1]
        shuffled = False
        while rest:
            if self._file.strangers and not shuffled:
                random.SystemRandom().shuffle(rest)
                shuffled = True
            group = [rest.pop() for _ in range(min(batch, len(rest)))]
            new = [view for view in group if view not in self]
            progress(len(group) - len(new))
            if new:
                yield new

    def _append(
        self,
        good: list[tuple[View, np.ndarray]],
        encode: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        features = encode(np.stack([pixels for _, pixels in good]))
        assert features.shape[1:] == self.shape, (features.shape, self.shape)
        if not np.isfinite(features).all():
            paths = ", ".join(str(view.path) for view, _ in good)
            raise CacheError(f"the encoder gives non-finite features for {paths}.")
        # float16 ends at 65504; no feature of a sound encoder lies beyond.
        rows = np.clip(features, -65504, 65504).astype(DTYPE).reshape(len(good), -1)
        names = [(view.key, str(view.path)) for view, _ in good]
        self._file.append(names, [row.data for row in rows.view(np.uint8)])


Loaded = list[tuple[View, np.ndarray | PictureError]]


def _loaded(
    groups: Iterable[Sequence[View]], load: Callable[[View], np.ndarray], workers: int
) -> Iterator[Loaded]:
    """Pictures decoded by threads one batch ahead of the encoder."""

    def attempt(view: View) -> tuple[View, np.ndarray | PictureError]:
        try:
            return view, load(view)
        except PictureError as error:
            return view, error

    with ThreadPoolExecutor(max(1, workers)) as pool:
        ahead = None
        for group in groups:
            following = [pool.submit(attempt, view) for view in group]
            if ahead is not None:
                yield [future.result() for future in ahead]
            ahead = following
        if ahead is not None:
            yield [future.result() for future in ahead]


def _uncounted(done: int) -> None:
    pass


def _damage(folder: Path, rows: int, lines: int) -> str:
    kinds = ((rows, "rows"), (lines, "index lines"))
    counts = " and ".join(f"{count} damaged {name}" for count, name in kinds if count)
    return f"{folder}: the feature cache has {counts}; the pictures concerned are encoded again."


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

    known, skipped = {}, []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for path, value, reason in pool.map(attempt, dict.fromkeys(paths), chunksize=16):
            if reason:
                skipped.append(Skipped(path, reason))
            else:
                known[path] = value
            progress(1)
    return known, skipped


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
