"""No backbone folder and no checkpoint can run code: not by its settings, its description, its
Python files or pickled weights. Each file here would leave a mark if it ran."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, MobileNetV2Config

from saccade.api import Captioner
from saccade.checkpoint import load
from saccade.cli import main
from saccade.config import EncoderConfig
from saccade.errors import CheckpointError, SaccadeError, UsageError
from saccade.models.encoders.loading import load_encoder

FORMAT1 = Path(__file__).parents[1] / "files" / "format1"


class Marking:
    """Unpickling this makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    """The file that code would make; that it was not made is checked at the end of every test."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "code from a file was run"


def with_code(folder: Path, mark: Path, model_type: str = "evil") -> Path:
    """A backbone folder made hostile: Python files that auto_map names, beside good weights."""
    (folder / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
        "from transformers import ResNetConfig as EvilConfig, ResNetModel as EvilModel\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": model_type,
        "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"},
        "trust_remote_code": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def own(backbone, tmp_path) -> Path:
    return Path(shutil.copytree(backbone, tmp_path / "backbone"))


@pytest.mark.parametrize("model_type", ["evil", "resnet"])
@pytest.mark.parametrize("settings", [{}, {"trust_remote_code": True}])
def test_a_folders_python_is_never_run(own, mark, model_type, settings):
    with_code(own, mark, model_type)
    config = EncoderConfig(backbone=str(own), image_size=(64, 64), settings=settings)
    with pytest.raises(UsageError, match=r"own Python code \(auto_map.*never run"):
        load_encoder(config)


def test_training_with_a_hostile_folder_ends_in_one_sentence(own, mark, data, tmp_path, capsys):
    with_code(own, mark)
    code = main(["train", str(data), "--out", str(tmp_path / "run"), "--encoder", str(own)])
    assert code == 2
    message = capsys.readouterr().err
    assert "never run" in message
    assert "Traceback" not in message


REFUSED = {
    "trust_remote_code": True,
    "auto_map": {"AutoModel": "evil.EvilModel"},
    "token": "hf_secret",
    "proxies": {"https": "http://127.0.0.1:9"},
    "cache_dir": "elsewhere",
    "revision": "other",
    "code_revision": "other",
    "_name_or_path": "evil/evil",
    "name_or_path": "evil/evil",
    "attn_implementation": "evil/kernel",
    "_attn_implementation": "evil/kernel",
    "experts_implementation": "evil/kernel",
    "quantization_config": {"quant_method": "awq"},
    "return_unused_kwargs": True,
    "local_files_only": False,
    "output_hidden_states": False,
    "no_such_width": 3,
}


@pytest.mark.parametrize("name", REFUSED)
def test_only_architecture_is_a_setting(own, mark, name):
    config = EncoderConfig(backbone=str(own), image_size=(64, 64), settings={name: REFUSED[name]})
    with pytest.raises(UsageError, match=rf"encoder\.settings\.{name} is no.*hidden_sizes"):
        load_encoder(config)


def test_settings_of_the_architecture_work(tmp_path):
    AutoModel.from_config(MobileNetV2Config(depth_multiplier=0.35)).save_pretrained(tmp_path)
    for settings, grid in (({}, (2, 2)), ({"output_stride": 16}, (4, 4))):
        config = EncoderConfig(backbone=str(tmp_path), image_size=(64, 64), settings=settings)
        assert load_encoder(config).grid == grid


@pytest.mark.parametrize("include", [False, True])
def test_a_checkpoint_that_names_a_hostile_folder_runs_nothing(own, mark, tmp_path, include):
    """`settings` of a config.json once went on to transformers as they stood there."""
    with_code(own, mark)
    folder = Path(shutil.copytree(FORMAT1 / "resnet", tmp_path / "checkpoint"))
    config = json.loads((folder / "config.json").read_text())
    hostile = {"trust_remote_code": True, "auto_map": {"AutoModel": "evil.EvilModel"}}
    config["encoder"] |= {"backbone": str(own), "include": include, "settings": hostile}
    config["backbone"] |= {**hostile, "_name_or_path": str(own), "model_type": "resnet"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="is not the one" if include else "never run"):
        Captioner.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize("place", ["backbone", "vision_config", "backbone_config", "text_config"])
def test_a_checkpoints_description_of_its_backbone_runs_nothing(own, mark, tmp_path, place):
    with_code(own, mark)
    folder = Path(shutil.copytree(FORMAT1 / "resnet", tmp_path / "checkpoint"))
    config = json.loads((folder / "config.json").read_text())
    hostile = {
        "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"},
        "_name_or_path": str(own),
        "name_or_path": str(own),
        "trust_remote_code": True,
        "attn_implementation": "evil/kernel",
    }
    config["backbone"] |= hostile if place == "backbone" else {place: hostile, "backbone": str(own)}
    (folder / "config.json").write_text(json.dumps(config))
    load(folder)


@pytest.mark.parametrize("model_type", ["clip", "detr", "timm_backbone"])
def test_a_description_of_another_kind_of_model_runs_nothing(own, mark, tmp_path, model_type):
    """Kinds that hold models of their own, or load them by name."""
    with_code(own, mark)
    folder = Path(shutil.copytree(FORMAT1 / "resnet", tmp_path / "checkpoint"))
    config = json.loads((folder / "config.json").read_text())
    config["backbone"] = {
        "model_type": model_type,
        "backbone": str(own),
        "use_pretrained_backbone": True,
        "index_path": str(own),
        "auto_map": {"AutoModel": "evil.EvilModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(SaccadeError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin"])
def test_pickled_weights_are_never_opened(own, mark, name):
    (own / "model.safetensors").unlink()
    (own / name).write_bytes(pickle.dumps(Marking(mark)))
    with pytest.raises(UsageError, match=r"pytorch_model\.bin only.*never opened.*convert"):
        load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))


def test_pickled_weights_beside_safe_ones_are_left_alone(own, mark):
    (own / "pytorch_model.bin").write_bytes(pickle.dumps(Marking(mark)))
    load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))


def test_a_folder_does_not_choose_a_kernel(own, mark):
    """transformers would fetch the code of a kernel that is named like a repository."""
    path = own / "config.json"
    config = json.loads(path.read_text())
    for key in ("attn_implementation", "_attn_implementation", "experts_implementation"):
        config[key] = "evil/kernel"
    path.write_text(json.dumps(config))
    encoder = load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))
    assert encoder.backbone.config._attn_implementation != "evil/kernel"


def test_weights_of_another_backbone_are_noticed(own, mark):
    """Weights that are missing would be random, each time others."""
    weights = load_file(own / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "stages.1" not in name}
    save_file(kept, own / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=r"of its weights are missing.*stages\.1"):
        load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))
    save_file({**weights, "embedder.embedder.convolution.weight": torch.zeros(1)}, own / "model.safetensors", {"format": "pt"})  # fmt: skip
    with pytest.raises(UsageError, match=r"could not be loaded"):
        load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))


def test_weights_that_are_nan_are_noticed(own, mark):
    weights = load_file(own / "model.safetensors")
    name = sorted(weights)[0]
    weights[name] = weights[name] * float("nan")
    save_file(weights, own / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=f"non-finite weights.*{name}"):
        load_encoder(EncoderConfig(backbone=str(own), image_size=(64, 64)))
