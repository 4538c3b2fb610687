"""Figures of a run arrive where `train.tracking` sends them, and nothing goes to the network."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from saccade.training.run import read_log
from tests.conftest import TINY
from tests.training.test_processes import arguments

# Connections are refused before they are made.
OFFLINE = """
import sys

def refuse(event, details):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"network: {event} {details}")

sys.addaudithook(refuse)
from saccade.cli import main
sys.exit(main(sys.argv[1:]))
"""


def offline(*command: str, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OFFLINE, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(not find_spec("trackio"), reason="trackio is not installed")
def test_trackio_has_every_figure_of_both_parts_of_a_run(data, tmp_path):
    place = {"TRACKIO_DIR": str(tmp_path / "trackio"), "HOME": str(tmp_path)}
    run = tmp_path / "run"
    settings = {**TINY, "train": {**TINY["train"], "epochs": 3, "tracking": ["trackio"]}}
    offline(*arguments(data, run, settings), environment=place)
    offline("train", "--resume", str(run), "--cpu", "--epochs", "5", environment=place)
    name = f"run-{json.loads((run / 'run.json').read_text())['id'][:8]}"
    for event in ("train", "validation"):
        told = subprocess.run(
            [sys.executable, "-m", "trackio.cli", "get", "metric", "--project", "saccade",
             "--run", name, "--metric", f"{event}/loss", "--json"],
            capture_output=True, text=True, check=True, env={**os.environ, **place},
        )  # fmt: skip
        arrived = [(v["step"], round(v["value"], 6)) for v in json.loads(told.stdout)["values"]]
        logged = [r for r in read_log(run / "log.jsonl") if r["event"] == event]
        assert arrived == [(r["step"], r["loss"]) for r in logged]
        assert len(arrived) >= (20 if event == "train" else 5)
