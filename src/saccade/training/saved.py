"""The trainer's state beside a checkpoint: how far training is, weights and optimizer, checked.

trainer.json          a `Progress`, the id of its run, and a checksum of all of it
trainer.safetensors   the tensors that an exact resume needs
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.files import parse_json, read_bytes, require_file
from saccade.training.optimizers import PREFIX

TRAINER, TENSORS = "trainer.json", "trainer.safetensors"


@dataclass
class Progress:
    """Where training stands; with the tensors beside it all that an exact resume needs.

    Randomness needs no state: order, choices and dropout are functions of (seed, step)."""

    step: int = 0
    best: float | None = None  # the selected figure of the best validation
    best_step: int = 0
    since_best: int = 0  # validations without a better one
    validated: int = 0  # step of the last validation; behind `step` when one was cut short
    finished: bool = False
    epochs: int = 0  # of the settings when this was saved; older runs say nothing of it
    plateaus: int = 0  # how often the learning rate fell because validation got no better
    since_plateau: int = 0  # validations without a better one since the last of these
    pictures: int = 0  # per step, of all processes; older runs say nothing of it


def write_trainer(
    folder: Path, run: str, progress: Progress, tensors: Mapping[str, Tensor]
) -> None:
    """Write both files. run: the id of the run. Raises OSError."""
    try:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            folder / TENSORS,
        )
    except SafetensorError as error:  # how safetensors reports a full disk
        raise OSError(None, str(error)) from error
    values = {"run": run, **asdict(progress)}
    values["checksum"] = _checksum(values, folder / TENSORS)
    (folder / TRAINER).write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    shutil.copymode(folder / TRAINER, folder / TENSORS)  # safetensors leaves it to its owner alone


def read_trainer(folder: Path, run: str) -> tuple[Progress, dict[str, Tensor]]:
    """What `write_trainer` wrote. Raises CheckpointError, naming file and key, for damage and for
    the state of another run than `run`."""
    cure = f"start a new run, or use the checkpoint {folder.parent / 'best'} as it is"
    path, weights = folder / TRAINER, folder / TENSORS
    values = parse_json(read_bytes(path, CheckpointError), str(path), CheckpointError, cure)
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is not a JSON object; {cure}.")
    checksum, owner = values.pop("checksum", None), values.get("run", "")
    require_file(weights, CheckpointError)
    if owner != run:
        raise CheckpointError(
            f"{folder} belongs to another run than {folder.parent / 'run.json'}; put the run's own "
            f"folder back, or {cure}."
        )
    if checksum is not None and checksum != _checksum(values, weights):
        raise CheckpointError(f"{path} and {TENSORS} were changed or are damaged; {cure}.")
    values.pop("run", None)
    progress = _progress(values, path, cure)
    try:
        tensors = load_file(weights)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{weights} is damaged ({error}); {cure}.") from error
    return progress, tensors


def _checksum(values: Mapping[str, Any], tensors: Path) -> str:
    plain = json.dumps(values, sort_keys=True).encode()
    with tensors.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(plain + digest.encode()).hexdigest()


def _progress(values: Mapping[str, Any], path: Path, cure: str) -> Progress:
    known = {entry.name: entry.type for entry in fields(Progress)}
    for key in values:
        if key not in known:
            raise CheckpointError(f"{path}: unknown key '{key}'; {cure}.")
    for key, value in values.items():
        kind = known[key]
        if kind is bool:
            good = isinstance(value, bool)
        elif kind is int:
            good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            good = value is None or (number and math.isfinite(value))
        if not good:
            raise CheckpointError(f"{path}: {key} can't be {value!r:.40}; {cure}.")
    missing = {"step", "best", "best_step", "validated", "finished"} - values.keys()
    if missing:
        raise CheckpointError(f"{path}: {min(missing)} is missing; {cure}.")
    progress = Progress(**values)
    if max(progress.best_step, progress.validated) > progress.step:
        raise CheckpointError(f"{path}: its steps contradict each other; {cure}.")
    return progress


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError unless the saved tensors are those of this model; expected: its own, by
    name. Those of the optimizer: `saccade.training.optimizers.check_state`."""
    own = {name: value for name, value in tensors.items() if not name.startswith(PREFIX)}
    for name in sorted(own.keys() ^ expected.keys()):
        state = "is missing" if name in expected else "is not of this model"
        raise CheckpointError(f"{name} {state}")
    for name, value in own.items():
        if value.shape != expected[name].shape or value.dtype != expected[name].dtype:
            raise CheckpointError(
                f"{name} is {_form(value)} and the model's is {_form(expected[name])}"
            )


def _form(value: Tensor) -> str:
    return f"{'x'.join(map(str, value.shape)) or 'one number'} {value.dtype}"
