"""Printing what is not ours: names of files, captions, words and what other programs say.

Whatever a name holds, it stays on its line, moves no cursor, colours nothing, and never makes
printing fail; what can't be shown appears as an escape, `\\x1b` or `\\u202e`.
"""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# Control characters (C0, C1, line ends among them), marks that turn the direction of a line, other
# invisible marks (but not the joiners that scripts and emoji need), and surrogates, which stand for
# the bytes of names that are not UTF-8.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: object) -> str:
    """A text as one line that any terminal can be sent; `caf\\xe9.jpg` for a name's bytes that are
    not UTF-8."""
    return _HIDDEN.sub(_escaped, str(text))


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name, as Python keeps it
        code -= 0xDC00
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(text: str) -> str:
    """A text without surrogates: bytes of names that are not UTF-8 become `\\xe9`, as in
    `printable`. For files that must be UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", _escaped, text)
    return text


def never_fail() -> None:
    """Let standard output and errors escape what their encoding lacks, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def echo(*parts: object, separator: str = " ", err: bool = False) -> None:
    """One line on standard output, or on standard error: its parts, made printable."""
    line = separator.join(printable(part) for part in parts)
    print(line, file=sys.stderr if err else sys.stdout, flush=True)


class Screen:
    """Lines and tables in colour where there is a terminal: nothing is read as markup."""

    def __init__(self, err: bool = False) -> None:
        from rich.console import Console

        self.console: Console = Console(stderr=err, markup=False, highlight=False, emoji=False)

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return self.console.width

    def line(self, text: object = "", style: str = "") -> None:
        """One line as it is: not wrapped, so that it can be searched and copied."""
        self.console.print(printable(text), style=style or None, soft_wrap=True)

    def marked(self, text: Text, name: str = "") -> None:
        """One line with styles of its own, which is not wrapped; a name and a tab before it."""
        if name:
            self.console.print(printable(name), end="\t", soft_wrap=True)
        self.console.print(text, soft_wrap=True)

    def table(self, table: Table, wrap: bool = True) -> None:
        """A table whose rows were added by `row`."""
        self.console.print(table, soft_wrap=not wrap)


def row(table: Table, *cells: object | tuple[object, str]) -> None:
    """Add a row; a cell is a value, or a value and its style."""
    from rich.text import Text

    texts: list[Any] = []
    for cell in cells:
        value, style = cell if isinstance(cell, tuple) else (cell, "")
        texts.append(Text(printable(value), style=style))
    table.add_row(*texts)
