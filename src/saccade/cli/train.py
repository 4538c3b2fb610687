"""`saccade train`: a captioner from your pictures and captions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices
from saccade.errors import UsageError


def train(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="Karpathy or COCO JSON, Flickr token file, JSONL or CSV of image, caption, split; "
            "or the folder that holds one."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the run.")] = None,
    preset: Annotated[
        str, typer.Option(help="Settings to start from: a name that comes along, or a .toml file.")
    ] = "show_attend_tell",
    encoder: Annotated[
        str | None, typer.Option(help="Backbone: a hub id, or a local transformers folder.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the encoder's input; sets the grid.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of order, dropout and first weights.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, e.g. --set train.flip=true (repeatable)."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, when it is not beside DATA.")
    ] = None,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    cache: Annotated[Path | None, typer.Option(help="Folder for grid features.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this interrupted run; takes no other option.")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """Train a captioner on your own pictures.

    Example: saccade train captions.jsonl --out runs/mine
    Ctrl-C saves; go on with: saccade train --resume runs/mine
    Several GPUs: accelerate launch -m saccade train captions.jsonl --out runs/mine
    """
    if resume is not None and (data is not None or out is not None):
        raise UsageError("--resume takes everything from the run's folder: leave DATA and --out.")
    if resume is None and (data is None or out is None):
        raise UsageError(
            "tell what to train on and where to: saccade train DATA --out RUN "
            "(or saccade train --resume RUN)."
        )
    from saccade.config import merge, parse_settings
    from saccade.training import train as training

    if resume is not None:
        _finish(training.resume(resume, cpu=cpu))
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
    _finish(training.train(data, out, preset, changes, images, folder, cpu, choices=chosen))


def _finish(outcome: Any) -> None:
    """Say what came out, draw the curve, and say what to do next."""
    if not outcome.main_process:
        return
    from saccade.viz.curves import save_loss_curve

    curve = outcome.folder / "loss.png"
    save_loss_curve(outcome.folder / "log.jsonl", curve)
    if outcome.skipped:
        typer.echo(
            f"{outcome.skipped} pictures could not be decoded and were left out: "
            f"{outcome.folder / 'skipped.jsonl'}"
        )
    typer.echo(f"Best checkpoint: {outcome.best} (of step {outcome.progress.best_step})")
    typer.echo(f"Loss curve:      {curve}")
    typer.echo(f"Caption with it: saccade caption PHOTO --model {outcome.best}")
    typer.echo(f"Full report:     saccade report {outcome.folder}")
