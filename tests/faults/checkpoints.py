"""A tiny checkpoint with everything in it, to be harmed."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from saccade.checkpoint import Checkpoint, save
from saccade.config import SMALL_CONV, EncoderConfig
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.loading import load_encoder
from saccade.text import SPECIALS, Vocabulary

WORDS = Vocabulary((*SPECIALS, "a", "red", "green", "square", "on", "the", "left"))
SMALL = {
    "soft_attention": {"hidden": 8, "embedding": 8, "attention": 8, "features": 8},
    "transformer": {"hidden": 8, "heads": 2, "feedforward": 8},
}


def tiny(kind: str = "soft_attention", seed: int = 1) -> Checkpoint:
    torch.manual_seed(seed)
    encoder = load_encoder(
        EncoderConfig(SMALL_CONV, image_size=(16, 24), freeze="none", widths=(6, 8), halvings=2)
    )
    decoder = build_decoder(DECODERS[kind].settings(**SMALL[kind]), len(WORDS), encoder.features)
    mean = torch.rand(encoder.grid[0] * encoder.grid[1], encoder.features)
    return Checkpoint(CaptionModel(encoder, decoder).eval(), WORDS, mean_grid=mean)


def tiny_folder(folder: Path, kind: str = "soft_attention", seed: int = 1) -> Path:
    save(folder, tiny(kind, seed))
    return folder


def read_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def write_weights(folder: Path, weights: dict[str, Tensor], signed: bool = True) -> None:
    """Other weights in the folder; signed: with their hash, as if they had been saved so."""
    _, metadata = read_weights(folder)
    save_file(weights, folder / "model.safetensors", metadata)
    if signed:
        sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        change(folder, weights_sha256=sha256)


def change(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def logits(checkpoint: Checkpoint) -> Tensor:
    """What the model says of two fixed pictures after fixed words."""
    generator = torch.Generator().manual_seed(0)
    size = checkpoint.model.encoder.config.image_size
    pixels = torch.randint(0, 256, (2, 3, *size), generator=generator).to(torch.uint8)
    inputs = torch.tensor([[[1, 4, 5, 7]]] * 2)
    with torch.no_grad():
        features = checkpoint.model.features(pixels)
        return checkpoint.model.decoder.teach(features, inputs, torch.tensor([[4], [4]])).logits
