"""`saccade explain`: does each word's map matter? The evidence for photos."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.inputs import check_outputs, finish, model_files, photos_of
from saccade.cli.options import (
    Beams,
    Cpu,
    Images,
    LengthPower,
    Model,
    Photos,
    path_option,
    some_text,
)
from saccade.cli.stopping import ended, stoppable
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.explain import Explainer


def explain(
    photos: Photos,
    model: Model,
    caption: Annotated[
        str | None,
        typer.Option(callback=some_text, help="Explain this sentence instead of the model's own."),
    ] = None,
    instead: Annotated[
        list[str] | None,
        typer.Option(
            help="Why not this word? At the place where it is likeliest, or at --at (repeatable)."
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="The word of the caption that --instead replaces."),
    ] = None,
    beams: Beams = None,
    length_power: LengthPower = None,
    all_beams: Annotated[
        bool, typer.Option("--all-beams", help="Also measure the other beams.")
    ] = False,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Also cover pixels instead of cells (slow).")
    ] = False,
    html: Annotated[
        Path | None, path_option("--html", help="One page to explore: maps, curves, verdicts.")
    ] = None,
    json_file: Annotated[
        Path | None,
        path_option(
            "--json",
            help="Write all measurements as they come: a line for each photo for a name in "
            ".jsonl, else a JSON list.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        path_option(
            "--data",
            help="What the model was trained on, for a checkpoint that lacks its mean features.",
        ),
    ] = None,
    images: Images = None,
    cpu: Cpu = False,
) -> None:
    """See, word by word, what the model attended to, and whether that mattered.

    Example: saccade explain photo.jpg --model runs/mine --html why.html
    """
    from saccade.errors import PictureError, SaccadeError, UsageError
    from saccade.files import JsonStream

    if at is not None and not instead:
        raise UsageError("--at is the place of --instead WORD; name the word.")
    if all_beams and (caption is not None or beams == 1):
        raise UsageError("--all-beams needs a search with 2 beams or more.")
    paths, readable = photos_of(photos)
    check_outputs({"--json": json_file, "--html": html}, [*paths, *model_files(model)])
    from saccade.api import Captioner
    from saccade.cli.explain_show import legend, show
    from saccade.explain.record import to_json
    from saccade.viz.explorer import Page

    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    for word in instead or ():  # what is wrong for every photo is said before the first one
        captioner.engine.words.one(word)
    if caption is not None:
        captioner.engine.words.ids(caption)
    decoding = captioner.settings(beams=beams, length_power=length_power)
    explainer = explainer_of(captioner, data, images)
    done, tested = 0, ""
    with stoppable(), ExitStack() as stack:
        stream = None if json_file is None else stack.enter_context(JsonStream(json_file))
        page = None if html is None else stack.enter_context(Page(html))
        try:
            for path in paths:
                try:
                    explanation = explainer.explain(
                        path,
                        caption,
                        instead or (),
                        None if at is None else at - 1,
                        all_beams,
                        pixels,
                        decoding,
                    )
                except (PictureError, UsageError) as error:  # the others go on
                    name = "" if isinstance(error, PictureError) else f"{path}: "
                    echo(f"saccade: {name}{error}", err=True)
                    continue
                show(explanation)
                tested = explanation.verdict_on
                if stream is not None:
                    stream.add(to_json(explanation))
                if page is not None:
                    try:
                        page.add(explanation)
                    except (SaccadeError, ValueError) as error:
                        echo(f"saccade: {path} is not on the page: {error}", err=True)
                        continue
                done += 1
        except KeyboardInterrupt as stop:
            if page is not None and page.count:
                page.finish()
            outputs = " and ".join(str(file) for file in (json_file, html) if file is not None)
            where = f"; {outputs} hold them" if done and outputs else ""
            raise ended(stop, f"{done} of {len(paths)} photos are done{where}") from stop
        if page is not None and page.count:
            page.finish()
    if tested:
        echo(*legend(tested, explainer.covered_with), separator="\n")
    if json_file is not None:
        echo(f"All measurements: {json_file}")
    if page is not None and page.count:
        echo(f"Page: {html}")
    finish(done, len(paths), "explained", readable)


def explainer_of(captioner: "Captioner", data: Path | None, images: Path | None) -> "Explainer":
    """The captioner's explainer; says so when a blank stands in for the mean features."""
    explainer = captioner.explainer(data, images)
    if explainer.covered_with == "a blank":
        echo(
            "This checkpoint does not hold its training set's mean features; a blank picture's "
            "stand in. Better: add --data DATA, the data it was trained on.",
            err=True,
        )
    return explainer
