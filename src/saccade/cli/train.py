"""`saccade train`: a captioner from your pictures and captions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.options import PRESET, path_option, some_path
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices
from saccade.errors import SaccadeError, UsageError

if TYPE_CHECKING:
    from saccade.training.train import Outcome


# What goes with --resume: all else is in the run's folder.
_WITH_RESUME = ("resume", "epochs", "cpu")


def train(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            parser=some_path,
            metavar="[DATA]",
            help="Karpathy or COCO JSON, Flickr token file, JSONL or CSV of image, caption, split; "
            "or the folder that holds one.",
        ),
    ] = None,
    out: Annotated[Path | None, path_option("--out", help="New folder for the run.")] = None,
    preset: Annotated[
        str, typer.Option(help="Settings to start from: a preset's name, or a .toml file.")
    ] = PRESET,
    encoder: Annotated[
        str | None, typer.Option(help="Backbone: a hub id, or a local transformers folder.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the encoder's input; sets the grid.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the data; with --resume, more than the run has."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of order, dropout and initial weights.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=1000,
            help="Train this many times, from --seed on, into OUT/seed-1 and so on, and say how "
            "much the figures differ. Again, it goes on.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, e.g. --set train.flip=true (repeatable)."),
    ] = None,
    images: Annotated[
        Path | None,
        path_option("--images", help="Folder of the pictures, when it is not beside DATA."),
    ] = None,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    cache: Annotated[Path | None, path_option("--cache", help="Folder for grid features.")] = None,
    resume: Annotated[
        Path | None,
        path_option(
            "--resume",
            help="Go on with this run. Goes with --cpu and --epochs only; more epochs than the run "
            "has extend it.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        path_option(
            "--from",
            help="Start from this checkpoint: its vocabulary, encoder, decoder and weights.",
        ),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """Train a captioner on your own pictures.

    Example: saccade train captions.jsonl --out runs/mine
    Ctrl-C saves; continue with: saccade train --resume runs/mine
    Longer, too: saccade train --resume runs/mine --epochs 20
    Several GPUs: accelerate launch -m saccade train captions.jsonl --out runs/mine
    """
    if resume is not None:
        typed = _typed(context)
        if typed:
            raise UsageError(
                f"--resume takes everything from the run's folder: leave {', '.join(typed)} out "
                "(--epochs alone, a larger number, extends a run)."
            )
    elif data is None or out is None:
        raise UsageError(
            "name what to train on and the new folder: saccade train DATA --out RUN "
            "(or saccade train --resume RUN)."
        )
    from saccade.config import merge, parse_settings
    from saccade.training import train as training

    if resume is not None:
        _finish(training.resume(resume, cpu=cpu, epochs=epochs))
        return
    assert data is not None
    assert out is not None
    changes: dict[str, Any] = {"encoder": {}, "train": {}}
    if encoder is not None:
        changes["encoder"]["backbone"] = encoder
    if image_size is not None:
        changes["encoder"]["image_size"] = [image_size, image_size]
    if epochs is not None:
        changes["train"]["epochs"] = epochs
    if seed is not None:
        changes["train"]["seed"] = seed
    changes = merge(changes, parse_settings(set_ or []))
    folder = training.CACHE if cache is None else cache
    chosen = choices(image_column, caption_column, keep_rejected)

    def one(place: Path, settings: dict[str, Any]) -> "Outcome":
        return training.train(
            data, place, preset, settings, images, folder, cpu, choices=chosen, start=start
        )

    if seeds is None:
        _finish(one(out, changes))
        return
    from saccade.training.seeds import train_seeds
    from saccade.training.start import read_start

    config = training.configure(preset, changes, None if start is None else read_start(start))
    outcomes = train_seeds(
        out,
        config,
        seeds,
        lambda place, number: one(place, merge(changes, {"train": {"seed": number}})),
        lambda place: training.resume(place, cpu=cpu),
    )
    _finish_seeds(out, outcomes)


def _finish_seeds(out: Path, outcomes: "list[Outcome]") -> None:
    """Say what several seeds came to."""
    if not outcomes[0].main_process:
        return
    from rich.table import Table

    from saccade.text.printing import Screen, row
    from saccade.training.seeds import SUMMARY, spreads

    screen = Screen()
    folders = [outcome.folder for outcome in outcomes]
    figures = spreads(folders)
    table = Table("best validation")
    for name in ("mean", "deviation", *(folder.name for folder in folders)):
        table.add_column(name, justify="right")
    for name, spread in figures.items():
        times = 1 if name == "loss" else 100
        digits = 3 if name == "loss" else 1
        values = (spread.mean, spread.deviation, *spread.values)
        row(table, name, *(f"{times * value:.{digits}f}" for value in values))
    if figures:
        screen.table(table)
        screen.line("Scores times 100; deviation: the standard deviation of one run.")
    screen.line(f"All figures: {out / SUMMARY}")


def _typed(context: typer.Context) -> list[str]:
    """The options and arguments of this command line that do not go with --resume, as typed."""
    return [
        parameter.opts[0] if parameter.param_type_name == "option" else "DATA"
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in _WITH_RESUME
        and _is_typed(context, parameter.name)
    ]


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _finish(outcome: "Outcome") -> None:
    """Say what came out, draw the curve, and say what to do next."""
    if not outcome.main_process:
        return
    from saccade.text.printing import echo

    if not outcome.trained:
        epochs, again = outcome.epochs, f"--resume {outcome.folder} --epochs"
        echo(
            f"{outcome.folder} is finished, at step {outcome.progress.step} of {epochs} epochs at "
            f"most. More epochs: saccade train {again} {2 * epochs}"
        )
    if outcome.skipped:
        echo(
            f"{outcome.skipped} pictures could not be decoded and were left out: "
            f"{outcome.folder / 'skipped.jsonl'}"
        )
    echo(f"Best checkpoint: {outcome.best} (of step {outcome.progress.best_step})")
    _draw(outcome.folder)
    echo(f"Caption with it: saccade caption PHOTO --model {outcome.best}")
    echo(f"Full report:     saccade report {outcome.folder}")


def _draw(run: Path) -> None:
    """Draw the loss curve. Training is done whatever becomes of it."""
    from saccade.files import atomic_file
    from saccade.text.printing import echo
    from saccade.training.run import read_log
    from saccade.viz.curves import loss_curve

    curve = run / "loss.png"
    try:
        drawn = loss_curve(read_log(run / "log.jsonl"))
        with atomic_file(curve) as temporary:
            drawn.savefig(temporary, format="png")
    except SaccadeError as error:
        echo(f"Note: no loss curve: {error}", err=True)
    else:
        echo(f"Loss curve:      {curve}")
