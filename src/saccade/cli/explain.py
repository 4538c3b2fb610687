"""`saccade explain`: does each word's map matter? The evidence for photos."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saccade.cli.decoding import Typed, check_decoding, decoding_of, decoding_options
from saccade.cli.inputs import captioner_of, check_outputs, finish, model_files, photos_of
from saccade.cli.options import (
    Cpu,
    Images,
    MapNames,
    Model,
    Photos,
    Prompt,
    TrainedOn,
    path_option,
    some_text,
)
from saccade.cli.stopping import ended, stoppable
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.explain import Explainer
    from saccade.explain.chance import PointingChance


@decoding_options
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
    data: TrainedOn = None,
    images: Images = None,
    chance: Annotated[
        Path | None,
        path_option(
            "--chance",
            help="Say each word's chance of pointing right: a file of saccade survey --chance.",
        ),
    ] = None,
    doubt: Annotated[
        bool,
        typer.Option(
            "--doubt", help="Also say how doubtful words are, as saccade caption --doubt does."
        ),
    ] = False,
    maps: MapNames = None,
    prompt: Prompt = None,
    cpu: Cpu = False,
    *,
    decoding: Typed,
) -> None:
    """See, word by word, what the model attended to, and whether that mattered.

    Example: saccade explain photo.jpg --model runs/mine --html why.html
    """
    from saccade.errors import PictureError, SaccadeError, UsageError
    from saccade.files import JsonStream

    if at is not None and not instead:
        raise UsageError("--at is the place of --instead WORD; name the word.")
    if all_beams and (caption is not None or decoding.get("beams") == 1):
        raise UsageError("--all-beams needs a search with 2 beams or more.")
    check_decoding(decoding)
    chosen = maps_of(maps)
    paths, readable = photos_of(photos)
    inputs = [*paths, *model_files(model), *([chance] if chance else [])]
    check_outputs({"--json": json_file, "--html": html}, inputs)
    from saccade.cli.explain_show import legend, show
    from saccade.explain.chance import with_chances
    from saccade.explain.record import to_json
    from saccade.viz.explorer import Page

    captioner = captioner_of(model, cpu, prompt=prompt)
    for word in instead or ():  # check before the first photo what would fail for all
        captioner.engine.words.one(word)
    if caption is not None:
        captioner.engine.words.ids(caption)
    settings, _ = decoding_of(captioner, decoding)
    explainer = explainer_of(captioner, data, images).measuring(**chosen)
    chances = None if chance is None else chances_of(chance, captioner)
    doubter = captioner.doubter() if doubt else None
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
                        settings,
                    )
                    if doubter is not None:
                        explanation = doubter.explained(explanation, captioner.encode([path]))
                except (PictureError, UsageError) as error:  # the others go on
                    name = "" if isinstance(error, PictureError) else f"{path}: "
                    echo(f"saccade: {name}{error}", err=True)
                    continue
                if chances is not None:
                    explanation = with_chances(explanation, chances)
                show(explanation, every_map=maps is not None)
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


def maps_of(names: str | None) -> dict[str, tuple[str, ...]]:
    """The settings that --maps makes: none where it was not typed. Raises UsageError for what is
    not a map."""
    if names is None:
        return {}
    from saccade.explain.maps import check

    chosen = tuple(dict.fromkeys(name.strip() for name in names.split(",")))
    check(chosen)
    return {"maps": chosen}


def chances_of(path: Path, captioner: "Captioner") -> "PointingChance":
    """The chances in a file; says so when they were fitted on another checkpoint."""
    from saccade.explain.chance import fingerprint, read_chance

    chances = read_chance(path)
    own = fingerprint(captioner.source)
    if own and chances.checkpoint and own != chances.checkpoint:
        echo(
            f"The chances of {path} were fitted on another checkpoint, and may not hold for this "
            "one; fit them with: saccade survey DATA --model MODEL --boxes BOXES --chance FILE",
            err=True,
        )
    return chances


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
