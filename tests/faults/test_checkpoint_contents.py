"""What a checkpoint holds is what was saved, or one sentence says what is not."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from saccade.checkpoint import load, save
from saccade.config import EncoderConfig, from_dict
from saccade.errors import CheckpointError, SaccadeError, UsageError
from saccade.models.encoders.loading import load_encoder
from tests.faults.checkpoints import (
    change,
    logits,
    read_weights,
    tiny,
    tiny_folder,
    write_weights,
)

FORMAT1 = Path(__file__).parents[1] / "files" / "format1"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tiny_folder(tmp_path / "checkpoint")


def encoder_of(folder: Path, **values: object) -> dict:
    return json.loads((folder / "config.json").read_text("utf-8"))["encoder"] | values


def test_what_is_whole_loads_and_is_the_same_every_time(folder):
    assert logits(load(folder)).equal(logits(load(folder)))
    assert logits(load(folder)).equal(logits(tiny()))


@pytest.mark.parametrize("name", ["conv", "resnet"])
def test_folders_of_format_1_have_no_hash_of_the_weights_and_load(tmp_path, name):
    folder = Path(shutil.copytree(FORMAT1 / name, tmp_path / name))
    assert "weights_sha256" not in json.loads((folder / "config.json").read_text())
    save(tmp_path / "again", load(folder))  # as format 2
    assert json.loads((tmp_path / "again" / "config.json").read_text())["weights_sha256"]
    load(tmp_path / "again")


def test_the_same_checkpoint_is_the_same_bytes(folder, tmp_path):
    """Also of the weights file's header: a resumed run ends with the very files of another."""
    for number in range(8):
        again = tiny_folder(tmp_path / str(number))
        for name in ("config.json", "vocab.json", "model.safetensors"):
            assert (again / name).read_bytes() == (folder / name).read_bytes()


# Weights ----------------------------------------------------------------------------------------


def test_another_runs_weights_of_equal_shape_are_noticed(folder, tmp_path):
    other = tiny_folder(tmp_path / "other", seed=2)
    shutil.copy(other / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(
        CheckpointError, match=r"model\.safetensors is damaged, or the weights of another.*copy"
    ):
        load(folder)


def test_any_flipped_byte_is_noticed(folder):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in [*range(12), *rng.integers(12, len(whole), 40), len(whole) - 1]:
        harmed = bytearray(whole)
        harmed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(harmed)
        with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
            load(folder)


NUMBERS = {
    "NaN": (float("nan"), "non-finite"),
    "infinity": (float("inf"), "non-finite"),
    "minus infinity": (-float("inf"), "non-finite"),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "tensor",
    ["decoder.embed.weight", "encoder.backbone.last.bias", "mean_grid",
     "encoder.backbone.stages.0.1.running_var"],
)  # fmt: skip
def test_a_number_that_is_not_finite_is_named(folder, tensor, name):
    value, says = NUMBERS[name]
    weights, _ = read_weights(folder)
    weights[tensor].view(-1)[-1] = value
    write_weights(folder, weights)
    with pytest.raises(CheckpointError, match=rf"{tensor} holds {says}"):
        load(folder)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("tensor", ["decoder.embed.weight", "mean_grid"])
def test_weights_that_are_no_floating_point_numbers_are_named(folder, tensor, dtype):
    weights, _ = read_weights(folder)
    weights[tensor] = weights[tensor].to(dtype)
    write_weights(folder, weights)
    with pytest.raises(CheckpointError, match=rf"{tensor} is \w+, not floating point"):
        load(folder)


def test_half_precision_is_read(folder):
    weights, _ = read_weights(folder)
    half = {k: v.half() if k.startswith("decoder.") else v for k, v in weights.items()}
    write_weights(folder, half)
    torch.testing.assert_close(logits(load(folder)), logits(tiny()), atol=0.02, rtol=0.02)


HARMS = {
    "another shape": lambda w: w | {"decoder.embed.weight": torch.zeros(3, 3)},
    "another number of dimensions": lambda w: w | {"decoder.embed.weight": torch.zeros(11)},
    "a missing tensor": lambda w: {k: v for k, v in w.items() if k != "decoder.embed.weight"},
    "a stray tensor of the decoder": lambda w: w | {"decoder.extra": torch.zeros(1)},
    "a stray tensor of the encoder": lambda w: w | {"encoder.extra": torch.zeros(1)},
    "a stray tensor": lambda w: w | {"extra": torch.zeros(1)},
    "no encoder": lambda w: {k: v for k, v in w.items() if not k.startswith("encoder.")},
    "nothing": lambda w: {},
    "mean features of another grid": lambda w: w | {"mean_grid": torch.zeros(3, 8)},
}


@pytest.mark.parametrize("name", HARMS)
def test_weights_that_do_not_fit_are_named(folder, name):
    weights, _ = read_weights(folder)
    write_weights(folder, HARMS[name](weights))
    with pytest.raises(CheckpointError, match=r"does not fit config\.json.*copy") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["conv", "resnet"])
