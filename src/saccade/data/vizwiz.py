"""VizWiz-Captions (Gurari et al. 2020): annotations/train.json and val.json, the form of COCO's.

Captions marked as rejected (spam) and canned ("Quality issues are too severe ...") are left out and
counted. test.json has no captions.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saccade.data import coco
from saccade.data.columns import Choices
from saccade.data.reading import Found, split_of
from saccade.data.records import CURE
from saccade.errors import DataError
from saccade.files import read_json

PATTERNS = tuple(f"annotations/{split}.json" for split in ("train", "val", "test"))


def fits(value: Mapping[str, Any]) -> bool:
    """Whether a JSON document is one of them."""
    images = value.get("images")
    first = images[0] if isinstance(images, list) and images else None
    return isinstance(first, dict) and "vizwiz_url" in first and "file_name" in first


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie: in the split's folder, beside the annotations or above."""
    return ("", path.stem, f"../{path.stem}", f"../images/{path.stem}", "../images", "images")


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture with its captions."""
    value = read_json(path, DataError, CURE)
    yield from coco.read_value(path, value, split_of(path), choices)
