"""A batch of rows to captions: what `datasets.Dataset.map` calls, and what Ray's actors do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from saccade.api import Captioner
from saccade.decoding import Decoding
from saccade.errors import PictureError, UsageError
from saccade.photos.opening import Photo, picture_digest

# Where a row's photo is looked for, the first that is there.
COLUMNS = ("image", "jpg", "png", "bytes", "photo", "path", "file_name")


def caption_batch(
    rows: Mapping[str, Sequence[Any]],
    model: Captioner | Path | str,
    column: str | None = None,
    to: str = "caption",
    **options: Any,
) -> dict[str, list[Any]]:
    """Captions for a batch of rows, as columns to add to them: `to`, and `to`_error with why a
    photo has none (then its caption is None).

    >>> ds.map(caption_batch, batched=True, batch_size=64, fn_kwargs={"model": "runs/mine"})

    rows: lists by column. column: the one with the photos, else the first of COLUMNS that is there:
    Pillow images, paths, a file's bytes, arrays (H, W, 3) of uint8, or objects with `bytes` or
    `path`. model: what `Captioner.from_pretrained` takes, loaded once in each process, or a
    captioner. options: decoding settings as `Captioner.caption` has them.

    Raises UsageError where there is no such column, or `to` is there already."""
    photos = [photo_in(value) for value in rows[column_of(rows, column, to)]]
    captioner = model if isinstance(model, Captioner) else _loaded(str(model))
    texts, errors = captions_of(captioner, photos, captioner.settings(**options))
    return {to: texts, f"{to}_error": errors}


@lru_cache(maxsize=1)
def _loaded(model: str) -> Captioner:
    return Captioner.from_pretrained(model)


def column_of(rows: Mapping[str, Any], column: str | None, to: str) -> str:
    """The column with the photos. Raises UsageError as `caption_batch`."""
    names = list(rows)
    listed = ", ".join(names)
    if to in names:
        raise UsageError(f"there is a column {to!r} already; name another for captions: to='...'.")
    if column is not None and column not in names:
        raise UsageError(f"there is no column {column!r}; the columns are {listed}.")
    chosen = column or next((name for name in COLUMNS if name in names), None)
    if chosen is None:
        raise UsageError(f"which column holds the photos? Name it, column='...', among: {listed}.")
    return chosen


def photo_in(value: Any) -> Photo | PictureError:
    """A cell as a photo; what is none comes as its error."""
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if value is None or (isinstance(value, str | bytes) and not value):
        return PictureError("the row holds no photo.")
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    photo: Photo = value
    return photo


def captions_of(
    captioner: Captioner,
    photos: Sequence[Photo | PictureError],
    decoding: Decoding,
    batch: int = 16,
) -> tuple[list[str | None], list[str | None]]:
    """The caption of each photo, and in its place the reason where it has none."""
    texts: list[str | None] = [None] * len(photos)
    errors: list[str | None] = [str(p) if isinstance(p, PictureError) else None for p in photos]
    places = [at for at, photo in enumerate(photos) if not isinstance(photo, PictureError)]
    held: list[Photo] = [photo for photo in photos if not isinstance(photo, PictureError)]
    results = captioner.stream(held, decoding, batch=batch)
    for at, (_, result) in zip(places, results, strict=True):
        if isinstance(result, PictureError):
            errors[at] = str(result)
        else:
            texts[at] = result.text
    return texts, errors


def digest_of(photo: Photo | PictureError) -> str | None:
    """SHA-256 of a photo's content: of a file's bytes, as `saccade caption --write` has it, else of
    the pixels. None for what can't be read."""
    if isinstance(photo, PictureError):
        return None
    if isinstance(photo, bytes | bytearray | memoryview):
        return hashlib.sha256(photo).hexdigest()
    if isinstance(photo, str | Path):
        try:
            return picture_digest(photo)
        except PictureError:
            return None
    pixels = np.ascontiguousarray(photo)
    return hashlib.sha256(f"{pixels.shape}{pixels.dtype}".encode() + pixels.tobytes()).hexdigest()
