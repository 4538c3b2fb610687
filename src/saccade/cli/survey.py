"""`saccade survey`: a checkpoint's attention on a whole split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.inputs import check_outputs, model_files
from saccade.cli.options import (
    MOST,
    Beams,
    Cpu,
    Images,
    JsonFile,
    LengthPower,
    Limit,
    OptionalData,
    OptionalModel,
    Split,
    path_option,
    some_text,
)
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices

if TYPE_CHECKING:
    from saccade.evaluation.survey import Survey

# Rows of the survey that begin a section.
SECTIONS = (
    "looked at",
    "words with a box",
    "named, but not in the picture",
    "named, but in no reference",
)


def survey(
    data: OptionalData = None,
    model: OptionalModel = None,
    split: Split = "val",
    images: Images = None,
    boxes: Annotated[
        Path | None,
        path_option("--boxes", help="COCO instances JSON, or a Flickr30k Entities folder."),
    ] = None,
    limit: Limit = 0,
    measured: Annotated[
        int, typer.Option(min=1, max=MOST, help="How many pictures are measured word by word.")
    ] = 50,
    rank: Annotated[
        str,
        typer.Option(
            callback=some_text,
            help="Name the worst by faithfulness, guessed, log-probability, CIDEr, ...",
        ),
    ] = "faithfulness",
    beams: Beams = None,
    length_power: LengthPower = None,
    html: Annotated[
        Path | None, path_option("--html", help="One page to explore: maps, curves, verdicts.")
    ] = None,
    json_file: JsonFile = None,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    cpu: Cpu = False,
) -> None:
    """Measure attention on a whole split: its health, its grounding, and what its words rest on.

    DATA may be left out for a run, which knows its own.
    Example: saccade survey captions.jsonl --model runs/mine --split val --html why.html
    """
    from saccade.cli.data import data_of, model_of
    from saccade.evaluation.survey import check_rank
    from saccade.evaluation.survey import survey as measure

    check_rank(rank)
    model = model_of("survey", data, model)
    source = data_of(
        model, data, split, images, choices(image_column, caption_column, keep_rejected)
    )
    check_outputs(
        {"--json": json_file, "--html": html},
        [*source.files, *model_files(model), *([boxes] if boxes else [])],
    )
    from saccade.api import Captioner
    from saccade.cli.explain import explainer_of
    from saccade.data.boxes import read_boxes
    from saccade.files import write_json
    from saccade.text.printing import echo

    known = None if boxes is None else read_boxes(boxes, [e.image for e in source.examples])
    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    result = measure(
        captioner.engine,
        source.examples,
        split,
        None,
        captioner.settings(beams=beams, length_power=length_power),
        known,
        explainer_of(captioner, source.path, images),
        measured=measured,
        rank=rank,
        limit=limit,
    )
    show(result, rank, f"{model} on {source.path} ({split})")
    if json_file is not None:
        write_json(json_file, result.to_json())
        echo(f"All figures: {json_file}")
    if html is not None:
        from saccade.viz.explorer import write_page

        write_page(
            [item.explanation for item in result.explained],
            html,
            f"Where the model looked: {Path(model).name}, {split}",
            result.rows(),
            [_beyond(item.scores) for item in result.explained],
            result.health.flags if result.health is not None else (),
        )
        echo(f"Page: {html}")


def _beyond(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores that the page does not know by itself."""
    own = ("faithfulness", "guessed", "log-probability")
    return {name: value for name, value in scores.items() if name not in own}


def show(result: "Survey", rank: str, title: str) -> None:
    """The figures as a table, then the pictures that are worst by `rank`."""
    from rich.table import Table
    from rich.text import Text

    from saccade.text.printing import Screen, printable, row

    screen = Screen()
    table = Table(title=Text(printable(title)), title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", overflow="fold")
    for what, value in result.rows():
        if what in SECTIONS:
            table.add_section()
        row(table, what, value)
    screen.table(table)
    ranked = result.ranked(rank)
    if ranked:
        order = "Most guessed content words" if rank == "guessed" else f"Lowest {rank}"
        of = "" if len(ranked) == result.evaluation.pictures else f", of the {len(ranked)} measured"
        screen.line(f"{order}{of}:")
        for figure, item in ranked[:10]:
            screen.line(f"  {figure:8.2f}  {item.example.id}: {item.caption.text or '(no words)'}")
    for skipped in result.evaluation.skipped[:20]:
        screen.line(f"skipped: {skipped.reason}", "yellow")
