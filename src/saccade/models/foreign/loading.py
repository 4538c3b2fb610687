"""A captioner of transformers from a local folder: model, tokenizer, image processor.

Nothing of the folder is run: weights are safetensors, classes are transformers' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from saccade.errors import CheckpointError, SaccadeError, UsageError
from saccade.files import read_json, reason
from saccade.models.encoders.loading import quiet
from saccade.models.foreign.checking import (
    CONFIG,
    GENERATION,
    Stored,
    check_config,
    check_files,
    check_generation,
    check_loaded,
    check_vocabulary,
    stored_weights,
    table,
)
from saccade.models.foreign.contract import Family, Parts, positions_of, vocabulary_of
from saccade.models.foreign.geometry import Fitting, check_geometry
from saccade.models.foreign.pieces import PieceWords
from saccade.models.foreign.table import FamilyRow, row_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Packages that parts of transformers need, as messages about their absence name them.
_PACKAGES = re.compile(r"\b(torchvision|sentencepiece|tiktoken|protobuf|num2words|timm)\b")
# How transformers says that weights are of another shape than its model's.
_MISMATCH = "ignore_mismatched_sizes"
# Weights that captions do not pass through, so that a folder may lack them.
_UNUSED = ("pooler", "position_ids")
MOST_PIECES = 10_000  # of a caption, where a model has no end of places
LARGE = 8 * 2**30  # bytes of weights: larger models keep the precision of their files

_OWN = {"model_type", "architectures", "transformers_version"}  # in config.json, of transformers

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Foreign:
    """What a folder holds."""

    model: PreTrainedModel
    family: Family
    words: PieceWords
    fitting: Fitting
    name: str
    room: int  # pieces of a caption at most


def is_foreign(folder: Path) -> bool:
    """Whether a folder holds a model of transformers rather than a checkpoint of Saccade."""
    path = folder / CONFIG
    if not path.is_file():
        return False
    config = read_json(path, CheckpointError)
    return isinstance(config, dict) and "format" not in config and bool(_OWN & config.keys())


def load_foreign(folder: Path, name: str | None = None, prompt: str | None = None) -> Foreign:
    """A captioner of transformers. name: for messages, the hub's id, if it came from there; prompt:
    in the place of the family's own.

    Raises CheckpointError for what is missing, damaged or not supported, UsageError for a prompt
    that the model can't take."""
    name = name or str(folder)
    config = read_json(folder / CONFIG, CheckpointError)
    assert isinstance(config, dict)
    row = row_of(config.get("model_type"), name, bool(config.get("auto_map")))
    check_files(folder, name)
    weights = stored_weights(folder)
    check_config(config, weights, folder / CONFIG)
    with quiet():
        described = _described(folder, name)
        processor = _processor(folder, name)
        fitting = _try("its image processor", name, lambda: row.fit(processor, name))
        check_geometry(fitting, name)
        tokenizer = _tokenizer(folder, name)
        rows = _try(f"its {CONFIG}", name, lambda: vocabulary_of(described))
        check_vocabulary(tokenizer, rows, folder, name)
        settings = folder / GENERATION
        if settings.exists():
            check_generation(table(settings), rows, settings)
        model = _model(folder, name, row, described, weights)
        check_generation(model.generation_config.to_dict(), rows, folder / CONFIG)
        template = _chat_template(folder)
        if template is not None and not tokenizer.chat_template:
            tokenizer.chat_template = template
        parts = Parts(model, tokenizer, fitting.size, prompt, name)
        family = _try("the model", name, lambda: row.build(parts))
    words = PieceWords(tokenizer, family.ends, family.lead)
    places = positions_of(model.config)
    room = MOST_PIECES if places is None else places - len(family.start)
    if room < 1:
        what = f"{name} has {places} places, of which the picture and the prompt take all"
        if prompt is not None:
            raise UsageError(f"{what}; make the prompt shorter.")
        raise CheckpointError(f"{what}; its files are not of one model: get them again.")
    return Foreign(model, family, words, fitting, name, room)


def _try(what: str, name: str, load: Callable[[], Loaded]) -> Loaded:
    """Raises CheckpointError with the cure for whatever goes wrong inside transformers."""
    try:
        return load()
    except SaccadeError:
        raise
    except Exception as error:  # a folder can fail in any way
        said = reason(error)
        needed = _PACKAGES.search(said)
        if needed is not None:
            raise CheckpointError(
                f"{name}: {what} needs {needed[0]}, which is not installed or does not work here; "
                f"run `pip install {needed[0]}`, or use another model."
            ) from error
        if isinstance(error, ImportError):
            raise CheckpointError(
                f"{name}: {what} needs a package that is not installed or does not work here "
                f"({said}); install it, or use another model."
            ) from error
        raise CheckpointError(
            f"{name}: {what} can't be loaded ({said}); get the folder again, whole."
        ) from error


def _described(folder: Path, name: str) -> Any:
    from transformers import AutoConfig

    return _try(
        f"its {CONFIG}",
        name,
        lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False),
    )


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


def _model(
    folder: Path, name: str, row: FamilyRow, described: Any, weights: Mapping[str, Stored]
) -> Any:
    """The model in evaluation mode, its attention readable. Raises CheckpointError."""
    import transformers

    kind: Any = getattr(transformers, row.model)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    dtype: Any = torch.float32 if size < LARGE else "auto"

    def load() -> Any:
        try:
            return kind.from_pretrained(
                folder,
                config=described,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except RuntimeError as error:
            if _MISMATCH in str(error):
                raise CheckpointError(
                    f"{name}: its weights are of another shape than its config.json says"
                    f"{_mismatch(kind, described, weights)}; the two are not of one model: get "
                    "both again."
                ) from error
            raise

    model, report = _try("the model", name, load)
    missing = sorted(
        key for key in report["missing_keys"] if not any(part in key for part in _UNUSED)
    )
    if missing:
        raise CheckpointError(
            f"{name}: {len(missing)} of its weights are missing (first {missing[0]}) and would be "
            "random; its weights file is of another model or incomplete: get it again."
        )
    state = model.state_dict()
    for key, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{name}: non-finite weights ({key}); get the weights again.")
    known = {key: value.is_floating_point() for key, value in state.items()}
    check_loaded(name, known, weights, report["unexpected_keys"])
    # Other implementations do not return their weights.
    _try("its attention", name, lambda: model.set_attn_implementation("eager"))
    return model.eval().requires_grad_(False)


def _mismatch(kind: Any, described: Any, weights: Mapping[str, Stored]) -> str:
    """The first of the weights whose shape differs, where their names are the model's own."""
    with torch.device("meta"):
        state = kind(described).state_dict()
    for key, part in sorted(weights.items()):
        if key in state and tuple(state[key].shape) != part.shape:
            return f" ({key} is {list(part.shape)}, not {list(state[key].shape)})"
    return ""


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
