"""Loading encoders: what a name means, what stays as it was, what is frozen."""

import os
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModel,
    CLIPVisionConfig,
    Dinov2Config,
    MobileNetV2Config,
    PoolFormerConfig,
    SwinConfig,
)
from transformers.utils import logging as transformers_logging

from saccade.api import Captioner
from saccade.config import SMALL_CONV, EncoderConfig, from_dict
from saccade.errors import CheckpointError, UsageError
from saccade.files import HubId, hub_or_folder
from saccade.models.encoders.loading import load_encoder, quiet
from saccade.training.train import configure

# What a name means ------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working folder with runs/mine and no network."""
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "notes.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.parametrize("name", ["microsoft/resnet-101", "a/b", "own-er/na.me_1", "hf:a/b"])
def test_ids_of_the_hub(here, name):
    assert hub_or_folder(name) == HubId(name.removeprefix("hf:"))


def test_a_folder_is_a_folder_and_hf_is_the_hub(here):
    assert hub_or_folder("runs/mine") == Path("runs/mine")
    assert hub_or_folder(here / "runs" / "mine") == here / "runs" / "mine"
    assert hub_or_folder("hf:runs/mine") == HubId("runs/mine")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("runs/mien", r"no such .*did you mean runs/mine.*hf:runs/mien"),
        ("runs/elsewhere", r"no such .*runs is a folder here.*hf:runs/elsewhere"),
        ("runs/notes.txt", r"is a file, not a"),
        ("runs", None),
        ("./mine", r"no such "),
        ("mine", r"no such .*owner/name"),
        ("/nowhere/at/all", r"no such "),
        ("~/nowhere-at-all", r"no such "),
        ("~nobody-here/x", r"can't be the name"),
        ("", r"is empty"),
        ("  ", r"is empty"),
        ("hf:", r"owner/name"),
        ("hf:resnet", r"owner/name"),
        ("hf:a/b/c", r"owner/name"),
        ("hf:../runs/mine", r"owner/name"),
        ("a/../b", r"no such "),
        ("n\0ul/x", r"no such |can't be"),
        ("x" * 5000, r"can't be the name"),
        ("https://huggingface.co/microsoft/resnet-101", r"no such .*owner/name"),
    ],
)
def test_mistyped_names_are_named_with_the_cure(here, name, says):
    if says is None:
        assert hub_or_folder(name) == Path(name)
        return
    for load in (
        lambda: load_encoder(EncoderConfig(backbone=name, image_size=(32, 32))),
        lambda: Captioner.from_pretrained(name),
    ):
        if not name.strip():
            says = "empty"
        with pytest.raises((UsageError, CheckpointError), match=says) as caught:
            load()
        assert "\n" not in str(caught.value)


