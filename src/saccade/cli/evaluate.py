"""`saccade evaluate`: the scores of a checkpoint on a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.inputs import check_outputs, check_pictures, model_files, picture_names
from saccade.cli.options import (
    MOST,
    Beams,
    Cpu,
    Images,
    JsonFile,
    LengthPower,
    Limit,
    MaxWords,
    OptionalData,
    OptionalModel,
    Split,
    path_option,
)
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices
from saccade.cli.stopping import ended

if TYPE_CHECKING:
    from saccade.evaluation.split import Evaluation


def evaluate(
    data: OptionalData = None,
    model: OptionalModel = None,
    split: Split = "val",
    images: Images = None,
    beams: Beams = None,
    length_power: LengthPower = None,
    max_words: MaxWords = None,
    limit: Limit = 0,
    json_file: JsonFile = None,
    attention: Annotated[
        Path | None,
        path_option("--attention", help="Folder for attention pictures of evenly spaced pictures."),
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=1, max=MOST, help="How many attention pictures.")
    ] = 12,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    cpu: Cpu = False,
) -> None:
    """Caption a split and score it: loss, perplexity, BLEU and more.

    DATA may be left out for a run, which knows its own.
    Example: saccade evaluate captions.jsonl --model runs/mine --split val
    """
    from saccade.cli.data import data_of, model_of

    model = model_of("evaluate", data, model)
    source = data_of(
        model, data, split, images, choices(image_column, caption_column, keep_rejected)
    )
    check_outputs({"--json": json_file}, [*source.files, *model_files(model)])
    if attention is not None:
        check_pictures(attention, picture_names(e.image for e in source.examples), (".png",))
    from saccade.api import Captioner
    from saccade.evaluation.split import evaluate as measure
    from saccade.files import write_json
    from saccade.text.printing import echo
    from saccade.training.stopping import stop_flag
    from saccade.values.examples import evenly

    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    decoding = captioner.settings(beams=beams, length_power=length_power, max_words=max_words)
    with stop_flag() as flag:
        result = measure(
            captioner.engine,
            source.examples,
            split,
            None,
            decoding,
            limit=limit,
            stop=lambda: flag.asked,
        )
        show(result, f"{model} on {source.path} ({split})")
        if json_file is not None:
            write_json(json_file, result.to_json())
            echo(f"All figures and captions: {json_file}")
    if flag.asked:
        raise ended(flag.number, f"{result.pictures} pictures are captioned and scored")
    if attention is not None:
        from saccade.errors import SaccadeError
        from saccade.viz.attention import save_png

        chosen = evenly(list(result.captioned), pictures)
        names = picture_names(item.example.image for item in chosen)
        failed = 0
        for item in chosen:
            try:
                save_png(item.caption, attention / f"{names[item.example.image]}.png")
            except (SaccadeError, ValueError) as error:
                failed += 1
                echo(f"saccade: {item.example.image} could not be drawn: {error}", err=True)
        if failed < len(chosen):
            echo(f"Attention pictures: {attention}")
        if failed:
            raise typer.Exit(1)


def show(result: "Evaluation", title: str) -> None:
    """The figures as a table on the terminal."""
    from rich.table import Table
    from rich.text import Text

    from saccade.text.printing import Screen, printable, row

    table = Table(title=Text(printable(title)), title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    row(table, "pictures", result.pictures)
    row(table, "beams", result.decode.beams)
    row(table, "loss per word", f"{result.loss:.4f}")
    row(table, "perplexity", f"{result.perplexity:.2f}")
    for name, value in result.scores.items():
        row(table, name, f"{value:.2f}")
    screen = Screen()
    screen.table(table, wrap=False)
    if result.truth is not None:
        screen.line(
            f"True captions: {result.truth:.1%} (every object, colour, count and relation that is "
            "named is there)"
        )
    if result.pointing is not None:
        p = result.pointing
        screen.line(f"Attention peak in the right box: {p.peak:.1%} of {p.looks} nouns and colours")
        screen.line(f"  uniform attention: {p.uniform:.1%}, always the centre: {p.centre:.1%}")
    for note in result.notes:
        screen.line(f"Note: {note}", "yellow")
    for skipped in result.skipped[:20]:
        screen.line(f"skipped: {skipped.reason}", "yellow")
    if len(result.skipped) > 20:
        screen.line(f"... and {len(result.skipped) - 20} more pictures skipped", "yellow")
