"""Conceptual-Captions-like tables: caption and web address between a tab, without a header, in this
order (CC3M) or the other (CC12M), and the pictures as local files.

Nothing is downloaded. A picture's file is looked for by the last part of its address; rows whose
picture is not there are left out and counted, as many addresses are dead.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from saccade.data.columns import Choices, compared
from saccade.data.reading import Entry, Found, Note, Problem, read_lines, short

_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
NEAR = ("", "images", "training", "validation", "train", "val")


_HEADER = frozenset(("caption", "text", "url", "imageurl"))


def fits(lines: list[str]) -> bool:
    """Whether a file's first lines are a caption and an address, each, after a header or not."""
    rows = lines[1:] if lines and _is_header(lines[0]) else lines
    return bool(rows) and all(_cells(line) is not None for line in rows)


def _is_header(line: str) -> bool:
    return "\t" in line and {compared(cell) for cell in line.split("\t")} <= _HEADER


def _cells(line: str) -> tuple[str, str] | None:
    """A line's caption and address."""
    cells = line.split("\t")
    if len(cells) != 2:
        return None
    for caption, address in (cells, cells[::-1]):
        if _ADDRESS.fullmatch(address.strip()) and not _ADDRESS.fullmatch(caption.strip()):
            return caption.strip(), address.strip()
    return None


def file_name(address: str) -> str:
    """The last part of an address's path, as a file is called that was saved from it."""
    try:
        return unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """The rows whose picture is among the files near the table."""
    entries: dict[str, Entry] = {}
    addresses: dict[str, str] = {}
    unnamed = 0
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        if not line.strip() or (number == 1 and _is_header(line)):
            continue
        cells = _cells(line)
        if cells is None:
            yield Problem(path, str(number), "is not a caption and an address with a tab between.")
            continue
        caption, address = cells
        name = file_name(address)
        if not name:
            unnamed += 1
        elif addresses.setdefault(name, address) != address:
            message = f"its picture would be called {short(name)}, as that of another address; "
            message += "name the files in the table instead of addresses: caption<tab>file."
            yield Problem(path, str(number), message)
        else:
            entry = entries.setdefault(name, Entry(name, name, [], "", [], optional=True))
            entry.captions.append(caption)
            entry.places.append(str(number))
    if unnamed:
        yield Note(f"Rows whose address names no file left out: {unnamed:,}.")
    yield from entries.values()
