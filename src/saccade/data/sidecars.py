"""Folders of pictures with a text file beside each: 1.jpg and 1.txt, each line a caption."""

from collections.abc import Iterator
from pathlib import Path

from saccade.data.columns import Choices
from saccade.data.reading import Entry, Found, Note, Problem, is_split, read_lines, split_name
from saccade.data.tables import PICTURE_FILE
from saccade.errors import DataError
from saccade.photos.folders import describe_run, walk

_TEXTS = (".txt", ".caption")


def holds_sidecars(folder: Path) -> bool:
    """Whether some picture below a folder has its captions in a text file beside it."""
    return next((True for _, text in _pairs(folder, [], []) if text is not None), False)


def read(folder: Path, choices: Choices) -> Iterator[Found]:
    """Every picture that has a text file; its split is that of a folder called train, val, ..."""
    without = 0
    unreadable: list[str] = []
    runs: list[Path] = []
    for picture, text in _pairs(folder, unreadable, runs):
        if text is None:
            without += 1
            continue
        name, where = picture.relative_to(folder), f" {text.relative_to(folder)}"
        try:
            lines = list(read_lines(text))
        except DataError as error:
            yield Problem(folder, where, str(error).removeprefix(f"{text} "))
            continue
        bad = next((line for _, line in lines if isinstance(line, Problem)), None)
        if bad is not None:
            yield Problem(folder, where, f"line {bad.place}: {bad.message}")
            continue
        captions = [line.strip() for _, line in lines if isinstance(line, str) and line.strip()]
        split = next((split_name(part) for part in name.parts[:-1] if is_split(part)), "")
        yield Entry(str(name), str(name), captions, split, [where])
    if without:
        counted = "1 picture" if without == 1 else f"{without:,} pictures"
        yield Note(f"{counted} without a text file of captions left out.")
    for sentence in unreadable:
        yield Problem(folder, "", sentence)
    for run in runs:
        yield Note(describe_run(run))


def _pairs(
    folder: Path, unreadable: list[str], runs: list[Path]
) -> Iterator[tuple[Path, Path | None]]:
    """Every picture below a folder, with its text file if it has one, by name. See `walk`."""
    for place, files in walk(folder, unreadable, runs):
        names = set(files)
        for name in sorted(files):
            if PICTURE_FILE.fullmatch(name):
                stem = name[: name.rindex(".")]
                text = next((stem + end for end in _TEXTS if stem + end in names), None)
                yield Path(place, name), None if text is None else Path(place, text)
