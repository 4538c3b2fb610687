"""The folder that a run leaves: what it was, its log, its checkpoints, and how to go on.

run.json          settings, data and versions: enough to resume, or to do it again
log.jsonl         one line per step and per validation
tensorboard/      the same for TensorBoard
skipped.jsonl     pictures that could not be decoded, and why
best/  last/      checkpoint folders; last/ also holds trainer.json and trainer.safetensors
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from saccade.checkpoint import Checkpoint, save, write_into
from saccade.data.columns import Choices
from saccade.data.features import Skipped
from saccade.errors import CheckpointError, DataError
from saccade.files import replace_folder, surviving_folder, write_json, write_text

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


class Run:
    """A run's folder. Only the main process writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = folder / "best"
        self.last = folder / "last"
        self.log_path = folder / "log.jsonl"

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write run.json into a folder that holds no run yet."""
        write_json(self.folder / "run.json", dict(about))
        write_text(self.log_path, "")

    def about(self) -> dict[str, Any]:
        """run.json. Raises DataError when the folder is no run."""
        path = self.folder / "run.json"
        try:
            about = json.loads(path.read_text("utf-8"))
            if not isinstance(about, dict):
                raise ValueError("it is no table")
            return about
        except FileNotFoundError as error:
            raise DataError(
                f"{self.folder} is no run (it has no run.json); "
                "give the folder that `saccade train --out` made."
            ) from error
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}); start a new run.") from error

    def record_skipped(self, skipped: list[Skipped]) -> None:
        lines = [
            json.dumps({"path": str(s.path), "reason": s.reason}, ensure_ascii=False) + "\n"
            for s in skipped
        ]
        write_text(self.folder / "skipped.jsonl", "".join(lines))

    def records(self) -> list[dict[str, Any]]:
        """The log's lines; a torn last one is left out."""
        return read_log(self.log_path)

    def rewind_log(self, step: int) -> None:
        """Drop what was logged after `step`: a resumed run writes it again."""
        kept = [record for record in self.records() if record["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(record) + "\n" for record in kept))

    def save_best(self, checkpoint: Checkpoint) -> None:
        save(self.best, checkpoint)

    def save_last(
        self, checkpoint: Checkpoint, progress: Progress, tensors: Mapping[str, Tensor]
    ) -> None:
        """The newest checkpoint and the trainer's state, both or neither."""

        def fill(fresh: Path) -> None:
            write_into(fresh, checkpoint)
            (fresh / TRAINER).write_text(json.dumps(asdict(progress), indent=2) + "\n", "utf-8")
            try:
                save_file(
                    {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
                    fresh / TENSORS,
                )
            except SafetensorError as error:
                raise OSError(None, str(error)) from error

        replace_folder(self.last, fill)

    def load_last(self) -> tuple[Progress, dict[str, Tensor]] | None:
        """The trainer's state, or None when nothing was saved yet."""
        folder = surviving_folder(self.last)
        if not folder.exists():
            return None
        try:
            progress = Progress(**json.loads((folder / TRAINER).read_text("utf-8")))
            return progress, load_file(folder / TENSORS)
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise CheckpointError(
                f"{folder} can't be resumed from ({error}); start a new run, "
                f"or use the checkpoint {self.best} as it is."
            ) from error


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log.jsonl as dicts; a torn last line is left out."""
    records = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as named tensors, for safetensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, entry in state.items()
        for name, value in entry.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `flatten_optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )


def choices_of(about: Mapping[str, Any]) -> Choices:
    """How the run of this run.json reads its caption files. Older runs say nothing of it."""
    try:
        return Choices(**about.get("choices", {}))
    except TypeError as error:
        raise DataError(
            f"run.json: its choices are malformed ({error}); start a new run."
        ) from error


def own_data(folder: Path) -> tuple[Path, Path | None, Choices] | None:
    """The data, the folder of its pictures, and how its captions are read, that the run of this
    checkpoint folder was trained on; None when it is in no run or they are not there any more.
    Raises DataError for a damaged run."""
    for place in (folder, folder.absolute().parent):
        if (place / "run.json").is_file():
            about = Run(place).about()
            data, images = about.get("data"), about.get("images")
            if data is not None and Path(data).exists():
                folder_of_images = None if images is None else Path(images)
                return Path(data), folder_of_images, choices_of(about)
    return None
