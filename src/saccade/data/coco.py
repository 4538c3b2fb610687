"""COCO captions: captions_train2017.json, captions_val2017.json, and files of the same form."""

import re
from collections.abc import Iterator
from pathlib import Path

from saccade.data.columns import Choices, is_true, picture_id
from saccade.data.reading import Entry, Found, LeftOut, Problem, keys_of
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_json

_FLAGS = ("is_rejected", "is_precanned")


def split_of(path: Path) -> str:
    """The split that a file's name tells (captions_train2017.json), or ""."""
    match = re.search(r"(?<![a-z])(train|val|test)(?![a-z])", path.stem.lower())
    return match[1] if match else ""


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie: beside the annotations folder, in one named after split and year."""
    part = path.stem.rpartition("_")[2]
    return ("", "images", part, f"../{part}", f"../images/{part}")


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture with its annotations' captions, in the order of "images"."""
    value = read_json(path, DataError, CURE)
    split = split_of(path)
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for index, image in enumerate(value["images"]):
        where = f" images[{index}]"
        key = picture_id(image.get("id")) if isinstance(image, dict) else None
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            problems.append(Problem(path, where, f'has no "file_name"; it is {keys_of(image)}.'))
        elif key is None:
            problems.append(Problem(path, where, 'has no "id" that is a whole number or text.'))
        elif key in entries:
            first = entries[key]
            message = f"its id {key} is that of{first.where()}, {first.name}, too; ids must differ."
            problems.append(Problem(path, where, message))
        else:
            entries[key] = Entry(name, key, [], split, [where])
    left_out = LeftOut()
    unusable = 0
    for index, note in enumerate(value["annotations"]):
        where = f" annotations[{index}]"
        caption = note.get("caption") if isinstance(note, dict) else None
        listed = caption if isinstance(caption, list) else [caption]
        captions = [text for text in listed if isinstance(text, str)]
        if not captions or len(captions) < len(listed):
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
            message = f'its image_id {key} is not among "images"; correct or remove it.'
            problems.append(Problem(path, where, message))
        else:
            flag = next((flag for flag in _FLAGS if is_true(note.get(flag))), None)
            for text in captions:
                if flag is None or choices.keep_rejected:
                    entries[key].captions.append(text.strip())
                else:
                    left_out.add(flag)
    yield from problems
    yield from left_out.notes()
    yield from entries.values()
