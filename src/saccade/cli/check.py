"""`saccade check`: what a data set holds and what is wrong with it, before training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.options import PRESET, path_option, some_path
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices, spelled

if TYPE_CHECKING:
    from rich.table import Table

    from saccade.data.check import CheckReport, Spread
    from saccade.text.printing import Screen

_SHOWN = 20  # findings of a kind, without --all


def check(
    data: Annotated[
        Path,
        typer.Argument(
            parser=some_path, metavar="DATA", help="Captions file, or a folder with one."
        ),
    ],
    images: Annotated[
        Path | None,
        path_option("--images", help="Folder of the pictures, when it is not beside DATA."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read only the pictures' headers: seconds, not minutes.")
    ] = False,
    json_file: Annotated[
        Path | None, path_option("--json", help="Write everything that was found, as JSON.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help=f"Show more than {_SHOWN} findings of a kind.")
    ] = False,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    preset: Annotated[
        str, typer.Option(help="The settings to train with: a preset's name, or a .toml file.")
    ] = PRESET,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Other settings, as for train: --set train.min_count=1."),
    ] = None,
) -> None:
    """Count pictures, captions and splits, and name every problem with its line.

    Example: saccade check captions.jsonl

    Its exit code is 1 when there are errors, such as those with which training would not begin, and
    0 when there are at most warnings.
    """
    import shlex
    import warnings

    from saccade.data.check import MAX_WORDS, MIN_COUNT
    from saccade.data.check import check as validate
    from saccade.files import check_writable, refuse_inputs, write_json
    from saccade.text.printing import Screen

    chosen = choices(image_column, caption_column, keep_rejected)
    refuse_inputs({"--json": json_file}, [data])
    if json_file is not None:
        check_writable(json_file)
    min_count, max_words = MIN_COUNT, MAX_WORDS
    if preset != PRESET or set_:  # else PRESET's, without loading all that settings may name
        from saccade.config import parse_settings
        from saccade.training.train import configure

        config = configure(preset, parse_settings(set_ or []))
        min_count, max_words = config.train.min_count, config.train.max_words
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata around sound pixels
        report = validate(
            data,
            images,
            quick=quick,
            show=True,
            choices=chosen,
            min_count=min_count,
            max_words=max_words,
        )
    screen = Screen()
    _print(screen, report, every)
    if json_file is not None:
        refuse_inputs({"--json": json_file}, report.inputs)
        write_json(json_file, report.to_json())
        screen.line(f"Everything found: {json_file}")
    what = shlex.quote(str(data))
    if images is not None:
        what += f" --images {shlex.quote(str(images))}"
    what += spelled(chosen)
    if preset != PRESET:
        what += f" --preset {shlex.quote(preset)}"
    what += "".join(f" --set {shlex.quote(setting)}" for setting in set_ or [])
    if not report.errors:
        following = f"saccade train {what} --out RUN"
    elif {finding.kind for finding in report.findings if finding.error} == {"Vocabulary"}:
        following = f"saccade check {what} --set train.min_count=1"
    elif report.pictures and not report.found and images is None:
        following = f"saccade check {what} --images FOLDER_OF_THE_PICTURES"
    else:
        following = f"correct the errors, then saccade check {what}"
    screen.line()
    screen.line(f"Next: {following}", "bold")
    if report.errors:
        raise typer.Exit(1)


def _print(screen: "Screen", report: "CheckReport", every: bool) -> None:
    screen.line(f"{report.path} ({report.kind})", "bold")
    for note in report.notes:
        screen.line(note)
    screen.line()
    screen.table(_table(report))
    screen.line()
    screen.line(
        f"Vocabulary: {report.vocabulary:,} of the {report.words:,} words in train are seen "
        f"{_times(report.min_count)}; they make {report.coverage:.1%} of its text.",
    )
    way = "decoded" if report.decoded else "headers read"
    screen.line(f"Pictures: {report.found:,} of {report.pictures:,} found, {way}, "
          f"in {report.seconds:.0f} s.")  # fmt: skip
    if not report.decoded:
        screen.line(
            "--quick: damage beyond headers and equal pictures under other names are not seen.",
            "dim",
        )
    for kind, findings in report.groups().items():
        errors = sum(finding.error for finding in findings)
        screen.line()
        label = "Error" if errors else "Warning"
        screen.line(f"{label}: {kind} ({len(findings):,})", "bold red" if errors else "yellow")
        shown = findings if every else findings[:_SHOWN]
        for finding in shown:
            screen.line(f"  {finding.source}  {finding.message}")
        if len(findings) > len(shown):
            rest = len(findings) - len(shown)
            screen.line(f"  ... and {rest:,} more: --all or --json shows them", "dim")
    screen.line()
    if report.findings:
        counted = f"{_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}."
        screen.line(counted, "bold red" if report.errors else "yellow")
    else:
        screen.line("No problems found.", "green")


def _table(report: "CheckReport") -> "Table":
    from rich.table import Table

    from saccade.text.printing import row

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for index, name in enumerate(
        ("split", "pictures", "captions", "per picture", "words per caption")
    ):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for split in report.splits:
        row(
            table,
            split.name or "(none)",
            f"{split.pictures:,}",
            f"{split.captions:,}",
            _spread(split.per_picture),
            _spread(split.words),
        )
    return table


def _spread(spread: "Spread") -> str:
    if spread.least == spread.most:
        return str(spread.most)
    return f"{spread.mean:.1f} ({spread.least} to {spread.most})"


def _times(number: int) -> str:
    return "once or more" if number == 1 else f"{number:,} times or more"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
