"""Training a pretrained encoder: less memory, other precision, changed pixels, features apart."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from saccade.cli import main
from saccade.config import SMALL_CONV, EncoderConfig, merge
from saccade.data.augment import augmentation
from saccade.errors import UsageError
from saccade.models.encoders.freezing import checkpoint_stages
from saccade.models.encoders.loading import load_encoder
from saccade.training.loop import Teaching
from saccade.training.run import read_log
from saccade.training.train import train
from saccade.values.batch import Batch
from tests.conftest import TINY, squares
from tests.engine.small import small_engine
from tests.models.kinds import KINDS, F
from tests.training.ranks import weights


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return squares(tmp_path_factory.mktemp("few"), 10, 2)


def tuned(backbone, **changes):
    """Settings with the tiny ResNet, trained unless they say otherwise."""
    encoder = {"backbone": str(backbone), "image_size": [64, 64], "freeze": "none"}
    return merge(TINY, {"encoder": encoder, "train": {"epochs": 1, **changes}})


def test_checkpointed_stages_give_the_same_gradients(backbone):
    config = EncoderConfig(str(backbone), image_size=(64, 64), freeze="none")
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    found, calls = [], []
    for checkpointed in (False, True):
        encoder = load_encoder(config).train()
        count = []
        inner = encoder.backbone.encoder.stages[1].layers[0]
        inner.register_forward_pre_hook(lambda *_, count=count: count.append(1))
        if checkpointed:
            checkpoint_stages(encoder.backbone, config)
        features = encoder(pixels)
        features.square().sum().backward()
        calls.append(len(count))
        found.append((features, {n: p.grad for n, p in encoder.named_parameters()}))
    assert calls == [1, 2]
    assert found[0][0].equal(found[1][0])
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], gradient, msg=name)


def test_statistics_that_would_move_twice_are_refused(backbone):
    config = EncoderConfig(SMALL_CONV, image_size=(32, 48), freeze="none")
    with pytest.raises(UsageError, match=r"would move twice: set encoder\.frozen_statistics = tru"):
        checkpoint_stages(load_encoder(config).backbone, config)


def test_a_run_with_checkpoints_an_average_and_changed_pixels(backbone, few, tmp_path):
    """Weights are those of the run without checkpoints; validation pictures stay as they are."""
    changes = {"average": 0.9, "crop": 0.5, "colour": 0.3, "flip": True}
    for name, checkpointed in (("plain", False), ("checkpointed", True)):
        settings = tuned(backbone, gradient_checkpointing=checkpointed, **changes)
        train(few, tmp_path / name, settings=settings, cpu=True, show=False)
    first, second = weights(tmp_path / "plain"), weights(tmp_path / "checkpointed")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-5, msg=name)
    changed = tuned(backbone, max_steps=1)
    train(few, tmp_path / "still", settings=changed, cpu=True, show=False)
    loss = [read_log(tmp_path / name / "log.jsonl")[0]["loss"] for name in ("plain", "still")]
    assert loss[0] != pytest.approx(loss[1], abs=1e-7)  # other pixels


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_is_close_for_every_kind(kind):
    """As accelerate does it: the forward pass in autocast, its outputs in full precision."""
    model = small_engine(kind).model.train()
    ids = torch.tensor([[[1, 5, 6], [1, 7, 0]], [[1, 9, 10], [1, 4, 0]]])
    lengths = torch.tensor([[3, 2], [3, 2]])
    live = torch.arange(3) < lengths.unsqueeze(-1)
    torch.manual_seed(0)
    batch = Batch(torch.randn(2, 16, F), ids, ids, lengths, live, lengths[:, 0], lengths, None)
    exact = Teaching(model)(batch).predictions
    with torch.autocast("cpu", torch.bfloat16):
        rough = Teaching(model)(batch).predictions
    assert rough.logits.shape == exact.logits.shape
    torch.testing.assert_close(rough.logits.float(), exact.logits, rtol=0.05, atol=0.05)
    rough.logits.float().logsumexp(1).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.decoder.parameters())


def test_bf16_trains_and_fp16_needs_a_gpu(few, tmp_path):
    losses = {}
    for precision in ("no", "bf16"):
        settings = merge(TINY, {"train": {"precision": precision, "epochs": 1}})
        train(few, tmp_path / precision, settings=settings, cpu=True, show=False)
        records = read_log(tmp_path / precision / "log.jsonl")
        losses[precision] = [r["loss"] for r in records if r["event"] == "train"]
    assert losses["bf16"] == pytest.approx(losses["no"], rel=0.02)
    assert losses["bf16"] != losses["no"]
    assert all(v.dtype != torch.bfloat16 for v in weights(tmp_path / "bf16").values())
    settings = merge(TINY, {"train": {"precision": "fp16"}})
    with pytest.raises(UsageError, match=r"train\.precision fp16 needs a GPU.*choose bf16 or no"):
        train(few, tmp_path / "fp16", settings=settings, cpu=True, show=False)


def test_pixels_are_changed_by_the_seed_and_within_bounds():
    assert augmentation(1.0, 0.0) is None
    rng = np.random.default_rng
    picture = torch.from_numpy(rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8))
    both = augmentation(0.3, 0.4)
    one, again, other = (both(picture, rng(seed)) for seed in (1, 1, 2))
    assert one.equal(again)
    assert not one.equal(other)
    assert (one.dtype, one.shape) == (torch.uint8, picture.shape)
    flat = torch.full((3, 20, 30), 100, dtype=torch.uint8)
    assert augmentation(0.3, 0.0)(flat, rng(3)).equal(flat)
    means = [augmentation(1.0, 0.2)(flat, rng(seed)).float().mean().item() for seed in range(40)]
    assert 79 <= min(means) < 88 < 112 < max(means) <= 121
    # A crop shows a part of the picture: a ramp keeps rising, from inside its range.
    ramp = torch.arange(0, 240, 8, dtype=torch.uint8).expand(3, 20, 30)
    rows = [augmentation(0.3, 0.0)(ramp, rng(seed))[0, 10].int() for seed in range(20)]
    assert all(row.diff().min() >= 0 and 0 <= row[0] < row[-1] <= 232 for row in rows)
    assert sum(row[-1] - row[0] < 200 for row in rows) > 5


@pytest.mark.parametrize(
    ("train_settings", "says"),
    [
        ({"crop": 0.5}, r"train\.crop is for an encoder that is trained.*encoder\.freeze = none"),
        ({"colour": 0.1}, r"train\.colour is for"),
        ({"gradient_checkpointing": True}, r"train\.gradient_checkpointing is for"),
        ({"tracking": ["wandb"]}, r"pip install 'saccade-captioner\[wandb\]'"),
        ({"tracking": ["paper"]}, r"train\.tracking is a list of tensorboard, wandb, trackio"),
        ({"tracking": "tensorboard"}, r"train\.tracking is a list"),
    ],
)
def test_settings_that_can_not_work_are_refused_at_once(train_settings, says, tmp_path, request):
    if train_settings.get("tracking") == ["wandb"]:
        request.getfixturevalue("no_wandb")
    with pytest.raises(UsageError, match=says):
        train(
            tmp_path / "nowhere",
            tmp_path / "run",
            settings={"encoder": {"freeze": "all"}, "train": train_settings},
            cpu=True,
        )


@pytest.fixture
def no_wandb(monkeypatch):
    """A program in which wandb is not installed."""
    monkeypatch.setattr("saccade.training.logs.find_spec", lambda name: None)


def test_without_trackers_there_is_the_log(few, tmp_path):
    settings = merge(TINY, {"train": {"tracking": [], "max_steps": 1}})
    train(few, tmp_path / "run", settings=settings, cpu=True, show=False)
    assert read_log(tmp_path / "run" / "log.jsonl")
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_features_of_a_tuned_encoder_stay_apart(backbone, few, tmp_path, capsys):
    """Frozen, then tuned from there, then frozen again: another cache, and the mean features are
    those of the tuned weights; too many stages are refused before any picture is read."""
    cache = tmp_path / "cache"
    frozen = merge(tuned(backbone), {"encoder": {"freeze": "all"}})
    options = {"cache": cache, "cpu": True, "show": False}
    train(few, tmp_path / "first", settings=frozen, **options)
    (before,) = cache.iterdir()
    start = ["train", str(few), "--from", str(tmp_path / "first"), "--cpu", "--cache", str(cache)]
    start += ["--set", "train.batch=4", "--set", "train.epochs=1"]
    assert main([*start, "--out", str(tmp_path / "no"), "--set", "encoder.freeze=9"]) == 2
    said = capsys.readouterr().err
    assert "has 4 stages, not 9; choose a smaller number" in said
    assert "Decoding" not in said
    assert not (tmp_path / "no").exists()
    tuning = ["--set", "encoder.freeze=2", "--set", "train.learning_rate=0.01"]
    assert main([*start, "--out", str(tmp_path / "tuned"), *tuning]) == 0
    assert [*cache.iterdir()] == [before]
    start[start.index("--from") + 1] = str(tmp_path / "tuned" / "last")
    again = ["--set", "encoder.freeze=all"]
    assert main([*start, "--out", str(tmp_path / "again"), *again]) == 0
    assert len([*cache.iterdir()]) == 2
    means, digests = {}, {}
    for name in ("first", "tuned", "again"):
        folder = tmp_path / name / "last"
        means[name] = load_file(folder / "model.safetensors")["mean_grid"]
        digests[name] = json.loads((folder / "config.json").read_text())["encoder_digest"]
    assert digests["tuned"] == digests["again"] != digests["first"]
    torch.testing.assert_close(means["again"], means["tuned"], rtol=2e-3, atol=2e-3)
    assert (means["tuned"] - means["first"]).abs().max() > 0.01
