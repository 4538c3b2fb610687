"""`saccade caption`: sentences for photos, and pictures of where the model looked."""

from pathlib import Path
from typing import Annotated

import typer


def caption(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Checkpoint folder (or run, or hub id).")
    ],
    beams: Annotated[int | None, typer.Option(help="Width of the search; 1 is greedy.")] = None,
    length_power: Annotated[
        float | None, typer.Option(help="Rank by log-probability / words ** this.")
    ] = None,
    max_words: Annotated[int | None, typer.Option(help="Cut longer captions.")] = None,
    allow_unk: Annotated[
        bool, typer.Option("--allow-unk", help="Let <unk> be said for words not in the vocabulary.")
    ] = False,
    attention: Annotated[
        Path | None, typer.Option(help="Folder for attention-over-time pictures (PNG).")
    ] = None,
    gif: Annotated[bool, typer.Option("--gif", help="Animated GIFs in that folder, too.")] = False,
    sigma: Annotated[float | None, typer.Option(help="Blur of the maps, in photo pixels.")] = None,
    colours: Annotated[
        str | None, typer.Option("--cmap", help="Matplotlib colour map of the maps.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Everything the model said, as JSON.")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Do not use a GPU.")] = False,
) -> None:
    """Caption photos with a trained model.

    Example: saccade caption photo.jpg --model runs/mine/best --attention looks/
    """
    import sys

    from saccade.errors import PictureError, UsageError
    from saccade.files import write_json
    from saccade.photos.opening import find_photos

    if gif and attention is None:
        raise UsageError("--gif needs the folder for it: add --attention DIR.")
    if colours is not None:
        import matplotlib

        if colours not in matplotlib.colormaps:
            raise UsageError(f"--cmap: there is no colour map '{colours}'; try inferno or viridis.")
    paths = find_photos(photos)
    from saccade.api import Captioner

    captioner = Captioner.from_pretrained(model, device="cpu" if cpu else None)
    config = captioner.settings(
        beams=beams,
        length_power=length_power,
        max_words=max_words,
        allow_unk=True if allow_unk else None,
    )
    style = {k: v for k, v in (("sigma", sigma), ("cmap", colours)) if v is not None}
    names = _names(paths)
    entries, failed = [], 0
    for path, found in captioner.stream(paths, config, keep=config.beams):
        if isinstance(found, PictureError):
            failed += 1
            print(f"saccade: {found}", file=sys.stderr)
            entries.append({"photo": str(path), "error": str(found)})
            continue
        typer.echo(f"{path}\t{found.text}" if len(paths) > 1 else found.text)
        if json_file is not None:
            entries.append(found.to_json())
        if attention is not None:
            from saccade.viz.attention import save_gif, save_png

            save_png(found, attention / f"{names[path]}.png", **style)
            if gif:
                save_gif(found, attention / f"{names[path]}.gif", **style)
    if json_file is not None:
        write_json(json_file, entries)
    if attention is not None and failed < len(paths):
        typer.echo(f"Attention pictures: {attention}", err=True)
    if failed:
        typer.echo(f"{failed} of {len(paths)} photos could not be captioned.", err=True)
        raise typer.Exit(1)


def _names(paths: list[Path]) -> dict[Path, str]:
    """A file name for each photo's picture: its stem, numbered where stems meet."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        name, number = path.stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name.lower())
        names[path] = name
    return names
