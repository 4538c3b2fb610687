"""Boxes that users draw: what a phrase names, and where it is on the photo.

"boxes": [{"phrase": "a brown dog", "box": [x, y, width, height], "kind": "animals"}, ...]

in a line beside "image" and "captions", or in a JSONL file of its own with "image" alone. Pixels
are those of the photo as it is shown, after EXIF rotation; a phrase may come several times, once
for each of its boxes; "kind" is optional. The last word of a phrase is the thing's.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.data.columns import choose, picture_names
from saccade.data.naming import PictureBoxes, phrase_boxes
from saccade.data.reading import Problem, keys_of, read_lines, short
from saccade.errors import DataError
from saccade.files import parse_json
from saccade.photos.opening import photo_size
from saccade.text import tokenize
from saccade.text.english import singular
from saccade.values.examples import Example, PhraseBox, Region

_FORM = 'write {"phrase": "dog", "box": [x, y, width, height]}'
_LARGEST = 10**7  # pixels, of a side or a place


def read_phrase_boxes(value: Any) -> tuple[PhraseBox, ...]:
    """The value of "boxes". Raises DataError naming what is malformed, by its number from 1."""
    if not isinstance(value, list):
        raise DataError(f'its "boxes" must be a list, not {keys_of(value)}; {_FORM} for each.')
    return tuple(_phrase_box(entry, number) for number, entry in enumerate(value, 1))


def _phrase_box(entry: Any, number: int) -> PhraseBox:
    if not isinstance(entry, dict):
        raise DataError(f"box {number} is not an object; {_FORM}.")
    phrase, box, kind = entry.get("phrase"), entry.get("box"), entry.get("kind")
    if not isinstance(phrase, str) or not tokenize(phrase):
        what = "no" if phrase is None else "no word in its"
        raise DataError(f'box {number} has {what} "phrase"; {_FORM}.')
    if kind is not None and not isinstance(kind, str):
        raise DataError(f'box {number} ({short(phrase)}) has a "kind" that is not text.')
    numbers = [v for v in box if type(v) in (int, float)] if isinstance(box, list) else []
    if not isinstance(box, list) or len(box) != 4 or len(numbers) != 4:
        raise DataError(f'box {number} ({short(phrase)}) has no "box" of four numbers; {_FORM}.')
    if not all(-_LARGEST <= v <= _LARGEST and math.isfinite(v) for v in numbers):
        raise DataError(f"box {number} ({short(phrase)}) is not in pixels: {short(repr(box))}.")
    x, y, width, height = map(float, numbers)
    if min(width, height) <= 0:
        raise DataError(
            f"box {number} ({short(phrase)}) has a width and height of {width:g} and {height:g}, "
            "which must be above 0: a box is [x, y, width, height]."
        )
    return PhraseBox(phrase, (x, y, x + width, y + height), kind or "")


def places_of(phrase: str, caption: str) -> list[tuple[int, int]]:
    """Where a phrase stands in a caption: (start, stop) of its words as the text is tokenized; the
    singular is found for the plural, and the other way round, and an article before the phrase does
    not count."""
    words, inside = ([singular(w) for w in tokenize(text)] for text in (caption, phrase))
    if len(inside) > 1 and inside[0] in ("a", "an", "the"):
        inside = inside[1:]
    size = len(inside)
    starts = range(len(words) - size + 1) if size else range(0)
    return [(at, at + size) for at in starts if words[at : at + size] == inside]


def regions_of(boxes: Sequence[PhraseBox], captions: Sequence[str]) -> tuple[Region, ...]:
    """The boxes of the captions' words: of every word of a phrase, wherever it stands."""
    regions = []
    for number, caption in enumerate(captions):
        of = [  # which word, split at white space, each word of the tokenized text is in
            index for index, word in enumerate(caption.split()) for _ in tokenize(word)
        ]
        if len(of) != len(tokenize(caption)):
            continue  # a script in which words are not split at white space
        found = {
            (of[word], entry.box): None
            for entry in boxes
            for start, stop in places_of(entry.phrase, caption)
            for word in range(start, stop)
        }
        regions += [Region(number, word, box) for word, box in found]
    return tuple(regions)


def read_labelled(path: Path, stems: set[str] | None) -> dict[str, tuple[PictureBoxes, ...]]:
    """A JSONL file of {"image": ..., "boxes": [...]}, by stem. Raises DataError naming the line
    that is malformed, or where no line has boxes."""
    boxes: dict[str, tuple[PhraseBox, ...]] = {}
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            raise line.error()
        if not line.strip():
            continue
        cure = "correct that line, which must be one complete object"
        value = parse_json(line, str(path), DataError, cure, number)
        try:
            if not isinstance(value, dict):
                raise DataError('is not an object; write {"image": ..., "boxes": [...]}.')
            column = choose(tuple(value)).picture
            names = None if column is None else picture_names(value[column])
            if not names:
                raise DataError('names no image; give its path as "image".')
            theirs = read_phrase_boxes(value["boxes"] if value.get("boxes") is not None else [])
        except DataError as error:
            raise DataError(f"{path}:{number}: {error}") from error
        for name in names:
            boxes[name] = (*boxes.get(name, ()), *theirs)
    if not any(boxes.values()):
        raise DataError(f'{path}: no line has "boxes", a list; {_FORM} for each.')
    pictures: dict[str, tuple[PictureBoxes, ...]] = {}
    for name, theirs in boxes.items():
        stem = PurePosixPath(name.replace("\\", "/")).stem
        if stems is None or stem in stems:
            pictures[stem] = (*pictures.get(stem, ()), phrase_boxes(name, theirs))
    return pictures


def doubtful(example: Example) -> Iterator[str]:
    """What is odd about an example's boxes, in words; its photo must be readable."""
    if not example.boxes:
        return
    width, height = photo_size(example.image)
    for number, entry in enumerate(example.boxes, 1):
        name = f"box {number} ({short(entry.phrase)})"
        x0, y0, x1, y1 = entry.box
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            yield (
                f"{name} lies outside the photo, which is {width} x {height} pixels: boxes are in "
                "the pixels of this file, as it is shown."
            )
        elif x0 < -1 or y0 < -1 or x1 > width + 1 or y1 > height + 1:
            yield f"{name} reaches beyond the photo, which is {width} x {height} pixels."
        if not any(places_of(entry.phrase, caption) for caption in example.captions):
            yield f"{name} is named in none of its captions, so it teaches nothing."
