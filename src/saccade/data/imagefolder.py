"""The `imagefolder` layout of the `datasets` library: metadata.jsonl or metadata.csv beside the
pictures, with `file_name` and captions. Splits are folders called train, validation, test."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from saccade.data import records, tables
from saccade.data.columns import Choices
from saccade.data.reading import Entry, Found, is_split, split_name

NAMES = ("metadata.jsonl", "metadata.csv")
BY_SPLIT = tuple(f"{folder}{name}" for folder in ("*/", "data/*/") for name in NAMES)


def fits(path: Path) -> bool:
    """Whether a file has the layout's name."""
    return path.name in NAMES


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """The file's pictures; one without a split of its own has that of its folder."""
    reader = records.read_jsonl if path.suffix == ".jsonl" else tables.read
    above = split_name(path.parent.name) if is_split(path.parent.name) else ""
    for item in reader(path, choices):
        if isinstance(item, Entry) and not item.split:
            folders = PurePosixPath(item.name.replace("\\", "/")).parts[:-1]
            item.split = next((split_name(part) for part in folders if is_split(part)), above)
        yield item
