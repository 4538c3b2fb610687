"""A checkpoint is a folder: config.json, vocab.json, model.safetensors and a README.md, its card.

Nothing is unpickled and nothing of it is run. Format 2 names the decoder's kind and the decoding
strategy; folders of format 1, which know one of each, still load.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from saccade.config import SMALL_CONV, EncoderConfig, Tag, chosen, from_dict, to_dict
from saccade.decoding import TAG as STRATEGIES
from saccade.decoding import BeamSettings, Decoding
from saccade.errors import CheckpointError, UsageError
from saccade.files import replace_folder, surviving_folder
from saccade.models.build import TAG as DECODERS
from saccade.models.build import build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.loading import describe_backbone, load_encoder, rebuild_encoder
from saccade.text import Vocabulary

FORMAT = 2
READABLE = (1, 2)
CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocab.json", "model.safetensors"
CARD = "README.md"
MEAN_GRID = "mean_grid"  # among the weights; checkpoints from before it was kept lack it


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder holds."""

    model: CaptionModel
    vocabulary: Vocabulary
    decode: Decoding = field(default_factory=BeamSettings)
    training: dict[str, Any] = field(default_factory=dict)  # how it came about; for people
    mean_grid: torch.Tensor | None = None  # (L, F) mean features of training pictures, cell by cell


def _included(config: EncoderConfig) -> bool:
    if not config.frozen:
        return True
    return Path(config.backbone).is_dir() if config.include is None else config.include


def write_into(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint's files into an existing folder (which `save` then renames)."""
    encoder, decoder = checkpoint.model.encoder, checkpoint.model.decoder
    vocabulary = checkpoint.vocabulary.to_json()
    include = _included(encoder.config)
    config = {
        "format": FORMAT,
        "saccade_version": version("saccade-captioner"),
        "encoder": to_dict(replace(encoder.config, include=include)),
        "backbone": describe_backbone(encoder),
        "encoder_digest": encoder.digest(),
        "grid": list(encoder.grid),
        "features": encoder.features,
        "decoder": to_dict(decoder.settings),
        "vocabulary_size": decoder.vocabulary,
        "vocabulary_sha256": hashlib.sha256(vocabulary.encode()).hexdigest(),
        "decode": to_dict(checkpoint.decode),
        "training": checkpoint.training,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / VOCABULARY).write_text(vocabulary, "utf-8")
    (folder / CARD).write_text(_card(config), "utf-8")
    state = checkpoint.model.state_dict()
    kept = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in state.items()
        if name.startswith("decoder.") or (include and name.startswith("encoder."))
    }
    if checkpoint.mean_grid is not None:
        kept[MEAN_GRID] = checkpoint.mean_grid.float().cpu().contiguous()
    try:
        save_file(kept, folder / WEIGHTS)
    except SafetensorError as error:  # how safetensors reports a full disk
        raise OSError(None, str(error)) from error