def test_an_included_encoder_of_format_1_is_compared_too(tmp_path, name):
    """Its weights file has no hash; the encoder's own digest stands in for the encoder."""
    folder = Path(shutil.copytree(FORMAT1 / name, tmp_path / name))
    weights, _ = read_weights(folder)
    chosen = next(k for k in sorted(weights) if k.startswith("encoder.") and weights[k].dim() > 1)
    weights[chosen] = weights[chosen] + 1
    write_weights(folder, weights, signed=False)
    with pytest.raises(CheckpointError, match="is not the one it was trained with"):
        load(folder)


# config.json ------------------------------------------------------------------------------------


def test_an_encoder_that_is_trained_is_always_included(folder, backbone):
    for settings in (
        {"backbone": "small-conv", "freeze": "none", "include": False},
        {"freeze": "none", "include": False},
        {"freeze": 1, "include": False},
    ):
        with pytest.raises(UsageError, match=r"encoder\.include = false needs"):
            from_dict(EncoderConfig, settings, "encoder")
    change(folder, encoder=encoder_of(folder, include=False))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged.*include"):
        load(folder)
    change(folder, encoder=encoder_of(folder, include=None))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged.*include"):
        load(folder)
    encoder = load_encoder(EncoderConfig(backbone=str(backbone), image_size=(64, 64), freeze=1))
    assert encoder.config.include is True


def test_a_small_encoder_of_format_1_without_its_weights_is_refused(tmp_path):
    """It captioned with random weights, differently each time."""
    folder = Path(shutil.copytree(FORMAT1 / "conv", tmp_path / "conv"))
    change(folder, encoder=encoder_of(folder, include=False))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged.*include"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": [2, 12]},
        {"grid": [24, 1]},
        {"grid": [4, 5]},
        {"grid": [6, 4]},
        {"features": 6},
        {"features": 10**9},
        {"features": 10**400},
        {"vocabulary_size": 10},
        {"vocabulary_size": 10**9},
        {"vocabulary_sha256": "0" * 64},
        {"weights_sha256": "0" * 64},
        {"weights_sha256": None},
        {"encoder_digest": "0" * 16},
        {"backbone": {"model_type": "resnet"}},
        {"format": 3},
        {"format": "2"},
        {"format": True},
        {"format": None},
        {"decoder": {"kind": "soft_attention", "hidden": 10**12}},
        {"decoder": {"kind": "soft_attention", "hidden": 65536, "embedding": 65536}},
        {"decoder": {"kind": "show_tell"}},
        {"decode": {"strategy": "none"}},
        {"training": "a day"},
    ],
)
def test_a_config_that_was_changed_is_named(folder, changes):
    change(folder, **changes)
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [0.1, 0.5, 0.5]},
        {"std": [0.1, 0.5, 0.5]},
        {"mean": None},
        {"fit": "crop"},
        {"image_size": [24, 16]},
        {"image_size": [16, 32]},
        {"image_size": [16384, 16384]},
        {"stage": 1},
        {"halvings": 1},
        {"widths": [6, 8, 8]},
        {"widths": [65536, 65536]},
        {"settings": {"trust_remote_code": True}},
        {"backbone": "microsoft/resnet-101"},
        {"freeze": "all"},
    ],
)
def test_an_encoder_section_that_was_changed_is_named(folder, changes):
    """Other preprocessing gives other features from the same weights."""
    change(folder, encoder=encoder_of(folder, **changes))
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("section", ["decoder", "backbone"])
def test_settings_that_change_what_the_weights_mean_are_noticed(tmp_path, backbone, section):
    """Four heads fit the weights of two, and another epsilon fits all."""
    folder = tiny_folder(tmp_path / "checkpoint", "transformer")
    if section == "decoder":
        config = json.loads((folder / "config.json").read_text())
        change(folder, decoder=config["decoder"] | {"heads": 4})
    else:
        before = tiny()
        encoder = load_encoder(EncoderConfig(backbone=str(backbone), image_size=(16, 24)))
        before.model.encoder = encoder
        before.model.decoder = type(before.model.decoder)(
            before.model.decoder.settings, before.model.decoder.vocabulary, encoder.features
        )
        save(folder, type(before)(before.model, before.vocabulary))
        config = json.loads((folder / "config.json").read_text())
        change(folder, backbone=config["backbone"] | {"hidden_act": "gelu"})
    with pytest.raises(CheckpointError, match=f"config.json: '{section}' is not what it was"):
        load(folder)


# vocab.json and the files themselves ------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {"words": "a red square"},
        {"words": [1, 2, 3]},
        {"words": None},
        {"words": [["a"]]},
        {"words": []},
        {"words": ["a", "red"]},
        {"words": ["<pad>", "<bos>", "<eos>", "<unk>", "a", "a"]},
        {"words": ["<pad>", "<bos>", "<eos>", "<unk>", {}]},
        {},
        [],
        None,
        "words",
    ],
)
def test_a_vocabulary_that_is_none_is_named(folder, content):
    (folder / "vocab.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"vocab\.json is") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_two_words_in_each_others_place_are_noticed(folder):
    path = folder / "vocab.json"
    content = json.loads(path.read_text())
    content["words"][4], content["words"][5] = content["words"][5], content["words"][4]
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="vocabulary of another checkpoint"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_named_at_once(folder, name, kind):
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to("/dev/zero")
    with pytest.raises(SaccadeError, match=rf"{name} is a {kind}"):
        load(folder)
