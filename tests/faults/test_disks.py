"""Read-only and full disks, mounted for real, and every command that writes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saccade.cli import main

ALONE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="module")
def outcomes(run, data, backbone, tmp_path_factory) -> dict[str, list]:
    """What `on_disks.py` found: {what: [exit code, standard error, files left]}."""
    folder = tmp_path_factory.mktemp("disks")
    if shutil.which("unshare") is None:
        pytest.skip("unshare, which makes mount namespaces, is not installed")
    command = [*ALONE, "mount", "-t", "tmpfs", "none", str(folder)]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"mount namespaces are not allowed here: {tried.stderr.strip()}")
    driver = Path(__file__).with_name("on_disks.py")
    command = [*ALONE, sys.executable, str(driver), *map(str, (folder, run, data, backbone))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_a_read_only_disk_is_named_before_any_work(outcomes):
    places = {name: found for name, found in outcomes.items() if not name.startswith("full")}
    code, error, _ = places.pop("reading")
    assert (code, error) == (0, "")
    assert len(places) == 20
    for name, (code, error, _) in places.items():
        assert code == 1, (name, code, error)
        assert error.count("\n") == 1, (name, error)
        assert "read-only/" in error or "read-only:" in error, (name, error)
        assert "Read-only file system" in error or "is read-only; allow writing" in error
        assert "choose a" in error or "allow writing" in error, (name, error)


def test_a_full_disk_keeps_what_is_complete(outcomes):
    full = {name: found for name, found in outcomes.items() if name.startswith("full")}
    again = full.pop("full train again")
    for name, (code, error, *_) in full.items():
        assert code == 1, (name, code, error)
        assert "could not be written (No space left on device)" in error, (name, error)
        assert "free some space or choose another place" in error, (name, error)
        assert "Traceback" not in error
    assert full["full caption"][2] == ["a.json"]
    assert 0 < full["full caption"][3] < 30  # captions that can be read
    assert full["full attention"][2] == ["maps"]
    assert full["full page"][2] == full["full scenes"][2] == []
    assert again[0] == 0, again[1]  # space was freed


@pytest.mark.parametrize("option", ["--json", "--attention", "--html"])
@pytest.mark.parametrize("command", ["caption", "explain", "evaluate", "survey"])
def test_a_place_below_a_file_is_named_before_any_work(data, tmp_path, capsys, command, option):
    """The model does not exist either: outputs are looked at first."""
    fits = {"--attention": ("caption", "evaluate"), "--html": ("explain", "survey")}
    if command not in fits.get(option, (command,)):
        pytest.skip(f"{command} has no {option}")
    (tmp_path / "file").write_text("mine")
    source = data if command in ("evaluate", "survey") else data / "images" / "000.png"
    place = tmp_path / "file" / "inside"
    model = tmp_path / "no-model"
    assert main([command, str(source), "-m", str(model), option, str(place)]) == 1
    error = capsys.readouterr().err
    assert f"{place}: could not be written (Not a directory)" in error
    assert error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", ["caption", "evaluate"])
def test_a_file_in_the_place_of_the_attention_folder(data, tmp_path, capsys, command):
    place = tmp_path / "file.png"
    place.write_text("mine")
    source = data if command == "evaluate" else data / "images" / "000.png"
    assert main([command, str(source), "-m", str(tmp_path), "--attention", str(place)]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err
    assert place.read_text() == "mine"


def test_no_picture_of_another_split_is_overwritten(run, data, tmp_path, capsys):
    """Pictures are drawn for val; their names are those of photos of train."""
    lines = []
    for split, name in (("train", "a.png"), ("val", "a.bmp")):
        shutil.copy(data / "images" / "000.png", tmp_path / name)
        lines.append(json.dumps({"image": name, "captions": ["a square"], "split": split}) + "\n")
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    before = (tmp_path / "a.png").read_bytes()
    arguments = ["evaluate", str(tmp_path), "-m", str(run), "--attention", str(tmp_path), "--cpu"]
    assert main(arguments) == 2
    assert "a.png is one of the photos and would be overwritten" in capsys.readouterr().err
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_report_never_takes_the_place_of_its_data(run, capsys):
    captions = Path(json.loads((run / "run.json").read_text())["data"]) / "captions.jsonl"
    for output in (captions, captions.parent / "images" / "000.png", run / "log.jsonl"):
        before = output.read_bytes()
        assert main(["report", str(run), "--cpu", "--out", str(output)]) == 2
        assert "would be overwritten" in capsys.readouterr().err
        assert output.read_bytes() == before
