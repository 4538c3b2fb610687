"""What a folder of transformers holds, checked before transformers reads it.

Damage is named with its file here. Some of it would otherwise end the program (numbers that take
all memory), or pass in silence (another model's tokenizer, weights of layers that are left out).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import CheckpointError
from saccade.files import read_bytes, read_json, reason, require_file
from saccade.models.encoders.loading import PREPROCESSOR

CONFIG = "config.json"
GENERATION = "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
_SETTINGS = (GENERATION, PREPROCESSOR, "processor_config.json", "tokenizer_config.json")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
MOST = 2**24  # of a whole number in config.json; larger ones than any model has take all memory
MOST_PIXELS = 4096  # of an input's side
_DEPTHS = {  # names of numbers of layers
    *("num_hidden_layers", "num_layers", "n_layer", "depth", "depths"),
    *("encoder_layers", "decoder_layers", "num_decoder_layers"),
}
SHARE = 0.9  # of a model's vocabulary that its tokenizer has at least: some is padding
_DIGITS = re.compile(r"\d+")
_KIND = re.compile(rb'"type"\s*:\s*"(BPE|WordPiece|WordLevel|Unigram)"')  # in tokenizer.json

# Settings of `generate`: the least, the most, whole numbers only.
_GENERATION: Mapping[str, tuple[float, float, bool]] = {
    "num_beams": (1, 1000, True),
    "max_new_tokens": (1, 10_000, True),
    "max_length": (0, MOST, True),
    "min_new_tokens": (0, 10_000, True),
    "min_length": (0, 10_000, True),
    "no_repeat_ngram_size": (0, 1000, True),
    "length_penalty": (-100, 100, False),
    "repetition_penalty": (0.01, 100, False),
}
# What ends a caption by the clock, or changes what the model says of a piece.
_NOT_READ = ("max_time", "stop_strings", "watermarking_config", "guidance_scale")


@dataclass(frozen=True)
class Stored:
    """A tensor of a file of weights."""

    shape: tuple[int, ...]
    dtype: str  # as safetensors writes it: F32, I8, ...

    @property
    def floating(self) -> bool:
        return self.dtype in ("F64", "F32", "F16", "BF16")


def check_files(folder: Path, name: str) -> None:
    """Raises CheckpointError where a part is missing, or a file of settings is damaged."""
    entries = sorted(entry.name for entry in folder.iterdir())
    for entry in entries:
        if entry.endswith((".json", ".safetensors", ".txt", ".model")):
            require_file(folder / entry, CheckpointError)
    if ADAPTER in entries:
        raise CheckpointError(
            f"{name} is an adapter of another model ({ADAPTER}); merge the two in Python with peft "
            "(merge_and_unload), save the result with save_pretrained, then name that folder."
        )
    if not any(entry.endswith(".safetensors") for entry in entries):
        raise CheckpointError(
            f"{name} has no weights as safetensors; pytorch_model.bin and the like are never "
            "opened, because such a file can run code. If you trust it, load the model in Python "
            "with transformers and write it with save_pretrained, then name that folder."
        )
    if not {WEIGHTS, INDEX} & set(entries):
        other = next(entry for entry in entries if entry.endswith(".safetensors"))
        raise CheckpointError(
            f"{name} holds {other}, but neither {WEIGHTS} nor {INDEX}, which says where weights "
            "are; get the folder again, whole."
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
    for entry in _SETTINGS:
        if entry in entries:
            table(folder / entry)


def table(path: Path) -> dict[str, Any]:
    """A JSON file of settings by name. Raises CheckpointError, naming the file."""
    values = read_json(path, CheckpointError, "get the file again")
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is not a table of settings by name; get the file again.")
    return values


def stored_weights(folder: Path) -> dict[str, Stored]:
    """Shapes and kinds of all weights, from the heads of their files. Raises CheckpointError for
    files that are missing, damaged or cut off."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, Stored] = {}
    for path in _weight_files(folder):
        require_file(path, CheckpointError)
        try:
            with safe_open(path, framework="np") as file:
                for key in file.keys():  # noqa: SIM118
                    part = file.get_slice(key)
                    found[key] = Stored(tuple(part.get_shape()), part.get_dtype())
        except (SafetensorError, OSError) as wrong:
            raise CheckpointError(
                f"{path} is damaged or cut off ({reason(wrong)}); get the file again."
            ) from wrong
    return found


