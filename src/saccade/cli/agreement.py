"""`saccade agreement`: how well people agree with each other, by the metrics that judge models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def agreement(
    references: Annotated[
        list[Path],
        typer.Option(
            "--references",
            "-r",
            help="What people wrote: COCO annotations (.json), .jsonl, .csv, .tsv, or text files.",
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[MORE REFERENCES]...", help="Further reference files."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many pictures, from the top.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this file.")
    ] = None,
) -> None:
    """Score each person's captions against the other people's: a yardstick for models.

    [bold]saccade agreement --references captions.jsonl --split val[/bold]
    """
    from rich.console import Console
    from rich.table import Table

    from saccade.files import write_json
    from saccade.metrics import reading
    from saccade.metrics.agreement import human_agreement

    groups = reading.read_references([*references, *(more or [])], split)
    result = human_agreement(dict(list(groups.items())[:limit]))
    people = len(result.people)
    console = Console()
    console.print(
        f"{result.people[0].pictures} pictures, each caption against the other {people - 1}, "
        "figures times 100"
    )
    table = Table("metric")
    table.add_column("mean", justify="right", style="bold")
    for person in range(people):
        table.add_column(f"caption {person + 1}", justify="right")
    for name, value in result.values.items():
        if name != "CIDEr-D":  # the same figure: see docs/metrics.md
            each = [f"{100 * one.values[name]:.1f}" for one in result.people]
            table.add_row(name, f"{100 * value:.1f}", *each)
    console.print(table)
    if result.left_out:
        console.print(
            f"Left out: {len(result.left_out)} pictures with fewer than {people} captions "
            f"({', '.join(map(str, result.left_out[:5]))}{' ...' * (len(result.left_out) > 5)}).",
            soft_wrap=True,
        )
    if json_file is not None:
        write_json(
            json_file, {"references": [str(path) for path in references], **result.to_json()}
        )
