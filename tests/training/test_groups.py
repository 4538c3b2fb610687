"""Parameter groups: the encoder may learn at another rate than the rest."""

import pytest
import torch

from saccade.config import merge
from saccade.errors import UsageError
from saccade.training.averages import averaged
from saccade.training.run import read_log
from saccade.training.steps import parameter_groups, step_seed
from saccade.training.train import configure, train
from tests.conftest import TINY
from tests.engine.small import small_engine


@pytest.mark.parametrize("seed", [0, 1, 2**23 - 1, 2**23, 20251125, 2**63 - 1])
def test_each_step_of_each_process_has_a_seed_that_torch_takes(seed):
    seeds = [step_seed(seed, p, t) for p in (0, 1, 300) for t in (0, 1, 2**32)]
    assert len(set(seeds)) == len(seeds)
    for one in seeds:
        torch.Generator().manual_seed(one)
        assert 0 <= one < 2**63


def test_an_average_shares_what_is_frozen():
    model = small_engine("show_tell").model
    frozen = list(model.encoder.parameters())[:3]
    for parameter in frozen:
        parameter.requires_grad_(False)
    twin = averaged(model, 0.9).model
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert (one is other) == any(one is parameter for parameter in frozen)


def test_groups_hold_every_trained_parameter_once():
    model = small_engine("show_tell").model
    first, second = parameter_groups(model, 0.1)
    assert (first["scale"], second["scale"]) == (0.1, 1.0)
    inside = [id(p) for group in (first, second) for p in group["params"]]
    assert sorted(inside) == sorted(id(p) for p in model.parameters())
    assert {id(p) for p in first["params"]} == {id(p) for p in model.encoder.parameters()}
    model.encoder.requires_grad_(False)
    (only,) = parameter_groups(model, 0.1)
    assert {id(p) for p in only["params"]} == {id(p) for p in model.decoder.parameters()}


def test_an_encoders_rate_scales_its_steps(data, tmp_path):
    """One step of Adam moves every weight by its rate: the encoder's by a thousandth of it."""
    moved = {}
    for rate in (1.0, 0.001):
        changes = {"max_steps": 1, "encoder_rate": rate, "learning_rate": 1e-2, "clip": 1e9}
        settings = merge(TINY, {"train": changes})
        outcome = train(data, tmp_path / str(rate), settings=settings, cpu=True, show=False)
        (record,) = [r for r in read_log(outcome.folder / "log.jsonl") if r["event"] == "train"]
        assert record["lr"] == pytest.approx(1e-2)
        from saccade.checkpoint import load

        moved[rate] = load(outcome.folder / "best").model.state_dict()
    for name, fast in moved[1.0].items():
        slow = moved[0.001][name]
        if not fast.is_floating_point() or "running" in name:
            continue
        if name.startswith("encoder."):
            assert (fast - slow).abs().max() == pytest.approx(1e-2, rel=0.05)
        else:
            torch.testing.assert_close(fast, slow)


def test_a_rate_out_of_range_is_refused():
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match=r"train\.encoder_rate"):
            configure("scenes", {"train": {"encoder_rate": rate}})
