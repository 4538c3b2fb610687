"""Settings as small frozen dataclasses: checked when made, unknown keys refused, no torch.

A preset (`saccade/presets/*.toml`) is these same names in TOML; see `load_preset`.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from saccade.errors import UsageError

T = TypeVar("T")

SMALL_CONV = "small-conv"  # EncoderConfig.backbone of the built-in convolutional encoder


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class EncoderConfig:
    """A backbone and how photographs enter it."""

    backbone: str = "microsoft/resnet-101"  # hub id, local folder, or "small-conv"
    revision: str | None = None  # of the hub id
    image_size: tuple[int, int] = (448, 448)  # (H, W) of the input; with `stage` it sets the grid
    stage: int = -1  # which hidden state is the grid: -1 the last one
    fit: Literal["stretch", "crop", "pad"] = "stretch"  # how a photo becomes image_size
    mean: tuple[float, float, float] | None = None  # of pixels in 0..1; None: the backbone's own
    std: tuple[float, float, float] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # e.g. {"output_stride": 16}
    trainable: bool = False  # train it with the decoder (no feature cache then)
    include: bool | None = None  # weights in the checkpoint; None: unless it is a hub id
    widths: tuple[int, ...] = (24, 48, 96, 128, 128)  # of small-conv's stages
    halvings: int = 3  # how many of them, the first, halve the picture

    def __post_init__(self) -> None:
        _require(
            len(self.image_size) == 2 and all(side >= 1 for side in self.image_size),
            f"encoder.image_size is two positive numbers (H, W), not {self.image_size}.",
        )
        _require(
            self.fit in ("stretch", "crop", "pad"),
            f"encoder.fit is stretch, crop or pad, not '{self.fit}'.",
        )
        _require(
            self.backbone != SMALL_CONV or self.trainable,
            "encoder.backbone small-conv has no pretrained weights: set encoder.trainable = true.",
        )


@dataclass(frozen=True)
class DecoderConfig:
    """Show, Attend and Tell's decoder (arXiv 1502.03044, section 3.1 and 4)."""

    hidden: int = 512  # D, LSTM width
    embedding: int = 512  # E, word embedding width
    attention: int = 512  # A, width of the attention perceptron
    features: int = 512  # width that grid features are projected to; 0: taken as they are
    dropout: float = 0.5  # on the deep output
    feature_dropout: float = 0.0  # on projected features

    def __post_init__(self) -> None:
        for name in ("hidden", "embedding", "attention"):
            value = getattr(self, name)
            _require(value >= 1, f"decoder.{name} is a positive number, not {value}.")
        _require(self.features >= 0, f"decoder.features is 0 or more, not {self.features}.")
        for name in ("dropout", "feature_dropout"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"decoder.{name} is in [0, 1), not {value}.")


@dataclass(frozen=True)
class TrainConfig:
    """How a captioner is trained."""

    seed: int = 1
    epochs: int = 5
    batch: int = 16  # pictures per process and step
    captions: int = 5  # captions per picture and step
    learning_rate: float = 4e-4
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0  # steps
    weight_decay: float = 0.0
    clip: float = 5.0  # gradient norm
    label_smoothing: float = 0.0
    doubly_stochastic: float = 0.1  # lambda of equation 14; at 1 every map comes out nearly uniform
    detection: float = 0.0  # weight of a word detector on the grid, for encoders trained jointly
    flip: bool = False  # also train on mirrored pictures (half of the looks)
    min_count: int = 5  # of a word, to enter the vocabulary
    max_words: int = 20  # longer captions are cut for training
    validate_every: int = 0  # steps; 0: once an epoch
    save_every: int = 0  # steps between resumable saves; 0: at each validation
    select: Literal["loss", "BLEU-4", "CIDEr"] = "loss"  # what makes a checkpoint the best
    patience: int = 0  # stop after so many validations without a better one; 0: never
    average: float = 0.0  # decay of the moving average of weights that is validated; 0: off
    max_steps: int = 0  # stop after so many steps; 0: never (for trials)
    monitor: int = 8  # validation pictures whose attention is checked at each validation; 0: none

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "captions", "max_words", "min_count"):
            value = getattr(self, name)
            _require(value >= 1, f"train.{name} is 1 or more, not {value}.")
        _require(self.learning_rate > 0, f"train.learning_rate is above 0: {self.learning_rate}.")
        _require(self.clip > 0, f"train.clip is above 0, not {self.clip}.")
        _require(self.monitor >= 0, f"train.monitor is 0 or more, not {self.monitor}.")
        _require(0 <= self.average < 1, f"train.average is in [0, 1), not {self.average}.")
        _require(
            0 <= self.label_smoothing < 1,
            f"train.label_smoothing is in [0, 1), not {self.label_smoothing}.",
        )
        _require(
            self.schedule in ("constant", "cosine"),
            f"train.schedule is constant or cosine, not '{self.schedule}'.",
        )
        _require(
            self.select in ("loss", "BLEU-4", "CIDEr"),
            f"train.select is loss, BLEU-4 or CIDEr, not '{self.select}'.",
        )


