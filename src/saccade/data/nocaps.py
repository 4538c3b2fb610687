"""nocaps (Agrawal et al. 2019): nocaps_val_4500_captions.json, the form of COCO's with a domain for
each picture (in-domain, near-domain, out-domain: how far its objects are from COCO's). The file of
the test split has no captions."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saccade.data import coco
from saccade.data.columns import Choices
from saccade.data.reading import Found, Note, split_of
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_json

PATTERNS = ("nocaps_*.json", "annotations/nocaps_*.json")


def fits(value: Mapping[str, Any]) -> bool:
    """Whether a JSON document is one of them."""
    images = value.get("images")
    first = images[0] if isinstance(images, list) and images else None
    return isinstance(first, dict) and "open_images_id" in first and "file_name" in first


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie: in folders named after the split, as Open Images has them."""
    names = ("", "images", *(("val", "validation") if split_of(path) == "val" else ("test",)))
    return (*names, *(f"../{name}" for name in names[1:]))


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture with its captions."""
    value = read_json(path, DataError, CURE)
    images = [image for image in value["images"] if isinstance(image, dict)]
    domains = Counter(str(image["domain"]) for image in images if image.get("domain"))
    if domains:
        yield Note(f"Pictures by domain: {', '.join(f'{k} {n:,}' for k, n in domains.items())}.")
    yield from coco.read_value(path, value, split_of(path), choices)
