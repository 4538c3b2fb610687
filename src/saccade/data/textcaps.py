"""TextCaps (Sidorov et al. 2020): TextCaps_0.1_train.json and _val.json, a record for each caption
with all captions of its picture. The file of the test split has no captions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saccade.data import records
from saccade.data.columns import Choices
from saccade.data.reading import Entry, Found, Note, split_of
from saccade.errors import DataError
from saccade.files import read_json

PATTERNS = ("TextCaps_*.json", "annotations/TextCaps_*.json")
_NEAR = ("", "images", "train_images", "train_val_images", "test_images", "train", "test")


def fits(value: Mapping[str, Any]) -> bool:
    """Whether a JSON document is one of them."""
    return value.get("dataset_name") == "textcaps" and isinstance(value.get("data"), list)


def near(path: Path) -> tuple[str, ...]:
    """Where pictures may lie, as the archives of TextVQA unpack."""
    return (*_NEAR, *(f"../{name}" for name in _NEAR[1:]))


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every picture with its captions."""
    value = read_json(path, DataError, records.CURE)
    split = split_of(path)
    rows = records.Rows(path, choices)
    none = 0
    for index, record in enumerate(value["data"]):
        if isinstance(record, dict):
            if not record.get("image_path") and record.get("image_id"):
                record = {**record, "image_path": f"{record['image_id']}.jpg"}
            if record.get("caption_str") is None and record.get("reference_strs") is None:
                none += 1
                record = {**record, "reference_strs": []}
        yield from rows.take_object(record, f" data[{index}]", split)
    if none:
        yield Note(f"{path.name}: records without captions: {none:,}.")
    for item in rows.found():
        if isinstance(item, Entry):  # image_path is that of the authors' folders
            item.name = item.name.rpartition("/")[2] or item.name
        yield item
