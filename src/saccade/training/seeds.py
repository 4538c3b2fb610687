"""The same training with several seeds: how much figures differ without any difference in settings.

seed-N/       a run each
seeds.json    what came out: every run's best validation, means and spread
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.config import Config, to_dict
from saccade.errors import DataError, UsageError
from saccade.files import write_json
from saccade.training.run import Run, read_log
from saccade.training.train import Outcome, load_config

SUMMARY = "seeds.json"
_FIGURES = ("loss", "BLEU-4", "CIDEr", "bad_endings")  # of a validation


@dataclass(frozen=True)
class OverSeeds:
    """A figure over several runs."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """The standard deviation of a run (n - 1)."""
        return statistics.stdev(self.values)


def train_seeds(
    out: Path,
    config: Config,
    count: int,
    train: Callable[[Path, int], Outcome],
    resume: Callable[[Path], Outcome],
) -> list[Outcome]:
    """Train with the seeds config.train.seed, the next one, and so on, `count` in all, each into
    its folder in `out`. Called again it goes on: finished runs stay, an interrupted one is resumed.

    Raises UsageError where `out` holds something else, or runs with other settings."""
    seeds = range(config.train.seed, config.train.seed + count)
    folders = [out / f"seed-{seed}" for seed in seeds]
    _check(out, config, folders)
    outcomes = []
    for seed, folder in zip(seeds, folders, strict=True):
        begun = (folder / "run.json").exists()
        outcomes.append(resume(folder) if begun else train(folder, seed))
    if outcomes[0].main_process:
        write_json(out / SUMMARY, summary(folders))
    return outcomes


def _check(out: Path, config: Config, folders: Sequence[Path]) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder; name a new folder.")
    for entry in sorted(out.iterdir()) if out.is_dir() else []:
        if entry.name != SUMMARY and not entry.name.startswith("seed-"):
            raise UsageError(
                f"--out {out} holds {entry.name} and is not a folder of runs with several seeds; "
                "name a new folder."
            )
    for folder in folders:
        if (folder / "run.json").exists():
            before, now = _plain(load_config(Run(folder).about()["config"])), _plain(config)
            other = [name for name in now if now[name] != before.get(name)]
            if other:
                raise UsageError(
                    f"{folder} was trained with another {other[0]} ({before.get(other[0])!r}, now "
                    f"{now[other[0]]!r}); name another --out, or train with the same settings."
                )


def _plain(config: Config) -> dict[str, Any]:
    """Settings by their dotted names, without the seed."""
    flat: dict[str, Any] = {}

    def lay(values: Mapping[str, Any], prefix: str) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                lay(value, f"{prefix}{name}.")
            else:
                flat[prefix + name] = list(value) if isinstance(value, tuple) else value

    lay(to_dict(config), "")
    del flat["train.seed"]
    return flat


def spreads(folders: Sequence[Path]) -> dict[str, OverSeeds]:
    """The best validations' figures that all runs have, by name."""
    return _spreads([_best(folder) for folder in folders])


def _spreads(best: Sequence[Mapping[str, float]]) -> dict[str, OverSeeds]:
    names = [name for name in _FIGURES if all(name in record for record in best)]
    return {name: OverSeeds(tuple(record[name] for record in best)) for name in names}


def summary(folders: Sequence[Path]) -> dict[str, Any]:
    """What seeds.json says."""
    runs = {folder.name: _best(folder) for folder in folders}
    figures = {
        name: {
            "mean": spread.mean,
            "deviation": spread.deviation,
            "lowest": min(spread.values),
            "highest": max(spread.values),
        }
        for name, spread in _spreads(list(runs.values())).items()
    }
    return {"runs": runs, "figures": figures}


def _best(folder: Path) -> dict[str, float]:
    """The figures of a run's best validation; none where it had no validation pictures. Raises
    DataError for a damaged log."""
    validations = [r for r in read_log(folder / "log.jsonl") if r["event"] == "validation"]
    chosen = [record for record in validations if record.get("best")]
    if not chosen:
        return {}
    record = chosen[-1]
    for name in _FIGURES:
        if name in record and not isinstance(record[name], int | float):
            raise DataError(f"{folder / 'log.jsonl'}: '{name}' is not a number; start a new run.")
    return {name: record[name] for name in ("step", *_FIGURES) if name in record}
