"""`saccade evaluate`: how good a checkpoint is on a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saccade.evaluation.split import Evaluation


def evaluate(
    model: Annotated[str, typer.Argument(help="Checkpoint folder (or run, or hub id).")],
    data: Annotated[Path, typer.Argument(help="Pictures with references, as for train.")],
    split: Annotated[str, typer.Option(help="Which split; 'all' for every picture.")] = "val",
    images: Annotated[
        Path | None, typer.Option(help="Folder of the pictures, when it is not beside DATA.")
    ] = None,
    beams: Annotated[int | None, typer.Option(help="Width of the search; 1 is greedy.")] = None,
    length_power: Annotated[
        float | None, typer.Option(help="Rank by log-probability / words ** this.")
    ] = None,
    max_words: Annotated[int | None, typer.Option(help="Cut longer captions.")] = None,
    limit: Annotated[int, typer.Option(help="Only the first so many pictures.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="All figures and captions, as JSON.")
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            help="Folder for attention pictures of evenly spaced pictures (not the best)."
        ),
    ] = None,
    pictures: Annotated[int, typer.Option(help="How many of those.")] = 12,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """Caption a split and score it: loss, perplexity, BLEU and more.

    Example: saccade evaluate runs/mine/best captions.jsonl --split val
    """
    from saccade.api import Captioner
    from saccade.evaluation.split import evaluate as measure
    from saccade.files import write_json
    from saccade.values.examples import evenly

    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    config = captioner.settings(beams=beams, length_power=length_power, max_words=max_words)
    found = measure(captioner, data, split, images, config, limit=limit)
    show(found, f"{model} on {data} ({split})")
    if json_file is not None:
        write_json(json_file, found.to_json())
        typer.echo(f"All figures and captions: {json_file}")
    if attention is not None:
        from saccade.viz.attention import save_png

        for item in evenly(list(found.captioned), pictures):
            save_png(item.caption, attention / f"{item.example.image.stem}.png")
        typer.echo(f"Attention pictures: {attention}")


def show(found: "Evaluation", title: str) -> None:
    """The figures as a table on the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    table.add_row("pictures", f"{found.pictures}")
    table.add_row("beams", f"{found.decode.beams}")
    table.add_row("loss per word", f"{found.loss:.4f}")
    table.add_row("perplexity", f"{found.perplexity:.2f}")
    for name, value in found.scores.items():
        table.add_row(name, f"{value:.2f}")
    console = Console(soft_wrap=True)
    console.print(table)
    if found.truth is not None:
        console.print(
            f"True captions: {found.truth:.1%} (every thing, colour, count and relation named is "
            "there)"
        )
    if found.pointing is not None:
        p = found.pointing
        console.print(
            f"Attention peak in the right box: {p.peak:.1%} of {p.looks} nouns and colours\n"
            f"  beside uniform attention {p.uniform:.1%}, always the centre {p.centre:.1%}"
        )
    for item in found.skipped[:20]:
        console.print(f"skipped: {item.reason}", style="yellow")
    if len(found.skipped) > 20:
        console.print(f"... and {len(found.skipped) - 20} more pictures skipped", style="yellow")
