"""The checkpoint folder: complete, safe, and clear about what is wrong with it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from saccade.api import Captioner
from saccade.checkpoint import Checkpoint, load, save
from saccade.config import EncoderConfig
from saccade.errors import CheckpointError, SaccadeError
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.contract import Features
from saccade.models.encoders.loading import load_encoder
from saccade.text import SPECIALS, Vocabulary

WORDS = Vocabulary((*SPECIALS, "a", "red", "square", "ünïcode", "红"))


SMALL = {
    "soft_attention": {"hidden": 8, "embedding": 8, "attention": 8, "features": 8},
    "show_tell": {"hidden": 8, "embedding": 8},
    "transformer": {"hidden": 8, "heads": 2, "feedforward": 8},
}


def checkpoint(
    backbone: Path, include: bool | None = None, kind: str = "soft_attention"
) -> Checkpoint:
    torch.manual_seed(1)
    encoder = load_encoder(
        EncoderConfig(backbone=str(backbone), image_size=(64, 64), include=include)
    )
    settings = DECODERS[kind].settings(**SMALL[kind])
    model = CaptionModel(encoder, build_decoder(settings, len(WORDS), encoder.features))
    return Checkpoint(model.eval(), WORDS, training={"note": "made by a test"})


@pytest.fixture
def folder(backbone, tmp_path) -> Path:
    save(tmp_path / "checkpoint", checkpoint(backbone))
    return tmp_path / "checkpoint"


def logits(model: CaptionModel) -> torch.Tensor:
    pixels = torch.arange(3 * 64 * 64).remainder(255).view(1, 3, 64, 64).to(torch.uint8)
    with torch.no_grad():
        features: Features = model.features(pixels)
        return model.decoder.teach(
            features, torch.tensor([[[1, 4, 5]]]), torch.tensor([[3]])
        ).logits


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_what_is_saved_is_what_is_loaded(backbone, tmp_path, kind):
    before, folder = checkpoint(backbone, kind=kind), tmp_path / "checkpoint"
    save(folder, before)
    after = load(folder)
    assert after.model.decoder.settings == before.model.decoder.settings
    assert logits(before.model).equal(logits(after.model))
    assert after.vocabulary == WORDS
    assert after.training == {"note": "made by a test"}
    assert after.decode == before.decode
    assert after.model.encoder.config.mean == before.model.encoder.config.mean
    assert not after.model.training
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",  # the model card
        "config.json",
        "model.safetensors",
        "vocab.json",
    ]
    told = json.loads((folder / "config.json").read_text())
    assert told["saccade_version"]
    assert told["encoder"]["image_size"] == [64, 64]
    assert told["format"] == 2
    assert told["decoder"]["kind"] == kind
    assert told["decode"]["strategy"] == "beam"
    assert kind in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["conv", "resnet"])
def test_a_folder_of_format_1_still_loads_and_says_the_same(name):
    """Folders made by the version before formats were counted up, with what they said then."""
    folder = Path(__file__).parent / "files" / "format1"
    expected = json.loads((folder / "expected.json").read_text())[name]
    captioner = Captioner.from_pretrained(folder / name, device="cpu")
    caption = captioner.caption(folder / "photo.png")
    assert caption.text == expected["caption"]
    assert caption.logprobs == pytest.approx(expected["logprobs"], abs=1e-4)
    np.testing.assert_allclose(caption.alphas, expected["alphas"], atol=1e-4)
    np.testing.assert_allclose(caption.betas, expected["betas"], atol=1e-4)
    assert captioner.engine.mean is not None


def test_a_kind_of_decoder_that_is_not_known_is_named(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["decoder"]["kind"] = "gru"
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json.*decoder\.kind 'gru'.*transformer"):
        load(folder)


def test_an_included_encoder_needs_neither_its_folder_nor_a_network(backbone, tmp_path):
    own = tmp_path / "backbone"
    shutil.copytree(backbone, own)
    save(tmp_path / "checkpoint", checkpoint(own))
    expected = logits(checkpoint(own).model)
    shutil.rmtree(own)
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_checkpoint import *
def refuse(event, arguments):
    if event in ("socket.connect", "pickle.find_class"):
        raise AssertionError(event)
sys.addaudithook(refuse)
value = logits(load({str(tmp_path / "checkpoint")!r}).model)
save_file({{"logits": value.contiguous()}}, {str(tmp_path / "logits.safetensors")!r})
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    assert load_file(tmp_path / "logits.safetensors")["logits"].equal(expected)


def test_a_named_encoder_is_found_again_and_must_be_the_same(backbone, tmp_path):
    own = tmp_path / "backbone"
    shutil.copytree(backbone, own)
    save(tmp_path / "checkpoint", checkpoint(own, include=False))
    kept = load_file(tmp_path / "checkpoint" / "model.safetensors")
    assert not any(name.startswith("encoder.") for name in kept)
    assert logits(load(tmp_path / "checkpoint").model).equal(logits(checkpoint(own).model))
    weights = load_file(own / "model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] + 1}, own / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="not the one it was trained with"):
        load(tmp_path / "checkpoint")
    shutil.rmtree(own)
    with pytest.raises(
        CheckpointError, match=r"names its encoder without holding it.*no such folder"
    ):
        load(tmp_path / "checkpoint")


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
@pytest.mark.parametrize("harm", ["cut", "noise", "empty"])
def test_a_damaged_file_is_named(folder, name, harm):
    path = folder / name
    whole = path.read_bytes()
    harmed = {"cut": whole[: len(whole) // 2], "noise": b"\xff\x00" * 99, "empty": b""}[harm]
    path.write_bytes(harmed)
    with pytest.raises(CheckpointError, match=f"{name} is damaged.*copy"):
        load(folder)


def test_a_vocabulary_of_another_checkpoint_is_noticed(folder):
    other = Vocabulary((*SPECIALS, "a", "green", "square", "ünïcode", "红"))  # as long as the own
    (folder / "vocab.json").write_text(other.to_json(), "utf-8")
    with pytest.raises(CheckpointError, match="vocabulary of another checkpoint"):
        load(folder)


def test_a_future_format_and_an_unknown_setting_are_named(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        load(folder)
    config["decoder"]["layers"] = 3
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"unknown setting 'decoder\.layers'"):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"config\.json is missing: a checkpoint holds"):
        load(tmp_path / "empty")


def test_a_failed_save_leaves_the_old_checkpoint_and_no_rubbish(folder, backbone, monkeypatch):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("saccade.checkpoint.save_file", full)
    with pytest.raises(
        SaccadeError, match=r"could not be written \(No space left on device\).*untouched"
    ):
        save(folder, checkpoint(backbone))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_crash_between_the_two_renames_of_a_save_loses_nothing(folder):
    folder.rename(folder.with_name(f".{folder.name}.previous"))
    assert load(folder).vocabulary == WORDS
    assert Captioner.from_pretrained(folder, device="cpu").engine.vocabulary == WORDS


def test_who_may_read_one_file_of_a_checkpoint_may_read_all(folder):
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1
