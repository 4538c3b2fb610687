"""Reading files that come from outside: regular files only, and one sentence for bad JSON."""

import json
import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from saccade.errors import DataError, SaccadeError

MOST_DIGITS = 300  # of a whole number: more overflow a float, and Python itself stops at 4,300
DEEPEST = 100  # levels of lists and objects
Failure = type[SaccadeError]

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_STRING = r'"(?:[^"\\]|\\.)*"'
_SUSPECT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")  # a surrogate, or NUL
_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")


def require_file(path: Path | str, error: Failure = DataError, what: str = "file") -> None:
    """Raise `error` unless `path` is a regular file (or a link to one). what: it ought to be.

    To be called before opening: a FIFO would wait for a writer and /dev/zero never ends."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError as missing:
        raise error(f"{path} does not exist; check the name and the folder.") from missing
    except (OSError, ValueError) as wrong:
        raise error(
            f"{path} can't be opened ({reason(wrong)}); check its name and permissions."
        ) from wrong
    if stat.S_ISDIR(mode):
        raise error(f"{path} is a folder, not a {what}; name a {what} inside it.")
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise error(f"{path} is {kind}, not a {what}; name a regular file.")


def reason(error: BaseException) -> str:
    """What an exception says in a few words, on one line: the system's text for an OSError."""
    said = error.strerror if isinstance(error, OSError) else None
    return " ".join((said or str(error)).split())[:300].rstrip(".") or type(error).__name__


def read_bytes(path: Path | str, error: Failure = DataError) -> bytes:
    """The content of a regular file. Raises `error`, naming the file and the cure."""
    require_file(path, error)
    try:
        with Path(path).open("rb") as file:
            return file.read()
    except (OSError, ValueError, MemoryError) as wrong:
        raise error(
            f"{path} can't be opened ({reason(wrong)}); check the file's permissions."
        ) from wrong


def decode(data: bytes, name: str, error: Failure = DataError, first_line: int = 1) -> str:
    """UTF-8 with or without BOM to text. Raises `error` with the line of what is not UTF-8."""
    encoding = json.detect_encoding(data[:4])  # by the byte order mark, else by zero bytes
    if encoding not in ("utf-8", "utf-8-sig") and data.strip(b"\0"):
        raise error(
            f"{name}:{first_line}: is {encoding[:6].upper()} text, or damaged; save it as UTF-8."
        )
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = first_line + wrong.object.count(b"\n", 0, wrong.start)
        byte = wrong.object[wrong.start]
        raise error(
            f"{name}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8."
        ) from wrong


def read_lines(path: Path | str, error: Failure = DataError) -> list[str]:
    """The lines of a UTF-8 text file without their line ends. Raises `error` as `read_bytes` and
    `decode` do."""
    lines = decode(read_bytes(path, error), str(path), error).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_json(path: Path | str, error: Failure = DataError, cure: str = "") -> Any:
    """The value of a JSON file. Raises `error` as `read_bytes` and `parse_json` do."""
    return parse_json(read_bytes(path, error), str(path), error, cure)


