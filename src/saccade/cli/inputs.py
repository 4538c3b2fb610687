"""What commands do before they work: find photos, and see that outputs can be written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.values.examples import Example

_RUN = ("run.json", "log.jsonl", "skipped.jsonl")
_CHECKPOINTS = (".", "best", "last")
_CHECKPOINT = ("config.json", "vocab.json", "README.md")
_KINDS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")  # a folder of transformers


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Raise UsageError for an output, by the option that names it, that is an input; SaccadeError
    for one that can't be written."""
    from saccade.files import check_writable, refuse_inputs

    refuse_inputs(outputs, inputs)
    for path in outputs.values():
        if path is not None:
            check_writable(path)


def model_files(models: Iterable[str]) -> Iterator[Path]:
    """The files of local checkpoints and runs."""
    for model in models:
        for folder in _CHECKPOINTS:
            place = Path(model) / folder
            for name in _CHECKPOINT:
                yield place / name
            for kind in _KINDS:
                yield from place.glob(kind)
        for name in _RUN:
            yield Path(model) / name


def captioner_of(
    models: Sequence[str], cpu: bool, geometric: bool = False, prompt: str | None = None
) -> "Captioner":
    """The captioner that was named, or the ensemble of several."""
    from saccade.api import Captioner
    from saccade.errors import UsageError

    device = "cpu" if cpu else None
    if len(models) > 1 and prompt is not None:
        raise UsageError("--prompt is for one captioner of transformers, not for several models.")
    if len(models) > 1:
        return Captioner.ensemble(models, device, "geometric" if geometric else "arithmetic")
    if geometric:
        raise UsageError("--geometric is a mean of several models: name them with --model each.")
    return Captioner.from_pretrained(models[0], device=device, prompt=prompt)


def photos_of(paths: list[Path]) -> tuple[list[Path], bool]:
    """The photos of files, folders, lists, patterns and archives, and whether all folders could be
    read; what is left out is printed to standard error."""
    from saccade.photos.naming import name_photos

    photos = name_photos(paths)
    for note in photos.notes():
        echo(note, err=True)
    return list(photos.paths), not photos.unreadable


def use_cache(
    captioner: "Captioner", examples: Sequence["Example"], limit: int, cache: Path | None
) -> None:
    """Take the pictures' cells from the feature cache, which is filled with those it lacks. Raises
    UsageError for a captioner that has no such cache."""
    if cache is None:
        return
    from saccade.engine import EnsembleEngine, ModelEngine
    from saccade.errors import UsageError

    if not isinstance(captioner.engine, ModelEngine | EnsembleEngine):
        raise UsageError("--cache keeps features of captioners that Saccade has trained only.")
    captioner.engine.use_cache((e.image for e in examples[: limit or None]), cache)


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


def check_pictures(
    folder: Path,
    names: Mapping[Path, str],
    suffixes: Iterable[str],
    inputs: Iterable[Path] = (),
) -> None:
    """Raise SaccadeError for a folder of attention pictures that can't be written to, UsageError
    where one of them (by the name of each photo's) would take the place of a photo, or of another
    input."""
    from contextlib import suppress

    from saccade.errors import UsageError
    from saccade.files import check_folder

    check_folder(folder)
    places: dict[tuple[int, int], Path] = {}
    pictures = [folder / f"{name}{suffix}" for name in names.values() for suffix in suffixes]
    for picture in pictures if folder.exists() else ():
        with suppress(OSError):
            status = picture.stat()  # where links lead
            places[status.st_dev, status.st_ino] = picture
    for path in (*names, *inputs) if places else ():
        with suppress(OSError):
            status = path.stat()
            if (status.st_dev, status.st_ino) in places:
                raise UsageError(
                    f"--attention: {places[status.st_dev, status.st_ino]} is one of the photos and "
                    "would be overwritten; name another folder."
                )


def finish(done: int, total: int, what: str, readable: bool = True) -> None:
    """Say how many failed, and end with exit code 1 when any did."""
    if done < total:
        echo(f"{total - done} of {total} photos could not be {what}.", err=True)
    if done < total or not readable:
        raise typer.Exit(1)
