"""Karpathy's JSON (dataset_coco.json, dataset_flickr8k.json, ...): the splits of most papers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saccade.data.columns import Choices, picture_id, texts
from saccade.data.reading import Entry, Found, LeftOut, Problem, keys_of, short, split_name
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_json


def fits(value: Mapping[str, Any]) -> bool:
    """Whether a JSON document is one of them."""
    images = value.get("images")
    return isinstance(images, list) and any(
        isinstance(entry, dict) and "sentences" in entry for entry in images
    )


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie."""
    return ("", "images", "..")


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture of "images" with its sentences; "restval" counts as train."""
    known: dict[str, Entry] = {}
    left_out = LeftOut()
    for index, image in enumerate(read_json(path, DataError, CURE)["images"]):
        where = f" images[{index}]"
        try:
            if isinstance(image, dict) and not choices.keep_rejected:
                image = {**image, "sentences": left_out.kept(image.get("sentences"))}
            entry = _entry(image, where)
            first = known.setdefault(entry.id, entry)
            if first.name != entry.name:
                raise DataError(f"its id {short(entry.id)} is that of{first.where()} too")
            yield entry
        except DataError as error:
            needs = 'it needs "filename", "split" and "sentences"'
            yield Problem(path, where, f"is malformed ({error}); {needs}.")
    yield from left_out.notes()


def _entry(image: Any, where: str) -> Entry:
    if not isinstance(image, dict):
        raise DataError(f"it is {keys_of(image)}")
    for key in ("filename", "sentences"):
        if image.get(key) is None:
            raise DataError(f"no {key!r}")
    name, folder, split = image["filename"], image.get("filepath"), image.get("split")
    for key, value in (("filename", name), ("filepath", folder), ("split", split)):
        if value is not None and not isinstance(value, str):
            raise DataError(f"its {key} is {keys_of(value)}, not text")
    if not name:
        raise DataError("its filename is empty")
    if folder:
        name = f"{folder}/{name}"
    if not isinstance(image["sentences"], list):
        raise DataError(f"its sentences are {keys_of(image['sentences'])}, not a list")
    captions = texts(image["sentences"])
    if captions is None:
        raise DataError('a sentence has neither "raw" nor "tokens" that are text')
    key = name
    if "cocoid" in image:
        number = picture_id(image["cocoid"])
        if number is None:
            raise DataError(f"its cocoid is {keys_of(image['cocoid'])}, not an id")
        key = number
    return Entry(name, key, [c.strip() for c in captions], split_name(split or ""), [where])
