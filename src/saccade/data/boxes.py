"""Boxes of what captions name: COCO's instances, Flickr30k Entities, or a user's own.

`read_boxes` reads them, and `Boxes.picture` gives what words name in one picture
(`saccade.data.naming` finds them in a caption). Each is read as an approximation:

COCO (instances_*.json): a word of the table in `saccade.data.coco_words` names all boxes of its
kind; regions marked as crowds are left out, so attention on a crowd counts as a miss.
Flickr30k Entities (a folder with Sentences/ID.txt and Annotations/ID.xml): the last word of each
phrase, in the singular and the plural, names the phrase's boxes, whichever caption it is from.
A user's (`saccade.data.labelled`): likewise.

Boxes of the first two are in the pixels of the picture as annotated, before any EXIF rotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from saccade.data.coco_words import words_of
from saccade.data.columns import picture_id
from saccade.data.labelled import read_labelled
from saccade.data.naming import PictureBoxes, name_phrases
from saccade.data.reading import Problem, read_lines, short
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_bytes, read_json
from saccade.text import tokenize
from saccade.values.places import Box

_ACCEPTED = (
    'accepted are COCO\'s instances_*.json, a JSONL file of lines with "boxes", and the folder of '
    "Flickr30k Entities, which holds Sentences and Annotations."
)
_LARGEST = 10**7  # pixels, of a side
PHRASE = re.compile(r"\[/EN#(?P<id>\d+)(?P<kinds>(?:/[^\s\]]+)*)\s+(?P<words>[^\]]*)\]")


@dataclass(frozen=True)
class Boxes:
    """All boxes of a source."""

    path: Path
    kind: str  # "COCO instances", "Flickr30k Entities" or "boxes of phrases"
    pictures: Mapping[str, tuple[PictureBoxes, ...]] = field(repr=False)  # by file stem
    categories: tuple[str, ...] = ()  # that are annotated, of COCO's instances

    def of(
        self, picture: Path | str, width: int = 0, height: int = 0
    ) -> Mapping[str, tuple[Box, ...]]:
        """What words name in a picture, found by its file's name: word (or two) -> boxes.

        Given the photo's size, boxes are scaled to it from the annotated size. Nothing
        for a picture that has no boxes, and for one that lies on its side (the annotated size
        with width and height swapped): which way it was turned is not known."""
        entry = self.picture(picture, width, height)
        return {} if entry is None else entry.named

    def picture(self, picture: Path | str, width: int = 0, height: int = 0) -> PictureBoxes | None:
        """All that is known of a picture, which is chosen and scaled as in `of`."""
        path = PurePosixPath(PurePath(picture).as_posix())
        pictures = self.pictures.get(path.stem, ())
        if len(pictures) > 1:  # folders with pictures of the same name
            pictures = tuple(p for p in pictures if f"/{path}".endswith(f"/{p.name}"))
        if len(pictures) != 1:
            return None
        entry = pictures[0]
        size = (entry.width, entry.height)
        if 0 in (*size, width, height) or size == (width, height):
            return entry
        if size == (height, width):
            return None
        return entry.scaled(width / entry.width, height / entry.height)


def read_boxes(path: Path | str, pictures: Iterable[Path | str] | None = None) -> Boxes:
    """The boxes of COCO's instances JSON, of a Flickr30k Entities folder, or of a JSONL file with
    "boxes" of phrases (`saccade.data.labelled`).

    `pictures` keeps to the pictures of these file names; Entities has two files for each picture,
    and reading all takes a while. Raises DataError at the first thing that is wrong."""
    path = Path(path)
    stems = None if pictures is None else {PurePath(picture).stem for picture in pictures}
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return Boxes(path, "boxes of phrases", read_labelled(path, stems))
    if not path.is_dir():
        return _coco(path, stems)
    if (path / "Sentences").is_dir() and (path / "Annotations").is_dir():
        return _entities(path, stems)
    files = sorted(path.glob("instances*.json"))
    if len(files) == 1:
        return _coco(files[0], stems)
    if files:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{path} holds several files of boxes ({names}); name one of them.")
    raise DataError(f"{path} holds no boxes; {_ACCEPTED}")


def _coco(path: Path, stems: set[str] | None) -> Boxes:
    value = read_json(path, DataError, CURE)
    keys = ("images", "annotations", "categories")
    lists: list[Any] = [value.get(key) if isinstance(value, dict) else None for key in keys]
    if not all(isinstance(entry, list) for entry in lists):
        missing = [f'"{key}"' for key, listed in zip(keys, lists, strict=True) if listed is None]
        which = f"has no {', '.join(missing)}" if missing else "is malformed"
        raise DataError(f"{path}: {which}, so it is not a file of boxes; {_ACCEPTED}")
    images, notes, categories = lists
    categorized = {
        _id(path, f"categories[{i}]", entry, "id"): _get(
            path, f"categories[{i}]", entry, "name", str
        ).lower()
        for i, entry in enumerate(categories)
    }
    nameless = next((i for i, name in enumerate(categorized.values()) if not name.split()), None)
    if nameless is not None:
        raise DataError(f"{path}: categories[{nameless}]: its name is empty; {_ACCEPTED}")
    kinds = {key: words_of(name) for key, name in categorized.items()}
    there: dict[str, set[str]] = {}
    groups = {  # "person", "vehicle", "animal", ...
        _id(path, f"categories[{i}]", entry, "id"): str(entry.get("supercategory") or "")
        for i, entry in enumerate(categories)
    }
    named: dict[str, dict[str, list[Box]]] = {}
    above: dict[str, dict[str, dict[str, None]]] = {}
    sizes: dict[str, tuple[str, int, int]] = {}
    for i, entry in enumerate(images):
        where = f"images[{i}]"
        key = _id(path, where, entry, "id")
        name = _get(path, where, entry, "file_name", str).replace("\\", "/")
        width, height = (_pixels(path, where, entry.get(side)) for side in ("width", "height"))
        if key in named:
            raise DataError(
                f"{path}: {where}: its id {short(key)} is that of {short(sizes[key][0])} too."
            )
        named[key], sizes[key] = {}, (name, width, height)
    for i, note in enumerate(notes):
        where = f"annotations[{i}]"
        if isinstance(note, dict) and "caption" in note and "bbox" not in note:
            cure = "boxes are in COCO's instances_*.json, captions in its captions_*.json."
            raise DataError(f"{path}: {where} has a caption and no box; {cure}")
        box = _coco_box(path, where, _get(path, where, note, "bbox", list))
        key = _id(path, where, note, "image_id")
        kind = _id(path, where, note, "category_id")
        if key not in named:
            raise DataError(f'{path}: {where}: its image_id {short(key)} is not among "images".')
        if kind not in kinds:
            raise DataError(
                f'{path}: {where}: its category_id {short(kind)} is not among "categories".'
            )
        there.setdefault(key, set()).add(categorized[kind])
        if box is not None and not note.get("iscrowd"):
            for word in kinds[kind]:
                named[key].setdefault(word, []).append(box)
                if groups[kind]:
                    above.setdefault(key, {}).setdefault(word, {})[groups[kind]] = None
    pictures = [
        PictureBoxes(
            *sizes[key],
            {word: tuple(boxes) for word, boxes in words.items()},
            {word: tuple(theirs) for word, theirs in above.get(key, {}).items()},
            categories=frozenset(there.get(key, ())),
        )
        for key, words in named.items()
    ]
    names = tuple(dict.fromkeys(categorized.values()))
    return Boxes(path, "COCO instances", _by_stem(pictures, stems), names)


def _get(path: Path, where: str, entry: Any, key: str, kind: Any) -> Any:
    """A value that must be there, of a type. Raises DataError naming both."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        fault = "has no" if value is None else "has a malformed"
        raise DataError(f'{path}: {where} {fault} "{key}"; {CURE}.')
    return value


