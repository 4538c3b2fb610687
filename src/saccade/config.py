"""Settings as small frozen dataclasses: checked when made, unknown keys refused, no torch.

A preset (`saccade/presets/*.toml`) is these same names in TOML; see `load_preset`.
"""

import dataclasses
import math
import reprlib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from saccade.errors import UsageError
from saccade.files import decode, read_bytes

T = TypeVar("T")

MOST_PIXELS = 16_384  # of a side of an encoder's input
TRACKERS = ("tensorboard", "wandb", "trackio")
Optimizer = Literal[
    "auto", "Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop", "SGD"
]
SMALL_CONV = "small-conv"  # EncoderConfig.backbone of the built-in convolutional encoder


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may be: from `low` (not itself where `above`) to `high`."""

    low: float
    high: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        if self.above:
            return f"above {self.low:.9g} and at most {self.high:.9g}"
        return f"{self.low:.9g} to {self.high:.9g}"


def ranged(default: float, low: float, high: float, above: bool = False) -> Any:
    """A field with its range, checked by `check_ranges`."""
    return field(default=default, metadata={"range": Range(low, high, above)})


def check_ranges(settings: Any, section: str) -> None:
    """Raises UsageError naming the first setting that is out of its range or not one of its
    choices; called when settings are made."""
    hints = typing.get_type_hints(type(settings))
    for entry in dataclasses.fields(settings):
        value, name = getattr(settings, entry.name), f"{section}.{entry.name}"
        limits = entry.metadata.get("range")
        if limits is not None:
            whole = hints[entry.name] is int
            number = isinstance(value, int if whole else int | float)
            kind = "whole number" if whole else "number"
            _require(
                number and not isinstance(value, bool),
                f"{name} is a {kind}, not {reprlib.repr(value)}.",
            )
            finite = not isinstance(value, float) or math.isfinite(value)
            _require(finite, f"{name} is {limits}, not {value} (no finite number).")
            _require(value in limits, f"{name} is {limits}, not {value}.")
        elif typing.get_origin(hints[entry.name]) is Literal:
            choices = typing.get_args(hints[entry.name])
            names = ", ".join(map(str, choices))
            _require(value in choices, f"{name} is one of {names}, not {reprlib.repr(value)}.")


@dataclass(frozen=True)
class EncoderConfig:
    """A backbone and how photographs enter it."""

    backbone: str = "microsoft/resnet-101"  # hub id (also as hf:owner/name), folder, "small-conv"
    revision: str | None = None  # of the hub id
    image_size: tuple[int, int] = (448, 448)  # (H, W) of the input; with `stage` it sets the grid
    # Which hidden state is the grid, -1 the last one; several: beside each other, on the finest.
    stage: int | tuple[int, ...] = -1
    fit: Literal["stretch", "crop", "pad"] = "stretch"  # how a photo becomes image_size
    mean: tuple[float, float, float] | None = None  # of pixels in 0..1; None: the backbone's own
    std: tuple[float, float, float] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # e.g. {"output_stride": 16}
    freeze: str | int = "all"  # "all": features are cached; "none"; n stages from the input side
    frozen_statistics: bool | None = None  # of batch normalisation; None: unless small-conv
    include: bool | None = None  # weights in the checkpoint; None: unless it is a hub id
    widths: tuple[int, ...] = (24, 48, 96, 128, 128)  # of small-conv's stages
    halvings: int = ranged(3, 0, 100)  # how many of them, the first, halve the picture

    @property
    def stages(self) -> tuple[int, ...]:
        """The hidden states that make the grid."""
        return self.stage if isinstance(self.stage, tuple) else (self.stage,)

    @property
    def frozen(self) -> bool:
        """Whether no weight of the encoder is trained."""
        return self.freeze == "all"

    @property
    def statistics_rest(self) -> bool:
        """Whether batch normalisation keeps the statistics that the backbone came with, also where
        its weights are trained: batches of training are small."""
        if self.frozen_statistics is None:
            return self.backbone != SMALL_CONV
        return self.frozen_statistics

    def __post_init__(self) -> None:
        check_ranges(self, "encoder")
        _require(bool(self.backbone.strip()), "encoder.backbone is empty; name a hub id or folder.")
        _require(
            len(self.image_size) == 2 and all(1 <= side <= MOST_PIXELS for side in self.image_size),
            f"encoder.image_size is two positive numbers (H, W) up to {MOST_PIXELS}, "
            f"not {self.image_size}.",
        )
        if isinstance(self.stage, tuple) and len(self.stage) == 1:
            object.__setattr__(self, "stage", self.stage[0])  # a list of one is that one
        whole = all(isinstance(s, int) and not isinstance(s, bool) for s in self.stages)
        _require(
            whole
            and 0 < len(self.stages) == len(set(self.stages)) <= 8
            and all(-1000 <= s <= 1000 for s in self.stages),
            "encoder.stage is the number of a hidden state (-1: the last), or a list of up to 8 "
            f"different ones, such as [-1, 5], not {reprlib.repr(self.stage)}.",
        )
        for name, values, lowest in (("mean", self.mean, -math.inf), ("std", self.std, 0.0)):
            kind = "finite numbers" if name == "mean" else "finite numbers above 0"
            _require(
                values is None
                or (len(values) == 3 and all(math.isfinite(v) and v > lowest for v in values)),
                f"encoder.{name} is three {kind} (red, green, blue), not {values}.",
            )
        stages = isinstance(self.freeze, int) and not isinstance(self.freeze, bool)
        _require(
            self.freeze in ("all", "none") or (stages and 1 <= int(self.freeze) <= 1000),
            "encoder.freeze is all, none or how many stages from the input side (1 or more), "
            f"not {self.freeze!r}.",
        )
        _require(
            self.frozen or self.include is not False,
            "encoder.include = false needs encoder.freeze = all: weights that are trained are "
            "nowhere but in the checkpoint.",
        )
        if self.backbone == SMALL_CONV:
            _require(self.stages == (-1,), "encoder.backbone small-conv has one stage: -1.")
            _require(
                self.freeze == "none",
                "encoder.backbone small-conv has no pretrained weights: set encoder.freeze = none.",
            )
            _require(
                0 < len(self.widths) <= 100 and all(1 <= w <= 65_536 for w in self.widths),
                "encoder.widths is one or more numbers from 1 to 65536 (features of each stage), "
                f"not {self.widths}.",
            )
            _require(
                self.halvings <= len(self.widths),
                f"encoder.halvings is at most the number of encoder.widths, {len(self.widths)}, "
                f"not {self.halvings}.",
            )


def with_freeze(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The encoder's settings with the older `trainable` as `freeze`. Raises UsageError where both
    are there."""
    values = dict(encoder)
    if "trainable" in values:
        trainable = values.pop("trainable")
        _require(
            isinstance(trainable, bool) and "freeze" not in values,
            "encoder.trainable is now encoder.freeze: all, none or a number of stages.",
        )
        values["freeze"] = "none" if trainable else "all"
    return values


