"""CSV and TSV of image, caption(s) and split, with a header or, where it is plain, without."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from saccade.data.columns import NO_CHOICES, Choices, Columns, choose
from saccade.data.reading import Found, Note, Problem, read_lines, short
from saccade.data.records import Rows

SUFFIX = r"\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic|heif|avif)"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
PICTURE_FILE = re.compile(rf".*{SUFFIX}", re.IGNORECASE)


def read(path: Path, choices: Choices) -> Iterator[Found]:
    """The rows of a table separated by commas, semicolons, tabs or |."""
    problems: list[Problem] = []
    headed = True

    def lines() -> Iterator[str]:
        for _, line in read_lines(path):
            if isinstance(line, Problem):
                problems.append(line)
            yield "\n" if isinstance(line, Problem) else line + "\n"

    first = next((line for line in lines() if line.strip()), "")
    problems.clear()
    mark = delimiter(first)
    header = split_header(first)
    columns = choose(tuple(header), choices)
    # The one well-known |-separated file (Flickr30k's) has quotation marks that quote nothing.
    plain = mark == "|" or (mark == "\t" and any(map(_quotes_nothing, lines())))
    quoting: Literal[0, 3] = csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL
    problems.clear()
    rows = Rows(path, choices)
    if columns.picture is None or not columns.captions:
        bare = headless(first)
        if bare is None or choices.image_column or choices.caption_column:
            yield _no_columns(path, header, columns, choices)
            return
        headed, header = False, bare
        columns = choose(tuple(header))
        yield Note(f"{path.name} has no header: its columns are read as {', '.join(header)}.")
    reader = csv.reader(
        lines(), delimiter=mark, quoting=quoting, strict=True, skipinitialspace=True
    )
    while True:
        start = str(reader.line_num + 1)
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"not a valid row ({error}); correct its quotation marks."
            problems.append(Problem(path, start, message))
            cells = []
        yield from problems
        problems.clear()
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if headed:
            headed = False
        elif len(cells) != len(header):
            message = f"has {len(cells)} fields where the header has {len(header)}"
            cure = 'put captions with commas in quotation marks: "A dog, running."'
            yield Problem(path, start, f"{message}; {cure}" if mark == "," else f"{message}.")
        else:
            yield from rows.take_cells(cells, header, columns, start)
    yield from rows.found()


def _quotes_nothing(line: str) -> bool:
    """Whether a cell between tabs begins with a quotation that ends before the cell does, such as
    "Stop" on a sign: then the file's quotation marks belong to its captions."""
    return '"' in line and any(
        cell.startswith('"') and cell.count('"') % 2 == 0 and not _QUOTED.fullmatch(cell)
        for cell in line.rstrip("\r\n").split("\t")
    )


def delimiter(header: str) -> str:
    """What separates the columns of a table, from its first line."""
    return next((mark for mark in "\t|;" if mark in header), ",")


def split_header(line: str) -> list[str]:
    """The names in a header, made different where two are equal."""
    try:
        cells = next(csv.reader([line.strip("\r\n")], delimiter=delimiter(line)), [])
    except csv.Error:
        cells = line.split(delimiter(line))
    names: list[str] = []
    for cell in cells:
        name = own = cell.strip().strip('"')
        number = 2
        while name in names:
            name, number = f"{own} {number}", number + 1
        names.append(name)
    return names


def is_header(line: str, choices: Choices = NO_CHOICES) -> bool:
    """Whether a line is a header that `read` understands."""
    columns = choose(tuple(split_header(line)), choices)
    return columns.picture is not None and bool(columns.captions)


def headless(line: str) -> list[str] | None:
    """The names of a table's columns from its first row, where one is a picture's file, one a
    caption, and others at most numbers; None for any other row."""
    names = [
        "image" if PICTURE_FILE.fullmatch(cell) else "number" if cell.isdecimal() else "caption"
        for cell in split_header(line)
    ]
    return names if names.count("image") == names.count("caption") == 1 else None


def _no_columns(path: Path, header: list[str], columns: Columns, choices: Choices) -> Problem:
    missing = []
    for option, name, there in (
        ("--image-column", choices.image_column, columns.picture is not None),
        ("--caption-column", choices.caption_column, bool(columns.captions)),
    ):
        if name is not None and not there:
            missing.append(f"{name!r} ({option}) is not among them")
    cure = " and ".join(missing) or (
        "an image and a caption column are needed, as in image,caption,split; choose yours with "
        "--image-column and --caption-column"
    )
    return Problem(
        path, "1", f"the header names the columns {short(', '.join(header), 200)}; {cure}."
    )
