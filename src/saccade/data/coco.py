"""COCO captions: captions_train2017.json, captions_val2017.json, and files of the same form."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saccade.data.columns import Choices, choose, picture_id, rejected_by, texts
from saccade.data.reading import Entry, Found, LeftOut, Problem, keys_of, short, split_of
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_json


def fits(value: Mapping[str, Any]) -> bool:
    """Whether a JSON document is one of them."""
    images = value.get("images")
    return isinstance(images, list) and bool(images) and isinstance(value.get("annotations"), list)


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie: beside the annotations folder, in one named after split and year."""
    part = path.stem.rpartition("_")[2]
    return ("", "images", part, f"../{part}", f"../images/{part}")


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture with its annotations' captions, in the order of "images"."""
    yield from read_value(path, read_json(path, DataError, CURE), split_of(path), choices)


def read_value(
    path: Path, value: Mapping[str, Any], split: str, choices: Choices
) -> Iterator[Found]:
    """The same of a document of this form that is read already, whose pictures are of `split`.
    Without "annotations", as of a test split, the pictures have no captions."""
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for index, image in enumerate(value["images"]):
        where = f" images[{index}]"
        key = picture_id(image.get("id")) if isinstance(image, dict) else None
        name = _name(image) if isinstance(image, dict) else None
        if name is None:
            problems.append(Problem(path, where, f'has no "file_name"; it is {keys_of(image)}.'))
        elif key is None:
            problems.append(Problem(path, where, 'has no "id" that is a whole number or text.'))
        elif key in entries:
            first = entries[key]
            message = f"its id {short(key)} is that of{first.where()}, {short(first.name)}, too."
            problems.append(Problem(path, where, message))
        else:
            entries[key] = Entry(name, key, [], split, [where])
    left_out = LeftOut()
    unusable = 0
    for index, note in enumerate(value.get("annotations") or ()):
        where = f" annotations[{index}]"
        try:
            captions = _captions(note, choices) if isinstance(note, dict) else None
        except DataError as error:
            problems.append(Problem(path, where, str(error)))
            continue
        if captions is None:
            cure = "captions are in COCO's captions_*.json, not in its other files."
            problems.append(Problem(path, where, f"has no caption; {cure}"))
            unusable += 1
            if unusable == index + 1 == 100:
                break  # another kind of file altogether
            continue
        key = picture_id(note.get("image_id"))
        if key is None:
            message = f"its image_id is {keys_of(note.get('image_id'))}, not an id; correct it."
            problems.append(Problem(path, where, message))
        elif key not in entries:
            message = f'its image_id {short(key)} is not among "images"; correct or remove it.'
            problems.append(Problem(path, where, message))
        else:
            flag = None if choices.keep_rejected else rejected_by(note)
            if flag is None:
                entries[key].captions += [text.strip() for text in captions]
            else:
                left_out.add(flag, len(captions))
    yield from problems
    yield from left_out.notes()
    yield from entries.values()


def _name(image: Mapping[str, Any]) -> str | None:
    """The file that an entry of "images" names."""
    key = "file_name" if "file_name" in image else choose(tuple(image)).picture
    name = image[key] if key is not None and key != "id" else None
    return name if isinstance(name, str) and name else None


def _captions(note: Mapping[str, Any], choices: Choices) -> list[str] | None:
    """The captions of an annotation; None when it has none, or other things in their place."""
    value = note.get("caption")
    if isinstance(value, str):
        return [value]
    columns = choose(tuple(note), choices).captions
    return texts(note[columns[0]]) if columns else None
