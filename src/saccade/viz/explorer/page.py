"""One HTML file from explanations: style, program and data inline, opened from the disk.

The head and the program come first and the photos last, each in an element of its own that is
decoded only when the photo is opened: the index answers while the rest of a large file loads.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saccade.files import atomic_file, write_error
from saccade.text.printing import encodable
from saccade.values.evidence import Explanation
from saccade.values.places import BLUR
from saccade.viz.explorer.packing import MAP_LOSS, number, pack, row
from saccade.viz.overlay import photo_of
from saccade.viz.scale import LEAST, inks

LONG_SIDE, QUALITY = 900, 85  # of the photos in the page: pixels, and JPEG quality
THUMB_SIDE, THUMB_QUALITY = 240, 70

# In this order they are one program; each file is a part of one function's scope.
SCRIPTS = (
    "tools.js",
    "map.js",
    "stage.js",
    "words.js",
    "charts.js",
    "panel.js",
    "instead.js",
    "picture.js",
    "gif.js",
    "export.js",
    "index.js",
    "main.js",
)
STYLES = ("base.css", "photo.css", "panel.css", "index.css")
COLOURS = ("inferno", "viridis")  # both perceptually uniform


def write_page(
    explanations: Sequence[Explanation],
    path: Path | str,
    title: str = "Where the model looked",
    summary: Sequence[tuple[str, str]] | None = None,
    scores: Sequence[Mapping[str, float]] | None = None,
    warnings: Sequence[str] = (),
) -> None:
    """Write the explorer of these captions as one HTML file, atomically.

    It opens without a network and asks nothing of the reader but a browser. Above the index stand
    warnings, sentences, and summary, (what, value) rows, such as a checkpoint's attention health.
    scores: of each photo, by name; the index can be sorted by them, the lowest first.

    Photos are kept as JPEG with a long side of at most `LONG_SIDE` pixels; one of 640 x 480 with 10
    words at 196 cells, one other beam measured, takes about 185 kB (photo 96, evidence 77,
    thumbnail 11).

    Raises PictureError when a caption's photo is not to be had, ValueError without explanations or
    with maps that don't fit their grid, SaccadeError when the disk refuses."""
    if not explanations:
        raise ValueError("there is no explanation to show")
    known = scores or [{} for _ in explanations]
    with Page(path, title, summary or (), warnings) as page:
        for explanation, values in zip(explanations, known, strict=True):
            page.add(explanation, values)
        page.finish()


class Page:
    """The explorer written photo by photo, in flat memory: what was added waits in temporary files
    until `finish` makes the page of it. Used as a context manager, which removes those files."""

    def __init__(
        self,
        path: Path | str,
        title: str = "Where the model looked",
        summary: Sequence[tuple[str, str]] = (),
        warnings: Sequence[str] = (),
    ) -> None:
        """See `write_page`."""
        self.path, self.title = Path(path), title
        self.count = 0  # photos added
        self._summary, self._warnings = summary, warnings
        self._names: Counter[str] = Counter()
        # The index's rows, and the photos' own data, as they will stand in the page.
        self._files = ExitStack()
        self._rows = self._files.enter_context(tempfile.TemporaryFile("w+b"))  # noqa: SIM115
        self._photos = self._files.enter_context(tempfile.TemporaryFile("w+b"))  # noqa: SIM115

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, explanation: Explanation, scores: Mapping[str, float] | None = None) -> None:
        """One more photo. Raises PictureError when it is not to be had, ValueError for maps that
        don't fit their grid; the page is then as if it had not been added."""
        pixels = shrunk(photo_of(explanation.caption), LONG_SIDE)
        data, jpeg = inline_json(pack(explanation)), inline_jpeg(pixels, QUALITY)
        entry = {
            **row(explanation),
            "scores": {what: number(value) for what, value in (scores or {}).items()},
            "thumb": inline_jpeg(shrunk(pixels, THUMB_SIDE), THUMB_QUALITY),
        }
        entry = {"name": self._name(explanation.caption.photo), **entry}
        place = self.count
        ends = [(file, file.tell()) for file in (self._rows, self._photos)]
        try:
            self._rows.write((("," if place else "") + inline_json(entry)).encode())
            self._photos.write(
                f'<script type="application/json" id="data-{place}">{data}</script>\n'
                f'<script type="text/plain" id="pixels-{place}">{jpeg}</script>\n'.encode()
            )
        except OSError as error:
            for file, end in ends:
                file.truncate(end)
                file.seek(end)
            raise write_error(tempfile.gettempdir(), error, kept=False) from error
        self.count += 1

    def finish(self) -> None:
        """Write the page of the photos added so far, atomically."""
        head = {
            "title": self.title,
            "summary": [[str(what), str(value)] for what, value in self._summary],
            "warnings": list(self._warnings),
            "photos": [_ROWS],
            "colours": {name: _colours(name) for name in COLOURS},
            "blur": BLUR,
            "loss": MAP_LOSS,
            "long_side": LONG_SIDE,
        }
        before, after = _front(self.title, head)
        with atomic_file(self.path) as temporary, temporary.open("wb") as file:
            file.write(before.encode())
            for spool, following in ((self._rows, after), (self._photos, "</body></html>\n")):
                spool.seek(0)
                shutil.copyfileobj(spool, file)
                file.write(following.encode())

    def _name(self, photo: Path | None) -> str:
        """A name that no other photo has: the file's, and a number where that is not enough.

        Folders are left out: the page may be passed on, and says nothing of the machine."""
        name = f"photo {self.count + 1}" if photo is None else encodable(photo.name)
        self._names[name] += 1
        number = self._names[name]
        if number == 1:
            return name
        while f"{name} ({number})" in self._names:
            number += 1
        numbered = f"{name} ({number})"
        self._names[numbered] += 1
        return numbered


_ROWS = "\0rows\0"  # where the index's rows go; no title or name holds a zero byte


def _front(title: str, head: dict[str, Any]) -> tuple[str, str]:
    """Everything before the photos, in two parts: the index's rows stand between them."""
    style = "\n".join(_asset(name) for name in STYLES)
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "})();\n"
    parts = {
        "title": escape(title),
        "policy": own_policy(script, style),
        "style": style,
        "script": script,
        "head": inline_json(head),
        "least": f"{LEAST:g}",
    }
    # In one pass, so that a title that holds a placeholder stays a title.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))
    before, after = page.split(inline_json(_ROWS))
    return before, after


def _asset(name: str) -> str:
    return (files("saccade.viz.explorer") / "assets" / name).read_text("utf-8")


def own_policy(script: str, style: str) -> str:
    """The policy under which only these two inline blocks may run, and nothing is fetched."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def inline_json(value: Any) -> str:
    """JSON that can stand in a script element: no `<`, so no tag can begin or end in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def shrunk(photo: Image.Image, side: int) -> Image.Image:
    """The photo with its long side at most `side` pixels."""
    scale = min(1.0, side / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo if size == photo.size else photo.resize(size, Image.Resampling.LANCZOS)


def inline_jpeg(photo: Image.Image, quality: int) -> str:
    """The photo as base64 of a JPEG."""
    target = io.BytesIO()
    photo.save(target, format="JPEG", quality=quality, optimize=True)
    return base64.b64encode(target.getvalue()).decode()


def _colours(name: str) -> str:
    """What is laid over the photo for a heat of 0 to 1, as base64 of 256 x 4 bytes."""
    table = np.rint(255 * inks(name)).astype(np.uint8)
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode()