@dataclass(frozen=True)
class DecodeConfig:
    """How captions are searched for."""

    beams: int = 5
    length_power: float = 0.0  # score = log-probability / words ** length_power
    max_words: int = 20
    allow_unk: bool = False

    def __post_init__(self) -> None:
        _require(1 <= self.beams <= 1000, f"beams is 1 to 1000, not {self.beams}.")
        _require(self.max_words >= 1, f"max_words is 1 or more, not {self.max_words}.")
        _require(self.length_power >= 0, f"length_power is 0 or more, not {self.length_power}.")


@dataclass(frozen=True)
class Config:
    """Everything a run is made of."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return dataclasses.asdict(config)


def _check_type(value: Any, kind: Any, name: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is Literal:
        return value  # __post_init__ names the choices
    if origin is types.UnionType:
        options = typing.get_args(kind)
        if value is None and type(None) in options:
            return None
        return _check_type(value, next(o for o in options if o is not type(None)), name)
    if origin is tuple:
        _require(isinstance(value, list | tuple), f"{name} is a list, not {value!r}.")
        inner = typing.get_args(kind)[0]
        return tuple(_check_type(item, inner, name) for item in value)
    if origin is Mapping:
        _require(isinstance(value, Mapping), f"{name} is a table, not {value!r}.")
        return dict(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _require(good, f"{name} is a {kind.__name__}, not {value!r}.")
    return value


def from_dict(cls: type[T], values: Mapping[str, Any], name: str = "") -> T:
    """Build a config dataclass from plain values. Raises UsageError on unknown keys or bad types,
    naming the key and listing the known ones."""
    _require(isinstance(values, Mapping), f"{name or 'the config'} is a table, not {values!r}.")
    hints = typing.get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        dotted = f"{name}.{key}" if name else key
        _require(
            key in known, f"unknown setting '{dotted}'; known here: {', '.join(sorted(known))}."
        )
    built = {}
    for key, value in values.items():
        dotted = f"{name}.{key}" if name else key
        kind = hints[key]
        if dataclasses.is_dataclass(kind):
            built[key] = from_dict(kind, value, dotted)
        else:
            built[key] = _check_type(value, kind, dotted)
    return cls(**built)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def preset_names() -> list[str]:
    """The presets that come with Saccade."""
    folder = resources.files("saccade") / "presets"
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_preset(name: str) -> dict[str, Any]:
    """A preset's settings: one that comes with Saccade by name, or a .toml file by its path."""
    if name.endswith(".toml"):
        path = Path(name)
        _require(path.is_file(), f"{path}: there is no such preset file.")
        text = path.read_text(encoding="utf-8")
    else:
        names = preset_names()
        _require(
            name in names,
            f"there is no preset '{name}'; choose {', '.join(names)}, or a .toml file.",
        )
        text = (resources.files("saccade") / "presets" / f"{name}.toml").read_text("utf-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"preset {name}: {error}.") from error


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """`["train.epochs=3", "encoder.fit=crop"]` as a nested table; values are TOML, or bare text."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        _require(bool(equals and key), f"--set wants section.name=value, not '{assignment}'.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        settings = merge(settings, value)
    return settings