@dataclass(frozen=True)
class TrainConfig:
    """How a captioner is trained."""

    seed: int = ranged(1, 0, 2**63 - 1)
    epochs: int = ranged(5, 1, 100_000)
    batch: int = ranged(16, 1, 100_000)  # pictures at once in each process
    accumulate: int = ranged(1, 1, 100_000)  # batches per step in each process
    captions: int = ranged(5, 1, 1000)  # captions per picture and step
    learning_rate: float = ranged(4e-4, 0.0, 1e30, above=True)
    encoder_rate: float = ranged(1.0, 0.0, 1000.0, above=True)  # the encoder's, of learning_rate
    schedule: Literal["constant", "cosine", "linear", "inverse_sqrt", "plateau"] = "constant"
    warmup: int = ranged(0, 0, 10**9)  # steps
    plateau_factor: float = ranged(0.5, 0.0, 1.0, above=True)  # of the rate, at each plateau
    plateau_patience: int = ranged(1, 0, 10**9)  # validations without a better one, then it falls
    optimizer: Optimizer = "auto"  # AdamW with weight decay, else Adam
    momentum: float = ranged(0.9, 0.0, 0.999_999)  # of SGD and RMSprop
    weight_decay: float = ranged(0.0, 0.0, 100.0)
    clip: float = ranged(5.0, 0.0, 1e30, above=True)  # gradient norm
    task: Any = field(default_factory=dict)  # what is minimised: a task's settings, by its kind
    flip: bool = False  # also train on mirrored pictures (half of the time)
    crop: float = ranged(1.0, 0.01, 1.0)  # least area of random crops, of the picture; 1: none
    colour: float = ranged(0.0, 0.0, 1.0)  # strength of random brightness, contrast, saturation
    precision: Literal["no", "bf16", "fp16"] = "no"  # mixed precision; fp16 needs a GPU
    gradient_checkpointing: bool = False  # of the encoder: less memory, one more forward pass
    min_count: int = ranged(5, 1, 10**9)  # of a word, to enter the vocabulary
    max_words: int = ranged(20, 1, 10_000)  # longer captions are cut for training
    validate_every: int = ranged(0, 0, 10**9)  # steps; 0: once an epoch
    save_every: int = ranged(0, 0, 10**9)  # steps between resumable saves; 0: at each validation
    select: Literal["loss", "BLEU-4", "CIDEr"] = "loss"  # what makes a checkpoint the best
    patience: int = ranged(0, 0, 10**9)  # validations without a better one, then stop; 0: never
    average: float = ranged(0.0, 0.0, 0.999_999_9)  # decay of the weights' moving average; 0: off
    max_steps: int = ranged(0, 0, 10**12)  # stop after this many steps; 0: never (for trials)
    monitor: int = ranged(8, 0, 10**6)  # validation pictures whose attention is checked; 0: none
    tracking: tuple[str, ...] = ("tensorboard",)  # beside log.jsonl: tensorboard, wandb, trackio

    def __post_init__(self) -> None:
        check_ranges(self, "train")
        for name in self.tracking:
            _require(
                name in TRACKERS,
                f"train.tracking is a list of {', '.join(TRACKERS)}, not {reprlib.repr(name)}.",
            )


