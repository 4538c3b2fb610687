"""Outputs: never over an input, never in the place of a device, a pipe or a link, never half."""

import errno
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from saccade.errors import SaccadeError, UsageError
from saccade.files import (
    JsonStream,
    atomic_file,
    check_writable,
    refuse_inputs,
    write_json,
    write_text,
)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "old.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_json(link, [1])
    assert link.is_symlink()
    assert json.loads(target.read_text()) == [1]
    assert target.stat().st_mode & 0o777 == 0o640
    empty = tmp_path / "empty.json"
    empty.symlink_to("far/new.json")  # leads to nothing yet
    with JsonStream(empty) as stream:
        stream.add(2)
    assert empty.is_symlink()
    assert json.loads((tmp_path / "far" / "new.json").read_text()) == [2]
    assert left(tmp_path / "far") == ["new.json", "old.json"]


def test_devices_and_pipes_are_written_into(tmp_path):
    write_json("/dev/null", [1])
    with JsonStream("/dev/null") as stream:
        stream.add(1)
    assert not Path("/dev/null").is_file()
    link = tmp_path / "null.json"
    link.symlink_to("/dev/null")
    write_text(link, "x")
    assert link.is_symlink()
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    for write in (lambda: write_text(pipe, "[\n1\n]\n"), lambda: streamed(pipe)):
        got = []
        reader = threading.Thread(target=lambda got=got: got.append(pipe.read_text()))
        reader.start()
        write()
        reader.join(5)
        assert json.loads(got[0]) == [1]
    assert left(tmp_path) == ["null.json", "pipe.json"]


def streamed(path):
    with JsonStream(path) as stream:
        stream.add(1)


def test_a_pipe_that_nobody_reads_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SaccadeError, match=r"pipe: could not be written .*start the program that"):
        write_text(tmp_path / "pipe", "x")


@pytest.mark.parametrize("redirect", ["file", "pipe"])
def test_standard_output_is_written_into(tmp_path, redirect):
    code = (
        "from saccade.files import JsonStream, write_json\n"
        "print('before', flush=True)\n"
        "write_json('/dev/stdout', [1])\n"
        "with JsonStream('/dev/stdout') as s: s.add(2)\n"
        "print('after')\n"
    )
    command = [sys.executable, "-c", code]
    if redirect == "pipe":
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    else:
        with (tmp_path / "out").open("w") as file:
            subprocess.run(command, stdout=file, check=True)
        shown = (tmp_path / "out").read_text()
    assert "".join(shown.split()) == "before[1][2]after"


@pytest.mark.parametrize("name", ["folder", "x" * 300, "file/inner.json", "a\0b"])
def test_what_can_not_be_a_file_is_said_at_once(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for act in (lambda p: write_text(p, "x"), check_writable, JsonStream):
        with pytest.raises(SaccadeError, match=r"; (name|choose)"):
            act(tmp_path / name)
    assert left(tmp_path) == ["file", "folder"]


def test_the_longest_name_can_be_written(tmp_path):
    write_text(tmp_path / ("ü" * 125 + ".json"), "x")
    write_text(tmp_path / ("a" * 251 + ".png"), "x")
    assert len(left(tmp_path)) == 2


def test_cleaning_up_does_not_mask_the_error(tmp_path, monkeypatch):
    """On a disk that turned read-only neither writing nor removing works."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system", ".hidden.tmp")

    def write():
        with atomic_file(path):
            monkeypatch.setattr("pathlib.Path.unlink", refuse)
            refuse()

    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(SaccadeError) as refused:
        write()
    message = str(refused.value)
    assert message.startswith(f"{path}: could not be written (Read-only file system)")
    assert "untouched" in message
    assert "choose a folder that can be written to" in message
    assert ".tmp" not in message


def test_inputs_are_never_outputs(tmp_path):
    photo, link, hard = (tmp_path / name for name in ("own.jpg", "link.jpg", "hard.jpg"))
    photo.write_text("photo")
    link.symlink_to(photo)
    os.link(photo, hard)
    for output in (photo, link, hard, tmp_path / ".." / tmp_path.name / "own.jpg"):
        with pytest.raises(UsageError, match=r"--json .* would be overwritten"):
            refuse_inputs({"--json": output}, [tmp_path / "other.jpg", photo])
    with pytest.raises(UsageError, match="--json and --html name the same file"):
        refuse_inputs({"--json": tmp_path / "a", "--html": tmp_path / "." / "a"}, [])
    refuse_inputs({"--json": tmp_path / "new", "--html": None}, [photo])


def test_json_that_every_reader_takes(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    path = tmp_path / "a.json"
    write_json(path, {name: [math.nan, math.inf, -math.inf, 1.5, (name, "é")]})
    assert json.loads(path.read_bytes().decode("utf-8")) == {
        "caf\\xe9.jpg": [None, None, None, 1.5, ["caf\\xe9.jpg", "é"]]
    }


@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt"])
def test_a_stream_is_complete_after_every_entry(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    path.write_text("old")

    def read():
        text = path.read_text()
        return [json.loads(line) for line in text.splitlines()] if suffix == "jsonl" else json.loads(text)  # fmt: skip

    with JsonStream(path) as stream:
        assert path.read_text() == "old"
        for count in range(1, 4):
            stream.add({"n": count, "long": "x" * (1000 // count)})
            assert [entry["n"] for entry in read()] == list(range(1, count + 1))
    assert len(read()) == stream.count == 3
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, {"n": 9})
    assert [entry["n"] for entry in read()] == [9]
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert [entry["n"] for entry in read()] == [9]  # nothing new: the old file stays
    with JsonStream(path) as stream:
        pass
    assert read() == []
    assert left(tmp_path) == [path.name]


def interrupted(path, *entries):
    with JsonStream(path) as stream:
        for entry in entries:
            stream.add(entry)
        raise KeyboardInterrupt


FULL = """
import json, resource, signal, sys
from saccade.errors import SaccadeError
from saccade.files import JsonStream
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with JsonStream(sys.argv[1]) as stream:
        for n in range(1000):
            stream.add({"n": n, "text": "x" * 700})
except SaccadeError as error:
    print(stream.count, error)
"""


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_a_full_disk_leaves_what_was_complete(tmp_path, name):
    path = tmp_path / name
    ended = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    count, message = ended.stdout.split(" ", 1)
    assert message.startswith(f"{path}: could not be written (File too large); choose")
    text = path.read_text()
    entries = json.loads(text if name.endswith("json") else f"[{','.join(text.splitlines())}]")
    assert [entry["n"] for entry in entries] == list(range(int(count)))
    assert int(count) > 9
