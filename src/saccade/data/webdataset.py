"""Shards of the `webdataset` library: tar files of samples, each some members of one name
(0001.jpg, 0001.txt, 0001.json). Nothing is extracted.

A sample's captions are its `txt` (or `caption`, `text`), a line each, else those of its `json`,
whose keys are chosen as a table's columns (`saccade.data.columns`).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.data.columns import Choices, choose, rejected_by, texts
from saccade.data.reading import Entry, Found, LeftOut, Note, Problem, keys_of, short, split_name
from saccade.errors import DataError, PictureError
from saccade.files import decode, parse_json
from saccade.photos.folders import SUFFIXES
from saccade.photos.tars import read_tar_member, tar_members

MAGIC = b"ustar"  # 257 bytes into the file
_TEXTS = ("txt", "caption", "text", "captions")
_LARGEST = 1 << 20  # bytes, of a sample's text


def fits(path: Path, head: bytes) -> bool:
    """Whether a file is a tar file."""
    return head[257:262] == MAGIC or (path.suffix.lower() == ".tar" and head[:2] != b"\x1f\x8b")


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """Every sample with a picture and a caption."""
    samples: dict[str, dict[str, str]] = {}  # key -> extension -> member
    try:
        for name in tar_members(path):
            if PurePosixPath(name).name.startswith("."):
                continue
            folder, slash, last = name.rpartition("/")
            key, _, extension = last.partition(".")
            samples.setdefault(folder + slash + key, {})[extension.lower()] = name
    except PictureError as error:
        raise DataError(str(error)) from error
    left_out = LeftOut()
    without = {"picture": 0, "caption": 0}
    notes: dict[str, None] = {}
    for key, parts in samples.items():
        try:
            picture = _picture(parts, choices)
            found = None if picture is None else _captions(path, parts, choices, left_out, notes)
        except DataError as error:
            message = str(error).removeprefix(f"{path}/")
            yield Problem(path, f" {key}", message)
            continue
        if picture is None or found is None:
            without["picture" if picture is None else "caption"] += 1
            continue
        captions, split = found
        yield Entry(picture, key, captions, split, [f" {picture}"], inside=True)
    yield from (Note(text) for text in notes)
    for what, count in without.items():
        if count:
            counted = "1 sample" if count == 1 else f"{count:,} samples"
            yield Note(f"{counted} without a {what} left out.")
    yield from left_out.notes()


def _picture(parts: dict[str, str], choices: Choices) -> str | None:
    """The member that is a sample's picture."""
    pictures = {e: name for e, name in parts.items() if f".{e.rpartition('.')[2]}" in SUFFIXES}
    if choices.image_column is not None:
        chosen = choices.image_column.lower().lstrip(".")
        return parts.get(chosen)
    if len(pictures) > 1:
        raise DataError(
            f"holds several pictures ({', '.join(pictures)}); choose one: --image-column "
            f"{next(iter(pictures))}."
        )
    return next(iter(pictures.values()), None)


def _captions(
    path: Path, parts: dict[str, str], choices: Choices, left_out: LeftOut, notes: dict[str, None]
) -> tuple[list[str], str] | None:
    """A sample's captions and its split, if it names one; None where there is no caption."""
    value = _object(path, parts["json"]) if "json" in parts else {}
    columns = choose(tuple(k for k, item in value.items() if item is not None), choices)
    split = value.get(columns.split) if columns.split is not None else ""
    split = split_name(split) if isinstance(split, str) else ""
    chosen = choices.caption_column
    if chosen is None:
        text = next((parts[name] for name in _TEXTS if name in parts), None)
    else:
        text = parts.get(chosen.lower().lstrip("."))
    if text is not None:
        written = decode(_content(path, text), f"{path}/{text}")
        captions = [line.strip() for line in written.splitlines() if line.strip()]
        return (captions, split) if captions else None
    if not columns.captions:
        if chosen is not None and value:
            raise DataError(
                f"{chosen!r} (--caption-column) is neither a member of the sample nor a key of its "
                f"JSON, which is {keys_of(value)}."
            )
        return None
    if columns.note and "captions are from" in columns.note:
        notes[columns.note] = None
    flag = None if choices.keep_rejected else rejected_by(value)
    captions = []
    for column in columns.captions:
        held: Any = value[column]
        inside = texts(held if choices.keep_rejected else left_out.kept(held))
        if inside is None:
            raise DataError(f"its {column!r} must be text or a list of texts, not {keys_of(held)}.")
        captions += inside
    if flag is not None:
        left_out.add(flag, len(captions))
        captions = []
    return captions, split


def _object(path: Path, name: str) -> dict[str, Any]:
    value = parse_json(_content(path, name), f"{path}/{name}", DataError, "correct that member")
    if not isinstance(value, dict):
        raise DataError(f"its JSON is {keys_of(value)}; it must be an object.")
    return value


def _content(path: Path, name: str) -> bytes:
    if tar_members(path)[name].size > _LARGEST:
        raise DataError(f"{short(name)} is larger than 1 MiB, so it is no caption; take it out.")
    try:
        return read_tar_member(path, name)
    except PictureError as error:
        raise DataError(str(error)) from error
