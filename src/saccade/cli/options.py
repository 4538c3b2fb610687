"""Options that several commands share, each with the values that it takes."""

import math
from pathlib import Path
from typing import Annotated

import typer

MOST = 1_000_000  # of anything that is counted
PRESET = "show_attend_tell"  # of `saccade train`


def some_path(text: str | Path) -> Path:
    """A path as typed, or a default; an empty one would be the current folder."""
    if not str(text).strip():
        raise typer.BadParameter("it is empty; name a file or a folder.")
    return Path(text)


def some_text(text: str | None) -> str | None:
    """A text as typed, if it is not blank."""
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty; leave the option out or give it a value.")
    return text


def finite(value: float | None) -> float | None:
    """A number that is neither nan nor infinite, and not below 0."""
    if value is not None and not 0 <= value < math.inf:
        raise typer.BadParameter(f"{value} is not a number from 0 on.")
    return value


def some_models(names: list[str] | None) -> list[str] | None:
    """Models as typed, each with an option of its own or with commas between them."""
    if not names:
        return names
    models = [part for name in names for part in _by_comma(name)]
    if not all(model.strip() for model in models):
        raise typer.BadParameter("a name is empty; name checkpoint folders, runs or hub ids.")
    return models


def _by_comma(name: str) -> list[str]:
    return [name] if Path(name).exists() else name.split(",")


def path_option(*names: str, help: str) -> typer.models.OptionInfo:
    """An option that takes the path of a file or a folder."""
    return typer.Option(*names, parser=some_path, metavar="PATH", help=help)


Model = Annotated[
    list[str],
    typer.Option(
        "--model",
        "-m",
        callback=some_models,
        help="Checkpoint folder, run folder (its best checkpoint), folder of a captioner of "
        "transformers, or hub id; several make an ensemble.",
    ),
]
MapNames = Annotated[
    str | None,
    typer.Option(
        "--maps",
        callback=some_text,
        help="Maps to make and test, by comma, in place of attention, gradient and occlusion: also "
        "layers, heads (or one: heads.2.1), rollout, relevancy, gradcam, integrated, rise.",
    ),
]
OptionalModel = Annotated[  # `evaluate` and `survey` say themselves what is missing
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        callback=some_models,
        help="Checkpoint folder, run folder (its best checkpoint), folder of a captioner of "
        "transformers, or hub id (required); several make an ensemble.",
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        callback=some_text,
        help="What a captioner of transformers is asked, e.g. 'Describe the image.'",
    ),
]
Geometric = Annotated[
    bool,
    typer.Option("--geometric", help="Average the log-probabilities of an ensemble's members."),
]
OptionalData = Annotated[
    list[Path] | None,
    typer.Argument(
        parser=some_path, metavar="DATA", help="Pictures with references, as for train."
    ),
]
Photos = Annotated[
    list[Path],
    typer.Argument(
        parser=some_path,
        metavar="PHOTO...",
        help="Photos, folders of them, '*.jpg' patterns, @LIST (a file of names), or .tar and "
        ".parquet files.",
    ),
]
Images = Annotated[
    Path | None,
    path_option("--images", help="Folder of the pictures, when it is not beside DATA."),
]
TrainedOn = Annotated[
    Path | None,
    path_option(
        "--data",
        help="What the model was trained on, for a checkpoint that lacks its mean features.",
    ),
]
JsonFile = Annotated[Path | None, path_option("--json", help="Write all figures, as JSON.")]
Beams = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Width of the search; 1 is greedy.")
]
LengthPower = Annotated[
    float | None,
    typer.Option(callback=finite, help="Rank by log-probability / words ** this."),
]
MaxWords = Annotated[int | None, typer.Option(min=1, max=10_000, help="Cut longer captions.")]
Split = Annotated[
    str, typer.Option(callback=some_text, help="Which split; 'all' for every picture.")
]
Limit = Annotated[int, typer.Option(min=0, max=MOST, help="Only the first N pictures; 0: all.")]
Cache = Annotated[
    Path | None,
    path_option("--cache", help="Folder for grid features, as for train: encode photos once."),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")]
