"""Alternative texts in HTML pages: images without `alt` get one, texts that are there are edited,
and nothing else changes.

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

from saccade.errors import DataError, SaccadeError
from saccade.files import read_bytes, write_bytes
from saccade.publish.attributes import attributes, without

NONE: Mapping[int, Sequence[str]] = {}
SUFFIXES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Image:
    """An `img` without `alt`."""

    offset: int  # in the page's text, where the attribute goes: behind the tag's name
    line: int
    source: str  # its address as written


@dataclass(frozen=True)
class Described:
    """An `img` with a text."""

    offset: int  # of its tag in the page's text
    tag: str
    line: int
    source: str
    text: str  # words and single spaces
    doubtful: tuple[str, ...]  # as `data-doubtful` tells

    def with_text(self, text: str, ascii_only: bool) -> str:
        """The tag with another text (the same stays as it is written) and no doubtful words."""
        tag = self.tag
        alt = next(attribute for attribute in attributes(tag) if attribute.name == "alt")
        if text != self.text:
            tag = f'{tag[: alt.named]}="{_escaped(text, ascii_only)}"{tag[alt.stop :]}'
        return without(tag, "data-doubtful")


@dataclass(frozen=True)
class HtmlFile:
    """A page, its images without a text, and those with one."""

    path: Path
    text: str
    images: tuple[Image, ...]
    described: tuple[Described, ...] = ()

    def with_texts(
        self, texts: dict[int, str], doubtful: Mapping[int, Sequence[str]] = NONE
    ) -> str:
        """The page with texts by their image's offset; doubtful: the doubtful words of those that
        need review, in `data-doubtful`."""
        text = self.text
        ascii_only = not is_utf8(text)
        for offset in sorted(texts, reverse=True):
            value = _escaped(texts[offset], ascii_only)
            text = f'{text[:offset]} alt="{value}"{_review(doubtful.get(offset))}{text[offset:]}'
        return text

    def with_edits(self, edits: Mapping[int, str]) -> str:
        """The page with other texts for images of `described`, by their offset; they are reviewed
        then: no longer doubtful."""
        text = self.text
        ascii_only = not is_utf8(text)
        for image in reversed(self.described):
            if image.offset in edits:
                tag = image.with_text(edits[image.offset], ascii_only)
                text = text[: image.offset] + tag + text[image.offset + len(image.tag) :]
        return text

    def changes(self, text: str) -> str:
        """What differs in another text of the page, as a unified diff."""
        return "".join(
            difflib.unified_diff(
                self.text.splitlines(keepends=True),
                text.splitlines(keepends=True),
                str(self.path),
                str(self.path),
                n=0,
            )
        )

    def replace(self, text: str) -> None:
        """Put another text in the page's place, atomically; bytes of whatever encoding stay. Raises
        SaccadeError where the page is not what was read, or can't be written."""
        if _read(self.path) != self.text:
            raise SaccadeError(f"{self.path}: has changed meanwhile; run it again.")
        write_bytes(self.path, text.encode("utf-8", "surrogateescape"))


class _Images(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.images: list[Image] = []
        self.described: list[Described] = []
        self._text_only = ""  # an element whose content is text, which older parsers don't know
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An img; `<img/>` comes here too."""
        names = {name for name, _ in attrs}
        if not self._text_only and tag in ("textarea", "title"):
            self._text_only = tag
        if tag != "img" or self._text_only:
            return
        values = dict(reversed(attrs))  # of a repeated attribute the first counts
        source = values.get("src") or ""
        if not source or source.startswith("data:"):
            source = values.get("data-src") or source  # loaded later, by a script
        line, column = self.getpos()
        offset = self._starts[line - 1] + column
        text = " ".join((values.get("alt") or "").split())
        written = self.get_starttag_text() or ""
        if "alt" not in names:
            self.images.append(Image(offset + len("<img"), line, source))
        elif text and [a.name for a in attributes(written)] == [name for name, _ in attrs]:
            doubtful = tuple((values.get("data-doubtful") or "").split())
            self.described.append(Described(offset, written, line, source, text, doubtful))

    def handle_endtag(self, tag: str) -> None:
        """Where text ends."""
        if tag == self._text_only:
            self._text_only = ""


def read_page(path: Path) -> HtmlFile:
    """A page, its images without `alt`, and those with a text; `alt=""` (decoration) is neither.
    Raises DataError for a file that can't be read."""
    text = _read(path)
    if "\0" in text:
        raise DataError(f"{path}: is not a page of HTML in UTF-8 or an encoding like ASCII.")
    images = _Images(text)
    return HtmlFile(path, text, tuple(images.images), tuple(images.described))


def _read(path: Path) -> str:
    return read_bytes(path).decode("utf-8", "surrogateescape")


def photo_of(image: Image | Described, page: Path, root: Path) -> Path | None:
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
    return f' data-doubtful="{_escaped(" ".join(words), ascii_only=True)}"'


def _escaped(text: str, ascii_only: bool) -> str:
    value = html.escape(text, quote=True)
    return value.encode("ascii", "xmlcharrefreplace").decode() if ascii_only else value


def is_utf8(text: str) -> bool:
    """Whether all bytes of a page's text, or of a part of it, were UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in text)