def _id(path: Path, where: str, entry: Any, key: str) -> str:
    """An id that must be there, as text."""
    value = picture_id(_get(path, where, entry, key, int | float | str))
    if value is None:
        raise DataError(f'{path}: {where} has a malformed "{key}"; {CURE}.')
    return value


def _pixels(path: Path, where: str, value: Any) -> int:
    """A side of an annotated picture; 0 where it is not there."""
    if value is None:
        return 0
    if type(value) not in (int, float) or value != int(value) or not 0 <= value <= _LARGEST:
        raise DataError(f"{path}: {where}: its width and height are not numbers of pixels; {CURE}.")
    return int(value)


def _coco_box(path: Path, where: str, values: list[Any]) -> Box | None:
    """[x, y, width, height] as a box; None for one without area, which COCO has a few of."""
    numbers = [float(v) for v in values if type(v) in (int, float) and abs(v) <= _LARGEST]
    if len(values) != 4 or len(numbers) != 4 or min(numbers[2:]) < 0:
        raise DataError(
            f"{path}: {where}: its bbox {short(ascii(values))} is not [x, y, width, height] in "
            f"pixels; {CURE}."
        )
    x, y, width, height = numbers
    return (x, y, x + width, y + height) if width and height else None


def _by_stem(
    annotated: Iterable[PictureBoxes], stems: set[str] | None
) -> dict[str, tuple[PictureBoxes, ...]]:
    pictures: dict[str, tuple[PictureBoxes, ...]] = {}
    for entry in annotated:
        stem = PurePosixPath(entry.name).stem
        if stems is None or stem in stems:
            pictures[stem] = (*pictures.get(stem, ()), entry)
    return pictures


