"""Who may write where: two trainings into one folder, folders that hold something else, options that
would do nothing, and signals."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from saccade.cli import main
from tests.conftest import TINY, squares
from tests.faults.attempts import PATIENCE


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return squares(tmp_path_factory.mktemp("claimed") / "data")


def command(data, out, **train):
    settings = {**TINY, "train": {**TINY["train"], **train}}
    words = ["train", str(data), "--out", str(out), "--cpu"]
    for section, values in settings.items():
        for key, value in values.items():
            words += ["--set", f"{section}.{key}={json.dumps(value)}"]
    return words


def started(words, log):
    """The real program, once it has trained some steps."""
    process = subprocess.Popen(
        [sys.executable, "-m", "saccade", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(10 * PATIENCE):
        if log.exists() and len(log.read_text().splitlines()) > 5:
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate()[1])


def test_a_second_training_into_a_folder_is_refused_and_the_first_goes_on(data, tmp_path, capsys):
    out = tmp_path / "run"
    first = started(command(data, out, epochs=4000), out / "log.jsonl")
    try:
        assert main(command(data, out)) in (1, 2)
        said = capsys.readouterr().err
        assert str(out) in said
        assert main(["train", "--resume", str(out), "--cpu"]) in (1, 2)
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGHUP)  # a closed terminal: saved, as by Ctrl-C
        _, error = first.communicate(timeout=PATIENCE)
    assert first.returncode == 128 + signal.SIGHUP
    assert f"saccade train --resume {out}" in error
    assert "Traceback" not in error + said
    assert (out / "last" / "trainer.json").exists()


@pytest.mark.parametrize("what", ["best/thesis.txt", "notes.txt"])
def test_a_folder_that_holds_something_else_is_refused_and_kept(data, tmp_path, capsys, what):
    own = tmp_path / "mine" / what
    own.parent.mkdir(parents=True)
    own.write_text("years of work")
    assert main(command(data, tmp_path / "mine")) in (1, 2)
    assert "mine" in capsys.readouterr().err
    assert own.read_text() == "years of work"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_noticed_before_any_work(data, tmp_path, capsys):
    place = tmp_path / "place"
    place.mkdir(mode=0o500)
    assert main(command(data, place / "run")) == 1
    said = capsys.readouterr().err
    assert str(place) in said
    assert "Decoding" not in said


@pytest.mark.parametrize(
    "more",
    [
        ["--seed", "3"],
        ["--set", "train.flip=true"],
        ["--preset", "scenes"],
        ["--encoder", "x/y"],
        ["--image-size", "64"],
        ["--epochs", "1"],
        ["--out", "elsewhere"],
    ],
)
def test_resume_refuses_what_it_would_ignore(run, capsys, more):
    before = (run / "run.json").read_bytes()
    assert main(["train", "--resume", str(run), "--cpu", *more]) == 2
    said = capsys.readouterr().err
    assert more[0] in said
    assert "Traceback" not in said
    assert (run / "run.json").read_bytes() == before
