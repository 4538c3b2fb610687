"""Optimizers and schedules: state that goes through a file, rates against formulas."""

import math
from typing import get_args

import pytest
import torch

from saccade.config import Optimizer, TrainConfig, merge
from saccade.errors import CheckpointError, UsageError
from saccade.training.optimizers import (
    build_optimizer,
    check_state,
    flatten_optimizer,
    restore_optimizer,
)
from saccade.training.run import read_log
from saccade.training.schedules import SCHEDULES, Moment, learning_rate
from saccade.training.train import configure, resume, train
from tests.conftest import TINY, squares
from tests.training.ranks import same, weights

NAMES = get_args(Optimizer)


def stepped(settings, steps, state=None):
    """Weights and optimizer after some steps on a bowl."""
    torch.manual_seed(0)
    parts = [torch.randn(3, 2), torch.randn(4), torch.randn(())]
    parts = [part.requires_grad_() for part in parts]
    optimizer = build_optimizer([{"params": parts[:2]}, {"params": parts[2:]}], settings)
    if state is not None:
        with torch.no_grad():
            for part, value in zip(parts, state[0], strict=True):
                part.copy_(value)
        check_state(state[1], settings, optimizer)
        restore_optimizer(optimizer, state[1])
    for _ in range(steps):
        optimizer.zero_grad()
        sum((part**2).sum() * 3 for part in parts).backward()
        optimizer.step()
    return [part.detach() for part in parts], flatten_optimizer(optimizer), optimizer


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("name", NAMES)
def test_each_goes_on_where_it_stopped_bit_for_bit(name, momentum):
    settings = TrainConfig(optimizer=name, momentum=momentum, weight_decay=0.01, learning_rate=0.01)
    whole = stepped(settings, 5)
    state = stepped(settings, 2)
    again = stepped(settings, 3, state)
    assert all(one.equal(other) for one, other in zip(whole[0], again[0], strict=True))
    assert same(whole[1], again[1])
    kind = {"auto": "AdamW"}.get(name, name)
    assert type(whole[2]).__name__ == kind


def test_state_of_another_optimizer_or_a_damaged_one_is_named():
    adam, sgd = TrainConfig(optimizer="Adam"), TrainConfig(optimizer="SGD")
    _, state, own = stepped(adam, 1)
    for wrong, says in (
        ({k: v for k, v in state.items() if k != "optimizer.0.step"}, "is incomplete"),
        ({**state, "optimizer.0.exp_avg": torch.zeros(5)}, "another shape"),
        ({**state, "optimizer.7.exp_avg": torch.zeros(5)}, "not of this model"),
        (stepped(sgd, 1)[1], "another optimizer"),
        ({}, "no state of the optimizer"),
    ):
        with pytest.raises(CheckpointError, match=says):
            check_state(wrong, adam, own)
    check_state({}, TrainConfig(optimizer="SGD", momentum=0.0), own)


def test_an_optimizer_that_torch_lacks_is_refused():
    with pytest.raises(UsageError, match=r"train\.optimizer is one of auto, Adadelta, .*'Lion'"):
        configure(None, {"train": {"optimizer": "Lion"}})


def test_schedules_follow_their_formulas():
    def rates(schedule, warmup=0, total=100, **settings):
        config = TrainConfig(learning_rate=1.0, schedule=schedule, warmup=warmup, **settings)
        return [learning_rate(config, Moment(step, total)) for step in range(total)]

    assert rates("constant") == [1.0] * 100
    assert rates("linear") == pytest.approx([1 - i / 100 for i in range(100)])
    expected = [0.5 * (1 + math.cos(math.pi * i / 100)) for i in range(100)]
    assert rates("cosine") == pytest.approx(expected)
    root = [min((i + 1) / 10, math.sqrt(10 / (i + 1))) for i in range(100)]  # Vaswani et al.
    assert rates("inverse_sqrt", warmup=9) == pytest.approx(root)
    config = TrainConfig(learning_rate=1.0, schedule="plateau", plateau_factor=0.1)
    falls = [learning_rate(config, Moment(5, 100, n)) for n in range(3)]
    assert falls == pytest.approx([1.0, 0.1, 0.01])
    for schedule in SCHEDULES:  # all warm up
        assert rates(schedule, warmup=9)[:3] == pytest.approx([0.1, 0.2, 0.3], rel=0.03)


def test_the_rate_falls_at_plateaus_and_goes_on_there(data, tmp_path):
    """With steps too small to matter no validation is better than the first. The run is also one
    with another optimizer: it resumes to the same weights."""
    changes = {"schedule": "plateau", "plateau_patience": 0, "plateau_factor": 0.5}
    changes |= {"learning_rate": 1e-12, "optimizer": "RMSprop", "select": "BLEU-4", "epochs": 4}
    settings = merge(TINY, {"train": changes})
    options = {"cpu": True, "show": False}
    train(data, tmp_path / "whole", settings=settings, **options)
    rates = {
        round(r["epoch"] + 0.499): r["lr"]
        for r in read_log(tmp_path / "whole" / "log.jsonl")
        if r["event"] == "train"
    }
    assert [rates[n] for n in (1, 2, 3, 4)] == pytest.approx([1e-12, 1e-12, 5e-13, 2.5e-13])
    shorter = merge(settings, {"train": {"epochs": 2}})
    train(data, tmp_path / "short", settings=shorter, **options)
    resume(tmp_path / "short", epochs=4, **options)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "short"))


def test_a_plateau_needs_validation_pictures(tmp_path):
    data = squares(tmp_path / "data", 6, 0)
    settings = merge(TINY, {"train": {"schedule": "plateau"}})
    with pytest.raises(UsageError, match=r"train\.schedule plateau looks at the validation"):
        train(data, tmp_path / "run", settings=settings, cpu=True, show=False)
    assert not (tmp_path / "run").exists()
