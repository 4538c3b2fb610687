"""Flickr8k and Flickr30k token files ("name.jpg#0<tab>caption") and their split lists."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from saccade.data.columns import Choices
from saccade.data.reading import Entry, Found, Problem, read_lines
from saccade.data.tables import PICTURE_FILE, SUFFIX
from saccade.errors import DataError
from saccade.files import reason

# "name.jpg#0<tab>caption"; translations have a tag and mostly a space, "name.jpg#zhc#0 caption".
_PLAIN = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>.*)")
_TAGGED = re.compile(r"(?P<name>[^\t]+?)#[A-Za-z][\w-]*#\d+[ \t]+(?P<caption>.*)")
_SPACED = re.compile(r"(?P<name>[^\t#]+)#\d+ +(?P<caption>.*)")
_NAMED = re.compile(rf"(?P<name>[^\t,;|]*?{SUFFIX})(?:[\t ,;|:]+(?P<caption>.*))", re.IGNORECASE)
_PLACES = ("", "images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images")
NEAR = (*_PLACES, *(f"../{name}" for name in _PLACES[1:]))


def parse(line: str) -> tuple[str, str] | None:
    """The picture's name and the caption of a token file's line, or None."""
    match = _TAGGED.fullmatch(line) or _PLAIN.fullmatch(line)
    if match is None:
        match = _SPACED.fullmatch(line)
        if match is None or PICTURE_FILE.fullmatch(match["name"]) is None:
            return None
    return match["name"], match["caption"].strip()


def parse_named(line: str) -> tuple[str, str] | None:
    """The picture's name and the caption of a line that begins with the name of a picture's file
    and goes on with its caption ("1.jpg A dog runs.", "1.jpg, A dog runs."), or None."""
    match = _NAMED.fullmatch(line)
    return None if match is None else (match["name"], match["caption"].strip())


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture of a token file, without splits: those are in lists of their own."""
    return _read(path, parse, "name.jpg#0<tab>caption")


def read_named(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture of a file whose lines are a picture's name and a caption."""
    return _read(path, parse_named, "name.jpg caption")


def _read(
    path: Path, parse_line: Callable[[str], tuple[str, str] | None], form: str
) -> Iterator[Found]:
    entries: dict[str, Entry] = {}
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            parsed = parse_line(line)
            if parsed is None:
                yield Problem(path, str(number), f"is not of the form {form}.")
                continue
            name, caption = parsed
            entry = entries.setdefault(name, Entry(name, name, [], "", []))
            entry.captions.append(caption)
            entry.places.append(str(number))
    yield from entries.values()


def lists_beside(path: Path) -> dict[str, Path]:
    """The split lists in a token file's folder, such as Flickr_8k.devImages.txt."""
    lists: dict[str, Path] = {}
    try:
        beside = sorted(path.parent.iterdir())
    except OSError as error:
        raise DataError(
            f"{path.parent} can't be read ({reason(error)}), so that split lists beside "
            f"{path.name} are not seen; check the folder's permissions."
        ) from error
    for split, words in (("train", "train"), ("val", "dev|val"), ("test", "test")):
        pattern = re.compile(rf"(?i)(.*[._])?({words})(_?images)?\.(txt|lst)")
        for candidate in beside:
            if pattern.fullmatch(candidate.name) and candidate.is_file():
                lists.setdefault(split, candidate)
    return lists