def parse_json(
    data: bytes | str,
    name: str,
    error: Failure = DataError,
    cure: str = "",
    first_line: int = 1,
) -> Any:
    """A JSON value in which every number is finite and every text can be written as UTF-8.

    name: the file, for messages, which begin `name:line:`; first_line: the number of data's first
    line (for JSONL); cure: how to put it right, for messages, where the usual "correct the file"
    is not it. Raises `error` for what is not UTF-8, malformed JSON, a key that stands twice in one
    object, NaN and infinities (1e400 too), whole numbers of more than 300 digits, nesting deeper
    than 100, NUL and lone surrogates."""
    if isinstance(data, str):
        text = data.removeprefix("\ufeff")
    else:
        text = decode(data, name, error, first_line)

    def refuse(position: int, what: str, because: Exception | None = None) -> NoReturn:
        line = first_line + text.count("\n", 0, position)
        raise error(f"{name}:{line}: {what}; {cure or 'correct the file'}.") from because

    if not text.strip(" \t\r\n\0"):
        refuse(0, "holds nothing but zero bytes" if "\0" in text else "is empty")
    try:
        value = json.loads(
            text,
            parse_float=_finite,
            parse_int=_whole,
            parse_constant=_constant,
            object_pairs_hook=_unique,
        )
        depth, strange = _measure(value, _SUSPECT.search(text) is not None)
    except json.JSONDecodeError as wrong:
        refuse(wrong.pos, f"is not valid JSON ({wrong.msg}, column {wrong.colno})", wrong)
    except _Literal as wrong:
        refuse(_position(text, str(wrong)), wrong.message, wrong)
    except _Twice as wrong:
        refuse(_second(text), f"the key {_short(str(wrong))} stands twice in one object", wrong)
    except RecursionError as wrong:
        refuse(_deep(text), f"nests deeper than {DEEPEST} levels", wrong)
    if depth > DEEPEST:
        refuse(_deep(text), f"nests deeper than {DEEPEST} levels")
    if strange is not None:
        strings = re.finditer(_STRING, text)
        at = next(m.start() for m in strings if _UNWRITABLE.search(json.loads(m[0])))
        kind = "the character NUL" if "\0" in strange else "half a surrogate pair"
        refuse(at, f"{_short(strange)} holds {kind}, which no text file can hold")
    return value


class _Literal(ValueError):
    """A number that can't be used; its text is the exception's."""

    message = ""

    def __init__(self, literal: str, message: str) -> None:
        super().__init__(literal)
        self.message = message


class _Twice(ValueError):
    """A key stands twice in one object."""


def _finite(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _Literal(literal, f"the number {literal[:24]} is too large")
    return value


def _whole(literal: str) -> int:
    if len(literal) > MOST_DIGITS:
        raise _Literal(literal, f"a number of {len(literal):,} digits is too large")
    return int(literal)


def _constant(literal: str) -> NoReturn:
    raise _Literal(literal, f"{literal} is not a number that JSON knows")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = set()
        for key, _ in pairs:
            if key in keys:
                raise _Twice(key)
            keys.add(key)
    return value


def _measure(value: Any, texts: bool) -> tuple[int, str | None]:
    """How deep a value nests, and with `texts` the first text with NUL or a lone surrogate."""
    level, depth, strange = [value], 0, None
    while level and depth <= DEEPEST:
        if texts and strange is None:
            strange = next((text for text in _texts(level) if _UNWRITABLE.search(text)), None)
        nests = [item for item in level if isinstance(item, dict | list)]
        children = (item.values() if isinstance(item, dict) else item for item in nests)
        level = [
            child for some in children for child in some if texts or isinstance(child, dict | list)
        ]
        depth += bool(nests)
    return depth, strange


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value


def _position(text: str, literal: str) -> int:
    """Where a literal stands outside of strings."""
    matches = re.finditer(f"{_STRING}|{re.escape(literal)}", text)
    return next((m.start() for m in matches if m[0] == literal), 0)


def _second(text: str) -> int:
    """Where the first key that stands twice in its object stands the second time."""
    keys: list[set[str]] = []
    for match in re.finditer(rf"({_STRING})\s*(:)?|[{{}}]", text):
        if match[0] == "{":
            keys.append(set())
        elif match[0] == "}":
            keys.pop()
        elif match[2]:
            key = json.loads(match[1], strict=False)
            if key in keys[-1]:
                return match.start()
            keys[-1].add(key)
    return 0


def _deep(text: str) -> int:
    """Where nesting passes the limit."""
    depth = 0
    for match in re.finditer(rf"{_STRING}|[\[\]{{}}]", text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEEPEST:
            return match.start()
    return 0


def _short(text: str, most: int = 40) -> str:
    """A text in quotes, in ASCII where it can't be printed, cut where it is long."""
    shown = ascii(text) if _UNWRITABLE.search(text) else repr(text)
    return shown if len(text) <= most else f"{text[:most]!a}..."
