"""The folder that a run leaves: what it was, its log, its checkpoints, and how to go on.

run.json          settings, data and versions: enough to resume, or to do it again; written last
log.jsonl         one line per step and per validation
tensorboard/      the same for TensorBoard
skipped.jsonl     pictures that could not be decoded, and why
best/  last/      checkpoint folders; last/ also holds trainer.json and trainer.safetensors
.saccade-lock     held while a training works in the folder
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from torch import Tensor

from saccade.checkpoint import Checkpoint, save, write_into
from saccade.data.columns import Choices
from saccade.data.features import Skipped
from saccade.errors import DataError
from saccade.files import (
    parse_json,
    read_bytes,
    read_json,
    replace_folder,
    surviving_folder,
    to_json,
    write_json,
    write_text,
)
from saccade.training.claim import LOG, RUN, SKIPPED
from saccade.training.saved import Progress, read_trainer, write_trainer

_KINDS: Mapping[str, tuple[type, ...]] = {  # of run.json's values
    "saccade_version": (str,),
    "data": (str,),
    "images": (str, type(None)),
    "cache": (str,),
    "config": (dict,),
    "pictures": (dict,),
    "fingerprint": (str,),
    "vocabulary": (int,),
    "parameters": (dict,),
    "grid": (list,),
    "features": (int,),
}
_NEWER: Mapping[str, tuple[type, ...]] = {  # which older runs lack
    "preset": (str, type(None)),
    "choices": (dict,),
    "notes": (list,),
    "id": (str,),
    "checksum": (str,),
    "start": (dict, type(None)),
    "reward": (str, type(None)),
}
START = ("checkpoint", "weights")  # what a run's 'start' says


# What decides the result of a run, unlike places, which may move.
_DECISIVE = ("config", "choices", "fingerprint", "vocabulary", "grid", "features", "id")


def checksum(about: Mapping[str, Any]) -> str:
    """A hash of what decides the result of the run of this run.json."""
    decisive = {key: about.get(key) for key in _DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def changed(about: Mapping[str, Any]) -> bool:
    """Whether what decides the result is not as it was written; of older runs nothing can tell."""
    return about.get("checksum", checksum(about)) != checksum(about)


class Run:
    """A run's folder. Only the main process writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = folder / "best"
        self.last = folder / "last"
        self.log_path = folder / LOG
        self.about_path = folder / RUN

    def begin(self, about: Mapping[str, Any], skipped: Sequence[Skipped]) -> None:
        """Write what a run begins with into a folder that holds none yet: run.json last, so that
        whatever has one can go on."""
        write_text(self.log_path, "")
        lines = [to_json({"path": str(s.path), "reason": s.reason}) + "\n" for s in skipped]
        write_text(self.folder / SKIPPED, "".join(lines))
        self.write_about({"id": uuid.uuid4().hex, **about})

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_json(self.about_path, {**about, "checksum": checksum(about)})

    def about(self) -> dict[str, Any]:
        """run.json, checked. Raises DataError, naming the key, when it is damaged, and when the
        folder is not a run."""
        path = self.about_path
        if not os.path.lexists(path):
            raise DataError(
                f"{self.folder} is not a run (it has no {RUN}); "
                "name the folder that `saccade train --out` made."
            )
        cure = "put it back as it was, or start a new run"
        about = read_json(path, DataError, cure)
        if not isinstance(about, dict):
            raise DataError(f"{path} is not a JSON object; {cure}.")
        for key, kinds in {**_KINDS, **_NEWER}.items():
            if key not in about:
                if key in _KINDS:
                    raise DataError(f"{path}: the key '{key}' is missing; {cure}.")
            elif not _is(about[key], kinds):
                names = " or ".join(_NAMES[kind] for kind in kinds)
                raise DataError(f"{path}: '{key}' is not {names}; {cure}.")
        settings = about["config"]
        for section in ("encoder", "decoder", "train", "decode"):
            if not _is(settings.get(section), (dict,)):
                raise DataError(f"{path}: 'config.{section}' is not {_NAMES[dict]}; {cure}.")
        # Without it the default would be another model, from the hub.
        if not _is(settings["encoder"].get("backbone"), (str,)):
            raise DataError(f"{path}: 'config.encoder.backbone' is not {_NAMES[str]}; {cure}.")
        start = about.get("start")
        if start is not None and not all(_is(start.get(k), (str,)) for k in START):
            raise DataError(f"{path}: 'start' names no checkpoint; {cure}.")
        for key in ("pictures", "parameters"):
            for name, value in about[key].items():
                if not _is(value, (int,)):
                    raise DataError(f"{path}: '{key}.{name}' is not {_NAMES[int]}; {cure}.")
        for key, inner in {"grid": int, "notes": str}.items():
            if not all(_is(value, (inner,)) for value in about.get(key, [])):
                raise DataError(f"{path}: '{key}' is not a list of {_NAMES[inner]}; {cure}.")
        if len(about["grid"]) != 2 or min(about["grid"]) < 1:
            raise DataError(f"{path}: 'grid' is not two numbers from 1 on; {cure}.")
        choices_of(about, path)
        return about

    def skipped(self) -> int:
        """How many pictures could not be decoded when the run began. Raises DataError."""
        data = read_bytes(self.folder / SKIPPED, DataError)
        return sum(bool(line.strip()) for line in data.split(b"\n"))

    def records(self) -> list[dict[str, Any]]:
        """The log's lines; see `read_log`."""
        return read_log(self.log_path)

    def rewind_log(self, progress: Progress) -> None:
        """Drop what was logged after `progress`: a resumed run writes it again."""
        validated = -1 if progress.best is None else progress.validated
        ends = {"train": progress.step}
        kept = [r for r in self.records() if r["step"] <= ends.get(r["event"], validated)]
        write_text(self.log_path, "".join(to_json(record) + "\n" for record in kept))

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write best/."""
        save(self.best, checkpoint)

    def save_last(
        self, checkpoint: Checkpoint, run: str, progress: Progress, tensors: Mapping[str, Tensor]
    ) -> None:
        """The newest checkpoint and the trainer's state, both or neither. run: the run's id."""

        def fill(fresh: Path) -> None:
            write_into(fresh, checkpoint)
            write_trainer(fresh, run, progress, tensors)

        replace_folder(self.last, fill)

    def load_last(self, run: str) -> tuple[Progress, dict[str, Tensor]] | None:
        """The trainer's state, or None when nothing was saved yet. Raises CheckpointError."""
        folder = surviving_folder(self.last)
        return read_trainer(folder, run) if os.path.lexists(folder) else None


