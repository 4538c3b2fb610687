"""`saccade explain`: was that look real? One photo's caption, or a whole split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.explain import Explainer


def explain(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos, or folders of them.", show_default=False)
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Checkpoint folder (or run, or hub id).")
    ] = ...,  # type: ignore[assignment]
    caption: Annotated[
        str | None, typer.Option(help="Explain this sentence instead of the model's own.")
    ] = None,
    instead: Annotated[
        list[str] | None,
        typer.Option(
            help="Why not this word? Where it came nearest, or at --at; as often as wanted."
        ),
    ] = None,
    at: Annotated[
        int | None, typer.Option(min=1, help="The word of the caption that --instead replaces.")
    ] = None,
    beams: Annotated[int | None, typer.Option(help="Width of the search; 1 is greedy.")] = None,
    length_power: Annotated[
        float | None, typer.Option(help="Rank by log-probability / words ** this.")
    ] = None,
    all_beams: Annotated[
        bool, typer.Option("--all-beams", help="Measure the other beams, too.")
    ] = False,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Also cover pixels instead of cells (slow).")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="One page to look through: maps, curves, verdicts.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Everything measured, as JSON.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Pictures with references, as for train; a run knows its own."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Explain a split of the data instead of photos.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the data's pictures, when not beside it.")
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(help="COCO instances JSON, or a Flickr30k Entities folder, for --split."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many of the split.")
    ] = None,
    measured: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many of the split are measured word by word; 50 if not said."
        ),
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(help="Name the worst by faithfulness (the default), guessed, CIDEr, ..."),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """See, word by word, whether the model looked where its map says, and whether that mattered.

    Example: saccade explain photo.jpg --model runs/mine --html why.html
    """
    from saccade.errors import UsageError

    if bool(photos) == (split is not None):
        raise UsageError("name photos to explain, or a split of the data with --split val.")
    if split is not None:
        if caption is not None or instead or at is not None or all_beams or pixels:
            raise UsageError("--caption, --instead, --at, --all-beams and --pixels are for photos.")
        from saccade.cli.explain_split import explain_split

        style = {"beams": beams, "length_power": length_power}
        explain_split(
            model,
            data,
            split,
            images,
            boxes,
            limit or 0,
            measured or 50,
            rank or "faithfulness",
            style,
            html,
            json_file,
            cpu,
        )
        return
    if boxes is not None or limit is not None or measured is not None or rank is not None:
        raise UsageError("--boxes, --limit, --measured and --rank are for a --split.")
    if at is not None and not instead:
        raise UsageError("--at says where --instead WORD goes; name the word.")
    if all_beams and (caption is not None or beams == 1):
        raise UsageError("--all-beams needs a search with 2 beams or more.")
    from saccade.api import Captioner
    from saccade.cli.explain_show import LEGEND, show
    from saccade.errors import PictureError
    from saccade.explain.record import to_json
    from saccade.explain.sentences import to_ids, word_id
    from saccade.files import write_json
    from saccade.photos.opening import find_photos

    paths = find_photos(photos or [])
    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    for word in instead or ():  # what no photo can mend is said before the first one
        word_id(word, captioner.vocabulary)
    if caption is not None:
        to_ids(caption, captioner.vocabulary)
    explainer = explainer_of(captioner, model, data, images)
    config = captioner.settings(beams=beams, length_power=length_power)
    found, failed = [], 0
    for path in paths:
        try:
            explanation = explainer.explain(
                path,
                caption,
                instead or (),
                None if at is None else at - 1,
                all_beams,
                pixels,
                config,
            )
        except (PictureError, UsageError) as error:  # the others go on
            failed += 1
            name = "" if isinstance(error, PictureError) else f"{path}: "
            typer.echo(f"saccade: {name}{error}", err=True)
            continue
        found.append(explanation)
        show(explanation)
    if found:
        typer.echo(LEGEND.format(explainer.covered_with))
    if json_file is not None and found:
        write_json(json_file, [to_json(explanation) for explanation in found])
        typer.echo(f"Everything measured: {json_file}")
    if html is not None and found:
        from saccade.viz.explorer import write_page

        write_page(found, html)
        typer.echo(f"The page: {html}")
    if failed:
        typer.echo(f"{failed} of {len(paths)} photos could not be explained.", err=True)
        raise typer.Exit(1)


def own_data(model: str) -> tuple[Path, Path | None] | None:
    """The data, and the folder of its pictures, that the run of this checkpoint was trained on;
    None when it is in no run or they are not there any more. Raises DataError for a damaged run."""
    from saccade.training.run import Run

    for folder in (Path(model), Path(model).absolute().parent):
        if (folder / "run.json").is_file():
            about = Run(folder).about()
            data, images = about.get("data"), about.get("images")
            if data is not None and Path(data).exists():
                return Path(data), None if images is None else Path(images)
    return None


def explainer_of(
    captioner: "Captioner", model: str, data: Path | None, images: Path | None
) -> "Explainer":
    """With the checkpoint's mean features, or for one that holds none those of the pictures that it
    was trained on, or else of the data named."""
    from saccade.data.sources import read
    from saccade.explain import Explainer, mean_of

    if captioner.checkpoint.mean_grid is not None:
        return Explainer(captioner)
    own = own_data(model)
    if own is None and data is None:
        typer.echo(
            "This checkpoint does not hold its training set's mean features; a blank picture's "
            "stand in. Better: add --data DATA, what it was trained on.",
            err=True,
        )
        return Explainer(captioner)
    where, folder = own or (data, images)
    assert where is not None
    examples = read(where, images=folder).examples
    chosen = [e.image for e in examples if e.split == "train"] or [e.image for e in examples]
    return Explainer(captioner, mean_of(captioner, chosen), None, f"the mean features of {where}")
