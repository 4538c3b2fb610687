"""Training for real: exact resume, Ctrl-C, damaged pictures, non-finite losses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from saccade.api import Captioner
from saccade.config import merge
from saccade.data.sources import read
from saccade.errors import DataError, TrainingError, UsageError
from saccade.training.run import read_log
from saccade.training.schedules import Moment, learning_rate
from saccade.training.train import configure, resume, train
from tests.conftest import TINY, squares
from tests.training.ranks import same, weights

# What each kind of run adds to the tiny settings; all must resume exactly.
KINDS = {
    "joint": {},
    "averaged": {"train": {"average": 0.9, "schedule": "cosine", "warmup": 3, "flip": True}},
    "smoothed": {"train": {"label_smoothing": 0.1, "weight_decay": 0.01, "select": "BLEU-4"}},
}


def steps(run: Path) -> list[tuple]:
    """The log without what depends on the clock."""
    return [
        tuple((k, v) for k, v in record.items() if k != "seconds")
        for record in read_log(run / "log.jsonl")
    ]


def killed_at(run: Path, data: Path, settings: dict, step: int) -> None:
    """Train in a process that kills itself with SIGKILL right after step `step` was logged."""
    script = f"""
import os, json, sys
from saccade.training.logs import RunLog
from saccade.training.train import train
write = RunLog.__call__
def dying(self, record):
    write(self, record)
    if record["event"] == "train" and record["step"] == {step}:
        os.kill(os.getpid(), 9)
RunLog.__call__ = dying
train({str(data)!r}, {str(run)!r}, settings=json.loads({json.dumps(settings)!r}), cpu=True, show=False)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(kind, data, tmp_path):
    settings = merge(merge(TINY, {"train": {"save_every": 3}}), KINDS[kind])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(data, whole, settings=settings, cpu=True, show=False)
    killed_at(broken, data, settings, {"joint": 2, "averaged": 8, "smoothed": 5}[kind])
    resume(broken, cpu=True, show=False)
    for which in ("last", "best"):
        assert same(weights(whole, which), weights(broken, which))
    assert steps(whole) == steps(broken)
    trainer = [load_file(run / "last" / "trainer.safetensors") for run in (whole, broken)]
    assert same(*trainer)


def test_a_run_on_cached_features_resumes_exactly_too(data, backbone, tmp_path):
    settings = merge(
        TINY,
        {
            "encoder": {"backbone": str(backbone), "image_size": [64, 64], "freeze": "all"},
            "train": {"flip": True, "save_every": 2},
        },
    )
    options = {"settings": settings, "cache": tmp_path / "cache", "cpu": True, "show": False}
    train(data, tmp_path / "whole", **options)
    shorter = merge(settings, {"train": {"epochs": 1}})
    train(data, tmp_path / "short", **{**options, "settings": shorter})
    resume(tmp_path / "short", cpu=True, show=False, epochs=2)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "short"))


