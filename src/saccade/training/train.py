"""`train` and `resume`: a run from data and settings, from the command line or from Python."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from saccade.config import Config, from_dict, load_preset, merge, to_dict, with_freeze
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.sources import Dataset, read
from saccade.data.trainable import trainable
from saccade.decoding import TAG as STRATEGIES
from saccade.decoding import configured
from saccade.errors import DataError, SaccadeError, UsageError
from saccade.models.build import TAG as DECODERS
from saccade.text.printing import echo
from saccade.training.claim import claimed_new, claimed_run
from saccade.training.logs import check_tracking
from saccade.training.loop import Trainer
from saccade.training.processes import accelerator_for, with_others
from saccade.training.run import Run, changed, choices_of
from saccade.training.saved import Progress
from saccade.training.setup import Setup, fingerprint, prepare
from saccade.training.start import Start, read_start, read_start_again, started
from saccade.training.tasks import SHORT, Reward, check_task, reward_name
from saccade.training.tasks import TAG as TASKS
from saccade.training.tasks.self_critical import try_reward
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
    epochs: int  # of the settings
    main_process: bool  # whether this process, of several, is the one that speaks
    trained: bool = True  # False where the run was finished before


def configure(
    preset: str | None, settings: Mapping[str, Any], start: Start | None = None
) -> Config:
    """A preset's settings (or the defaults) with changes laid over them.

    Where the changes name another kind of decoder or task, the preset's settings of the old one are
    left out; another strategy keeps what the two have in common. start: a checkpoint that training
    starts from, whose encoder, decoder and decoding go before the preset's. Raises UsageError
    naming the setting that is unknown, out of range or decided by the checkpoint."""
    base = _spelled_out(load_preset(preset) if preset else {})
    settings = _spelled_out(settings)
    if start is not None:
        base = started(base, settings, start)
    base["decode"] = configured(base.pop("decode", {}), settings.pop("decode", {}))
    for name, tag in TAGS.items():
        *path, last = name.split(".")
        tables = [base, settings]
        for part in (*path, last):
            tables = [t.get(part, {}) if isinstance(t, dict) else {} for t in tables]
        old, new = tables
        if (
            isinstance(old, dict)
            and isinstance(new, Mapping)
            and new.get(tag.key, tag.default) != old.get(tag.key, tag.default)
            and tag.key in new
        ):
            old.clear()
    return load_config(merge(base, settings))


def check_settings(config: Config) -> None:
    """Raises UsageError for settings that contradict each other or need what is not here."""
    check_tracking(config.train.tracking)
    settings = config.train
    for name, used in (
        ("encoder_rate", settings.encoder_rate != 1),
        ("crop", settings.crop < 1),
        ("colour", settings.colour > 0),
        ("gradient_checkpointing", settings.gradient_checkpointing),
    ):
        if used and config.encoder.frozen:
            raise UsageError(
                f"train.{name} is for an encoder that is trained, and this one is frozen (its "
                f"features are cached): leave it out, or set encoder.freeze = none."
            )
    if settings.crop < 1 and settings.task.kind == "look":
        raise UsageError(
            "train.crop moves what is on a picture, and train.task.kind look has boxes of it: "
            "leave one of them out."
        )


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
        task = train.get("task", {})
        if isinstance(task, Mapping):
            train["task"] = {**moved, **task}
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
    start: Path | str | None = None,
    reward: Reward | None = None,
) -> Outcome:
    """Train a captioner on `data` (see `saccade.data.sources.read`) into the new folder `out`.

    preset: the name of one that comes with Saccade, or a .toml file; settings: a nested table laid
    over it, such as {"train": {"epochs": 3}}; choices: see `read`; start: a checkpoint whose
    vocabulary, encoder, decoder and weights training starts from; reward: for the task
    self_critical, `(captions, references) -> rewards` of N captions and N lists of references.
    Raises SaccadeError saying what to do when something does not fit; a run that was interrupted
    goes on with `resume`."""
    begun = None if start is None else read_start(Path(start))
    config = configure(preset, settings or {}, begun)
    check_task(config.train, begun is not None, reward)
    check_settings(config)
    data, run = Path(data), Run(Path(out))
    images = None if images is None else Path(images)
    accelerator = accelerator_for(config, cpu)
    claim = claimed_new(run.folder, data, images) if accelerator.is_main_process else nullcontext()
    with with_others(accelerator, run.folder), claim:
        about: dict[str, Any] = {
            "saccade_version": version("saccade-captioner"),
            "preset": preset,
            "data": str(data.absolute()),
            "images": None if images is None else str(images.absolute()),
            "choices": asdict(choices),
            "cache": str(Path(cache).expanduser().absolute()),
            "config": to_dict(config),
            "start": None if begun is None else begun.about(),
            "reward": None if reward is None else reward_name(reward),
        }
        dataset = _read(about, show and accelerator.is_main_process)
        examples = dataset.examples
        if reward is not None:
            try_reward(reward, trainable(examples).train)
        splits = Counter(e.split for e in examples)
        about["pictures"] = dict(sorted(splits.items()))
        about["fingerprint"] = fingerprint(examples)
        prepared = _prepare(config, examples, about, accelerator, show, begun)
        about |= {
            "notes": [*dataset.notes, *prepared.notes],
            "vocabulary": len(prepared.vocabulary),
            "parameters": prepared.model.parameter_counts(),
            "grid": list(prepared.model.encoder.grid),
            "features": prepared.model.encoder.features,
        }
        if accelerator.is_main_process:
            run.begin(about, prepared.skipped)
        accelerator.wait_for_everyone()
        return _outcome(Trainer(config, prepared, run, accelerator, show, reward))


def resume(
    out: Path | str,
    cpu: bool = False,
    show: bool = True,
    epochs: int | None = None,
    reward: Reward | None = None,
) -> Outcome:
    """Go on with an interrupted run: on the CPU it ends with the very weights of one that was not
    interrupted. A finished run is left as it is.

    epochs: train for this many in all instead, more than the run has; also a finished run goes on
    then. What depends on the length of training, such as the end of the cosine schedule, follows
    from here on. reward: the one that the run began with. Raises UsageError for fewer epochs,
    DataError when the data is no longer what the run began with or its files are damaged."""
    run = Run(Path(out))
    accelerator = accelerator_for(_saved_config(run, run.about()), cpu)
    claim = claimed_run(run.folder) if accelerator.is_main_process else nullcontext()
    with with_others(accelerator, run.folder), claim:
        accelerator.wait_for_everyone()
        about = run.about()
        config = _saved_config(run, about)
        _check_reward(about.get("reward"), reward, run)
        check_settings(config)
        saved = run.load_last(about.get("id", ""))
        if show and accelerator.is_main_process and changed(about):
            echo(
                f"Note: the settings in {run.about_path} were changed since the run began; it goes "
                "on with the changed ones, not as a run that was never interrupted.",
                err=True,
            )
        accelerator.wait_for_everyone()  # all have read; now it may be written
        examples = _read(about, show and accelerator.is_main_process).examples
        if fingerprint(examples) != about["fingerprint"]:
            raise DataError(
                f"{about['data']} changed since the run {out} began (other pictures, captions or "
                "splits); put it back, or start a new run."
            )
        epochs_now = config.train.epochs
        if epochs is not None:
            config = _extended(config, epochs, run, saved and saved[0])
            about["config"] = to_dict(config)
            if accelerator.is_main_process:
                run.write_about(about)
        elif saved is not None and saved[0].finished and saved[0].epochs in (0, epochs_now):
            main = accelerator.is_main_process
            return Outcome(run.folder, run.best, saved[0], run.skipped(), epochs_now, main, False)
        run.records()  # damage is reported before anything expensive
        before = run.skipped()
        again = about.get("start")
        start = None if again is None else read_start_again(again, run.folder)
        prepared = _prepare(config, examples, about, accelerator, show, start)
        if len(prepared.skipped) != before:
            first = prepared.skipped[0].reason if prepared.skipped else "see skipped.jsonl"
            raise DataError(
                f"{len(prepared.skipped)} pictures can't be decoded now and {before} could not "
                f"when the run {out} began, so it can't go on exactly; restore the pictures "
                f"(first: {first})."
            )
        trainer = Trainer(config, prepared, run, accelerator, show, reward)
        trainer.resume(saved)
        return _outcome(trainer)


def _check_reward(name: str | None, reward: Reward | None, run: Run) -> None:
    """Raises UsageError unless the reward is the one that the run began with, by its name."""
    now = None if reward is None else reward_name(reward)
    if now == name:
        return
    if name is None:
        raise UsageError(f"{run.folder} began without a reward of its own; leave `reward` out.")
    raise UsageError(
        f"{run.folder} is trained with the reward {name}, Python code of yours: go on from Python, "
        f"saccade.training.train.resume({str(run.folder)!r}, reward=...)."
    )


def _saved_config(run: Run, about: Mapping[str, Any]) -> Config:
    try:
        return load_config(about["config"])
    except SaccadeError as error:
        raise DataError(
            f"{run.about_path}: config: {error} Put the file back as it was, or start a new run."
        ) from error


def _extended(config: Config, epochs: int, run: Run, progress: Progress | None) -> Config:
    """The settings with more epochs."""
    if epochs <= config.train.epochs:
        raise UsageError(
            f"{run.folder} trains for {config.train.epochs} epochs already; --epochs with --resume "
            "takes a larger number, of all epochs together."
        )
    most = config.train.max_steps
    if most and progress is not None and progress.step >= most:
        raise UsageError(
            f"{run.folder} ends at step {most}, its train.max_steps, whatever its epochs; start a "
            "new run."
        )
    return replace(config, train=replace(config.train, epochs=epochs))


def _outcome(trainer: Trainer) -> Outcome:
    progress = trainer.fit()
    run, skipped = trainer.run, len(trainer.prepared.skipped)
    epochs, main = trainer.config.train.epochs, trainer.accelerator.is_main_process
    return Outcome(run.folder, run.best, progress, skipped, epochs, main)


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
    start: Start | None = None,
) -> Setup:
    """The first process fills the feature cache; the others then find it full."""
    main = accelerator.is_main_process
    with accelerator.main_process_first():
        cache, device = Path(about["cache"]), accelerator.device
        return prepare(config, examples, cache, device, show and main, start)
