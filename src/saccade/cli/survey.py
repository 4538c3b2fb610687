"""`saccade survey`: a checkpoint's attention on a whole split."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.decoding import Typed, check_decoding, decoding_of, decoding_options
from saccade.cli.inputs import captioner_of, check_outputs, model_files, use_cache
from saccade.cli.options import (
    MOST,
    Cache,
    Cpu,
    Images,
    JsonFile,
    Limit,
    OptionalData,
    OptionalModel,
    Prompt,
    Split,
    path_option,
    some_text,
)
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected, choices
from saccade.cli.stopping import ended

if TYPE_CHECKING:
    from saccade.evaluation.survey import Survey

# Rows of the survey that begin a section.
SECTIONS = (
    "looked at",
    "words with a box",
    "named, but not in the picture",
    "named, but in no reference",
)


@decoding_options
def survey(
    data: OptionalData = None,
    model: OptionalModel = None,
    split: Split = "val",
    images: Images = None,
    boxes: Annotated[
        Path | None,
        path_option("--boxes", help="COCO instances JSON, a Flickr30k Entities folder, or JSONL."),
    ] = None,
    maps: Annotated[
        str,
        typer.Option(
            callback=some_text,
            help="Maps to compare with boxes, by comma. Attention alone is quick; others, with "
            "verdicts, take about half a second a picture.",
        ),
    ] = "attention,gradient,occlusion",
    references: Annotated[
        bool,
        typer.Option(
            "--references",
            help="Compare with boxes over each picture's first reference: the same words for "
            "every model.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            callback=some_text, help="Another model to compare with, on the same pictures' boxes."
        ),
    ] = None,
    limit: Limit = 0,
    measured: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST,
            help="How many pictures are measured word by word, with or without box.",
        ),
    ] = 50,
    rank: Annotated[
        str,
        typer.Option(
            callback=some_text,
            help="Name the worst by faithfulness, guessed, log-probability, CIDEr, ...",
        ),
    ] = "faithfulness",
    html: Annotated[
        Path | None, path_option("--html", help="One page to explore: maps, curves, verdicts.")
    ] = None,
    json_file: JsonFile = None,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    keep_rejected: KeepRejected = False,
    cache: Cache = None,
    chance: Annotated[
        Path | None,
        path_option(
            "--chance",
            help="Write the fitted chances of pointing right, for saccade explain --chance.",
        ),
    ] = None,
    doubt: Annotated[
        bool,
        typer.Option(
            "--doubt", help="Fit how doubtful words are, and measure it on pictures left out."
        ),
    ] = False,
    doubt_samples: Annotated[
        int,
        typer.Option(
            "--doubt-samples",
            min=0,
            max=1000,
            help="With --doubt: also draw N captions of each photo to see which words come again: "
            "more exact, and slower wherever the doubt is used.",
        ),
    ] = 0,
    store: Annotated[
        bool,
        typer.Option(
            "--store-doubt",
            help="With --doubt: keep it in the checkpoint's config.json, for saccade caption "
            "--doubt.",
        ),
    ] = False,
    prompt: Prompt = None,
    cpu: Cpu = False,
    *,
    decoding: Typed,
) -> None:
    """Measure attention on a whole split: its health, its grounding, and what its words rest on.

    DATA may be left out for a run, which knows its own.
    Example: saccade survey captions.jsonl --model runs/mine --split val --html why.html
    """
    from saccade.cli.data import data_of, model_of
    from saccade.cli.doubt import check_doubt
    from saccade.evaluation.survey import check_rank
    from saccade.evaluation.survey import survey as measure
    from saccade.explain.maps import check as check_maps

    check_doubt(doubt, doubt_samples, store)
    check_rank(rank)
    chosen = tuple(name.strip() for name in maps.split(","))
    check_maps(chosen)
    check_decoding(decoding)
    model = model_of("survey", data, model)
    source = data_of(
        model, data, split, images, choices(image_column, caption_column, keep_rejected)
    )
    check_outputs(
        {"--json": json_file, "--html": html, "--chance": chance},
        [*source.files, *model_files(model), *([boxes] if boxes else [])],
    )
    from saccade.cli.boxes_show import show_against, show_boxes, show_chances
    from saccade.cli.doubt import check_doubt_model, fitted_doubt, store_fitted
    from saccade.cli.explain import explainer_of
    from saccade.config import to_dict
    from saccade.data.boxes import read_boxes
    from saccade.errors import UsageError
    from saccade.evaluation.boxfigures import compare_models
    from saccade.explain.chance import fingerprint
    from saccade.explain.record import plain
    from saccade.files import write_json
    from saccade.text.printing import echo
    from saccade.training.stopping import stop_flag

    known = None if boxes is None else read_boxes(boxes, [e.image for e in source.examples])
    captioner = captioner_of(model, cpu, prompt=prompt)
    settings, _ = decoding_of(captioner, decoding)
    if doubt:
        check_doubt_model(captioner, decoding, store)
    named = ", ".join(model)
    explainer = explainer_of(captioner, source.path, images)
    with stop_flag() as flag:
        use_cache(captioner, source.examples, limit, cache)
        result = measure(
            captioner.engine,
            source.examples,
            split,
            None,
            settings,
            known,
            explainer,
            measured=measured,
            rank=rank,
            limit=limit,
            maps=chosen,
            references=references,
            stop=lambda: flag.asked,
        )
        show(result, rank, f"{named} on {source.path} ({split})")
        show_boxes(result.figures)
        show_chances(result.chances)
        figures = result.to_json()
        doubts = None
        if doubt and not flag.asked:
            about = {"data": source.path.name, "split": split, "decode": to_dict(settings)}
            doubts = fitted_doubt(
                explainer, result.evaluation.captioned, doubt_samples, about, lambda: flag.asked
            )
            figures |= {"doubt": doubts.to_json()}
        if against is not None and not flag.asked:
            other = captioner_of([against], cpu)
            use_cache(other, source.examples, limit, cache)
            theirs = measure(
                other.engine,
                source.examples,
                split,
                None,
                decoding_of(other, decoding)[0],
                known,
                explainer_of(other, source.path, images),
                measured=0,
                limit=limit,
                maps=chosen,
                references=references,
                stop=lambda: flag.asked,
            )
            show_boxes(theirs.figures, against)
            compared = compare_models(result.boxed, theirs.boxed)
            show_against(compared, named, against)
            figures |= {
                "against": {
                    "model": against,
                    "compared": plain(list(map(asdict, compared))),
                    "boxes": plain(theirs.figures.to_json()) if theirs.figures else None,
                }
            }
        if doubts is not None and store and not flag.asked:
            store_fitted(captioner, doubts)
        if json_file is not None:
            write_json(json_file, figures)
            echo(f"All figures: {json_file}")
        if chance is not None:
            if result.chances is None:
                raise UsageError(
                    "--chance: no chances were fitted; that takes --boxes, several --maps and "
                    "some dozens of words with a box."
                )
            kept = replace(result.chances.kept, checkpoint=fingerprint(captioner.source))
            write_json(chance, kept.to_json())
            echo(f"Chances: {chance} (saccade explain PHOTO --model {model[0]} --chance {chance})")
        failed = 0
        if html is not None:
            failed = _write(result, html, f"Where the model looked: {Path(model[0]).name}, {split}")
    if flag.asked:
        pictures, explained = result.evaluation.pictures, len(result.explained)
        raise ended(
            flag.number, f"{pictures} pictures are captioned and {explained} of them explained"
        )
    if failed:
        raise typer.Exit(1)


def _write(result: "Survey", html: Path, title: str) -> int:
    """Write the page, and return how many pictures failed; the others are on it."""
    from saccade.errors import PictureError
    from saccade.text.printing import echo
    from saccade.viz.explorer import Page

    flags = result.health.flags if result.health is not None else ()
    with Page(html, title, result.rows(), flags) as page:
        for item in result.explained:
            try:
                page.add(item.explanation, _beyond(item.scores))
            except (PictureError, ValueError) as error:
                echo(
                    f"saccade: {item.captioned.example.image} is not on the page: {error}", err=True
                )
        if page.count:
            page.finish()
            echo(f"Page: {html}")
    return len(result.explained) - page.count


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
