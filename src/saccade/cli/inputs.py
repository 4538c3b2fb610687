"""What commands do before they work: find photos, and see that outputs can be written."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import typer

from saccade.text.printing import echo

_RUN = ("run.json", "log.jsonl", "skipped.jsonl")
_CHECKPOINTS = (".", "best", "last")
_CHECKPOINT = ("config.json", "vocab.json", "README.md")


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Raise UsageError for an output, by the option that names it, that is an input; SaccadeError
    for one that can't be written."""
    from saccade.files import check_writable, refuse_inputs

    refuse_inputs(outputs, inputs)
    for path in outputs.values():
        if path is not None:
            check_writable(path)


def model_files(model: str) -> Iterator[Path]:
    """The files of a local checkpoint or run."""
    for folder in _CHECKPOINTS:
        place = Path(model) / folder
        for name in _CHECKPOINT:
            yield place / name
        yield from place.glob("*.safetensors")
    for name in _RUN:
        yield Path(model) / name


def photos_of(paths: list[Path]) -> tuple[list[Path], bool]:
    """The photos of files and folders, and whether all folders could be read; what is left out is
    said on standard error."""
    from saccade.photos.folders import find_photos

    photos = find_photos(paths)
    for note in photos.notes():
        echo(note, err=True)
    return list(photos.paths), not photos.unreadable


def picture_names(paths: Iterable[Path]) -> dict[Path, str]:
    """A file name for each photo's picture: its stem, numbered where stems meet."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        stem = path.stem
        while len(stem.encode(errors="surrogateescape")) > 200:  # disks take 255 bytes in all
            stem = stem[:-1]
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names[path] = name
    return names


def check_pictures(folder: Path, names: Mapping[Path, str], suffixes: Iterable[str]) -> None:
    """Raise UsageError where a picture of attention would take the place of a photo."""
    from saccade.errors import UsageError

    inputs = {path.resolve() for path in names}
    for name in names.values():
        for suffix in suffixes:
            picture = folder / f"{name}{suffix}"
            if picture.resolve() in inputs:
                raise UsageError(
                    f"--attention: {picture} is one of the photos and would be overwritten; "
                    "name another folder."
                )


def finish(done: int, total: int, what: str, readable: bool = True) -> None:
    """Say how many failed, and end with exit code 1 when any did."""
    if done < total:
        echo(f"{total - done} of {total} photos could not be {what}.", err=True)
    if done < total or not readable:
        raise typer.Exit(1)
