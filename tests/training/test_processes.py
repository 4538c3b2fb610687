"""Two processes, on the CPU, through torchrun: every validation picture once, and a signal to one of
them ends both with everything saved."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saccade import Captioner, evaluate
from saccade.training.run import read_log
from tests.conftest import TINY, squares


def torchrun(data, out, offset, **train):
    port = str(20000 + (os.getpid() * 7 + offset) % 20000)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["--master_port", port, "-m", "saccade"]
    command += ["train", str(data), "--out", str(out), "--cpu"]
    for section, values in {**TINY, "train": {**TINY["train"], **train}}.items():
        for key, value in values.items():
            command += ["--set", f"{section}.{key}={json.dumps(value)}"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_every_validation_picture_is_seen_once(tmp_path):
    """70 of them make three batches, two for one process and one for the other: the loss is that of
    one process alone."""
    data = squares(tmp_path / "data", 78, 70)
    program = torchrun(data, tmp_path / "run", 1, max_steps=1)
    _, error = program.communicate(timeout=120)
    assert program.returncode == 0, error[-3000:]
    (record,) = [r for r in read_log(tmp_path / "run/log.jsonl") if r["event"] == "validation"]
    captioner = Captioner.from_pretrained(tmp_path / "run", device="cpu")
    alone = evaluate(captioner, data, show=False)
    assert alone.pictures == 70
    assert record["loss"] == pytest.approx(alone.loss, abs=1e-5)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the ranks")
def test_a_signal_to_one_process_stops_both_with_everything_saved(tmp_path):
    data, out = squares(tmp_path / "data", 24, 6), tmp_path / "run"
    program = torchrun(data, out, 2, epochs=4000)
    log = out / "log.jsonl"
    for _ in range(900):
        if log.exists() and len(log.read_text().splitlines()) > 5:
            break
        time.sleep(0.1)
    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(int(children[1]), signal.SIGINT)
    try:
        _, error = program.communicate(timeout=60)
    finally:
        program.kill()
    assert f"saccade train --resume {out}" in error
    step = json.loads((out / "last" / "trainer.json").read_text())["step"]
    assert f"stopped at step {step} of" in error