def test_the_hub_is_asked_only_for_ids(here):
    with pytest.raises(UsageError, match=r"encoder a/b could not be loaded.*network"):
        load_encoder(EncoderConfig(backbone="hf:a/b"))
    with pytest.raises(CheckpointError, match=r"hub"):
        Captioner.from_pretrained("hf:runs/mine")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_pipe_in_a_backbone_folder_is_named(backbone, tmp_path, name):
    for entry in backbone.iterdir():
        if entry.name != name:
            (tmp_path / entry.name).symlink_to(entry)
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match=f"{name} is a pipe"):
        load_encoder(EncoderConfig(backbone=str(tmp_path), image_size=(64, 64)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image_size": (1, 1), "backbone": "clip"}, "can't take images of 1x1"),
        ({"image_size": (33, 47), "backbone": "clip"}, "can't take images of 33x47"),
        ({"stage": 9}, r"encoder\.stage: .*hidden states 0 to 4, not 9"),
        ({"stage": -9}, r"encoder\.stage: .*not -9"),
        ({"stage": (-1, 9)}, r"encoder\.stage: .*not 9"),
        ({"settings": {"depths": "deep"}}, "do not describe a resnet"),
        ({"settings": {"depths": [1, 1]}}, "resnet|missing|loaded"),
    ],
)
def test_settings_that_do_not_fit_the_backbone_are_named(backbone, tmp_path, changes, says):
    if changes.get("backbone") == "clip":
        vit = CLIPVisionConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, patch_size=8, image_size=32)  # fmt: skip
        AutoModel.from_config(vit).save_pretrained(tmp_path)
        changes = {**changes, "backbone": str(tmp_path)}
    base = {"backbone": str(backbone), "image_size": (64, 64)}
    with pytest.raises(UsageError, match=says) as caught:
        load_encoder(EncoderConfig(**{**base, **changes}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ['{"image_mean": [0.5]}', '{"image_mean": "x"}', '{"image_std": [0, 1, 1]}', "{", "[]",
     '{"image_std": [NaN, 1, 1]}', '{"image_mean": null}'],
)  # fmt: skip
def test_a_damaged_preprocessor_is_one_sentence(backbone, tmp_path, text):
    for entry in backbone.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(UsageError, match=r"image_|preprocessor_config|encoder\.std") as caught:
        load_encoder(EncoderConfig(backbone=str(tmp_path), image_size=(64, 64)))
    assert "\n" not in str(caught.value)


# What stays as it was ---------------------------------------------------------------------------


@pytest.mark.parametrize("active", [True, False])
def test_progress_bars_are_afterwards_as_they_were(backbone, active):
    from huggingface_hub.utils import are_progress_bars_disabled

    before = transformers_logging.is_progress_bar_enabled()
    (
        transformers_logging.enable_progress_bar
        if active
        else transformers_logging.disable_progress_bar
    )()
    try:
        load_encoder(EncoderConfig(backbone=str(backbone), image_size=(64, 64)))
        assert transformers_logging.is_progress_bar_enabled() is active
        assert are_progress_bars_disabled() is not active
    finally:
        (
            transformers_logging.enable_progress_bar
            if before
            else transformers_logging.disable_progress_bar
        )()


def test_progress_bars_that_the_environment_keeps_off_stay_off(monkeypatch):
    from huggingface_hub.utils import are_progress_bars_disabled

    # what HF_HUB_DISABLE_PROGRESS_BARS=1 sets at import; to enable them then is a warning
    module = sys.modules[are_progress_bars_disabled.__module__]
    monkeypatch.setattr(module, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    with quiet():
        pass
    assert are_progress_bars_disabled()


def test_quiet_ends_also_after_an_error():
    before = transformers_logging.is_progress_bar_enabled()
    with pytest.raises(ValueError, match="inside"), quiet():
        raise ValueError("inside")
    assert transformers_logging.is_progress_bar_enabled() is before


def test_a_frozen_encoder_is_hashed_once_and_again_when_a_weight_changes(backbone, monkeypatch):
    encoder = load_encoder(EncoderConfig(backbone=str(backbone), image_size=(64, 64)))
    hashed = []
    original = encoder._hashed
    monkeypatch.setattr(encoder, "_hashed", lambda: hashed.append(1) or original())
    digest = encoder.digest()
    assert [encoder.digest() for _ in range(3)] == [digest] * 3
    assert len(hashed) == 1
    weight = next(encoder.backbone.parameters())
    weight.data[0] += 1  # a write that torch's version counter does not see
    changed = encoder.digest()
    assert changed != digest
    with torch.no_grad():
        weight[0] -= 1
    assert encoder.digest() != changed
    encoder.load_state_dict(encoder.state_dict())
    assert len(hashed) >= 3


def test_a_trained_encoder_is_hashed_every_time(backbone):
    config = EncoderConfig(backbone=str(backbone), image_size=(64, 64), freeze="none")
    encoder = load_encoder(config)
    before = encoder.digest()
    last = [*encoder.backbone.parameters()][-1]
    last.data.view(-1)[-1] += 1e-3
    assert encoder.digest() != before


# Freezing ---------------------------------------------------------------------------------------


VIT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 8, "image_size": 32}  # fmt: skip
FAMILIES = {
    "resnet": None,
    "mobilenet": MobileNetV2Config(depth_multiplier=0.35),
    "swin": SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2),
    "dinov2": Dinov2Config(**VIT),
    "clip": CLIPVisionConfig(**VIT),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_stages_are_frozen_from_the_input_side(family, backbone, tmp_path):
    folder, size = backbone, (64, 64)
    if FAMILIES[family] is not None:
        AutoModel.from_config(FAMILIES[family]).save_pretrained(tmp_path)
        folder, size = tmp_path, (64, 64) if family == "mobilenet" else (32, 32)

    def trained(freeze) -> list[bool]:
        encoder = load_encoder(EncoderConfig(backbone=str(folder), image_size=size, freeze=freeze))
        return [p.requires_grad for p in encoder.backbone.parameters()]

    assert all(trained("none"))
    assert not any(trained("all"))
    one, two = trained(1), trained(2)
    for flags in (one, two):  # frozen up to somewhere, trained from there
        assert not flags[0]
        assert flags[-1] or (family == "swin" and flags is two)
        assert flags == sorted(flags)
    assert sum(two) < sum(one)
    with pytest.raises(UsageError, match=r"encoder\.freeze: .* has \d+ stages, not 99"):
        trained(99)


def test_the_statistics_of_frozen_stages_stay(backbone):
    config = EncoderConfig(str(backbone), image_size=(64, 64), freeze=2, frozen_statistics=False)
    encoder = load_encoder(config).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)).sum().backward()
    moved = {
        name
        for name, value in encoder.state_dict().items()
        if "running" in name and not torch.equal(value, before[name])
    }
    assert moved
    assert all("stages.2" in name or "stages.3" in name for name in moved)
    assert {name for name, p in encoder.named_parameters() if p.grad is not None} == {
        name for name, p in encoder.named_parameters() if "stages.2" in name or "stages.3" in name
    }
    assert not any(module.training for module in encoder.eval().modules())


