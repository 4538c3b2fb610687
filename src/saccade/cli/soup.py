"""`saccade soup`: one checkpoint from the mean weights of several."""

from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.options import path_option, some_path
from saccade.text.printing import echo


def soup(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(
            parser=some_path,
            metavar="CHECKPOINT...",
            help="Two or more checkpoint folders, or runs (their best).",
        ),
    ],
    out: Annotated[Path, path_option("--out", help="New folder for the checkpoint.")],
) -> None:
    """Average the weights of checkpoints of one kind into one checkpoint.

    It helps for checkpoints of one run, or trained on from one checkpoint; runs that began from
    different weights need an ensemble instead (--model A --model B).
    Example: saccade soup runs/a runs/b --out runs/soup
    """
    from saccade.training.soup import soup as average

    folder = average(checkpoints, out)
    echo(f"Mean of {len(checkpoints)} checkpoints: {folder}")
    echo(f"See whether it helps: saccade evaluate DATA --model {folder}")
