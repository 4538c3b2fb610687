"""Several processes fill one feature cache at once, also from containers: each picture keeps its
own features, and the work is shared."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from saccade.data.rows import RowFile
from saccade.errors import CacheError
from tests.data.cache_pictures import assert_right, encode, load, open_cache, view
from tests.faults.attempts import PATIENCE

COUNT = 80
VIEWS = [view(f"picture-{i}") for i in range(COUNT)]

WRITER = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.data.cache_pictures import *
folder, start, seconds = Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
views = [view(f"picture-{i}") for i in range(80)]
cache, encoded = open_cache(folder), []
def slow(pixels):
    encoded.append(len(pixels))
    time.sleep(seconds)
    return encode(pixels)
print("ready", flush=True)
while not start.exists():
    time.sleep(0.005)
cache.fill(views, load, slow, 2)
array = cache.array()
wrong = sum((array[cache.rows[v.key]] != expected(v)).any() for v in views)
print(json.dumps({"pid": os.getpid(), "encoded": sum(encoded), "wrong": int(wrong)}))
"""


def unshared() -> list[str]:
    """The start of a command that runs in its own process namespace, as a container does."""
    command = ["unshare", "--pid", "--fork", "--user", "--map-root-user"]
    if shutil.which("unshare") is None:
        pytest.skip("unshare, which makes process namespaces, is not installed")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"process namespaces are not allowed here: {tried.stderr.strip()}")
    return command


def fill_at_once(folder: Path, before: list[str], writers: int = 2) -> list[dict]:
    start = folder / "start"
    arguments = [str(Path(__file__).parents[2]), str(folder / "cache"), str(start), "0.02"]
    running = [
        subprocess.Popen(
            [*before, sys.executable, "-c", WRITER, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(writers)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    start.touch()
    outcomes = []
    for process in running:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        outcomes.append(json.loads(out))
    return outcomes


@pytest.mark.parametrize("where", ["one host", "two containers"])
def test_two_writers_share_a_cache(tmp_path, where):
    outcomes = fill_at_once(tmp_path, [] if where == "one host" else unshared())
    if where == "two containers":  # where process numbers mean nothing: both have the same
        assert len({outcome["pid"] for outcome in outcomes}) == 1
    assert [outcome["wrong"] for outcome in outcomes] == [0, 0]
    encoded = [outcome["encoded"] for outcome in outcomes]
    assert COUNT <= sum(encoded) < 1.5 * COUNT
    assert min(encoded) > COUNT / 8
    assert_right(tmp_path / "cache", VIEWS)
    index = open_cache(tmp_path / "cache").index.read_text()
    entries = [json.loads(line)["key"] for line in index.splitlines()]
    assert len(entries) == len(set(entries)) == COUNT  # each written once


def test_a_writer_killed_among_others_leaves_them_working(tmp_path):
    """One of two writers dies by SIGKILL again and again; the other ends with everything right."""
    arguments = [str(Path(__file__).parents[2]), str(tmp_path), str(tmp_path), "0.01"]
    stop = threading.Event()

    def dying() -> None:
        while not stop.is_set():
            process = subprocess.Popen(
                [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05)
            process.kill()
            process.communicate()

    killer = threading.Thread(target=dying)
    killer.start()
    try:
        for round_ in range(3):
            views = [view(f"round-{round_}-{i}") for i in range(30)]
            open_cache(tmp_path).fill(views, load, lambda p: (time.sleep(0.02), encode(p))[1], 1)
    finally:
        stop.set()
        killer.join()
    cache = open_cache(tmp_path)
    cache.fill(VIEWS, load, encode)
    rounds = [view(f"round-{r}-{i}") for r in range(3) for i in range(30)]
    assert_right(tmp_path, VIEWS + rounds)


def test_a_lock_that_is_never_released_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("saccade.data.rows.PATIENCE", 0.2)
    cache = open_cache(tmp_path)
    other = RowFile(cache.folder, cache.row_bytes, {})
    with (
        other.locked(),
        pytest.raises(CacheError, match=r"another process has held the lock.*--cache DIR"),
    ):
        cache.fill(VIEWS[:1], load, encode)
    cache.fill(VIEWS[:1], load, encode)
    assert_right(tmp_path, VIEWS[:1])


def test_a_disk_without_locks_is_refused(tmp_path, monkeypatch):
    """flock answers ENOSYS, as on a cluster's disk that is mounted without locks."""
    import errno
    import fcntl

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(CacheError, match=r"no file locks.*--cache DIR"):
        open_cache(tmp_path).fill(VIEWS[:1], load, encode)
