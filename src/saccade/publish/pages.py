"""Alternative texts in HTML pages: images without `alt` get one, and nothing else changes.

The page is read by a parser (the standard library's, which follows the HTML standard for tags,
comments and scripts) that says where each tag stands; the attribute is put there, and every other
byte stays.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from saccade.errors import DataError
from saccade.files import read_bytes

NONE: Mapping[int, Sequence[str]] = {}
SUFFIXES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Image:
    """An `img` without `alt`."""

    offset: int  # in the page's text, where the attribute goes: behind the tag's name
    line: int
    source: str  # its address as written


@dataclass(frozen=True)
class HtmlFile:
    """A page and its images without a text."""

    path: Path
    text: str
    images: tuple[Image, ...]

    def with_texts(
        self, texts: dict[int, str], doubtful: Mapping[int, Sequence[str]] = NONE
    ) -> str:
        """The page with texts by their image's offset; doubtful: the doubtful words of those that
        need review, in `data-doubtful`."""
        text = self.text
        ascii_only = not _is_utf8(text)
        for offset in sorted(texts, reverse=True):
            value = html.escape(texts[offset], quote=True)
            if ascii_only:
                value = value.encode("ascii", "xmlcharrefreplace").decode()
            text = f'{text[:offset]} alt="{value}"{_review(doubtful.get(offset))}{text[offset:]}'
        return text

    def encoded(self, texts: dict[int, str], doubtful: Mapping[int, Sequence[str]] = NONE) -> bytes:
        """`with_texts` as bytes: those of the page are what they were, in whatever encoding."""
        return self.with_texts(texts, doubtful).encode("utf-8", "surrogateescape")

    def changes(self, texts: dict[int, str], doubtful: Mapping[int, Sequence[str]] = NONE) -> str:
        """The change as a unified diff."""
        return "".join(
            difflib.unified_diff(
                self.text.splitlines(keepends=True),
                self.with_texts(texts, doubtful).splitlines(keepends=True),
                str(self.path),
                str(self.path),
                n=0,
            )
        )


class _Images(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.images: list[Image] = []
        self._text_only = ""  # an element whose content is text, which older parsers don't know
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An img; `<img/>` comes here too."""
        names = {name for name, _ in attrs}
        if not self._text_only and tag in ("textarea", "title"):
            self._text_only = tag
        if tag != "img" or "alt" in names or self._text_only:
            return
        values = dict(reversed(attrs))  # of a repeated attribute the first counts
        source = values.get("src") or ""
        if not source or source.startswith("data:"):
            source = values.get("data-src") or source  # loaded later, by a script
        line, column = self.getpos()
        self.images.append(Image(self._starts[line - 1] + column + len("<img"), line, source))

    def handle_endtag(self, tag: str) -> None:
        """Where text ends."""
        if tag == self._text_only:
            self._text_only = ""


def read_page(path: Path) -> HtmlFile:
    """A page and its images without `alt`; `alt=""` (decoration) and existing texts do not count.
    Raises DataError for a file that can't be read."""
    text = read_bytes(path).decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise DataError(f"{path}: is not a page of HTML in UTF-8 or an encoding like ASCII.")
    return HtmlFile(path, text, tuple(_Images(text).images))


def photo_of(image: Image, page: Path, root: Path) -> Path | None:
    """The image's file: beside the page, or from `root` where its address starts with a slash.
    None for what is elsewhere (http:, data:), and for what would be outside `root`."""
    parts = urlsplit(image.source.strip())
    if parts.scheme or parts.netloc or not parts.path:
        return None
    name = unquote(parts.path)
    path = root / name.lstrip("/") if name.startswith("/") else page.parent / name
    inside = path.resolve().is_relative_to(root.resolve())
    return path if inside and path.is_file() else None


def _review(words: Sequence[str] | None) -> str:
    """The attribute of an image whose text a person should look at."""
    if not words:
        return ""
    value = html.escape(" ".join(words), quote=True).encode("ascii", "xmlcharrefreplace").decode()
    return f' data-doubtful="{value}"'


def _is_utf8(text: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in text)
