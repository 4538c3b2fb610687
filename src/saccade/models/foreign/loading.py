"""A captioner of transformers from a local folder: model, tokenizer, image processor.

Nothing of the folder is run: weights are safetensors, classes are transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from saccade.errors import CheckpointError
from saccade.files import read_json, require_file
from saccade.models.encoders.encoder import first_line
from saccade.models.encoders.loading import PREPROCESSOR, quiet
from saccade.models.foreign.contract import Family, Parts
from saccade.models.foreign.geometry import Fitting, check_geometry
from saccade.models.foreign.pieces import PieceWords
from saccade.models.foreign.table import FamilyRow, row_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG = "config.json"
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
# Packages that parts of transformers need, by what their absence is reported as.
_PACKAGES = ("torchvision", "sentencepiece", "tiktoken", "protobuf", "num2words", "timm")
# Weights that captions do not pass through, so that a folder may lack them.
_UNUSED = ("pooler", "position_ids")
LARGE = 8 * 2**30  # bytes of weights: larger models keep the precision of their files

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Foreign:
    """What a folder holds."""

    model: PreTrainedModel
    family: Family
    words: PieceWords
    fitting: Fitting
    name: str


def is_foreign(folder: Path) -> bool:
    """Whether a folder holds a model of transformers rather than a checkpoint of Saccade."""
    path = folder / CONFIG
    if not path.is_file():
        return False
    config = read_json(path, CheckpointError)
    return isinstance(config, dict) and "model_type" in config and "format" not in config


def load_foreign(folder: Path, name: str | None = None, prompt: str | None = None) -> Foreign:
    """A captioner of transformers. name: for messages, the hub's id, if it came from there; prompt:
    in the place of the family's own.

    Raises CheckpointError for what is missing, damaged or not supported, UsageError for a prompt
    that the model can't take."""
    name = name or str(folder)
    config = read_json(folder / CONFIG, CheckpointError)
    assert isinstance(config, dict)
    row = row_of(config.get("model_type"), name, bool(config.get("auto_map")))
    _check_files(folder, name)
    with quiet():
        processor = _processor(folder, name)
        fitting = _try("its image processor", name, lambda: row.fit(processor, name))
        tokenizer = _tokenizer(folder, name)
        model = _model(folder, name, row)
    check_geometry(fitting, name)
    template = _chat_template(folder)
    if template is not None and not tokenizer.chat_template:
        tokenizer.chat_template = template
    family = row.build(Parts(model, tokenizer, fitting.size, prompt, name))
    return Foreign(model, family, PieceWords(tokenizer, family.ends, family.lead), fitting, name)


def _check_files(folder: Path, name: str) -> None:
    """Raises CheckpointError where a part is missing."""
    entries = sorted(entry.name for entry in folder.iterdir())
    for entry in entries:
        if entry.endswith((".json", ".safetensors", ".txt", ".model")):
            require_file(folder / entry, CheckpointError)
    if not any(entry.endswith(".safetensors") for entry in entries):
        raise CheckpointError(
            f"{name} has no weights as safetensors; pytorch_model.bin and the like are never "
            "opened, because such a file can run code. If you trust it, load the model in Python "
            "with transformers and write it with save_pretrained, then name that folder."
        )
    if not any(entry in _VOCABULARIES or entry.endswith(".model") for entry in entries):
        raise CheckpointError(
            f"{name} has no tokenizer (tokenizer.json, vocab.json or vocab.txt); save the model's "
            "tokenizer into the folder with its save_pretrained."
        )
    if not {PREPROCESSOR, "processor_config.json"} & set(entries):
        raise CheckpointError(
            f"{name} has no image processor ({PREPROCESSOR}), so it is not known how photos enter "
            "the model; save the model's processor into the folder with its save_pretrained."
        )


def _try(what: str, name: str, load: Callable[[], Loaded]) -> Loaded:
    """Raises CheckpointError with the cure for whatever goes wrong inside transformers."""
    try:
        return load()
    except CheckpointError:
        raise
    except Exception as error:  # a folder can fail in any way
        text = str(error)
        missing = [package for package in _PACKAGES if package in text.lower()]
        if isinstance(error, ImportError) or missing:
            package = missing[0] if missing else getattr(error, "name", None) or first_line(error)
            raise CheckpointError(
                f"{name}: {what} needs {package}, which is not installed or does not work here; "
                f"run `pip install {package}`, or use another model."
            ) from error
        raise CheckpointError(
            f"{name}: {what} can't be loaded ({first_line(error)}); get the folder again, whole."
        ) from error


def _processor(folder: Path, name: str) -> Any:
    from transformers import AutoImageProcessor

    return _try(
        "its image processor",
        name,
        lambda: AutoImageProcessor.from_pretrained(folder, trust_remote_code=False),
    )


def _tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    return _try(
        "its tokenizer",
        name,
        lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False),
    )


def _model(folder: Path, name: str, row: FamilyRow) -> Any:
    """The model in evaluation mode, its attention readable. Raises CheckpointError."""
    import transformers

    kind: Any = getattr(transformers, row.model)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    dtype: Any = torch.float32 if size < LARGE else "auto"
    model, report = _try(
        "the model",
        name,
        lambda: kind.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        ),
    )
    missing = sorted(
        key for key in report["missing_keys"] if not any(part in key for part in _UNUSED)
    )
    if missing:
        raise CheckpointError(
            f"{name}: {len(missing)} of its weights are missing (first {missing[0]}) and would be "
            "random; its weights file is of another model or incomplete: get it again."
        )
    for key, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{name}: non-finite weights ({key}); get the weights again.")
    # Other implementations do not return their weights.
    _try("its attention", name, lambda: model.set_attn_implementation("eager"))
    return model.eval().requires_grad_(False)


def _chat_template(folder: Path) -> str | None:
    """The processor's, where it has one of its own."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8")
    path = folder / "chat_template.json"
    if path.is_file():
        content = read_json(path, CheckpointError)
        template = content.get("chat_template") if isinstance(content, Mapping) else None
        return template if isinstance(template, str) else None
    return None
