"""`saccade evaluate`: the scores of a checkpoint on a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.decoding import Typed, check_decoding, decoding_of, decoding_options
from saccade.cli.inputs import (
    captioner_of,
    check_outputs,
    check_pictures,
    model_files,
    picture_names,
    use_cache,
)
from saccade.cli.options import (
    MOST,
    Cache,
    Cpu,
    Geometric,
    Images,
    JsonFile,
    Limit,
    OptionalData,
    OptionalModel,
    Prompt,
    Split,
    path_option,
)
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices
from saccade.cli.stopping import ended

if TYPE_CHECKING:
    from saccade.evaluation.split import Evaluation


@decoding_options
def evaluate(
    data: OptionalData = None,
    model: OptionalModel = None,
    split: Split = "val",
    images: Images = None,
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
    cache: Cache = None,
    geometric: Geometric = False,
    prompt: Prompt = None,
    cpu: Cpu = False,
    *,
    decoding: Typed,
) -> None:
    """Caption a split and score it: loss, perplexity, BLEU and more.

    DATA may be left out for a run, which knows its own.
    Example: saccade evaluate captions.jsonl --model runs/mine --split val
    The best and the average of ten: add --samples 10
    """
    from saccade.cli.data import data_of, model_of

    check_decoding(decoding)
    model = model_of("evaluate", data, model)
    source = data_of(
        model, data, split, images, choices(image_column, caption_column, keep_rejected)
    )
    check_outputs({"--json": json_file}, [*source.files, *model_files(model)])
    if attention is not None:
        named = picture_names(e.image for e in source.examples)
        check_pictures(attention, named, (".png",), source.files)
    from saccade.evaluation.split import evaluate as measure
    from saccade.files import write_json
    from saccade.text.printing import echo
    from saccade.training.stopping import stop_flag
    from saccade.values.examples import evenly

    captioner = captioner_of(model, cpu, geometric, prompt)
    settings, count = decoding_of(captioner, decoding)
    with stop_flag() as flag:
        use_cache(captioner, source.examples, limit, cache)
        result = measure(
            captioner.engine,
            source.examples,
            split,
            None,
            settings,
            limit=limit,
            stop=lambda: flag.asked,
            keep=count,
        )
        show(result, f"{', '.join(model)} on {source.path} ({split})")
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

    from saccade.cli import score_show
    from saccade.text.printing import Screen, printable, row

    table = Table(title=Text(printable(title)), title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    row(table, "pictures", result.pictures)
    row(table, "strategy", f"{result.decode.strategy}, {result.decode.beams}")
    row(table, "search, ms per picture", f"{1000 * result.seconds / result.pictures:.0f}")
    row(table, "loss per word", f"{result.loss:.4f}")
    row(table, "perplexity", f"{result.perplexity:.2f}")
    for name, value in result.scores.items():
        row(table, name, f"{value:.2f}")
    screen = Screen()
    screen.table(table, wrap=False)
    if result.several is not None:
        score_show.several(screen, result.several)
    if result.variety is not None:
        score_show.variety(screen, result.variety)
    if result.wrong is not None:
        untrue = "not true of their scene" if result.truth is not None else "in no reference"
        screen.line(f"Words {untrue}: {result.wrong:.1%} of the content words.")
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
