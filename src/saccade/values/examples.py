"""Pictures with reference captions, and what is known to be in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from saccade.values.places import Box

T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """One drawn thing of a scene: what it is, its colour, and where it is."""

    kind: str
    colour: str
    size: str  # "small", "medium" or "large"
    box: Box


@dataclass(frozen=True)
class Scene:
    """What is truly in a drawn picture (`saccade.data.scenes`): the ground truth for captions."""

    width: int
    height: int
    background: str
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Region:
    """The box of what one word of a reference caption names."""

    caption: int  # index into Example.captions
    word: int  # index into that caption's words, split at white space
    box: Box


@dataclass(frozen=True)
class NamedWord:
    """A word of a caption that names something with boxes on the photo."""

    place: int  # in the caption, from 0
    boxes: tuple[Box, ...]
    kinds: tuple[str, ...] = ()  # "people", "clothing", ..., where the source says
    head: bool = True  # the thing's own word ("dog"); False: a word about it ("brown")


@dataclass(frozen=True)
class PhraseBox:
    """A box of what a phrase names on the photo."""

    phrase: str  # "a brown dog"; its last word is the thing's
    box: Box  # in pixels of the photo, as it is shown (after EXIF rotation)
    kind: str = ""  # "animals", if the data say so


@dataclass(frozen=True)
class Example:
    """A picture with its reference captions."""

    image: Path
    captions: tuple[str, ...]
    split: str  # "train", "val", "test", or whatever the source says
    id: str = ""  # unique in its source; by default the picture's path as written there
    source: str = ""  # "captions.jsonl:17", for messages
    scene: Scene | None = None
    regions: tuple[Region, ...] = ()
    boxes: tuple[PhraseBox, ...] = ()


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` items at equal distances, the first among them; all of them where there are fewer.
    A fixed rule for choosing samples, so that the good ones cannot be picked."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
