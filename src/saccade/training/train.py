"""`train` and `resume`: a run from data and settings, from the command line or from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from saccade.config import Config, from_dict, load_preset, merge, to_dict, with_freeze
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.sources import Dataset, read
from saccade.decoding.settings import TAG as STRATEGIES
from saccade.errors import DataError, UsageError
from saccade.models.build import TAG as DECODERS
from saccade.text.printing import echo
from saccade.training.loop import Trainer
from saccade.training.run import Progress, Run, choices_of
from saccade.training.setup import Prepared, fingerprint, prepare
from saccade.training.tasks import SHORT
from saccade.training.tasks import TAG as TASKS
from saccade.values.examples import Example

CACHE = Path("~/.cache/saccade/features")
TAGS = {"decoder": DECODERS, "decode": STRATEGIES, "train.task": TASKS}


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    folder: Path
    best: Path  # checkpoint folder
    progress: Progress
    skipped: int  # pictures that could not be decoded
    main_process: bool  # whether this process, of several, is the one that speaks


def configure(preset: str | None, settings: Mapping[str, Any]) -> Config:
    """A preset's settings (or the defaults) with changes laid over them.

    Where the changes name another kind of decoder, strategy or task, the preset's settings of the
    old one are left out. Raises UsageError naming the setting that is unknown or out of range."""
    base = _spelled_out(load_preset(preset) if preset else {})
    settings = _spelled_out(settings)
    for name, tag in TAGS.items():
        *path, last = name.split(".")
        tables = [base, settings]
        for part in path:
            tables = [table.get(part, {}) for table in tables]
        old, new = (table.get(last, {}) for table in tables)
        if (
            isinstance(old, dict)
            and isinstance(new, Mapping)
            and new.get(tag.key, tag.default) != old.get(tag.key, tag.default)
            and tag.key in new
        ):
            old.clear()
    return load_config(merge(base, settings))


def load_config(values: Mapping[str, Any]) -> Config:
    """A whole config from plain values, such as those of a run.json, also an older one."""
    return from_dict(Config, _spelled_out(values), tags=TAGS)


def _spelled_out(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the short names of a task's own in their full place (`train.detection` is
    `train.task.detection`), in tables of their own, and older names as today's."""
    spelled = {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()}
    train = spelled.get("train")
    if isinstance(train, dict):
        moved = {name: train.pop(name) for name in SHORT if name in train}
        if moved or isinstance(train.get("task"), Mapping):
            train["task"] = {**moved, **train.get("task", {})}
    if isinstance(spelled.get("encoder"), dict):
        spelled["encoder"] = with_freeze(spelled["encoder"])
    return spelled


def train(
    data: Path | str,
    out: Path | str,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    images: Path | str | None = None,
    cache: Path | str = CACHE,
    cpu: bool = False,
    show: bool = True,
    choices: Choices = NO_CHOICES,
) -> Outcome:
    """Train a captioner on `data` (see `saccade.data.sources.read`) into the new folder `out`.

    preset: the name of one that comes with Saccade, or a .toml file; settings: a nested table laid
    over it, such as {"train": {"epochs": 3}}; choices: see `read`. Raises SaccadeError with the
    cure when something does not fit; a run that was interrupted goes on with `resume`."""
    config = configure(preset, settings or {})
    run = Run(Path(out))
    if (run.folder / "run.json").exists():
        raise UsageError(
            f"{out} already holds a run; go on with it (--resume {out}) or name another folder."
        )
    accelerator = Accelerator(cpu=cpu)
    about: dict[str, Any] = {
        "saccade_version": version("saccade-captioner"),
        "preset": preset,
        "data": str(Path(data).absolute()),
        "images": None if images is None else str(Path(images).absolute()),
        "choices": asdict(choices),
        "cache": str(Path(cache).expanduser().absolute()),
        "config": to_dict(config),
    }
    dataset = _read(about, show and accelerator.is_main_process)
    examples = dataset.examples
    about["pictures"] = {
        split: sum(e.split == split for e in examples)
        for split in sorted({e.split for e in examples})
    }
    about["fingerprint"] = fingerprint(examples)
    prepared = _prepare(config, examples, about, accelerator, show)
    about |= {
        "notes": [*dataset.notes, *prepared.notes],
        "vocabulary": len(prepared.vocabulary),
        "parameters": prepared.model.parameter_counts(),
        "grid": list(prepared.model.encoder.grid),
        "features": prepared.model.encoder.features,
    }
    if accelerator.is_main_process:
        run.begin(about)
        run.record_skipped(list(prepared.skipped))
    accelerator.wait_for_everyone()
    trainer = Trainer(config, prepared, run, accelerator, show)
    return _outcome(trainer)


def resume(out: Path | str, cpu: bool = False, show: bool = True) -> Outcome:
    """Go on with an interrupted run: on the CPU it ends with the very weights of one that was not
    interrupted. Raises DataError when the data is no longer what the run began with."""
    run = Run(Path(out))
    about = run.about()
    config = load_config(about["config"])
    accelerator = Accelerator(cpu=cpu)
    examples = _read(about, show and accelerator.is_main_process).examples
    if fingerprint(examples) != about["fingerprint"]:
        raise DataError(
            f"{about['data']} changed since the run {out} began (other pictures, captions or "
            "splits); put it back, or start a new run."
        )
    prepared = _prepare(config, examples, about, accelerator, show)
    before = len((run.folder / "skipped.jsonl").read_text("utf-8").splitlines())
    if len(prepared.skipped) != before:
        raise DataError(
            f"{len(prepared.skipped)} pictures can't be decoded now and {before} could not when "
            f"the run {out} began, so it can't go on exactly; restore the pictures "
            f"(first: {prepared.skipped[0].reason if prepared.skipped else 'see skipped.jsonl'})."
        )
    trainer = Trainer(config, prepared, run, accelerator, show)
    trainer.resume()
    return _outcome(trainer)


def _outcome(trainer: Trainer) -> Outcome:
    progress = trainer.fit()
    run, skipped = trainer.run, len(trainer.prepared.skipped)
    return Outcome(run.folder, run.best, progress, skipped, trainer.accelerator.is_main_process)


def _read(about: Mapping[str, Any], show: bool) -> Dataset:
    images = None if about["images"] is None else Path(about["images"])
    dataset = read(Path(about["data"]), images=images, choices=choices_of(about))
    for note in dataset.notes if show else ():
        echo("Note:", note, err=True)
    return dataset


def _prepare(
    config: Config,
    examples: Sequence[Example],
    about: Mapping[str, Any],
    accelerator: Accelerator,
    show: bool,
) -> Prepared:
    """The first process fills the feature cache; the others then find it full."""
    main = accelerator.is_main_process
    with accelerator.main_process_first():
        return prepare(config, examples, Path(about["cache"]), accelerator.device, show and main)
