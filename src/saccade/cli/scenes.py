"""`saccade scenes`: the built-in drawn scenes as a folder to train on."""

from pathlib import Path
from typing import Annotated

import typer

from saccade.cli.options import MOST, some_path
from saccade.cli.stopping import ended, stoppable
from saccade.text.printing import echo

LARGEST = 2048  # pixels: a picture of it takes a second and 100 MB to draw


def scenes(
    out: Annotated[
        Path,
        typer.Argument(
            parser=some_path, metavar="OUT", help="New folder for pictures and captions.jsonl."
        ),
    ],
    count: Annotated[int, typer.Option(min=0, max=MOST, help="Training scenes.")] = 6000,
    val: Annotated[int, typer.Option(min=0, max=MOST, help="Validation scenes.")] = 200,
    test: Annotated[int, typer.Option(min=0, max=MOST, help="Test scenes.")] = 300,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Another seed draws other scenes.")
    ] = 0,
    size: Annotated[
        int, typer.Option(min=48, max=LARGEST, help="Side of a picture in pixels.")
    ] = 96,
) -> None:
    """Draw scenes with known ground truth: pictures, captions, and boxes of all words.

    Example: saccade scenes scenes/ --count 6000
    """
    from saccade.data.scenes import write
    from saccade.errors import SaccadeError, UsageError
    from saccade.progress import progress

    total = count + val + test
    if total == 0:
        raise UsageError("--count, --val and --test are not all 0.")
    begin(out)
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        task.advance(number)

    with stoppable():
        try:
            with progress("Drawing scenes", total) as task:
                write(out, total, seed, size, val=val, test=test, progress=advance)
        except KeyboardInterrupt as stop:
            clear(out)
            raise ended(stop, f"{done} of {total} scenes were drawn, and removed again") from stop
        except SaccadeError:  # the disk is full
            clear(out)
            raise
    (out / UNFINISHED).unlink(missing_ok=True)
    echo(f"{total} scenes: {out}")
    echo(f"Train on them: saccade train {out} --preset scenes --out RUN")


UNFINISHED = ".unfinished-scenes"  # there while scenes are drawn: they may be removed again


def begin(out: Path) -> None:
    """Make the folder, or take one that is empty or that an interrupted drawing left. Raises
    UsageError for any other, so that nothing in it is overwritten."""
    from saccade.errors import UsageError
    from saccade.files import check_folder, write_text

    if (out / UNFINISHED).is_file():
        clear(out)
    elif (out / "captions.jsonl").exists():
        raise UsageError(f"{out} already holds captions; name another folder.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder; name a new one.")
    check_folder(out)
    write_text(out / UNFINISHED, "Scenes are being drawn here.\n")


def clear(out: Path) -> None:
    """Remove what an unfinished drawing left, and the folder where nothing else is in it."""
    import shutil

    shutil.rmtree(out / "images", ignore_errors=True)
    for path in (out / "captions.jsonl", out / UNFINISHED):
        path.unlink(missing_ok=True)
    if not any(out.iterdir()):
        out.rmdir()