@dataclass(frozen=True)
class Config:
    """Everything a run is made of. Decoders, decoding strategies and training tasks bring their own
    settings; `from_dict` learns of them from `Tag`s."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: Any = field(default_factory=dict)  # by its kind: saccade.models.build
    train: TrainConfig = field(default_factory=TrainConfig)
    decode: Any = field(default_factory=dict)  # by its strategy: saccade.decoding.strategies


@dataclass(frozen=True)
class Tag:
    """A table of settings classes, chosen by one key of a section."""

    key: str  # "kind", "strategy": a field of every class of the table, with its name as default
    default: str  # when the section does not say
    table: Mapping[str, type]


Tags = Mapping[str, Tag]  # by the section's dotted name, such as "train.task"


def chosen(tag: Tag, values: Any, name: str) -> type:
    """The settings class that a section names. Raises UsageError listing the known ones."""
    _require(isinstance(values, Mapping), f"{name} is a table, not {reprlib.repr(values)}.")
    kind = values.get(tag.key, tag.default)
    known = isinstance(kind, str) and kind in tag.table
    names = ", ".join(sorted(tag.table))
    _require(known, f"there is no {name}.{tag.key} {reprlib.repr(kind)}; known here: {names}.")
    return tag.table[kind]


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return dataclasses.asdict(config)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _check_type(value: Any, kind: Any, name: str) -> Any:
    if kind is Any:
        return value
    origin = typing.get_origin(kind)
    if origin is Literal:
        return value  # __post_init__ names the choices
    if origin is types.UnionType:
        options = typing.get_args(kind)
        if value is None and type(None) in options:
            return None
        kinds = [option for option in options if option is not type(None)]
        if len(kinds) == 1:
            return _check_type(value, kinds[0], name)
        return tuple(value) if isinstance(value, list) else value  # __post_init__ checks it
    if origin is tuple:
        inner, *others = typing.get_args(kind)
        example = reprlib.repr([value] * (1 + others.count(inner))).replace("'", '"')
        _require(
            isinstance(value, list | tuple),
            f"{name} is a list, such as {example}, not {reprlib.repr(value)}.",
        )
        return tuple(_check_type(item, inner, name) for item in value)
    if origin is Mapping:
        _require(isinstance(value, Mapping), f"{name} is a table, not {reprlib.repr(value)}.")
        return dict(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _require(good, f"{name} is {_KINDS[kind]}, not {reprlib.repr(value)}.")
    return value


def from_dict(
    cls: type[T], values: Mapping[str, Any], name: str = "", tags: Tags | None = None
) -> T:
    """Build a config dataclass from plain values. Raises UsageError on unknown keys or bad types,
    naming the key and listing the known ones. tags: sections whose class is chosen by a key."""
    _require(
        isinstance(values, Mapping),
        f"{name or 'the config'} is a table, not {reprlib.repr(values)}.",
    )
    if cls is EncoderConfig:
        values = with_freeze(values)
    tags = tags or {}
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in values:
        dotted = f"{name}.{key}" if name else key
        _require(
            key in known, f"unknown setting '{dotted}'; known here: {', '.join(sorted(known))}."
        )
    built: dict[str, Any] = {}
    for key in known:
        dotted = f"{name}.{key}" if name else key
        if dotted in tags:
            section = values.get(key, {})
            built[key] = from_dict(chosen(tags[dotted], section, dotted), section, dotted)
        elif dataclasses.is_dataclass(hints[key]):
            built[key] = from_dict(hints[key], values.get(key, {}), dotted, tags)
        elif key in values:
            built[key] = _check_type(values[key], hints[key], dotted)
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
        path = Path(name).expanduser()
        _require(path.exists(), f"{path}: there is no such preset file; check the path.")
        text = decode(read_bytes(path, UsageError), str(path), UsageError)
    else:
        names = preset_names()
        _require(
            name in names,
            f"there is no preset '{name}'; choose {', '.join(names)}, or a .toml file.",
        )
        text = (resources.files("saccade") / "presets" / f"{name}.toml").read_text("utf-8")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"preset {name} nests too deeply; correct the file.") from error
    except ValueError as error:  # also a number of thousands of digits
        raise UsageError(f"preset {name}: {error}; correct the file.") from error


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """`["train.epochs=3", "encoder.fit=crop"]` as a nested table; values are TOML, or bare text."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        _require(
            bool(equals and key), f"--set wants section.name=value, not {reprlib.repr(assignment)}."
        )
        try:
            table = tomllib.loads(f"value = {text}")
            value: Any = table["value"] if len(table) == 1 else text
        except (ValueError, RecursionError):
            value = text
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        settings = merge(settings, value)
    return settings
