"""COCO captions: captions_train2017.json, captions_val2017.json, and files of the same form."""

import re
from collections.abc import Iterator
from pathlib import Path

from saccade.data.reading import Finder, Found, Problem, place, read_json
from saccade.values.examples import Example


def split_of(path: Path) -> str:
    """The split that a file's name tells (captions_train2017.json), or ""."""
    match = re.search(r"(?<![a-z])(train|val|test)(?![a-z])", path.stem.lower())
    return match[1] if match else ""


def read(path: Path, images: Path | None = None) -> Iterator[Found]:
    """Every picture with its annotations' captions, in the order of "images"."""
    # Pictures lie beside the annotations folder, in one named after the file's split and year.
    part = path.stem.rpartition("_")[2]
    finder = Finder(path, images, near=("", "images", part, f"../{part}", f"../images/{part}"))
    value = read_json(path)
    captions: dict[int | str, list[str]] = {}
    problems: list[Problem] = []
    known = {entry.get("id") for entry in value["images"] if isinstance(entry, dict)}
    for index, note in enumerate(value["annotations"]):
        where = f" annotations[{index}]"
        if not isinstance(note, dict) or not isinstance(note.get("caption"), str):
            cure = "captions are in COCO's captions_*.json, not in its other files."
            problems.append(Problem(path, where, f"has no caption; {cure}"))
            if not captions and len(problems) == 100:
                break  # another kind of file altogether
        elif note.get("image_id") not in known:
            message = f'its image_id {note.get("image_id")} is not among "images"; take it out.'
            problems.append(Problem(path, where, message))
        else:
            captions.setdefault(note["image_id"], []).append(note["caption"].strip())
    yield from problems
    split = split_of(path)
    for index, entry in enumerate(value["images"]):
        where = f" images[{index}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
            yield Problem(path, where, 'has no "file_name".')
        elif not isinstance(entry.get("id"), int | str):
            yield Problem(path, where, 'has no "id".')
        else:
            found = tuple(captions.get(entry["id"], ()))
            name = entry["file_name"]
            yield Example(finder(name), found, split, str(entry["id"]), place(path, where))
