"""The look at attention during training: logged, said once, and without any effect on the run."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from saccade.config import merge
from saccade.models.attention.additive import AdditiveAttention
from saccade.training.monitor import Monitor, attention_record
from saccade.training.run import read_log
from saccade.training.train import train
from saccade.viz.curves import loss_curve
from tests.conftest import TINY, squares


def looks(run) -> list[dict]:
    return [r for r in read_log(run / "log.jsonl") if r["event"] == "attention"]


def flat_from_the_start(monkeypatch) -> None:
    """Attention whose energies are all the same."""
    original = AdditiveAttention.__init__

    def flat(self, *arguments):
        original(self, *arguments)
        torch.nn.init.zeros_(self.energy.weight)
        self.energy.weight.requires_grad_(False)

    monkeypatch.setattr(AdditiveAttention, "__init__", flat)


def test_each_validation_logs_attention_beside_its_baseline(data, tmp_path):
    train(
        data,
        tmp_path / "run",
        settings=merge(TINY, {"train": {"monitor": 4}}),
        cpu=True,
        show=False,
    )
    records = read_log(tmp_path / "run" / "log.jsonl")
    events = [r["event"] for r in records if r["event"] != "train"]
    assert events == ["validation", "attention"] * 2
    for record in looks(tmp_path / "run"):
        assert record["pictures"] == 4
        assert record["words"] > 0
        assert 0 <= record["entropy"] <= record["uniform"]["entropy"] == 1
        assert record["uniform"]["centre"] == 0.25
    board = b"".join(p.read_bytes() for p in (tmp_path / "run" / "tensorboard").iterdir())
    assert b"attention/entropy" in board
    loss_curve(records)


def test_training_is_the_same_with_and_without_it(data, tmp_path):
    settings = merge(TINY, {"train": {"average": 0.9, "flip": True, "select": "BLEU-4"}})
    for name, count in (("with", 8), ("without", 0)):
        watched = merge(settings, {"train": {"monitor": count}})
        train(data, tmp_path / name, settings=watched, cpu=True, show=False)
    assert len(looks(tmp_path / "with")) == 2
    assert looks(tmp_path / "without") == []
    for file in ("last/model.safetensors", "best/model.safetensors", "last/trainer.safetensors"):
        one, other = (load_file(tmp_path / name / file) for name in ("with", "without"))
        assert all(one[key].equal(other[key]) for key in one | other)
    losses = [
        [r["loss"] for r in read_log(tmp_path / name / "log.jsonl") if "loss" in r]
        for name in ("with", "without")
    ]
    assert losses[0] == losses[1]


def test_without_validation_pictures_there_is_nothing_to_look_at(tmp_path):
    data = squares(tmp_path / "data", count=8, val=0)
    train(data, tmp_path / "run", settings=TINY, cpu=True, show=False)
    assert looks(tmp_path / "run") == []


def test_flat_attention_is_said_in_words_and_once(data, tmp_path, monkeypatch, capsys):
    flat_from_the_start(monkeypatch)
    settings = merge(TINY, {"train": {"epochs": 3}})
    train(data, tmp_path / "run", settings=settings, cpu=True, show=True)
    said = capsys.readouterr().err
    assert said.count("Warning, at step ") == 1
    assert "attention is nearly uniform: entropy 1.000 of the largest possible" in said
    found = looks(tmp_path / "run")
    assert [list(r["warnings"]) for r in found] == [["flat"]] * 3
    assert found[0]["distance"] == pytest.approx(0, abs=1e-6)
    assert found[0]["border"] == pytest.approx(found[0]["uniform"]["border"], abs=1e-5)


def test_a_model_that_knows_its_squares_does_not_look_everywhere(run):
    last = looks(run)[-1]
    assert last["pictures"] == 8
    assert not {"flat", "blind", "unmeasured"} & last["warnings"].keys()
    assert last["entropy"] < 0.95
    assert last["between_pictures"] < 0.95


def test_what_cannot_be_measured_is_a_warning_and_no_end():
    silent = attention_record([np.zeros((0, 2, 2))] * 3)
    assert silent["words"] == 0
    assert "no caption has a word" in silent["warnings"]["unmeasured"]
    broken = attention_record([np.full((2, 2, 2), np.nan)])
    assert "map 0 of caption 0" in broken["warnings"]["unmeasured"]
    assert json.loads(json.dumps(broken)) == broken
    short = attention_record([np.full((1, 2, 2), 0.25)])
    assert short["entropy"] == 1
    assert "distance" not in short


def test_weights_that_are_no_numbers_do_not_end_the_look(run):
    from saccade.api import Captioner

    captioner = Captioner.from_pretrained(run, device="cpu")
    model = captioner.engine.checkpoint.model
    with torch.no_grad():
        model.decoder.attention.energy.weight.fill_(torch.nan)

    class Pictures:
        def __len__(self) -> int:
            return 3

        def pictures(self, index: int, mirrored: bool) -> torch.Tensor:
            return torch.full((3, 32, 48), 40 * index, dtype=torch.uint8)

    logged, said = [], []
    monitor = Monitor(
        Pictures(),
        captioner.engine.checkpoint.vocabulary,
        model.encoder.grid,
        8,
        torch.device("cpu"),
    )
    for step in (1, 2):
        monitor.check(model, step, logged.append, said.append)
    assert [r["step"] for r in logged] == [1, 2]
    assert said == [f"Warning, at step 1: {logged[0]['warnings']['unmeasured']}"]