def test_ctrl_c_saves_and_says_how_to_go_on(data, tmp_path):
    settings = merge(TINY, {"train": {"epochs": 400}})
    run = tmp_path / "run"
    command = [sys.executable, "-m", "saccade", "train", str(data), "--out", str(run), "--cpu"]
    for section, values in settings.items():
        for key, value in values.items():
            command += ["--set", f"{section}.{key}={json.dumps(value)}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    log = run / "log.jsonl"
    for _ in range(600):
        if log.exists() and len(log.read_text().splitlines()) > 7:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"saccade train --resume {run}" in said
    assert "Traceback" not in said
    stopped = int(said.split("stopped at step ")[1].split()[0])
    assert json.loads((run / "last" / "trainer.json").read_text())["step"] == stopped
    about = json.loads((run / "run.json").read_text())
    about["config"]["train"]["max_steps"] = stopped + 2
    (run / "run.json").write_text(json.dumps(about))
    outcome = resume(run, cpu=True, show=False)
    assert outcome.progress.step == stopped + 2


def test_it_learns(run):
    records = read_log(run / "log.jsonl")
    validation = [r["loss"] for r in records if r["event"] == "validation"]
    assert min(validation) < 0.2 < validation[0]
    assert len(validation) == 25


def test_a_loss_that_is_no_number_stops_at_once_with_the_steps_number(data, tmp_path):
    settings = merge(TINY, {"train": {"learning_rate": 1e30, "clip": 1e30, "warmup": 0}})
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d+; .*learning_rate="):
        train(data, tmp_path / "run", settings=settings, cpu=True, show=False)
    for saved in (tmp_path / "run").glob("*/model.safetensors"):
        assert all(torch.isfinite(v).all() for v in load_file(saved).values())


def test_early_stopping_keeps_the_best(data, tmp_path):
    settings = merge(TINY, {"train": {"epochs": 60, "patience": 2, "learning_rate": 0.02}})
    outcome = train(data, tmp_path / "run", settings=settings, cpu=True, show=False)
    records = [r for r in read_log(tmp_path / "run" / "log.jsonl") if r["event"] == "validation"]
    losses = [r["loss"] for r in records]
    assert len(losses) < 60
    assert losses.index(min(losses)) == len(losses) - 3
    assert outcome.progress.best_step == records[len(losses) - 3]["step"]
    told = json.loads((tmp_path / "run" / "best" / "config.json").read_text())["training"]
    assert told["validation"]["loss"] == pytest.approx(min(losses), abs=1e-5)


def test_damaged_pictures_are_listed_and_left_out(tmp_path, backbone):
    data = squares(tmp_path / "data")
    (data / "images" / "003.png").write_bytes(b"no picture")
    (data / "images" / "023.png").unlink()
    frozen = {"encoder": {"backbone": str(backbone), "image_size": [64, 64], "freeze": "all"}}
    for name, settings in (("joint", TINY), ("cached", merge(TINY, frozen))):
        outcome = train(
            data, tmp_path / name, settings=settings, cache=tmp_path / "cache", cpu=True, show=False
        )
        assert outcome.skipped == 2
        lines = (tmp_path / name / "skipped.jsonl").read_text().splitlines()
        assert {Path(json.loads(line)["path"]).name for line in lines} == {"003.png", "023.png"}


def test_changed_data_is_not_resumed(tmp_path):
    data = squares(tmp_path / "data")
    train(data, tmp_path / "run", settings=TINY, cpu=True, show=False)
    captions = data / "captions.jsonl"
    captions.write_text(captions.read_text().replace("red", "pink"))
    with pytest.raises(DataError, match="changed since the run"):
        resume(tmp_path / "run", cpu=True, show=False)


def test_a_resumed_run_whose_steps_are_larger_says_so(data, tmp_path, capsys):
    run = tmp_path / "run"
    settings = merge(TINY, {"train": {"epochs": 1}})
    train(data, run, settings=settings, cpu=True, show=False)
    about = json.loads((run / "run.json").read_text())
    about["config"]["train"]["accumulate"] = 2
    (run / "run.json").write_text(json.dumps(about))
    capsys.readouterr()
    resume(run, cpu=True, show=False, epochs=2)
    assert "a step is of 8 pictures now, and was of 4" in capsys.readouterr().err


def test_a_folder_that_holds_a_run_is_not_overwritten(run, data):
    with pytest.raises(UsageError, match="already holds a run"):
        train(data, run, settings=TINY, cpu=True, show=False)


def test_the_learning_rate_warms_up_and_falls():
    config = configure(None, {"train": {"learning_rate": 1.0, "warmup": 4, "schedule": "cosine"}})
    rates = [learning_rate(config.train, Moment(step, 100)) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates.index(max(rates)) == 4
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_a_checkpoint_knows_the_mean_grid_of_its_training_pictures(run):
    """What `explain` puts in the place of a picture: against the pictures encoded one by one."""
    captioner = Captioner.from_pretrained(run, device="cpu")
    about = json.loads((run / "run.json").read_text())
    examples = [e for e in read(Path(about["data"])).examples if e.split == "train"]
    grids = [captioner.encode([e.image]).features.cells[0] for e in examples]
    expected = torch.stack(grids).mean(0)
    torch.testing.assert_close(captioner.engine.mean, expected, rtol=1e-4, atol=1e-5)
