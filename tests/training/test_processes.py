"""Two processes train one model, as one process with twice the batch would."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from saccade import Captioner, evaluate
from saccade.config import merge
from saccade.training.processes import own_share
from saccade.training.run import read_log
from saccade.training.train import train
from tests.conftest import TINY, squares
from tests.training.ranks import Ranks, same, weights

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# What makes a step the same whoever computes which part of it.
STILL = merge(
    TINY,
    {
        "encoder": {"frozen_statistics": True},
        "decoder": {"dropout": 0.0},
        "train": {"average": 0.0},
    },
)

WORDS = {"epochs": 7, "max_steps": 20, "detection": 0.5, "label_smoothing": 0.1}


def arguments(data: Path, out: Path, settings: dict) -> list[str]:
    command = ["train", str(data), "--out", str(out), "--cpu"]
    for section, values in settings.items():
        for key, value in values.items():
            command += ["--set", f"{section}.{key}={json.dumps(value)}"]
    return command


def close(one: Path, other: Path, most: float = 1e-5) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=most, msg=name)


def losses(run: Path, event: str = "train") -> list[float]:
    return [r["loss"] for r in read_log(run / "log.jsonl") if r["event"] == event]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """17 to train on: the last step of an epoch has one for two processes; 34 to validate with: two
    batches, one for each."""
    return squares(tmp_path_factory.mktemp("pictures"), 51, 34)


@pytest.fixture(scope="module")
def alone(pictures, tmp_path_factory) -> Path:
    """One process, batches of 8, 20 steps."""
    settings = merge(STILL, {"train": {**WORDS, "batch": 8}})
    out = tmp_path_factory.mktemp("alone") / "run"
    train(pictures, out, settings=settings, cpu=True, show=False)
    return out


@pytest.mark.parametrize("form", [{"batch": 4, "accumulate": 2}, {"batch": 3, "accumulate": 3}])
def test_accumulated_batches_are_one_big_batch(form, pictures, alone, tmp_path):
    settings = merge(STILL, {"train": {**WORDS, **form}})
    if form["batch"] == 3:  # 9 at once, as a whole and in three parts
        whole = merge(STILL, {"train": {**WORDS, "batch": 9}})
        train(pictures, tmp_path / "whole", settings=whole, cpu=True, show=False)
        alone = tmp_path / "whole"
    train(pictures, tmp_path / "run", settings=settings, cpu=True, show=False)
    close(alone, tmp_path / "run")
    assert losses(tmp_path / "run") == pytest.approx(losses(alone), abs=1e-4)


def test_two_processes_equal_one_with_the_doubled_batch(pictures, alone, tmp_path):
    """Words are counted over both, validation sees each picture once, and a run that a killed
    process ended goes on to the same weights, bit for bit."""
    settings = merge(STILL, {"train": {**WORDS, "batch": 2, "accumulate": 2, "save_every": 2}})
    command = arguments(pictures, tmp_path / "run", settings)
    ranks = Ranks(tmp_path, command)
    assert ranks.end() == [0, 0], ranks.text()
    close(alone, tmp_path / "run")
    for event in ("train", "validation"):
        assert losses(tmp_path / "run", event) == pytest.approx(losses(alone, event), abs=1e-4)
    captioner = Captioner.from_pretrained(tmp_path / "run" / "last", device="cpu")
    whole = evaluate(captioner, pictures, show=False)
    assert whole.pictures == 34
    assert losses(tmp_path / "run", "validation")[-1] == pytest.approx(whole.loss, abs=1e-5)

    command[command.index("--out") + 1] = str(tmp_path / "broken")
    began = time.monotonic()
    ranks = Ranks(tmp_path / "killed", command, dies=5)
    assert ranks.end() == [1, -signal.SIGKILL], ranks.text()
    assert time.monotonic() - began < 60
    assert "because another one ended" in ranks.text()
    assert f"saccade train --resume {tmp_path / 'broken'}" in ranks.text()
    assert "Traceback" not in ranks.text()
    ranks = Ranks(tmp_path / "resumed", ["train", "--resume", str(tmp_path / "broken"), "--cpu"])
    assert ranks.end() == [0, 0], ranks.text()
    assert same(weights(tmp_path / "run"), weights(tmp_path / "broken"))


def test_ctrl_c_stops_both_with_everything_saved(pictures, tmp_path):
    """At first one of them has the signal; then both, as torchrun passes it on."""
    out = tmp_path / "run"
    settings = merge(TINY, {"train": {"epochs": 4000}})
    ranks = Ranks(tmp_path, arguments(pictures, out, settings))
    log = out / "log.jsonl"
    while not (log.exists() and len(log.read_text().splitlines()) > 5):
        assert all(os.waitpid(pid, os.WNOHANG) == (0, 0) for pid in ranks.pids), ranks.text()
        time.sleep(0.05)
    ranks.signal(1, signal.SIGINT)
    for rank in (0, 1):
        ranks.signal(rank, signal.SIGINT)
    assert ranks.end() == [130, 130], ranks.text()
    step = json.loads((out / "last" / "trainer.json").read_text())["step"]
    assert f"stopped at step {step} of" in ranks.text()
    assert f"saccade train --resume {out}" in ranks.text()
    assert "Traceback" not in ranks.text()


def test_launchers_start_them(pictures, tmp_path):
    """torchrun trains, and `accelerate launch` goes on with it."""
    out, environment = tmp_path / "run", {**os.environ, "OMP_NUM_THREADS": "1"}
    port = str(20000 + os.getpid() % 20000)
    settings = merge(TINY, {"train": {"epochs": 1, "select": "CIDEr"}})
    python = [sys.executable, "-m"]
    torchrun = ["torch.distributed.run", "--nproc_per_node", "2", "--master_port", port]
    accelerate = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    accelerate += ["--main_process_port", port, "--mixed_precision", "no"]
    longer = ["train", "--resume", str(out), "--cpu", "--epochs", "2"]
    launched = [
        [*python, *torchrun, "-m", "saccade", *arguments(pictures, out, settings)],
        [*python, *accelerate, "-m", "saccade", *longer],
    ]
    for number, command in enumerate(launched, 1):
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=300
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        steps = [r["step"] for r in read_log(out / "log.jsonl") if r["event"] == "train"]
        assert steps == list(range(1, 3 * number + 1))  # 17 pictures by 2 x 4
    assert (out / "best" / "model.safetensors").exists()


def test_shares_hold_every_picture_once():
    for count in (1, 2, 3, 7, 8, 64):
        for processes in (1, 2, 3):
            shares = [own_share(range(count), p, processes, 3) for p in range(processes)]
            taken = [i for s in shares if s.counts for batch in s.batches for i in batch]
            assert sorted(taken) == list(range(count))
            assert all(0 < len(batch) <= 3 for s in shares for batch in s.batches)
            sizes = [sum(map(len, s.batches)) * s.counts for s in shares]
            assert max(sizes) - min(sizes) <= 1
