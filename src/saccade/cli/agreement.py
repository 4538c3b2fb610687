"""`saccade agreement`: how well people agree with each other, by the metrics used for models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.options import MOST, path_option, some_path
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected
from saccade.cli.score import Characters, Split


def agreement(
    references: Annotated[
        list[Path],
        typer.Option(
            "--references",
            "-r",
            parser=some_path,
            metavar="PATH",
            help="What people wrote: any file that `check` reads, or text files.",
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=some_path, metavar="[MORE REFERENCES]...", help="Further reference files."
        ),
    ] = None,
    split: Split = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Only this many pictures, from the top.")
    ] = None,
    characters: Characters = False,
    keep_rejected: KeepRejected = False,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    json_file: Annotated[
        Path | None, path_option("--json", help="Write all figures to this file.")
    ] = None,
) -> None:
    """Score each person's captions against the other people's: a reference point for models.

    [bold]saccade agreement --references captions.jsonl --split val[/bold]
    """
    from saccade.cli.inputs import check_outputs

    files = [*references, *(more or [])]
    check_outputs({"--json": json_file}, files)
    import warnings

    from rich.table import Table

    from saccade.cli.reading import choices
    from saccade.cli.score_show import notes
    from saccade.data.references import read_references
    from saccade.files import write_json
    from saccade.metrics.agreement import human_agreement
    from saccade.text.printing import Screen, row

    screen = Screen()
    people = read_references(files, split, choices(image_column, caption_column, keep_rejected))
    notes(screen, people.notes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = human_agreement(dict(list(people.captions.items())[:limit]), characters=characters)
    notes(screen, dict.fromkeys(str(warning.message) for warning in caught))
    others = len(result.people) - 1
    screen.line(
        f"{result.people[0].pictures} pictures, each caption against the other {others}, "
        "figures times 100"
    )
    table = Table("metric")
    table.add_column("mean", justify="right", style="bold")
    for person in range(others + 1):
        table.add_column(f"caption {person + 1}", justify="right")
    for name, value in result.values.items():
        each = [f"{100 * one.values[name]:.1f}" for one in result.people]
        row(table, name, f"{100 * value:.1f}", *each)
    screen.table(table)
    if result.left_out:
        screen.line(
            f"Left out: {len(result.left_out)} pictures with fewer than {others + 1} captions "
            f"({', '.join(map(str, result.left_out[:5]))}{' ...' * (len(result.left_out) > 5)})."
        )
    if json_file is not None:
        write_json(json_file, {"references": [str(path) for path in files], **result.to_json()})