def _weight_files(folder: Path) -> list[Path]:
    """In the order in which transformers looks for them."""
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    index = folder / INDEX
    names = table(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(
            f"{index} does not say which file holds which weight (weight_map); get the file again."
        )
    for file in names.values():
        plain = isinstance(file, str) and Path(file).name == file and "\\" not in file
        if not plain or not file.endswith(".safetensors"):
            raise CheckpointError(
                f"{index} names {file!r:.80}, which is not a safetensors file of this folder; get "
                "the file again."
            )
        if not (folder / file).exists():
            raise CheckpointError(f"{folder / file} is missing, but {INDEX} names it; get it, too.")
    return [folder / file for file in sorted(set(names.values()))]


def check_config(config: Mapping[str, Any], weights: Collection[str], path: Path) -> None:
    """Raises CheckpointError for numbers in config.json that no model has, or that its weights
    deny."""
    for key, value in _numbers(config):
        depth = key in _DEPTHS
        most = MOST_PIXELS if key == "image_size" else len(weights) if depth else MOST
        if abs(value) > most and "theta" not in key:
            holds = f"its weights are {len(weights)} tensors in all" if depth else "no model has it"
            raise CheckpointError(f"{path}: {key} is {value}, but {holds}; get the file again.")
    if "transformers_weights" in config:
        raise CheckpointError(
            f"{path} names a file of weights of its own (transformers_weights); leave that out."
        )


def _numbers(values: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Every whole number with the name that it stands under."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _numbers(value, key)
    elif isinstance(values, list):
        for value in values:
            yield from _numbers(value, name)
    elif isinstance(values, int):
        yield name, values


def check_loaded(
    name: str, known: Mapping[str, bool], stored: Mapping[str, Stored], ignored: Collection[str]
) -> None:
    """Raises CheckpointError for weights that were loaded as what they are not, or left out.

    known: the model's own weights, and whether they are floating point; ignored: those of the files
    that it has no place for. Heads for other tasks may be among them, layers of its own not."""
    for key, part in stored.items():
        if not part.floating and (known.get(key, False) or key.endswith(".weight")):
            raise CheckpointError(
                f"{name}: its weights are not numbers as they are computed with ({key} is "
                f"{part.dtype}: quantised, or of another model); get them as float32 or bfloat16."
            )
    patterns = {_DIGITS.sub("#", key) for key in known}
    for key in sorted(ignored):
        if _DIGITS.search(key) and _DIGITS.sub("#", key) in patterns:
            raise CheckpointError(
                f"{name}: its weights have more layers than its config.json says ({key} has no "
                "place); the two are not of one model: get both again."
            )


def check_vocabulary(tokenizer: Any, rows: int, folder: Path, name: str) -> None:
    """Raises CheckpointError where a tokenizer is not that of a model with `rows` pieces, or was
    loaded as one of another kind than its file holds. Marks that were added to a tokenizer may be
    unknown to the model, padding to the tokenizer."""
    vocabulary = tokenizer.get_vocab()
    added = set(tokenizer.added_tokens_decoder)
    last = max((i for i in vocabulary.values() if i not in added), default=-1)
    if last >= rows or len(vocabulary) < SHARE * rows:
        raise CheckpointError(
            f"{name}: its tokenizer has {len(vocabulary)} pieces, its model {rows}, so they are "
            "not of one model; save the model's own tokenizer into the folder."
        )
    path = folder / "tokenizer.json"
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if path.exists() and inner is not None:
        kinds = set(_KIND.findall(read_bytes(path, CheckpointError)))
        loaded = type(inner.model).__name__
        if kinds and loaded.encode() not in kinds:
            raise CheckpointError(
                f"{folder / 'tokenizer_config.json'} has another kind of tokenizer "
                f"({type(tokenizer).__name__}, {loaded}) than tokenizer.json "
                f"({kinds.pop().decode()}); get both files again."
            )


def check_generation(values: Mapping[str, Any], rows: int, path: Path) -> None:
    """Raises CheckpointError for settings of `generate` that can't be, and for pieces that a
    vocabulary of `rows` does not have."""
    for key, (least, most, whole) in _GENERATION.items():
        value = values.get(key)
        if value is None:
            continue
        good = type(value) in (int, float) and least <= value <= most
        if not good or (whole and value != int(value)):
            raise CheckpointError(
                f"{path}: {key} is {value!r:.80}, not a {'whole ' if whole else ''}number from "
                f"{least:,} to {most:,}; correct it."
            )
    for key, value in values.items():
        if not key.endswith("_token_id") or value is None:
            continue
        for piece in value if isinstance(value, list) else [value]:
            padding = key == "pad_token_id" and piece == -1  # as some write that there is none
            if not padding and (type(piece) is not int or not 0 <= piece < rows):
                raise CheckpointError(
                    f"{path}: {key} is {value!r:.80}, but the model's vocabulary has {rows} "
                    "pieces, numbered from 0; correct it."
                )
    for key in _NOT_READ:
        if values.get(key) not in (None, 1):  # 1: no guidance
            raise CheckpointError(f"{path}: {key} is not supported; leave it out.")
