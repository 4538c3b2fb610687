"""The program: one file per command, each importing what it needs only when it runs.

So that `saccade --help` stays fast, nothing here or at the top of a command's file may import
torch, transformers, matplotlib or numpy.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from saccade.cli.allocator import keep_memory
from saccade.cli.data import refuse_old_forms
from saccade.cli.ray import with_address
from saccade.errors import SaccadeError
from saccade.text.printing import echo, never_fail

# A command is the function of its own name in the module of its own name. The texts are the first
# lines of their docstrings: a list of commands loads none of them.
COMMANDS: Mapping[str, str] = {
    "demo": "Train a small captioner on drawn scenes, caption unseen ones, and show where it "
    "looked.",
    "check": "Count pictures, captions and splits, and name every problem with its line.",
    "train": "Train a captioner on your own pictures.",
    "caption": "Caption photos with a trained model.",
    "review": "Go through captions that need review, in a browser, and put the edits in their "
    "place.",
    "explain": "See, word by word, what the model attended to, and whether that mattered.",
    "judge": "Judge maps of another tool: do they name the cells that the model's words depend on?",
    "evaluate": "Caption a split and score it: loss, perplexity, BLEU and more.",
    "survey": "Measure attention on a whole split: its health, its grounding, and what its words "
    "rest on.",
    "report": "Write a run's report: settings, curves, scores, good and bad captions, attention.",
    "score": "Score captions: BLEU, ROUGE-L and CIDEr as coco-caption has them, without Java.",
    "agreement": "Score each person's captions against the other people's: a reference point for "
    "models.",
    "scenes": "Draw scenes with known ground truth: pictures, captions, and boxes of all words.",
    "soup": "Average the weights of checkpoints of one kind into one checkpoint.",
}

EXAMPLES = """Examples

saccade demo demo/   (the whole path, on drawn scenes)

saccade check captions.jsonl   (find errors in the data first)

saccade train captions.jsonl --out runs/mine   (Ctrl-C saves)

saccade train --resume runs/mine

saccade caption photo.jpg --model runs/mine --attention maps/

saccade explain photo.jpg --model runs/mine --html why.html   (does the map matter?)

saccade evaluate captions.jsonl --model runs/mine --split val

saccade survey captions.jsonl --model runs/mine --html survey.html   (a whole split)

saccade report runs/mine   (one HTML file)

saccade score --references refs.json --hypotheses mine.json

saccade agreement --references captions.jsonl   (how well people agree)

saccade scenes scenes/ --count 6000   (pictures with known ground truth)

saccade soup runs/a runs/b --out runs/soup   (mean weights)
"""


def load(name: str) -> TyperCommand:
    """The command of this name, one of COMMANDS."""
    one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    one.command(name)(getattr(import_module(f"saccade.cli.{name}"), name))
    command = typer.main.get_command(one)
    assert isinstance(command, TyperCommand)
    return command


class _Commands(TyperGroup):
    """COMMANDS, each loaded when it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command to call; typer's own answer where there is none."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest


app = typer.Typer(
    name="saccade",
    cls=_Commands,
    help="Train attention captioners on your own pictures, caption with them, and see, word by "
    "word, where the model looked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # slow to load

        echo(f"saccade {metadata.version('saccade-captioner')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    keep_memory()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (0 fine, 1 bad input, 2 bad usage, 130 stopped)."""
    never_fail()
    typed = with_address(sys.argv[1:] if arguments is None else arguments)
    if arguments is None and (not typed or {"-h", "--help"} & set(typed)):
        _load_help()
    try:
        refuse_old_forms(typed)
        code = app(typed or ["--help"], prog_name="saccade", standalone_mode=False)
        code = code if typed else 2
    except SystemExit as stop:  # a reader that went away
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except _Misuse as error:  # typer's own: options and arguments that can't work
        echo(f"saccade: {_sentence(error.format_message())} Try: {_help(error)}", err=True)
        return 2
    except SaccadeError as error:
        echo(f"saccade: {error}", err=True)
        return error.exit_code
    except OSError as error:  # a full disk or a lost drive, anywhere
        name = f"{error.filename}: " if error.filename else ""
        cure = "check the name and its permissions, and the space on the disk"
        echo(f"saccade: {name}{error.strerror or error}; {cure}.", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _load_help() -> None:
    """Load typer's help without the parts of rich that take longest, which its Markdown mode and
    tracebacks need; this program uses neither. Only where the process is the program's own."""
    unused = [name for name in ("rich.markdown", "rich.traceback") if name not in sys.modules]
    for name in unused:
        stand_in = ModuleType(name)
        vars(stand_in)["__getattr__"] = lambda _: object
        sys.modules[name] = stand_in
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in unused:
            del sys.modules[name]


_Misuse: Any = typer.BadParameter.__base__  # typer has it from click, or from its own copy of it


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _help(error: Any) -> str:
    """The command whose help says more."""
    return f"{'saccade' if error.ctx is None else error.ctx.command_path} --help"