def _entities(folder: Path, stems: set[str] | None) -> Boxes:
    pictures = []
    for path in sorted((folder / "Sentences").glob("*.txt")):
        if path.name.startswith(".") or (stems is not None and path.stem not in stems):
            continue
        width, height, things = entity_boxes(folder / "Annotations" / f"{path.stem}.xml")
        pictures.append(name_phrases(path.stem, width, height, _phrases(path, things)))
    if not pictures and stems is None:
        raise DataError(f"{folder / 'Sentences'} holds no ID.txt; unpack the annotations again.")
    return Boxes(folder, "Flickr30k Entities", _by_stem(pictures, None))


def marked_lines(path: Path) -> Iterator[str]:
    """The captions of a Sentences/ID.txt, their phrases marked as `PHRASE` reads them. Raises
    DataError where markup is damaged."""
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            raise line.error()
        if line.count("[/EN#") != len(PHRASE.findall(line)):
            cure = "phrases are written [/EN#283585/people Two young guys]; copy the file again."
            raise DataError(f"{path}:{number}: a phrase's markup is damaged; {cure}")
        yield line


def _phrases(
    path: Path, things: Mapping[str, Sequence[Box]]
) -> Iterator[tuple[Sequence[str], tuple[str, ...], tuple[Box, ...]]]:
    """(words, kinds, boxes) of the phrases of a Sentences/ID.txt. things: boxes by id; none of a
    scene, and of what can't be seen."""
    for line in marked_lines(path):
        for match in PHRASE.finditer(line):
            words, boxes = tokenize(match["words"]), tuple(things.get(match["id"], ()))
            if words and boxes:
                yield words, tuple(filter(None, match["kinds"].split("/"))), boxes


def entity_boxes(path: Path) -> tuple[int, int, dict[str, list[Box]]]:
    """The size of the annotated picture and the boxes by id, of an Annotations/ID.xml."""
    if not path.exists():
        raise DataError(
            f"{path} is missing, beside Sentences/{path.stem}.txt; unpack the annotations again."
        )
    cure = "copy it from Flickr30k Entities again."
    try:
        text = read_bytes(path, DataError).decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities could grow without bound
            raise DataError(f"{path}: has a DOCTYPE, which Entities files have not; {cure}")
        root = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise DataError(f"{path}: not valid XML ({error}); {cure}") from error
    things: dict[str, list[Box]] = {}
    try:
        width, height = (int(root.findtext(f"size/{side}", "")) for side in ("width", "height"))
        if not (0 <= width <= _LARGEST and 0 <= height <= _LARGEST):
            raise ValueError(f"{width} x {height}")
        for thing in root.iter("object"):
            boxes = [_entities_box(corners) for corners in thing.iter("bndbox")]
            for name in thing.iter("name"):  # one object can be what several phrases name
                things.setdefault((name.text or "").strip(), []).extend(boxes)
    except ValueError as error:
        raise DataError(f"{path}: no size, or a box not in pixels ({error}); {cure}") from error
    return width, height, things


def _entities_box(corners: ElementTree.Element) -> Box:
    """Pixels are counted from 1 there, and the last one is in the box."""
    sides = ("xmin", "ymin", "xmax", "ymax")
    x0, y0, x1, y1 = (int(corners.findtext(side, "")) for side in sides)
    if x0 > x1 or y0 > y1 or max(map(abs, (x0, y0, x1, y1))) > _LARGEST:
        raise ValueError(f"{x0}, {y0} to {x1}, {y1}")
    return (x0 - 1, y0 - 1, x1, y1)
