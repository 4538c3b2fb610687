"""One HTML file from captions: the cards of the explorer's index with texts to edit."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from PIL import Image

from saccade.files import atomic_file
from saccade.text.printing import encodable
from saccade.viz.explorer.page import (
    THUMB_QUALITY,
    THUMB_SIDE,
    inline_jpeg,
    inline_json,
    own_policy,
    shrunk,
)

STYLES = ("explorer/assets/base.css", "explorer/assets/index.css", "review/assets/review.css")


@dataclass(frozen=True)
class ReviewRow:
    """A caption as the page shows it."""

    key: str  # by which its edit is told
    name: str  # of the photo, for people
    text: str
    review: bool | None  # True: a person should look at it; None: not judged
    doubtful: tuple[str, ...]
    photo: Image.Image


def write_review(rows: Iterable[ReviewRow], path: Path, title: str) -> int:
    """Write the page, atomically and in flat memory; about 12 kB for each photo. Returns how many
    captions it holds. The page saves edits as JSON lines with `sha256` (the row's key), `photo`,
    `before` (the text that was shown), `caption` and `reviewed`. Raises SaccadeError when the disk
    refuses."""
    before, after = _front(title)
    count = 0
    with tempfile.TemporaryFile("w+b") as spool:
        for row in rows:
            entry = {
                "key": row.key,
                "name": encodable(row.name),
                "text": row.text,
                "review": row.review,
                "doubtful": list(row.doubtful),
                "thumb": inline_jpeg(shrunk(row.photo, THUMB_SIDE), THUMB_QUALITY),
            }
            spool.write((("," if count else "") + inline_json(entry)).encode())
            count += 1
        spool.seek(0)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            file.write(before.encode())
            shutil.copyfileobj(spool, file)
            file.write(after.encode())
    return count


def _front(title: str) -> tuple[str, str]:
    """What stands before and after the rows."""
    style = "\n".join(_asset(name) for name in STYLES)
    script = f'(() => {{\n"use strict";\n{_asset("review/assets/review.js")}}})();\n'
    parts = {
        "title": escape(title),
        "policy": own_policy(script, style),
        "style": style,
        "script": script,
        "rows": "\0",
    }
    page = _asset("review/assets/review.html")
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)
    before, after = page.split("\0")
    return before, after


def _asset(name: str) -> str:
    return (files("saccade.viz") / name).read_text("utf-8")
