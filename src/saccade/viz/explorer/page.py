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
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from saccade.files import atomic_file
from saccade.values.evidence import Explanation
from saccade.viz.explorer.packing import MAP_LOSS, number, pack, row
from saccade.viz.overlay import photo_of

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
    rows: list[dict[str, Any]] = []
    photos: list[tuple[str, str]] = []  # per photo: its data as JSON, its pixels as base64
    told = scores or [{} for _ in explanations]
    for name, explanation, known in zip(_names(explanations), explanations, told, strict=True):
        pixels = _shrunk(photo_of(explanation.caption), LONG_SIDE)
        rows.append(
            {
                "name": name,
                **row(explanation),
                "scores": {what: number(value) for what, value in known.items()},
                "thumb": _jpeg(_shrunk(pixels, THUMB_SIDE), THUMB_QUALITY),
            }
        )
        photos.append((_json(pack(explanation)), _jpeg(pixels, QUALITY)))
    head = {
        "title": title,
        "summary": [[str(what), str(value)] for what, value in summary or ()],
        "warnings": list(warnings),
        "photos": rows,
        "colours": {name: _colours(name) for name in COLOURS},
        "loss": MAP_LOSS,
        "long_side": LONG_SIDE,
    }
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(_front(title, head))
        for place, (data, pixels) in enumerate(photos):
            file.write(f'<script type="application/json" id="data-{place}">{data}</script>\n')
            file.write(f'<script type="text/plain" id="pixels-{place}">{pixels}</script>\n')
        file.write("</body></html>\n")


def _front(title: str, head: dict[str, Any]) -> str:
    """Everything before the photos."""
    style = "\n".join(_asset(name) for name in STYLES)
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "})();\n"
    parts = {
        "title": escape(title),
        # Only these two inline blocks may run; nothing may be fetched from anywhere.
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"script-src {_hash(script)}",
                f"style-src {_hash(style)}",
                "img-src data: blob:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "style": style,
        "script": script,
        "head": _json(head),
    }
    # In one pass, so that a title that holds a placeholder stays a title.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (files("saccade.viz.explorer") / "assets" / name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no `<`, so no tag can begin or end in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _names(explanations: Sequence[Explanation]) -> list[str]:
    """A name for each photo that no other has: the file's, and a number where that is not enough.

    Folders are left out: the page may be passed on, and says nothing of the machine."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for place, explanation in enumerate(explanations):
        photo = explanation.caption.photo
        name = f"photo {place + 1}" if photo is None else photo.name
        seen[name] += 1
        while seen[name] > 1 and f"{name} ({seen[name]})" in seen:
            seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        seen[names[-1]] += names[-1] != name
    return names


def _shrunk(photo: Image.Image, side: int) -> Image.Image:
    """The photo with its long side at most `side` pixels."""
    scale = min(1.0, side / max(photo.size))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo if size == photo.size else photo.resize(size, Image.Resampling.LANCZOS)


def _jpeg(photo: Image.Image, quality: int) -> str:
    """The photo as base64 of a JPEG."""
    target = io.BytesIO()
    photo.save(target, format="JPEG", quality=quality, optimize=True)
    return base64.b64encode(target.getvalue()).decode()


def _colours(name: str) -> str:
    """A colour map as base64 of 256 x 3 bytes."""
    table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode()