def save(folder: Path | str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder in one go; an older one is replaced only when all is written.

    Raises SaccadeError when the disk refuses."""
    replace_folder(folder, lambda fresh: write_into(fresh, checkpoint))


def _section(tag: Tag, config: dict[str, Any], name: str) -> Any:
    """The settings of a section whose class a key of it chooses."""
    return from_dict(chosen(tag, config[name], name), config[name], name)


def _card(config: dict[str, Any]) -> str:
    """The model card: what this is, how it was made, how to use it."""
    training = config["training"]
    figures = training.get("validation", {})
    rows = [
        ("encoder", f"{config['encoder']['backbone']}, {config['grid'][0]}x{config['grid'][1]} "
         f"cells of {config['features']} features"),
        ("decoder", config["decoder"]["kind"]),
        ("vocabulary", f"{config['vocabulary_size']} words"),
        ("trained on", f"{training.get('pictures', 'unknown')} pictures, "
         f"{training.get('step', 'unknown')} steps"),
        *((f"validation {name}", f"{value:.4g}") for name, value in figures.items()),
    ]  # fmt: skip
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
library_name: saccade
pipeline_tag: image-to-text
---

# An image captioner made with Saccade {config["saccade_version"]}

| | |
|---|---|
{table}

```
pip install saccade-captioner
saccade caption photo.jpg --model THIS_FOLDER
saccade explain photo.jpg --model THIS_FOLDER --html evidence.html
```

An attention map says what the model weighed, not why it chose a word; `saccade explain` puts the
evidence beside it.
"""


def is_checkpoint(folder: Path | str) -> bool:
    """Whether a folder looks like a checkpoint."""
    return (surviving_folder(folder) / CONFIG).is_file()


def read_config(folder: Path | str) -> dict[str, Any]:
    """config.json of a checkpoint folder, checked. Raises CheckpointError."""
    folder = surviving_folder(folder)
    path = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: there is no such checkpoint folder; check the path.")
    try:
        config = json.loads(path.read_text("utf-8"))
        found = config["format"]
    except FileNotFoundError as error:
        inner = [name for name in ("best", "last") if is_checkpoint(folder / name)]
        hint = (
            f"it is a run; its checkpoint is {folder / inner[0]}"
            if inner
            else f"a checkpoint holds {CONFIG}, {VOCABULARY} and {WEIGHTS}"
        )
        raise CheckpointError(f"{path} is missing: {hint}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); copy the checkpoint folder again."
        ) from error
    if found not in READABLE:
        raise CheckpointError(
            f"{path} is of format {found}, and this Saccade "
            f"({version('saccade-captioner')}) reads format "
            f"{FORMAT} and older; install the Saccade that wrote it: "
            f"{config.get('saccade_version')}."
        )
    return config


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing: the checkpoint folder is incomplete; copy it again whole."
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); copy the checkpoint folder again."
        ) from error


def _encoder(
    folder: Path, config: dict[str, Any], settings: EncoderConfig, shape: tuple[int, int, int]
) -> Encoder:
    if settings.include or settings.backbone == SMALL_CONV:
        return rebuild_encoder(settings, config["backbone"], shape)
    try:
        encoder = load_encoder(settings)
    except UsageError as error:
        raise CheckpointError(f"{folder} names its encoder without holding it: {error}") from error
    if encoder.digest() != config["encoder_digest"]:
        raise CheckpointError(
            f"{folder}: the encoder '{settings.backbone}' is not the one it was trained with (its "
            "weights or preprocessing changed); get the old one back, or train again."
        )
    return encoder


def load(folder: Path | str) -> Checkpoint:
    """Read a checkpoint folder: on the CPU, in evaluation mode, without the training data, and
    without a network when it holds its encoder. Raises CheckpointError naming the file."""
    folder = surviving_folder(folder)
    config = read_config(folder)
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    try:
        settings = from_dict(EncoderConfig, config["encoder"], "encoder")
        shape = _section(DECODERS, config, "decoder")
        decode = _section(STRATEGIES, config, "decode")
        size, features = config["vocabulary_size"], config["features"]
        told = config["vocabulary_sha256"]
        h, w = (int(side) for side in config["grid"])
    except (KeyError, UsageError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / CONFIG} is damaged: {error}") from error
    if hashlib.sha256(vocabulary.to_json().encode()).hexdigest() != told:
        raise CheckpointError(
            f"{folder / VOCABULARY} is the vocabulary of another checkpoint ({len(vocabulary)} "
            f"words; {size} expected): every word would come out wrong. Put the right one back."
        )
    weights = _weights(folder)
    mean_grid = weights.pop(MEAN_GRID, None)
    encoder = _encoder(folder, config, settings, (features, h, w))
    model = CaptionModel(encoder, build_decoder(shape, size, features))
    if not settings.include:
        weights |= {
            name: value for name, value in model.state_dict().items() if name.startswith("encoder.")
        }
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit {CONFIG} ({reason}); copy the checkpoint again."
        ) from error
    if mean_grid is not None and mean_grid.shape != (h * w, features):
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit {CONFIG} ({MEAN_GRID}); copy the checkpoint again."
        )
    return Checkpoint(model.eval(), vocabulary, decode, config["training"], mean_grid)
