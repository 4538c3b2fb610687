"""Flickr8k and Flickr30k token files ("name.jpg#0<tab>caption") and their split lists."""

import re
from collections.abc import Iterator
from pathlib import Path

from saccade.data.columns import Choices
from saccade.data.reading import Entry, Found, Problem, read_lines
from saccade.data.tables import PICTURE_FILE

# "name.jpg#0<tab>caption"; translations have a tag and mostly a space, "name.jpg#zhc#0 caption".
_PLAIN = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>.*)")
_TAGGED = re.compile(r"(?P<name>[^\t]+?)#[A-Za-z][\w-]*#\d+[ \t]+(?P<caption>.*)")
_SPACED = re.compile(r"(?P<name>[^\t#]+)#\d+ +(?P<caption>.*)")
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


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture of a token file, without splits: those are in lists of their own."""
    entries: dict[str, Entry] = {}
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            parsed = parse(line)
            if parsed is None:
                yield Problem(path, str(number), "is not of the form name.jpg#0<tab>caption.")
                continue
            name, caption = parsed
            entry = entries.setdefault(name, Entry(name, name, [], "", []))
            entry.captions.append(caption)
            entry.places.append(str(number))
    yield from entries.values()


def lists_beside(path: Path) -> dict[str, Path]:
    """The split lists in a token file's folder, such as Flickr_8k.devImages.txt."""
    found: dict[str, Path] = {}
    for split, words in (("train", "train"), ("val", "dev|val"), ("test", "test")):
        pattern = re.compile(rf"(?i)(.*[._])?({words})(_?images)?\.(txt|lst)")
        for candidate in sorted(path.parent.iterdir()):
            if pattern.fullmatch(candidate.name) and candidate.is_file():
                found.setdefault(split, candidate)
    return found
