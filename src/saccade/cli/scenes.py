"""`saccade scenes`: the built-in drawn scenes as a folder to train on."""

from pathlib import Path
from typing import Annotated

import typer


def scenes(
    out: Annotated[Path, typer.Argument(help="New folder for pictures and captions.jsonl.")],
    count: Annotated[int, typer.Option(help="Training scenes.")] = 6000,
    val: Annotated[int, typer.Option(help="Validation scenes.")] = 200,
    test: Annotated[int, typer.Option(help="Test scenes.")] = 300,
    seed: Annotated[int, typer.Option(help="Other scenes for another seed.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a picture in pixels.")] = 96,
) -> None:
    """Draw scenes whose truth is known: pictures, five captions each, boxes of all that is named.

    Example: saccade scenes scenes/ --count 6000
    """
    from saccade.data.scenes import write
    from saccade.errors import UsageError
    from saccade.progress import progress

    if min(count, val, test) < 0 or count + val + test == 0:
        raise UsageError("the numbers of scenes are 0 or more, and not all 0.")
    if (out / "captions.jsonl").exists():
        raise UsageError(f"{out} already holds captions; name another folder.")
    total = count + val + test
    with progress("Drawing scenes", total) as task:
        write(out, total, seed, size, val=val, test=test, progress=task.advance)
    typer.echo(f"{total} scenes: {out}")
    typer.echo(f"Train on them: saccade train {out} --preset scenes --out RUN")
