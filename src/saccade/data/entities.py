"""Flickr30k Entities, caption by caption: which words are a phrase, of which kind, and its boxes.

`saccade.data.boxes` reads the same folder word by word, whichever caption a word is from; here a
phrase keeps its caption (Plummer et al. 2015, arXiv 1505.04870).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from saccade.data.boxes import PHRASE, entity_boxes, marked_lines
from saccade.errors import DataError
from saccade.text import tokenize
from saccade.values.places import Box


@dataclass(frozen=True)
class Phrase:
    """The words of a caption that name something with boxes."""

    start: int  # its words are start to stop - 1 of the caption's
    stop: int
    kinds: tuple[str, ...]  # "people", "clothing", ...
    boxes: tuple[Box, ...]  # in pixels of the annotated photo


@dataclass(frozen=True)
class Sentence:
    """One annotated caption."""

    words: tuple[str, ...]  # as `saccade.text.tokenize` has them
    phrases: tuple[Phrase, ...]  # those with boxes


@dataclass(frozen=True)
class Annotated:
    """One photo's captions with boxes."""

    width: int  # of the annotated photo
    height: int
    sentences: tuple[Sentence, ...]


def read_entities(folder: Path, stems: Iterable[str]) -> dict[str, Annotated]:
    """The photos of these file stems that Entities has, by stem.

    Raises DataError where the folder is not one of Entities, or a file is damaged."""
    if not ((folder / "Sentences").is_dir() and (folder / "Annotations").is_dir()):
        raise DataError(
            f"{folder} is not a folder of Flickr30k Entities: that holds Sentences and Annotations."
        )
    photos = {}
    for stem in dict.fromkeys(stems):
        path = folder / "Sentences" / f"{stem}.txt"
        if path.is_file():
            width, height, boxes = entity_boxes(folder / "Annotations" / f"{stem}.xml")
            lines = filter(str.strip, marked_lines(path))
            sentences = tuple(_sentence(line, boxes) for line in lines)
            photos[stem] = Annotated(width, height, sentences)
    return photos


def _sentence(line: str, boxes: dict[str, list[Box]]) -> Sentence:
    words: list[str] = []
    phrases, at = [], 0
    for match in PHRASE.finditer(line):
        words += tokenize(line[at : match.start()])
        inside = tokenize(match["words"])
        theirs = tuple(boxes.get(match["id"], ()))
        if theirs and inside:
            kinds = tuple(filter(None, match["kinds"].split("/")))
            phrases.append(Phrase(len(words), len(words) + len(inside), kinds, theirs))
        words += inside
        at = match.end()
    return Sentence((*words, *tokenize(line[at:])), tuple(phrases))
