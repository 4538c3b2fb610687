"""The program as people run it: every command on real files, and what it says when they are wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from saccade.cli import main
from tests.conftest import TINY, squares


@pytest.fixture
def photo(data) -> Path:
    return data / "images" / "018.png"


def settings() -> list[str]:
    arguments = []
    for section, values in TINY.items():
        for key, value in values.items():
            arguments += ["--set", f"{section}.{key}={json.dumps(value)}"]
    return arguments


def program(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "saccade", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_from_data_to_report(tmp_path, capsys):
    """check, train, evaluate, caption, report, as the README has them."""
    data = squares(tmp_path / "data")
    lines = (data / "captions.jsonl").read_text()
    lines = lines.replace('"split": "train"', '"split": "test"', 1)
    (data / "captions.jsonl").write_text(lines)
    run = tmp_path / "run"
    assert main(["check", str(data)]) == 0
    assert main(["train", str(data), "--out", str(run), "--cpu", *settings()]) == 0
    said = capsys.readouterr().out
    assert str(run / "best") in said
    with Image.open(run / "loss.png") as curve:
        assert curve.width > 300
    assert (run / "tensorboard").is_dir()

    scores = tmp_path / "scores.json"
    arguments = ["evaluate", str(data), "-m", str(run / "best"), "--json", str(scores), "--cpu"]
    assert main([*arguments, "--attention", str(tmp_path / "twelve"), "--pictures", "3"]) == 0
    said = capsys.readouterr().out
    assert "perplexity" in said
    assert "BLEU-4" in said
    found = json.loads(scores.read_text())
    assert found["pictures"] == 6
    assert len(found["captions"]) == 6
    assert len(list((tmp_path / "twelve").glob("*.png"))) == 3

    photo = data / "images" / "018.png"
    folder = tmp_path / "photos" / "inner"
    folder.mkdir(parents=True)
    for name in ("018.png", "019.png"):  # the first has the name of the photo given beside it
        (folder / name).write_bytes((data / "images" / name).read_bytes())
    looks, told = tmp_path / "looks", tmp_path / "captions.json"
    arguments = ["caption", str(photo), str(folder.parent), "-m", str(run), "--beams", "2"]
    assert main([*arguments, "--attention", str(looks), "--gif", "--json", str(told), "--cpu"]) == 0
    entries = json.loads(told.read_text())
    assert len(entries) == len({e["photo"] for e in entries}) == 3
    for suffix in ("png", "gif"):
        names = {path.name for path in looks.glob(f"*.{suffix}")}
        assert names == {f"018.{suffix}", f"018-2.{suffix}", f"019.{suffix}"}

    assert main(["report", str(run), "--cpu", "--samples", "2"]) == 0
    page = (run / "report.html").read_text()
    assert "data:image" in page
    assert "<dd>32 x 48</dd>" in page  # the input's size
    assert "6 pictures of the split &#39;val&#39;" in page
    assert f"<title>Training run {tmp_path.name}/run - Saccade</title>" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_one_photo_prints_one_sentence(run, photo, capsys):
    assert main(["caption", str(photo), "--model", str(run), "--cpu"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "square" in out


def test_scenes_from_drawing_to_truth(tmp_path, capsys):
    folder, run = tmp_path / "scenes", tmp_path / "run"
    assert main(["scenes", str(folder), "--count", "16", "--val", "4", "--test", "4"]) == 0
    assert main(["check", str(folder)]) == 0
    small = ["--set", "train.epochs=1", "--set", "train.batch=8", "--cpu"]
    assert main(["train", str(folder), "--preset", "scenes", "--out", str(run), *small]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(folder), "-m", str(run), "--split", "test", "--cpu"]) == 0
    said = capsys.readouterr().out
    assert "True captions:" in said
    assert "uniform attention" in said
    assert "always the centre" in said


def test_a_damaged_photo_is_named_and_the_others_are_captioned(run, data, tmp_path, capsys):
    good = data / "images" / "000.png"
    bad, text = tmp_path / "cut.png", tmp_path / "text.jpg"
    bad.write_bytes(good.read_bytes()[:200])
    text.write_text("a shopping list")
    told = tmp_path / "told.json"
    arguments = ["caption", str(good), str(bad), str(text), "-m", str(run), "--json", str(told)]
    assert main([*arguments, "--cpu"]) == 1
    captured = capsys.readouterr()
    assert "square" in captured.out
    assert "cut.png" in captured.err
    assert "text.jpg" in captured.err
    assert "2 of 3 photos" in captured.err
    assert [("error" in e) for e in json.loads(told.read_text())] == [False, True, True]


BAD = {  # arguments -> exit code and what the one sentence must say
    "no arguments to train": (["train"], 2, "saccade train DATA --out RUN"),
    "no out": (["train", "DATA"], 2, "saccade train DATA --out RUN"),
    "resume and data": (["train", "DATA", "--resume", "x"], 2, "leave DATA"),
    "resume nothing": (["train", "--resume", "nothing"], 1, "is not a run"),
    "train on nothing": (["train", "nothing", "--out", "r"], 1, "nothing"),
    "train on an empty folder": (["train", "EMPTY", "--out", "r"], 1, "EMPTY"),
    "unknown preset": (
        ["train", "DATA", "--out", "r", "--preset", "x"],
        2,
        "there is no preset 'x'",
    ),
    "unknown setting": (
        ["train", "DATA", "--out", "r", "--set", "train.x=1"],
        2,
        "unknown setting",
    ),
    "no such encoder": (["train", "DATA", "--out", "r", "--encoder", "./x"], 2, "no such folder"),
    "nothing to caption": (["caption", "-m", "RUN"], 2, "Missing argument"),
    "photo is not there": (["caption", "nothing.jpg", "-m", "RUN"], 1, "nothing.jpg"),
    "folder without photos": (["caption", "EMPTY", "-m", "RUN"], 1, "EMPTY"),
    "no such model": (["caption", "PHOTO", "-m", "nothing"], 1, "no such checkpoint folder"),
    "model is a folder of something else": (["caption", "PHOTO", "-m", "EMPTY"], 1, "config.json"),
    "gif without folder": (["caption", "PHOTO", "-m", "RUN", "--gif"], 2, "--attention"),
    "no beams": (
        ["caption", "PHOTO", "-m", "RUN", "--beams", "0"],
        2,
        "greater than or equal to 1",
    ),
    "unknown colour map": (
        ["caption", "PHOTO", "-m", "RUN", "--attention", "a", "--cmap", "nonsense"],
        2,
        "nonsense",
    ),
    "unknown split": (["evaluate", "DATA", "-m", "RUN", "--split", "x"], 1, "has no split 'x'"),
    "report on nothing": (["report", "nothing"], 1, "is not a run"),
    "scenes over data": (["scenes", "DATA"], 2, "already holds captions"),
    "no scenes": (["scenes", "r", "--count", "0", "--val", "0", "--test", "0"], 2, "not all 0"),
    "check nothing": (["check", "nothing"], 1, "nothing"),
    "unknown command": (["nonsense"], 2, "No such command"),
    "unknown option": (["check", "DATA", "--nonsense"], 2, "No such option"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(
    case, run, data, photo, tmp_path, monkeypatch, capsys
):
    arguments, code, says = BAD[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").mkdir()
    stands = {"DATA": str(data), "RUN": str(run), "PHOTO": str(photo)}
    before = sorted(p.name for p in tmp_path.iterdir())
    assert main([stands.get(a, a) for a in arguments]) == code
    captured = capsys.readouterr()
    assert says in " ".join((captured.err + captured.out).replace("│", " ").split())
    assert "Traceback" not in captured.err + captured.out
    left = {p.name for p in tmp_path.iterdir()} - set(before)
    assert left <= {"a", ".config"}  # nothing half done is left lying about


def test_it_is_a_program_with_help_and_examples(tmp_path, capsys):
    """`saccade --help` and each command's own show an example of it."""
    shown = program("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for command in ("train", "caption", "evaluate", "check", "report", "score", "scenes", "demo"):
        assert command in shown.stdout
        assert main([command, "--help"]) == 0
        assert f"saccade {command} " in capsys.readouterr().out.replace("Usage: saccade", "")
        assert f" saccade {command} " in shown.stdout
    wrong = program("caption", "nothing.jpg", "-m", "nowhere", cwd=tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("saccade: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk: root on Linux only"
)
def test_a_full_disk_is_told_and_what_was_done_stays(data, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip(f"can't mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        wide = ["--set", "decoder.hidden=200", "--set", "train.epochs=50"]
        done = program("train", str(data), "--out", disk / "run", "--cpu", *settings(), *wide)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "No space left on device" in done.stderr
        assert str(disk) in done.stderr
        assert (disk / "run" / "run.json").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
