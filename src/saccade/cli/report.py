"""`saccade report`: a run's report as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.inputs import check_outputs, model_files
from saccade.cli.options import MOST, Cpu, path_option, some_path, some_text
from saccade.text.printing import echo


def report(
    run: Annotated[
        Path,
        typer.Argument(
            parser=some_path, metavar="RUN", help="Folder that `saccade train --out` made."
        ),
    ],
    out: Annotated[
        Path | None, path_option("--out", help="The HTML file; RUN/report.html by default.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(callback=some_text, help="Which split of the run's data; val by default."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, max=MOST, help="Score at most this many pictures; 0: all.")
    ] = 500,
    samples: Annotated[int, typer.Option(min=0, max=1000, help="Pictures of each group.")] = 4,
    cpu: Cpu = False,
) -> None:
    """Write a run's report: settings, curves, scores, good and bad captions, attention.

    Example: saccade report runs/mine
    """
    from saccade.evaluation.report import report as gather

    check_outputs({"--out": out}, model_files([str(run)]))
    path, _ = gather(run, out, limit, samples, cpu, split=split)
    echo(f"Report: {path} (one file; opens offline)")
