"""`saccade explain --split`: a checkpoint's attention on a whole split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from saccade.evaluation.survey import Survey


def explain_split(
    model: str,
    data: Path | None,
    split: str,
    images: Path | None,
    boxes: Path | None,
    limit: int,
    measured: int,
    rank: str,
    style: Mapping[str, Any],
    html: Path | None,
    json_file: Path | None,
    cpu: bool,
) -> None:
    """Print the survey; write the page and the JSON that were asked for."""
    from saccade.api import Captioner
    from saccade.cli.explain import explainer_of, own_data
    from saccade.data.boxes import read_boxes
    from saccade.errors import UsageError
    from saccade.evaluation.survey import check_rank, survey
    from saccade.files import write_json

    check_rank(rank)
    if data is None:
        own = own_data(model)
        if own is None:
            raise UsageError(f"{model} is no run that knows its data: add --data DATA.")
        data, images = own[0], images or own[1]
    read = None if boxes is None else read_boxes(boxes)
    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    found = survey(
        captioner,
        data,
        split,
        images,
        captioner.settings(**style),
        read,
        explainer_of(captioner, model, data, images),
        measured=measured,
        rank=rank,
        limit=limit,
    )
    title = f"{model} on {data} ({split})"
    show(found, rank, title)
    if json_file is not None:
        write_json(json_file, found.to_json())
        typer.echo(f"Everything measured: {json_file}")
    if html is not None:
        from saccade.viz.explorer import write_page

        write_page(
            [item.explanation for item in found.explained],
            html,
            f"Where the model looked: {Path(model).name}, {split}",
            found.rows(),
            [_beyond(item.scores) for item in found.explained],
            found.health.flags if found.health is not None else (),
        )
        typer.echo(f"The page: {html}")


# Rows of the survey that begin something new.
SECTIONS = (
    "looked at",
    "words with a box",
    "named, but not in the picture",
    "named, but in no reference",
)


def _beyond(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores that the page does not know by itself."""
    own = ("faithfulness", "guessed", "log-probability")
    return {name: value for name, value in scores.items() if name not in own}


def show(found: "Survey", rank: str, title: str) -> None:
    """The figures as a table, then the pictures that are worst by `rank`."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", overflow="fold")
    for what, value in found.rows():
        if what in SECTIONS:
            table.add_section()
        table.add_row(what, value)
    console.print(table)
    ranked = found.ranked(rank)
    if ranked:
        order = "Most guessed content words" if rank == "guessed" else f"Lowest {rank}"
        of = "" if len(ranked) == found.evaluation.pictures else f", of the {len(ranked)} measured"
        console.print(f"{order}{of}:")
        for value, item in ranked[:10]:
            console.print(
                f"  {value:8.2f}  {item.example.id}: {item.caption.text}",
                highlight=False,
                soft_wrap=True,
            )
    for item in found.evaluation.skipped[:20]:
        console.print(f"skipped: {item.reason}", style="yellow")
