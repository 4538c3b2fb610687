"""Folders that are damaged or of two models, of every family, through the real program: one
sentence that names the file or the weight and the cure, and nothing captioned."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from saccade.cli import main
from tests.conftest import squares
from tests.models.foreign.makers import MAKERS, byte_pairs, word_pieces

WEIGHTS = "model.safetensors"
CONFIG, GENERATION = "config.json", "generation_config.json"
PROCESSOR = "preprocessor_config.json"
Damage = Callable[[Path], None]


def write(name: str, text: str) -> Damage:
    def change(folder: Path) -> None:
        (folder / name).write_text(text)

    return change


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def renamed(name: str) -> Damage:
    def change(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / name)

    return change


def setting(file: str, key: str, value: Any) -> Damage:
    def change(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**content, key: value}))

    return change


def everywhere(key: str, value: Any) -> Damage:
    """Of config.json, in its parts, too."""

    def change(folder: Path) -> None:
        text = (folder / "config.json").read_text()
        known = json.dumps(value)
        text, count = re.subn(rf'"{key}": [^,\n]+', f'"{key}": {known}', text)
        if not count:
            text = text.replace("{", f'{{"{key}": {known},', 1)
        (folder / "config.json").write_text(text)

    return change


def weights(change: Callable[[dict[str, torch.Tensor], str], object]) -> Damage:
    """Change the weights; told one that is in the second layer."""

    def damage(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        layer = next(key for key in sorted(tensors) if ".1." in key and tensors[key].dim() == 2)
        change(tensors, layer)
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return damage


def shards(folder: Path) -> None:
    """Two files, of which the second is not there."""
    keys = sorted(load_file(folder / WEIGHTS))
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")
    names = [f"model-0000{1 + (i > 3)}-of-00002.safetensors" for i in range(len(keys))]
    index = {"metadata": {}, "weight_map": dict(zip(keys, names, strict=True))}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def index_outside(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "a.safetensors")
    index = {"weight_map": {"a": "a.safetensors", "b": "../b.safetensors"}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def cut(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def other_tokenizer(folder: Path) -> None:
    rows = json.loads((folder / "tokenizer.json").read_text())["model"]["type"]
    (byte_pairs() if rows == "WordPiece" else word_pieces()).save_pretrained(folder)


def enlarged(folder: Path) -> None:
    """A photo would take terabytes."""
    kind = json.loads((folder / PROCESSOR).read_text())["image_processor_type"]
    for key, value in (
        ("size", {"height": 10**6, "width": 10**6}),
        ("max_image_size", {"longest_edge": 10**6}),
        ("max_patches", 10**12),
    ):
        setting(PROCESSOR, key, value)(folder)
    if kind.startswith("Qwen"):
        setting(PROCESSOR, "size", {"shortest_edge": 10**12, "longest_edge": 10**12})(folder)


def own_code(folder: Path) -> None:
    setting("config.json", "model_type", "mine")(folder)
    setting("config.json", "auto_map", {"AutoConfig": "mine.Config"})(folder)


def sentencepiece(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"pieces")
    setting("tokenizer_config.json", "tokenizer_class", "LlamaTokenizer")(folder)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no tokenizer": (without("tokenizer.json"), "has no tokenizer (tokenizer.json, vocab.json"),
    "tokenizer cut": (write("tokenizer.json", "{"), "its tokenizer can't be loaded"),
    "tokenizer settings": (
        write("tokenizer_config.json", "[]"),
        "tokenizer_config.json is not a table of settings",
    ),
    "another tokenizer": (other_tokenizer, "so they are not of one model; save the model's own"),
    "sentencepiece": (sentencepiece, "its tokenizer needs "),
    "text model": (setting(CONFIG, "model_type", "gpt2"), "is a gpt2, not a captioner that Sacc"),
    "unknown type": (setting(CONFIG, "model_type", "x"), "it reads blip, florence2, git, idefics3"),
    "no type": (setting(CONFIG, "model_type", None), "does not say of which kind the model is"),
    "two hops": (setting(CONFIG, "model_type", "blip-2"), "is a blip-2, which sees the picture"),
    "its own code": (own_code, "brings its own Python code"),
    "config cut": (write(CONFIG, '{"model_type": "blip",'), "config.json:1: is not valid JSON"),
    "config empty": (write(CONFIG, ""), "config.json:1: is empty"),
    "huge numbers": (everywhere("hidden_size", 10**12), "hidden_size is 1000000000000, but no mod"),
    "huge depth": (everywhere("num_hidden_layers", 10**6), "num_hidden_layers is 1000000, but its"),
    "huge input": (everywhere("image_size", 10**6), "image_size is 1000000, but no model has it"),
    "other weights": (setting(CONFIG, "transformers_weights", "a.bin"), "(transformers_weights)"),
    "no weights": (without(WEIGHTS), "has no weights as safetensors"),
    "pickled": (renamed("pytorch_model.bin"), "pytorch_model.bin and the like are never opened"),
    "other name": (renamed("a.safetensors"), "holds a.safetensors, but neither model.safetensors"),
    "adapter": (write("adapter_config.json", "{}"), "is an adapter of another model"),
    "cut off": (cut, "model.safetensors is damaged or cut off"),
    "empty weights": (write(WEIGHTS, ""), "model.safetensors is damaged or cut off"),
    "shard missing": (shards, "model-00002-of-00002.safetensors is missing, but"),
    "shard elsewhere": (index_outside, "names '../b.safetensors', which is not a safetensors"),
    "missing": (weights(lambda w, key: w.pop(key)), "1 of its weights are missing (first "),
    "left over": (
        weights(lambda w, key: w.update({key.replace(".1.", ".7."): w[key].clone()})),
        "its weights have more layers than its config.json says",
    ),
    "shape": (
        weights(lambda w, key: w.update({key: torch.zeros(3, 5)})),
        "of another shape than its config.json says",
    ),
    "not numbers": (
        weights(lambda w, key: w[key].fill_(torch.nan)),
        "non-finite weights (",
    ),
    "quantised": (
        weights(lambda w, key: w.update({key: w[key].to(torch.int8)})),
        "quantised, or of another model",
    ),
    "no processor": (without(PROCESSOR), "has no image processor (preprocessor_config.json)"),
    "processor cut": (write(PROCESSOR, "{"), "preprocessor_config.json:1: is not valid JSON"),
    "processor of none": (
        setting(PROCESSOR, "image_processor_type", "Nothing"),
        "its image processor can't be loaded",
    ),
    "sides": (enlarged, "not 1 to 4096"),
    "torchvision": (
        setting(PROCESSOR, "image_processor_type", "DINOv3ViTImageProcessor"),
        "its image processor needs torchvision, which is not installed",
    ),
    "beams": (setting(GENERATION, "num_beams", 0), "num_beams is 0, not a whole number from 1"),
    "length": (setting(GENERATION, "max_new_tokens", "x"), "max_new_tokens is 'x', not a whole"),
    "end": (setting(GENERATION, "eos_token_id", 10**6), "eos_token_id is 1000000, but the model's"),
    "generation cut": (write(GENERATION, "["), "generation_config.json:1: is not valid JSON"),
    "clock": (setting(GENERATION, "max_time", 0.1), "max_time is not supported; leave it out"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return squares(tmp_path_factory.mktemp("data"), 2, 1)


@pytest.mark.parametrize("name", MAKERS)
def test_damage_is_said_in_one_sentence(name, folders, data, tmp_path, capsys):
    photo = str(data / "images/000.png")
    commands = (["caption", photo], ["explain", photo], ["survey", str(data), "--split", "val"])
    for i, (kind, (damage, says)) in enumerate(DAMAGES.items(), list(MAKERS).index(name)):
        folder = tmp_path / f"{name} {kind}"
        shutil.copytree(folders[name], folder)
        damage(folder)
        assert main([*commands[i % 3], "-m", str(folder), "--cpu"]) == 1, kind
        printed = capsys.readouterr()
        assert says in printed.err, kind
        assert str(folder) in printed.err, kind
        assert printed.err.startswith("saccade: "), kind
        assert printed.err.count("\n") == 1, kind
        assert not printed.out, kind
