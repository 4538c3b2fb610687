"""Encoders from the hub, from a folder, or rebuilt from what a checkpoint says of them.

No code of a folder or checkpoint is ever run: weights are safetensors, models are transformers'
own, and of a model's configuration only what its class declares can be set.
"""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from saccade.config import SMALL_CONV, EncoderConfig, merge
from saccade.errors import CheckpointError, UsageError
from saccade.files import HubId, hub_or_folder, read_json, require_file
from saccade.models.encoders.encoder import Encoder, first_line
from saccade.models.encoders.small_conv import SmallConv

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

PREPROCESSOR = "preprocessor_config.json"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Never settings of an architecture: what loads, runs or names something else.
_FORBIDDEN = ("auto_map", "trust_remote_code", "token", "proxies", "cache_dir", "code_revision")
_REFERENCES = ("_path", "_name", "revision", "backbone", "backbone_kwargs", "_implementation")
# Weights that features do not pass through, so that a checkpoint may lack them.
_UNUSED = ("pooler", "mask_token", "text_", "logit_", "visual_projection", "classifier")


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' report about unused classifier weights (that is as it should be) and
    without progress bars, which are afterwards as they were."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging as transformers_logging

    logger = logging.getLogger("transformers")
    level = logger.level
    active, hub_disabled = (
        transformers_logging.is_progress_bar_enabled(),
        are_progress_bars_disabled(),
    )
    logger.setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if active:
            with warnings.catch_warnings():  # about an environment variable that keeps them off
                warnings.simplefilter("ignore")
                transformers_logging.enable_progress_bar()
        if hub_disabled and active:
            disable_progress_bars()


def _settable(name: str) -> bool:
    return not (name.startswith("_") or name in _FORBIDDEN or name.endswith(_REFERENCES))


def _declared(kind: "type[PreTrainedConfig]", values: Mapping[str, Any]) -> dict[str, Any]:
    """Of `values` what a configuration class of transformers declares as its architecture: widths,
    depths and so on; nothing that loads, runs or names other files."""
    from transformers import PreTrainedConfig

    shared = {entry.name for entry in fields(PreTrainedConfig)}
    own = {entry.name for entry in fields(kind)} | set(kind.attribute_map)
    return {
        name: _plain(values[name]) for name in values if name in own - shared and _settable(name)
    }


def _plain(value: Any) -> Any:
    """A setting's value; of one that is a table itself (the vision part's) the same as above."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if _settable(str(name))}
    return value


def load_encoder(config: EncoderConfig) -> Encoder:
    """An encoder with its pretrained weights, from a local folder or, when a hub id is named, the
    hub. Its config says of what was left open (mean, std, include) what was found. Raises
    UsageError naming the backbone when it can't be loaded."""
    if config.backbone == SMALL_CONV:
        config = replace(config, include=True)
        return Encoder(_with_statistics(config, {}), SmallConv(config.widths, config.halvings))
    source = hub_or_folder(config.backbone, UsageError, "folder of a transformers backbone")
    if isinstance(source, Path):
        _check_folder(source)
    with quiet():
        own = _own_config(config, source)
        backbone = _backbone(config, source, own)
        statistics = _preprocessing(config, source)
    if config.include is None:
        config = replace(config, include=isinstance(source, Path) or not config.frozen)
    return Encoder(_with_statistics(config, statistics), backbone.eval())


def _check_folder(folder: Path) -> None:
    """Raises UsageError where the folder holds no model, or no weights that are safe to load."""
    names = sorted(entry.name for entry in folder.iterdir())
    for name in names:
        if name.endswith((".json", ".safetensors")):
            require_file(folder / name, UsageError)
    weights = any(name.endswith(".safetensors") for name in names)
    if not weights and any(name.startswith("pytorch_model") for name in names):
        raise UsageError(
            f"encoder {folder} has its weights in pytorch_model.bin only, which is never opened: "
            "such a file can run code. If you trust it, convert it once in Python: "
            f"AutoModel.from_pretrained('{folder}').save_pretrained('{folder}') writes "
            "model.safetensors."
        )
    if not weights or "config.json" not in names:
        raise UsageError(
            f"encoder {folder} can't be loaded: the folder must hold config.json and "
            "model.safetensors of a transformers model."
        )


def _own_config(config: EncoderConfig, source: Path | HubId) -> "PreTrainedConfig":
    """The backbone's configuration with `config.settings` laid over it."""
    from transformers import CONFIG_MAPPING, PreTrainedConfig

    try:
        values, _ = PreTrainedConfig.get_config_dict(str(source), revision=config.revision)
    except Exception as error:  # a folder or the hub can fail in any way
        raise _not_loaded(source, error) from error
    kind = values.get("model_type")
    if values.get("auto_map"):
        raise UsageError(
            f"encoder {source} brings its own Python code (auto_map in its config.json), which is "
            "never run; choose a backbone that transformers has itself, or delete auto_map if "
            f"transformers' own model {kind!r} can read its weights."
        )
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise UsageError(
            f"encoder {source}: its config.json names no model that this transformers has "
            f"(model_type {kind!r}); choose another backbone, or a newer transformers."
        )
    own = CONFIG_MAPPING[kind]
    known = _declared(own, {**{entry.name: None for entry in fields(own)}, **own.attribute_map})
    for name in config.settings:
        if name not in known:
            raise UsageError(
                f"encoder.settings.{name} is not an architecture setting of {kind}; known here: "
                f"{', '.join(sorted(known))}."
            )
    for name in [name for name in values if name.endswith("_implementation")]:
        del values[name]  # a kernel's name: it would be fetched from the hub
    try:
        return own.from_dict(merge(values, _declared(own, config.settings)))
    except Exception as error:  # strict types, missing parts, numbers that don't fit
        raise UsageError(
            f"encoder {source}: its settings do not describe a {kind} ({first_line(error)}); check "
            "config.json and encoder.settings."
        ) from error


