"""The program: one file per command, each importing what it needs only when it runs.

So that `saccade --help` stays instant, nothing here or at the top of a command's file may import
torch, transformers, matplotlib or numpy.
"""

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from saccade.cli import (
    agreement,
    caption,
    check,
    demo,
    evaluate,
    explain,
    report,
    scenes,
    score,
    train,
)
from saccade.cli.allocator import keep_memory
from saccade.errors import SaccadeError

EXAMPLES = """Examples

saccade demo demo/   (everything once, on drawn scenes)

saccade check captions.jsonl   (what is wrong with the data)

saccade train captions.jsonl --out runs/mine   (Ctrl-C saves)

saccade train --resume runs/mine

saccade caption photo.jpg --model runs/mine --attention looks/

saccade explain photo.jpg --model runs/mine --html why.html   (was that look real?)

saccade evaluate runs/mine captions.jsonl --split val

saccade report runs/mine   (one HTML file)

saccade score --references refs.json --hypotheses mine.json

saccade agreement --references captions.jsonl   (how well people agree)

saccade scenes scenes/ --count 6000   (pictures whose truth is known)
"""

app = typer.Typer(
    name="saccade",
    help="Train attention captioners on your own pictures, caption with them, and see, word by "
    "word, where the model looked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(check.check)
app.command()(train.train)
app.command()(caption.caption)
app.command()(explain.explain)
app.command()(evaluate.evaluate)
app.command()(report.report)
app.command()(score.score)
app.command()(agreement.agreement)
app.command()(scenes.scenes)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"saccade {metadata.version('saccade-captioner')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (0 fine, 1 bad input, 2 bad usage, 130 stopped)."""
    keep_memory()
    try:
        app(None if arguments is None else list(arguments))
    except SystemExit as stop:  # how typer ends, with 2 and a message for bad usage
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SaccadeError as error:
        print(f"saccade: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:  # a full disk or a lost drive, wherever it strikes
        name = f"{error.filename}: " if error.filename else ""
        print(f"saccade: {name}{error.strerror or error}.", file=sys.stderr)
        return 1
    return 0
