"""What a run logs: log.jsonl and accelerate's trackers, from the main process only."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from accelerate.tracking import GeneralTracker, TensorBoardTracker, TrackioTracker, WandBTracker

from saccade.errors import TrainingError, UsageError
from saccade.files import to_json
from saccade.models.encoders.encoder import first_line
from saccade.training.run import Run

PROJECT = "saccade"  # of the trackers that keep runs in projects

# By their names in `train.tracking`: from a run and the step that it starts after.
_TRACKERS: Mapping[str, Callable[[Run, int], GeneralTracker]] = {
    "tensorboard": lambda run, step: TensorBoardTracker(
        "tensorboard", run.folder, purge_step=step + 1
    ),
    "wandb": lambda run, step: WandBTracker(
        PROJECT, name=run.folder.name, id=run.about().get("id"), dir=run.folder, resume="allow"
    ),
    # It finds a run again by its name alone.
    "trackio": lambda run, step: TrackioTracker(
        PROJECT, name=f"{run.folder.name}-{run.about().get('id', '')[:8]}", resume="allow"
    ),
}
_EXTRAS = ("wandb", "trackio")  # packages that are not always there; each an extra of that name


def check_tracking(names: tuple[str, ...]) -> None:
    """Raises UsageError for a tracker that is not installed."""
    for name in names:
        if name in _EXTRAS and find_spec(name) is None:
            raise UsageError(
                f"train.tracking {name} needs a package that is not installed: "
                f"pip install 'saccade-captioner[{name}]'"
            )


class RunLog:
    """The log of one process; only where it `writes` anything is written. step: that of the start,
    0 or more for a run that goes on; tracking: names of trackers beside log.jsonl."""

    def __init__(self, run: Run, step: int, writes: bool, tracking: tuple[str, ...] = ()) -> None:
        self.run, self.step, self.writes = run, step, writes
        self.names = tracking if writes else ()
        self.trackers: list[GeneralTracker] = []

    def __enter__(self) -> "RunLog":
        for name in dict.fromkeys(self.names):
            tracker = _TRACKERS[name](self.run, self.step)
            try:
                tracker.start()
            except Exception as error:  # an account or a network that is not there
                raise TrainingError(
                    f"train.tracking {name} did not start ({first_line(error)}); set it up, or "
                    f"take it out of {self.run.about_path}, and go on with: "
                    f"saccade train --resume {self.run.folder}"
                ) from error
            self.trackers.append(tracker)
        if self.writes:
            self.file = self.run.log_path.open("a", encoding="utf-8")
        return self

    def __call__(self, record: dict[str, Any]) -> None:
        if not self.writes:
            return
        rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}
        self.file.write(to_json(rounded) + "\n")
        self.file.flush()
        shown = {
            f"{record['event']}/{key}": value
            for key, value in record.items()
            if isinstance(value, float) and key not in ("epoch", "seconds")
        }
        for tracker in self.trackers:
            tracker.log(shown, step=record["step"])

    def __exit__(self, *_: object) -> None:
        for tracker in self.trackers:
            tracker.finish()
        if self.writes:
            self.file.close()