def test_statistics_rest_while_a_pretrained_backbone_is_trained(backbone):
    """As in evaluation, to the bit; every weight gets a gradient. Those of small-conv move."""
    pixels = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    encoder = load_encoder(EncoderConfig(str(backbone), image_size=(64, 64), freeze="none"))
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    expected = encoder.eval()(pixels)
    given = encoder.train()(pixels)
    assert given.equal(expected)
    given.sum().backward()
    assert all(value.equal(before[name]) for name, value in encoder.named_buffers())
    assert all(p.grad is not None for p in encoder.parameters())
    assert not EncoderConfig(SMALL_CONV, freeze="none").statistics_rest
    assert EncoderConfig(SMALL_CONV, freeze="none", frozen_statistics=True).statistics_rest


def test_a_backbone_without_stages_is_named(tmp_path):
    config = PoolFormerConfig(num_encoder_blocks=2, depths=[1, 1], hidden_sizes=[8, 8], patch_sizes=[7, 3], strides=[4, 2], padding=[2, 1])  # fmt: skip
    AutoModel.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"has no stages that can be frozen.*all or none"):
        load_encoder(EncoderConfig(backbone=str(tmp_path), image_size=(64, 64), freeze=1))


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "some", "2", None, [1], 10**9])
def test_freeze_is_all_none_or_a_number(value):
    with pytest.raises(UsageError, match=r"encoder\.freeze is"):
        from_dict(EncoderConfig, {"freeze": value}, "encoder")


def test_trainable_of_before_is_understood():
    for old, new in ((True, "none"), (False, "all")):
        assert from_dict(EncoderConfig, {"trainable": old}, "encoder").freeze == new
        assert configure(None, {"encoder": {"trainable": old}}).encoder.freeze == new
    # Laid over a preset that says `freeze`, the later word counts.
    with pytest.raises(UsageError, match=r"small-conv.*encoder\.freeze = none"):
        configure("scenes", {"encoder": {"trainable": False}})
    with pytest.raises(UsageError, match=r"encoder\.trainable is now encoder\.freeze"):
        from_dict(EncoderConfig, {"trainable": True, "freeze": 1}, "encoder")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mean": [0.5]}, r"encoder\.mean is three"),
        ({"mean": [float("inf"), 0, 0]}, r"encoder\.mean is three finite"),
        ({"std": [1, 1, 0]}, r"encoder\.std is three finite numbers above 0"),
        ({"std": [1, -1, 1]}, r"encoder\.std"),
        ({"std": [1, 1, float("nan")]}, r"encoder\.std"),
        ({"widths": []}, r"encoder\.widths"),
        ({"widths": [0]}, r"encoder\.widths"),
        ({"widths": [10**9]}, r"encoder\.widths"),
        ({"halvings": -1}, r"encoder\.halvings"),
        ({"halvings": 6}, r"encoder\.halvings is at most the number of encoder\.widths, 5"),
        ({"image_size": [0, 10]}, r"encoder\.image_size"),
        ({"image_size": [10**6, 10]}, r"encoder\.image_size"),
        ({"image_size": [32]}, r"encoder\.image_size"),
        ({"stage": 10**6}, r"encoder\.stage"),
        ({"stage": True}, r"encoder\.stage"),
        ({"stage": "last"}, r"encoder\.stage is the number of a hidden state .*, not 'last'"),
        ({"stage": []}, r"encoder\.stage is .*a list of up to 8 different ones"),
        ({"stage": [-1, -1]}, r"encoder\.stage is .*different"),
        ({"stage": [-1, 0.5]}, r"encoder\.stage"),
        ({"stage": [-1, 0]}, r"small-conv has one stage"),
        ({"fit": "squash"}, r"encoder\.fit"),
        ({"backbone": ""}, r"encoder\.backbone is empty"),
    ],
)
def test_encoder_settings_out_of_range_are_named(changes, says):
    base = {"backbone": SMALL_CONV, "freeze": "none"}
    with pytest.raises(UsageError, match=says):
        from_dict(EncoderConfig, {**base, **changes}, "encoder")
