"""`saccade caption`: sentences for photos, and pictures of where the model looked."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.decoding import Typed, check_decoding, decoding_of, decoding_options
from saccade.cli.inputs import (
    captioner_of,
    check_outputs,
    check_pictures,
    finish,
    model_files,
    photos_of,
    picture_names,
)
from saccade.cli.options import (
    Cpu,
    Geometric,
    Model,
    Photos,
    Prompt,
    finite,
    path_option,
    some_text,
)
from saccade.cli.stopping import ended, stoppable
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.values.captions import Caption


@decoding_options
def caption(
    photos: Photos,
    model: Model,
    attention: Annotated[
        Path | None,
        path_option("--attention", help="Folder for attention-over-time pictures (PNG)."),
    ] = None,
    gif: Annotated[
        bool, typer.Option("--gif", help="Also write animated GIFs into that folder.")
    ] = False,
    sigma: Annotated[
        float | None, typer.Option(callback=finite, help="Blur of the maps, in photo pixels.")
    ] = None,
    colours: Annotated[
        str | None,
        typer.Option("--cmap", callback=some_text, help="Matplotlib colour map of the maps."),
    ] = None,
    json_file: Annotated[
        Path | None,
        path_option(
            "--json",
            help="Write captions with their probabilities and maps as they come: a line each for "
            "a name in .jsonl, else a JSON list.",
        ),
    ] = None,
    write: Annotated[
        list[str] | None,
        typer.Option(
            "--write",
            metavar="FORM",
            help="Write captions where they belong, once for each photo: txt, xmp (beside the "
            "photo), embed (XMP in the photo's file), jsonl, csv, parquet (a table, also "
            "FORM=PATH), or html (alt texts of pages). Repeatable.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --write: replace texts that are there.")
    ] = False,
    language: Annotated[
        str, typer.Option(callback=some_text, help="With --write xmp: the captions' language.")
    ] = "en",
    yes: Annotated[
        bool, typer.Option("--yes", help="With --write html: change the pages without asking.")
    ] = False,
    doubt: Annotated[
        bool,
        typer.Option(
            "--doubt",
            help="Mark words that are likely wrong, as saccade survey --doubt --store-doubt has "
            "fitted it for the checkpoint.",
        ),
    ] = False,
    doubt_from: Annotated[
        float | None,
        typer.Option(
            "--doubt-from", metavar="P", help="Doubtful is from this probability on (0.5)."
        ),
    ] = None,
    doubt_below: Annotated[
        float | None,
        typer.Option(
            "--doubt-below",
            metavar="P",
            help="Prefer another beam, or a broader word, where a word is doubtful from P on.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            callback=some_text,
            help="With --write jsonl, csv or parquet: caption with a Ray cluster (auto, HOST:PORT, "
            "ray://...; without ADDRESS on this machine), for millions of photos.",
        ),
    ] = None,
    geometric: Geometric = False,
    prompt: Prompt = None,
    cpu: Cpu = False,
    *,
    decoding: Typed,
) -> None:
    """Caption photos with a trained model.

    Example: saccade caption photo.jpg --model runs/mine/best --attention maps/
    Drawn captions: saccade caption photo.jpg --model runs/mine --samples 5 --temperature 0.8
    """
    from saccade.cli.doubt import check_limits, doubter_for, with_doubts
    from saccade.errors import PictureError, UsageError
    from saccade.files import JsonStream
    from saccade.text.printing import Screen

    check_limits(doubt_from, doubt_below)
    doubt = doubt or doubt_from is not None or doubt_below is not None
    if write or overwrite or yes:
        from saccade.cli.publish import check_choices

        if attention is not None or json_file is not None or gif:
            raise UsageError(
                "--write goes without --attention, --gif and --json; run it by itself."
            )
        check_choices(write or [], overwrite, yes)
    if ray is not None and (not write or doubt or geometric or prompt):
        raise UsageError("--ray goes with --write, without --doubt, --geometric and --prompt.")
    if gif and attention is None:
        raise UsageError("--gif needs a folder: add --attention FOLDER.")
    style: dict[str, Any] = {} if sigma is None else {"sigma": sigma}
    if colours is not None:
        import matplotlib

        if colours not in matplotlib.colormaps:
            raise UsageError(f"--cmap: there is no colour map '{colours}'; try inferno or viridis.")
        style["cmap"] = colours
    check_decoding(decoding)
    if write == ["html"]:
        from saccade.cli.publish import into_pages, pages_of

        pages_of(photos)
        captioner = captioner_of(model, cpu, geometric, prompt)
        doubter = doubter_for(captioner, doubt, doubt_from, doubt_below)
        into_pages(captioner, photos, decoding_of(captioner, decoding)[0], yes, doubter)
        return
    paths, readable = photos_of(photos)
    if write:
        from saccade.cli.publish import into_forms

        folder = next(place for place in (photos[0], *photos[0].parents) if place.is_dir())
        captioner = captioner_of(model, cpu, geometric, prompt)
        chosen = decoding_of(captioner, decoding)[0]
        doubter = doubter_for(captioner, doubt, doubt_from, doubt_below)
        name = "+".join(model)
        if ray is not None:
            from saccade.cli.ray import with_ray

            with_ray(paths, model, chosen, write, folder, overwrite, readable, ray, cpu)
            return
        into_forms(
            captioner, paths, chosen, write, folder, name, language, overwrite, readable, doubter
        )
        return
    names = picture_names(paths)
    suffixes = (".png", ".gif") if gif else (".png",)
    check_outputs({"--json": json_file}, [*paths, *model_files(model)])
    if attention is not None:
        check_pictures(attention, names, suffixes)
    captioner = captioner_of(model, cpu, geometric, prompt)
    settings, count = decoding_of(captioner, decoding)
    doubter = doubter_for(captioner, doubt, doubt_from, doubt_below)
    screen = Screen() if doubter is not None else None
    done = drawn = review = 0
    with stoppable(), ExitStack() as stack:
        stream = None if json_file is None else stack.enter_context(JsonStream(json_file))
        results = captioner.stream(
            paths,
            settings,
            keep=max(count, settings.beams),
            keep_photos=attention is not None,
            doubter=doubter,
        )
        try:
            for path, result in results:
                if isinstance(result, PictureError):
                    echo(f"saccade: {result}", err=True)
                    if stream is not None:
                        stream.add({"photo": str(path), "error": str(result)})
                    continue
                for one in (result, *result.others[: count - 1]):
                    sentence = one.text or "(no words)"
                    if screen is not None and one.doubt is not None:
                        screen.marked(with_doubts(one), str(path) if len(paths) > 1 else "")
                    elif len(paths) > 1:
                        echo(path, sentence, separator="\t")
                    else:
                        echo(sentence)
                if stream is not None:
                    stream.add(result.to_json())
                if attention is not None:
                    if not _draw(result, attention, names[Path(str(path))], suffixes, style):
                        continue
                    drawn += 1
                review += result.doubt is not None and result.doubt.review
                done += 1
        except KeyboardInterrupt as stop:
            where = "" if json_file is None else f", {json_file} is complete so far"
            raise ended(stop, f"{done} of {len(paths)} photos are done{where}") from stop
    if doubter is not None:
        echo(f"To review: {review} of {done} captions, with a word marked ?", err=True)
    if drawn:
        echo(f"Attention pictures: {attention}", err=True)
    finish(done, len(paths), "captioned" if attention is None else "captioned and drawn", readable)


def _draw(
    caption: "Caption", folder: Path, name: str, suffixes: tuple[str, ...], style: dict[str, Any]
) -> bool:
    """Draw one caption's pictures. A failure is reported, and the others continue."""
    from saccade.errors import SaccadeError
    from saccade.viz.attention import save_gif, save_png

    try:
        save_png(caption, folder / f"{name}.png", **style)
        if ".gif" in suffixes:
            save_gif(caption, folder / f"{name}.gif", **style)
    except (SaccadeError, ValueError, MemoryError) as error:
        echo(f"saccade: {caption.photo} could not be drawn: {error}", err=True)
        return False
    return True
