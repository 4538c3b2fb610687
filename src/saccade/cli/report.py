"""`saccade report`: the lab report of a run as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Folder that `saccade train --out` made.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; RUN/report.html.")] = None,
    limit: Annotated[int, typer.Option(help="Score at most so many pictures; 0: all.")] = 500,
    samples: Annotated[int, typer.Option(help="Pictures of each group.")] = 4,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """Write a run's report: recipe, curves, scores, captions good and bad, attention.

    Example: saccade report runs/mine
    """
    from saccade.evaluation.report import report as gather

    path, _ = gather(run, out, limit, samples, cpu)
    typer.echo(f"Report: {path} (one file; opens offline)")
