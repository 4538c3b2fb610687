"""Flickr8k and Flickr30k token files ("name.jpg#0<tab>caption") and their split lists."""

import re
from collections.abc import Iterator
from pathlib import Path

from saccade.data.reading import Finder, Found, Problem, place, read_lines, spell_lines
from saccade.values.examples import Example

LINE = re.compile(r"(?P<name>[^\t]+)#(?P<number>\d+)\t(?P<caption>.*)")
_PLACES = ("", "images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images")
NEAR = (*_PLACES, *(f"../{name}" for name in _PLACES[1:]))


def read(path: Path, images: Path | None = None) -> Iterator[Found]:
    """Every picture of a token file, without splits: those are in lists of their own."""
    finder = Finder(path, images, NEAR)
    captions: dict[str, list[str]] = {}
    lines: dict[str, list[int]] = {}
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            match = LINE.fullmatch(line)
            if match is None:
                yield Problem(path, str(number), "is not of the form name.jpg#0<tab>caption.")
                continue
            captions.setdefault(match["name"], []).append(match["caption"].strip())
            lines.setdefault(match["name"], []).append(number)
    for name, found in captions.items():
        yield Example(finder(name), tuple(found), "", name, place(path, spell_lines(lines[name])))


def lists_beside(path: Path) -> dict[str, Path]:
    """The split lists in a token file's folder, such as Flickr_8k.devImages.txt."""
    found: dict[str, Path] = {}
    for split, words in (("train", "train"), ("val", "dev|val"), ("test", "test")):
        pattern = re.compile(rf"(?i)(.*[._])?({words})(_?images)?\.(txt|lst)")
        for candidate in sorted(path.parent.iterdir()):
            if pattern.fullmatch(candidate.name) and candidate.is_file():
                found.setdefault(split, candidate)
    return found
