"""A checkpoint is a folder: config.json, vocab.json, model.safetensors and a README.md, its card.

Nothing is unpickled and nothing of it is run. Format 2 names the decoder's kind and the decoding
strategy, and holds hashes of the other files; folders of format 1, which know one kind and one
strategy and have a hash of the vocabulary only, still load.
"""

import hashlib
import json
import reprlib
import shutil
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from saccade.checkpoint.card import card
from saccade.config import SMALL_CONV, EncoderConfig, Tag, chosen, from_dict, to_dict
from saccade.decoding import TAG as STRATEGIES
from saccade.decoding import BeamSettings, Decoding
from saccade.errors import CheckpointError, DataError, UsageError
from saccade.files import parse_json, read_json, replace_folder, require_file, surviving_folder
from saccade.models.build import TAG as DECODERS
from saccade.models.build import build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.loading import describe_backbone, load_encoder, rebuild_encoder
from saccade.models.encoders.small_conv import SmallConv
from saccade.models.shapes import shapes_only
from saccade.text import Vocabulary
from saccade.values.doubt import DoubtModel

FORMAT = 2
READABLE = (1, 2)
CONFIG, VOCABULARY, WEIGHTS = "config.json", "vocab.json", "model.safetensors"
CARD = "README.md"
DOUBT = "doubt"  # of config.json, optional
MEAN_GRID = "mean_grid"  # among the weights; checkpoints from before it was kept lack it
DESCRIBED = "saccade"  # in the weights file's own header: the sizes and kinds that they are of


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder holds."""

    model: CaptionModel
    vocabulary: Vocabulary
    decode: Decoding = field(default_factory=BeamSettings)
    training: dict[str, Any] = field(default_factory=dict)  # how it came about; for people
    mean_grid: torch.Tensor | None = None  # (L, F) mean features of training pictures, cell by cell
    doubt: DoubtModel | None = None  # how doubtful its words are, once `saccade survey` fitted it


FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
AGAIN = "copy the checkpoint folder again, whole"  # fixes most


def write_into(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint's files into an existing folder (which `save` then renames)."""
    encoder, decoder = checkpoint.model.encoder, checkpoint.model.decoder
    vocabulary = checkpoint.vocabulary.to_json()
    include = encoder.config.include is not False
    described = {"decoder": to_dict(decoder.settings), "backbone": describe_backbone(encoder)}
    kept = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in checkpoint.model.state_dict().items()
        if name.startswith("decoder.") or (include and name.startswith("encoder."))
    }
    if checkpoint.mean_grid is not None:
        kept[MEAN_GRID] = checkpoint.mean_grid.float().cpu().contiguous()
    try:
        # One entry only: of several, each save has another order.
        save_file(kept, folder / WEIGHTS, {DESCRIBED: json.dumps(described)})
    except SafetensorError as error:  # how safetensors reports a full disk
        raise OSError(None, str(error)) from error
    config = {
        "format": FORMAT,
        "saccade_version": version("saccade-captioner"),
        "encoder": to_dict(replace(encoder.config, include=include)),
        "encoder_digest": encoder.digest(),
        "grid": list(encoder.grid),
        "features": encoder.features,
        **described,
        "vocabulary_size": decoder.vocabulary,
        "vocabulary_sha256": hashlib.sha256(vocabulary.encode()).hexdigest(),
        "weights_sha256": _sha256(folder / WEIGHTS),
        "decode": to_dict(checkpoint.decode),
        "training": checkpoint.training,
    }
    # What was fitted on other weights says nothing of these.
    if checkpoint.doubt is not None and checkpoint.doubt.weights == config["weights_sha256"]:
        config[DOUBT] = checkpoint.doubt.to_json()
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    shutil.copymode(folder / CONFIG, folder / WEIGHTS)  # safetensors leaves it to its owner alone
    (folder / VOCABULARY).write_text(vocabulary, "utf-8")
    (folder / CARD).write_text(card(config), "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(folder: Path | str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder atomically; an older one is replaced only when all is written.

    Raises SaccadeError when the disk refuses."""
    replace_folder(folder, lambda fresh: write_into(fresh, checkpoint))


def _section(tag: Tag, values: dict[str, Any], name: str) -> Any:
    """The settings of a section whose class a key of it chooses."""
    return from_dict(chosen(tag, values, name), values, name)


def is_checkpoint(folder: Path | str) -> bool:
    """Whether a folder looks like a checkpoint."""
    return (surviving_folder(folder) / CONFIG).is_file()


def _present(path: Path) -> Path:
    """`path`, a regular file. Raises CheckpointError."""
    if not path.exists():
        raise CheckpointError(f"{path} is missing: the checkpoint folder is incomplete; {AGAIN}.")
    require_file(path, CheckpointError)
    return path


def _json(path: Path) -> Any:
    try:
        return read_json(_present(path), DataError)
    except DataError as error:
        said = str(error)
        if not said.startswith(f"{path}:"):  # it can't be opened
            raise CheckpointError(said) from error
        where = said.removeprefix(f"{path}:").partition(";")[0]
        raise CheckpointError(f"{path} is damaged (line {where}); {AGAIN}.") from error


def read_config(folder: Path | str) -> dict[str, Any]:
    """config.json of a checkpoint folder, of a format that can be read. Raises CheckpointError."""
    folder = surviving_folder(folder)
    path = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: there is no such checkpoint folder; check the path.")
    if not path.exists():
        inner = [name for name in ("best", "last") if is_checkpoint(folder / name)]
        hint = (
            f"it is a run; its checkpoint is {folder / inner[0]}"
            if inner
            else f"a checkpoint holds {CONFIG}, {VOCABULARY} and {WEIGHTS}"
        )
        raise CheckpointError(f"{path} is missing: {hint}.")
    config = _json(path)
    number = config.get("format") if isinstance(config, dict) else None
    if type(number) is not int:
        kind = config.get("model_type") if isinstance(config, dict) else None
        if isinstance(kind, str) and kind:
            raise CheckpointError(
                f"{folder} is a {kind[:50]} of transformers, not a checkpoint that Saccade has "
                "trained; such models are there for caption, explain, judge, survey and evaluate."
            )
        raise CheckpointError(f"{path} is not a checkpoint's (it names no format); {AGAIN}.")
    if number not in READABLE:
        raise CheckpointError(
            f"{path} is of format {number}, and this Saccade ({version('saccade-captioner')}) "
            f"reads format {FORMAT} and older; install the Saccade that wrote it: "
            f"{config.get('saccade_version')}."
        )
    return config


@dataclass(frozen=True)
class _Description:
    """What config.json says, each value of the right type and in its range."""

    encoder: EncoderConfig
    backbone: Mapping[str, Any] | None  # of transformers; None for small-conv
    encoder_digest: str
    grid: tuple[int, int]
    features: int
    decoder: Any
    vocabulary_size: int
    vocabulary_sha256: str
    weights_sha256: str | None  # None in format 1
    decode: Decoding
    training: dict[str, Any]
    doubt: DoubtModel | None


def _described(config: dict[str, Any]) -> _Description:
    """Raises UsageError naming the key that is missing or wrong."""

    def get(name: str, kind: type | types.UnionType, least: int = 0) -> Any:
        if name not in config:
            raise UsageError(f"{name} is missing")
        value = config[name]
        good = isinstance(value, kind) and not isinstance(value, bool)
        if not good or (isinstance(value, int) and not least <= value <= 10**9):
            raise UsageError(f"{name} can't be {reprlib.repr(value)}")
        return value

    encoder = from_dict(EncoderConfig, get("encoder", dict), "encoder")
    if encoder.include is None:
        raise UsageError("encoder.include is missing")
    if encoder.mean is None or encoder.std is None:
        raise UsageError("encoder.mean or encoder.std is missing")
    backbone = get("backbone", dict | None)
    if encoder.include and (backbone is None) != (encoder.backbone == SMALL_CONV):
        raise UsageError(f"backbone does not describe the encoder {encoder.backbone}")
    grid = get("grid", list)
    if len(grid) != 2 or not all(type(side) is int and 1 <= side <= 10**6 for side in grid):
        raise UsageError(f"grid is two whole numbers, not {reprlib.repr(grid)}")
    return _Description(
        encoder,
        backbone,
        get("encoder_digest", str),
        (grid[0], grid[1]),
        get("features", int, 1),
        _section(DECODERS, get("decoder", dict), "decoder"),
        get("vocabulary_size", int, 1),
        get("vocabulary_sha256", str),
        get("weights_sha256", str) if config["format"] > 1 else None,
        _section(STRATEGIES, get("decode", dict), "decode"),
        get("training", dict),
        _doubt(config),
    )


def _doubt(config: dict[str, Any]) -> DoubtModel | None:
    """Raises UsageError for what is no fitted doubt, or that of other weights."""
    if DOUBT not in config:
        return None
    try:
        doubt = DoubtModel.from_json(config[DOUBT])
    except ValueError as error:
        raise UsageError(f"{DOUBT} {error}") from error
    if doubt.weights != config.get("weights_sha256"):
        raise UsageError(f"{DOUBT} was fitted on other weights; remove that section, or fit again")
    return doubt


def _damaged(folder: Path, error: UsageError) -> CheckpointError:
    reason = str(error).rstrip(".")
    reason = reason if len(reason) < 500 else f"{reason[:500]}..."
    return CheckpointError(f"{folder / CONFIG} is damaged: {reason}; {AGAIN}.")


def _vocabulary(path: Path, expected: _Description) -> Vocabulary:
    content = _json(path)
    words = content.get("words") if isinstance(content, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise CheckpointError(f"{path} is damaged: 'words' is not a list of words; {AGAIN}.")
    try:
        vocabulary = Vocabulary(tuple(words))
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}); {AGAIN}.") from error
    same = hashlib.sha256(vocabulary.to_json().encode()).hexdigest() == expected.vocabulary_sha256
    if not same or len(vocabulary) != expected.vocabulary_size:
        raise CheckpointError(
            f"{path} is the vocabulary of another checkpoint ({len(vocabulary)} words; "
            f"{expected.vocabulary_size} expected): every word would come out wrong. Put the right "
            "one back."
        )
    return vocabulary


def _weights(path: Path, config: dict[str, Any], expected: _Description) -> dict[str, Tensor]:
    """The tensors, of which every number is finite, of the file that was saved with config.json."""
    _present(path)
    if expected.weights_sha256 is not None and _sha256(path) != expected.weights_sha256:
        raise CheckpointError(
            f"{path} is damaged, or the weights of another checkpoint: it is not the file that was "
            f"saved with {CONFIG}; {AGAIN}."
        )
    try:
        with safe_open(path, "pt") as file:
            described = (file.metadata() or {}).get(DESCRIBED)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); {AGAIN}.") from error
    if described is not None:
        content = parse_json(described, str(path), CheckpointError, AGAIN)
        for name, value in content.items() if isinstance(content, dict) else ():
            if config.get(name) != value:
                raise CheckpointError(
                    f"{path.parent / CONFIG}: '{name}' is not what it was when the weights were "
                    f"saved, which would change what they mean; {AGAIN}."
                )
    for name, value in weights.items():
        counter = value.dtype == torch.int64 and name.endswith("num_batches_tracked")
        if value.dtype not in FLOATS and not counter:
            raise CheckpointError(
                f"{path}: {name} is {str(value.dtype).removeprefix('torch.')}, not floating point; "
                f"{AGAIN}."
            )
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {name} holds non-finite numbers; {AGAIN}.")
    return weights


def _check_shapes(path: Path, weights: Mapping[str, Tensor], part: nn.Module, prefix: str) -> None:
    """Raises CheckpointError unless `weights` has just the tensors of a part of the model."""
    shapes = {f"{prefix}{name}": value.shape for name, value in part.state_dict().items()}
    stored = {name: value.shape for name, value in weights.items() if name.startswith(prefix)}
    for name in sorted(shapes.keys() | stored.keys()):
        if shapes.get(name) != stored.get(name):
            sizes = [None if s is None else list(s) for s in (stored.get(name), shapes.get(name))]
            raise CheckpointError(
                f"{path} does not fit {CONFIG} ({name} is {sizes[0] or 'missing'}, not "
                f"{sizes[1] or 'a part of the model'}); {AGAIN}."
            )


def _encoder(folder: Path, expected: _Description, weights: dict[str, Tensor]) -> Encoder:
    """The encoder, with the checkpoint's weights or with those of the backbone that it names."""
    settings = expected.encoder
    named = f"the encoder '{settings.backbone}'"
    if settings.include:
        if settings.backbone == SMALL_CONV:  # before memory is taken for it
            with shapes_only():
                small = SmallConv(settings.widths, settings.halvings)
            _check_shapes(folder / WEIGHTS, weights, small, "encoder.backbone.")
        try:
            promised = (expected.features, *expected.grid)
            encoder = rebuild_encoder(settings, expected.backbone, promised)
            shape = encoder.measure()
        except UsageError as error:
            raise _damaged(folder, error) from error
        _check_shapes(folder / WEIGHTS, weights, encoder, "encoder.")
        own = {k.removeprefix("encoder."): v for k, v in weights.items() if k[:8] == "encoder."}
        encoder.load_state_dict(own)
        cause = f"{CONFIG} was changed, or the weights; {AGAIN}"
    else:
        try:
            encoder = load_encoder(settings)
        except UsageError as error:
            raise CheckpointError(
                f"{folder} names its encoder without holding it: {error}"
            ) from error
        shape = (encoder.features, *encoder.grid)
        cause = "its weights or preprocessing changed; get the old one back, or train again"
    if encoder.digest() != expected.encoder_digest:
        raise CheckpointError(f"{folder}: {named} is not the one it was trained with ({cause}).")
    if shape != (expected.features, *expected.grid):
        features, h, w = shape
        raise CheckpointError(
            f"{folder / CONFIG}: {named} gives {h}x{w} cells of {features} features, not "
            f"{expected.grid[0]}x{expected.grid[1]} of {expected.features}; {AGAIN}."
        )
    return encoder


def load(folder: Path | str) -> Checkpoint:
    """Read a checkpoint folder: on the CPU, in evaluation mode, without the training data, and
    without a network when it holds its encoder.

    Raises CheckpointError naming the file and what is missing, damaged, of another checkpoint or
    no longer what was saved."""
    folder = surviving_folder(folder)
    config = read_config(folder)
    try:
        expected = _described(config)
    except UsageError as error:
        raise _damaged(folder, error) from error
    vocabulary = _vocabulary(folder / VOCABULARY, expected)
    path = folder / WEIGHTS
    weights = _weights(path, config, expected)
    mean_grid = weights.pop(MEAN_GRID, None)
    h, w = expected.grid
    if mean_grid is not None and mean_grid.shape != (h * w, expected.features):
        raise CheckpointError(f"{path} does not fit {CONFIG} ({MEAN_GRID}); {AGAIN}.")
    sizes = (expected.decoder, expected.vocabulary_size, expected.features)
    with shapes_only():  # before memory is taken for it
        decoder = build_decoder(*sizes)
    _check_shapes(path, weights, decoder, "decoder.")
    model = CaptionModel(_encoder(folder, expected, weights), build_decoder(*sizes))
    others = [name for name in weights if not name.startswith(("decoder.", "encoder."))]
    if others or not (expected.encoder.include or _only(weights, "decoder.")):
        stray = others[0] if others else "weights of an encoder that it does not include"
        raise CheckpointError(f"{path} does not fit {CONFIG} ({stray}); {AGAIN}.")
    model.load_state_dict(weights, strict=False)  # names and shapes are checked
    model.eval()
    settings = expected.decode, expected.training
    return Checkpoint(model, vocabulary, *settings, mean_grid, expected.doubt)


def _only(weights: Mapping[str, Tensor], prefix: str) -> bool:
    return all(name.startswith(prefix) for name in weights)
