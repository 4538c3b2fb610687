"""A run killed at any rename, removal or opening of its files, or in the middle of a line of its log,
goes on and ends bit for bit like one that was not killed. A sample in the test run; `make faults`
kills at every operation and at every line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from saccade.config import merge
from saccade.training.run import read_log
from tests.conftest import TINY, squares
from tests.faults.tally import LONG, count, many

KINDS = {
    "plain": {"train": {"save_every": 2}},
    "averaged": {"train": {"average": 0.9, "schedule": "cosine"}},
}


def contents(run: Path) -> dict[str, object]:
    """What must be equal: all weights and states, and the log without the clock."""
    files: dict[str, object] = {
        f"{which}/{name}": (run / which / name).read_bytes()
        for which in ("best", "last")
        for name in ("model.safetensors", "vocab.json", "config.json")
    }
    files["trainer"] = (run / "last" / "trainer.safetensors").read_bytes()
    trainer = json.loads((run / "last" / "trainer.json").read_text())
    files["progress"] = {k: v for k, v in trainer.items() if k not in ("run", "checksum")}
    records = read_log(run / "log.jsonl")
    files["log"] = [{k: v for k, v in r.items() if k != "seconds"} for r in records]
    files["names"] = sorted(p.name for p in run.rglob("*") if "tfevents" not in p.name)
    return files


@pytest.mark.parametrize("kind", KINDS if LONG else ["averaged"])
def test_a_run_killed_anywhere_ends_bit_for_bit_the_same(kind, tmp_path):
    data = squares(tmp_path / "data", 8, 2)
    settings = merge(merge(TINY, {"train": {"monitor": 2}}), KINDS[kind])
    command = [sys.executable, str(Path(__file__).with_name("dying.py")), str(data)]
    command += [str(tmp_path), json.dumps(settings), str(many(6, 0))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["operations"] > 40
    expected, wrong = contents(tmp_path / "whole"), []
    for point, (died, again) in found["outcomes"].items():
        count("kills")
        run = tmp_path / point
        if died != -9 or again != 0:
            wrong.append(f"{point}: {died}, then {again}")
            continue
        ours = contents(run)
        different = [name for name in expected if ours[name] != expected[name]]
        if different:
            wrong.append(f"{point}: other {different}")
        else:
            count("resumes bit-exact")
    assert wrong == [], ended.stderr[-3000:]
