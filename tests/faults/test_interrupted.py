"""Long work that is interrupted, one photo that fails, memory that stays flat."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from saccade.cli import main
from tests.faults.attempts import PATIENCE, attempt
from tests.faults.tally import LONG

KILLS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
EVERY_KILL = [(name, *kill) for name in ("a.jsonl", "a.json") for kill in KILLS]


def copies(data: Path, folder: Path, count: int) -> Path:
    """Many names of one small photo."""
    folder.mkdir()
    for number in range(count):
        os.link(data / "images" / "000.png", folder / f"{number:05d}.png")
    return folder


def entries(path: Path, cut: bool = False) -> list[dict]:
    """What the file holds. cut: its last entry may be cut off."""
    text = path.read_bytes().decode(errors="replace" if cut else "strict")
    if cut:
        lines = [line.removesuffix(",") for line in text.removeprefix("[\n").splitlines()]
        whole = [line for line in lines if line.startswith("{") and line.endswith("}")]
        assert len(whole) >= len(lines) - 2
        return list(map(json.loads, whole))
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)  # fmt: skip


def start(*arguments: object, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "saccade", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(("name", "number", "code"), EVERY_KILL if LONG else EVERY_KILL[1::5])
def test_captions_so_far_survive(run, data, tmp_path, number, code, name):
    photos = copies(data, tmp_path / "photos", 4000)
    told = tmp_path / name
    program = start("caption", photos, "-m", run, "--json", told, "--cpu")
    lines = [program.stdout.readline() for _ in range(40)]
    program.send_signal(number)
    rest, error = program.communicate(timeout=PATIENCE)
    assert program.returncode == code
    saved = entries(told, cut=number == signal.SIGKILL)
    assert all(lines)
    printed = len(lines) + rest.count("\n")
    assert printed - 1 <= len(saved) < 4000
    assert all(entry["caption"] for entry in saved)
    if number != signal.SIGKILL:
        assert f"saccade: stopped by {number.name}; " in error
        assert f"of 4000 photos are done, {told} is complete so far" in error
        assert sorted(p.name for p in tmp_path.iterdir()) == [name, "photos"]
    assert "Traceback" not in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM] if LONG else [signal.SIGINT])
def test_explanations_so_far_survive(run, data, tmp_path, number):
    photos = copies(data, tmp_path / "photos", 500)
    told, page = tmp_path / "why.json", tmp_path / "why.html"
    program = start("explain", photos, "-m", run, "--json", told, "--html", page, "--cpu")
    while not program.stdout.readline().startswith(str(photos / "00003.png")):
        pass
    program.send_signal(number)
    _, error = program.communicate(timeout=PATIENCE)
    assert program.returncode == 128 + number
    assert "Traceback" not in error
    count = len(entries(told))
    assert 3 <= count < 500
    assert f"of 500 photos are done; {told} and {page} hold them" in error
    assert count - 1 <= page.read_text().count('id="data-') <= count
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "why.html", "why.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_scenes_leave_nothing_in_the_way(tmp_path, number):
    out = tmp_path / "scenes"
    program = start("scenes", out, "--count", "5000")
    while len(list((out / "images").glob("*.png")) if (out / "images").exists() else []) < 5:
        time.sleep(0.02)
    program.send_signal(number)
    program.communicate(timeout=PATIENCE)
    if number != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []
    assert main(["scenes", str(out), "--count", "2", "--val", "1", "--test", "0"]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["captions.jsonl", "images"]
    assert len(list((out / "images").iterdir())) == 3


def test_scenes_and_demo_touch_no_folder_of_others(tmp_path, capsys):
    own = tmp_path / "scenes" / "images" / "000000.png"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    for arguments in (["scenes", str(tmp_path / "scenes")], ["demo", str(tmp_path)]):
        assert main(arguments) == 2
        assert "not" in capsys.readouterr().err
    assert own.read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == 3


def test_one_photo_that_can_not_be_drawn_costs_the_others_nothing(run, data, tmp_path, capsys):
    photos = copies(data, tmp_path / "photos", 3)
    looks, told = tmp_path / "looks", tmp_path / "a.json"
    (looks / "00001.png").mkdir(parents=True)  # in the way of its picture
    arguments = ["caption", str(photos), "-m", str(run), "--attention", str(looks), "--cpu"]
    assert main([*arguments, "--json", str(told)]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 3
    assert f"{photos / '00001.png'} could not be drawn: {looks / '00001.png'}: is a folder" in captured.err  # fmt: skip
    assert "1 of 3 photos could not be captioned and drawn." in captured.err
    assert len(entries(told)) == 3
    assert (looks / "00002.png").is_file()
    assert not list(looks.glob(".*"))


def test_the_longest_names_are_drawn(run, data, tmp_path):
    for name in ("a" * 251 + ".png", "ü" * 125 + ".png", "x" * 255):
        os.link(data / "images" / "000.png", tmp_path / name)
    looks = tmp_path / "looks"
    named = [str(path) for path in tmp_path.iterdir()]
    assert main(["caption", *named, "-m", str(run), "--attention", str(looks), "--gif", "--cpu"]) == 0  # fmt: skip
    assert len(list(looks.iterdir())) == 6


def test_equal_stems_are_all_drawn(run, data, tmp_path):
    lines = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        os.link(data / "images" / "000.png", tmp_path / folder / "same.png")
        line = {"image": f"{folder}/same.png", "captions": ["a red square"], "split": "val"}
        lines.append(json.dumps(line) + "\n")
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    looks = tmp_path / "looks"
    told = tmp_path / "captions.jsonl"
    assert main(["evaluate", str(told), "-m", str(run), "--attention", str(looks), "--cpu"]) == 0
    assert sorted(path.name for path in looks.iterdir()) == ["same-2.png", "same.png"]


@pytest.mark.parametrize("output", ["photo", "link", "config", "attention", "folder"])
def test_inputs_are_never_overwritten(run, data, tmp_path, capsys, output):
    photo = tmp_path / "own.png"
    shutil.copy(data / "images" / "000.png", photo)
    (tmp_path / "link.png").symlink_to("own.png")
    shutil.copytree(run / "best", tmp_path / "model")
    before = photo.read_bytes()
    config = (tmp_path / "model" / "config.json").read_bytes()
    asked = {
        "photo": ["--json", str(photo)],
        "link": ["--json", str(tmp_path / "link.png")],
        "config": ["--json", str(tmp_path / "model" / "config.json")],
        "attention": ["--attention", str(tmp_path)],
        "folder": ["--json", str(tmp_path)],
    }[output]
    assert main(["caption", str(photo), "-m", str(tmp_path / "model"), *asked, "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert "would be overwritten" in error or "is a folder; name a file" in error
    assert error.count("\n") == 1
    assert photo.read_bytes() == before
    assert (tmp_path / "model" / "config.json").read_bytes() == config


@pytest.mark.parametrize("kind", ["pipe", "zero", "socket"])
@pytest.mark.parametrize("command", ["caption", "explain", "evaluate", "config", "vocabulary"])
def test_special_files_never_hang(run, data, tmp_path, capsys, monkeypatch, kind, command):
    """As a picture named, in a folder and in a data set; as captions; in a checkpoint."""
    import socket

    place = tmp_path / "special.png"
    model = tmp_path / "model"
    if command in ("config", "vocabulary"):
        shutil.copytree(run / "best", model)
        place = model / {"config": "config.json", "vocabulary": "vocab.json"}[command]
        place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "zero":
        place.symlink_to("/dev/zero")
    else:
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(place))
    typed = {
        "caption": ["caption", tmp_path, "-m", run],
        "explain": ["explain", place, "-m", run],
        "evaluate": ["evaluate", place, "-m", run],
    }.get(command, ["caption", data / "images" / "000.png", "-m", model])
    outcome, _, error = attempt([*map(str, typed), "--cpu"], capsys)
    assert outcome == "refused"
    assert place.name in error


def test_what_folders_leave_out_is_said(run, data, tmp_path, capsys):
    photos = copies(data, tmp_path / "photos", 2)
    for name in ("b.heic", "bare"):
        (photos / name).write_bytes(b"x")
    assert main(["caption", str(photos), "-m", str(run), "--cpu"]) == 0
    captured = capsys.readouterr()
    assert "2 files left out: b.heic, bare" in captured.err
    assert captured.out.count("\n") == 2


def test_an_unreadable_folder_is_said_and_ends_with_1(run, data, tmp_path, capsys):
    photos = copies(data, tmp_path / "photos", 1)
    here = os.open(photos, os.O_RDONLY)
    for _ in range(20):  # deeper than the system can name: not even root can read it
        os.mkdir("d" * 250, dir_fd=here)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    for command in ("caption", "explain"):
        assert main([command, str(photos), "-m", str(run), "--cpu"]) == 1
        captured = capsys.readouterr()
        assert "can't be read (File name too long); its pictures are missing" in captured.err
        assert "square" in captured.out


def test_a_caption_without_words_is_shown(run, data, tmp_path, capsys, monkeypatch):
    from saccade.api import Captioner
    from saccade.values.captions import Caption

    real = Caption.__init__

    def silent(self, *arguments, **options):
        real(self, *arguments, **{**options, "text": ""})

    monkeypatch.setattr(Caption, "__init__", silent)
    assert Captioner.from_pretrained(run, "cpu").caption(data / "images" / "000.png").text == ""
    assert main(["caption", str(data / "images" / "000.png"), "-m", str(run), "--cpu"]) == 0
    assert capsys.readouterr().out == "(no words)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_over_3000_photos(run, data, tmp_path):
    photos = copies(data, tmp_path / "photos", 3000)
    told = tmp_path / "a.jsonl"
    program = start("caption", photos, "-m", run, "--json", told, "--beams", "1", "--cpu")
    seen = {}
    for count, _ in enumerate(program.stdout, start=1):
        if count in (500, 2900):
            status = Path(f"/proc/{program.pid}/status").read_text()
            seen[count] = int(status.split("VmRSS:")[1].split()[0]) / 1024
    program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    assert len(entries(told)) == 3000
    assert seen[2900] - seen[500] < 40, seen  # MB; 3,000 entries would be several hundred


def test_the_page_keeps_memory_flat(run, data, tmp_path):
    """Pages hold their photos in files until they are written."""
    import tracemalloc

    from saccade.api import Captioner
    from saccade.viz.explorer import Page

    big = Image.open(data / "images" / "000.png").resize((900, 600))
    big.save(tmp_path / "big.png")
    explanation = Captioner.from_pretrained(run, "cpu").explain(tmp_path / "big.png")
    with Page(tmp_path / "why.html") as page:
        page.add(explanation)
        tracemalloc.start()
        try:
            for _ in range(60):
                page.add(explanation)
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        page.finish()
    assert size < 300_000
    text = (tmp_path / "why.html").read_text()
    assert text.count('id="data-') == 61
    assert len(text) > 61 * 20_000