_NAMES = {
    str: "text",
    int: "a whole number",
    dict: "a table",
    list: "a list",
    bool: "true or false",
    type(None): "null",
}


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log.jsonl as dicts with "event" and "step"; a torn last line (its writer was
    killed, or still writes) is left out, and a file that is not there has none. Raises DataError
    naming the line for any other damage."""
    if not os.path.lexists(path):
        return []
    return list(_records(path, read_bytes(path, DataError)))


def _records(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    cure = "restore the file, or remove it: the run goes on without it"
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if number == len(lines):  # nothing, or what was not written to its end
            return
        if not line.strip():
            continue
        record = parse_json(line, str(path), DataError, cure, number)
        event = record.get("event") if isinstance(record, dict) else None
        good = isinstance(event, str) and _is(record.get("step"), (int,))
        if not good:
            raise DataError(f"{path}:{number}: has no 'event' and 'step' of a run; {cure}.")
        if event in ("train", "validation"):
            for key in ("epoch", "loss"):
                if not _is(record.get(key), (int, float)):
                    raise DataError(f"{path}:{number}: '{key}' is not a number; {cure}.")
        yield record


def choices_of(about: Mapping[str, Any], path: Path = Path(RUN)) -> Choices:
    """How the run of this run.json reads its caption files. Older runs say nothing of it. Raises
    DataError naming the key."""
    values = about.get("choices", {})
    kinds = get_type_hints(Choices)
    for key, value in values.items():
        text = value is None or isinstance(value, str)
        if key not in kinds or not (isinstance(value, bool) if kinds[key] is bool else text):
            raise DataError(f"{path}: its choices are damaged ({key}); start a new run.")
    return Choices(**values)


def own_data(folder: Path) -> tuple[Path, Path | None, Choices] | None:
    """The data, the folder of its pictures, and how its captions are read, that the run of this
    checkpoint folder was trained on; None when it is in no run or they are not there any more.
    Raises DataError for a damaged run."""
    for place in (folder, folder.absolute().parent):
        if (place / RUN).is_file():
            about = Run(place).about()
            data, images = about["data"], about["images"]
            if Path(data).exists():
                return Path(data), None if images is None else Path(images), choices_of(about)
    return None