def _backbone(config: EncoderConfig, source: Path | HubId, own: "PreTrainedConfig") -> nn.Module:
    from transformers import AutoModel

    try:
        backbone, report = AutoModel.from_pretrained(
            str(source),
            config=own,
            revision=config.revision,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:  # a folder or the hub can fail in any way
        raise _not_loaded(source, error) from error
    missing = sorted(
        name for name in report["missing_keys"] if not any(part in name for part in _UNUSED)
    )
    if missing:
        raise UsageError(
            f"encoder {source}: {len(missing)} of its weights are missing (first {missing[0]}) and "
            "would be random; its weights file is of another model or incomplete."
        )
    broken = [name for name, value in backbone.state_dict().items() if not _finite(value)]
    if broken:
        raise UsageError(
            f"encoder {source}: non-finite weights (first {broken[0]}); get its weights file again."
        )
    return _vision_part(backbone)


def _finite(value: torch.Tensor) -> bool:
    return bool(torch.isfinite(value).all())


def _not_loaded(source: Path | HubId, error: Exception) -> UsageError:
    cure = (
        "the folder must hold config.json and model.safetensors of a transformers model"
        if isinstance(source, Path)
        else "it is not in the local cache and could not be fetched, or has no model.safetensors; "
        "check the id and the network, or give a local folder with --encoder FOLDER"
    )
    return UsageError(f"encoder {source} could not be loaded ({first_line(error)}); {cure}.")


def _vision_part(model: nn.Module) -> nn.Module:
    """CLIP, SigLIP and similar models hold a vision tower beside a text tower: keep the former."""
    configuration = model.config
    assert not isinstance(configuration, nn.Module | torch.Tensor)
    if "vision_config" in configuration.to_dict():
        return model.get_submodule("vision_model")
    return model


def _preprocessing(config: EncoderConfig, source: Path | HubId) -> dict[str, Any]:
    """What the backbone's preprocessor says; empty without one."""
    from transformers.image_processing_base import ImageProcessingMixin

    if isinstance(source, Path) and (source / PREPROCESSOR).exists():
        values = read_json(source / PREPROCESSOR, UsageError)
    else:
        try:
            values, _ = ImageProcessingMixin.get_image_processor_dict(
                str(source), revision=config.revision
            )
        except OSError:  # there is none: ImageNet's statistics are the convention
            return {}
    if not isinstance(values, dict):
        raise UsageError(f"encoder {source}: {PREPROCESSOR} is not a table; get the file again.")
    return values


def _with_statistics(config: EncoderConfig, values: Mapping[str, Any]) -> EncoderConfig:
    """Fill in mean and std: those of the settings, or the backbone's own, or ImageNet's."""
    small = config.backbone == SMALL_CONV
    mean = config.mean or _three(
        config, values, "mean", (0.5, 0.5, 0.5) if small else IMAGENET_MEAN
    )
    std = config.std or _three(config, values, "std", (0.5, 0.5, 0.5) if small else IMAGENET_STD)
    return replace(config, mean=mean, std=std)


def _three(
    config: EncoderConfig, values: Mapping[str, Any], name: str, usual: tuple[float, float, float]
) -> tuple[float, float, float]:
    value = values.get(f"image_{name}", usual)
    numbers = isinstance(value, list | tuple) and all(type(v) in (int, float) for v in value)
    if not numbers or len(value) != 3 or not all(math.isfinite(v) for v in value):
        raise UsageError(
            f"encoder {config.backbone}: image_{name} in its {PREPROCESSOR} is "
            f"{value!r}, not three numbers; set encoder.{name} yourself."
        )
    red, green, blue = map(float, value)
    return red, green, blue


def rebuild_encoder(
    config: EncoderConfig,
    own: Mapping[str, Any] | None,
    shape: tuple[int, int, int] | None = None,
) -> Encoder:
    """The encoder's shape without its weights, from what a checkpoint says: no network, no code of
    others. All weights are to be loaded: until then they are whatever the memory held.

    own: the backbone's transformers config as saved; None for small-conv. shape: (F, h, w).
    Raises CheckpointError."""
    if config.backbone == SMALL_CONV:
        return Encoder(config, SmallConv(config.widths, config.halvings), shape)
    from transformers import CONFIG_MAPPING, AutoModel
    from transformers.initialization import no_init_weights

    try:
        with quiet(), no_init_weights():  # drawing 42 million numbers takes most of a second
            assert own is not None, "backbone is missing"
            kind = CONFIG_MAPPING[own["model_type"]]
            described = kind(**_declared(kind, own))
            backbone = AutoModel.from_config(described, trust_remote_code=False)
    except Exception as error:  # what a damaged description can cause inside transformers
        raise CheckpointError(
            f"config.json describes a backbone that this transformers can't build "
            f"({first_line(error)}); copy the checkpoint again, or install a newer transformers."
        ) from error
    return Encoder(config, _vision_part(backbone), shape)


def describe_backbone(encoder: Encoder) -> dict[str, Any] | None:
    """What `rebuild_encoder` needs as `own`."""
    if isinstance(encoder.backbone, SmallConv):
        return None
    own = encoder.backbone.config
    assert not isinstance(own, nn.Module | torch.Tensor)
    return {"model_type": own.model_type, **_declared(type(own), own.to_dict())}
