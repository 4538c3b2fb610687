"""Pictures without files and an encoder without weights, to fill feature caches with."""

import json
from pathlib import Path

import numpy as np

from saccade.data.features import FeatureCache, View
from saccade.errors import PictureError

GRID, WIDTH = (2, 3), 4


def view(name: str, mirrored: bool = False) -> View:
    return View(Path(f"{name}.jpg"), f"digest-of-{name}", mirrored)


def load(v: View) -> np.ndarray:
    """Pixels (3, 2, 3) that tell the picture."""
    if "bad" in v.path.name:
        raise PictureError(f"{v.path} is damaged")
    number = sum(17**i * byte for i, byte in enumerate(v.path.stem.encode())) + 1000 * v.mirrored
    return np.full((3, *GRID), number % 251, np.uint8)


def encode(pixels: np.ndarray) -> np.ndarray:
    flat = pixels.astype(np.float32).mean(1).reshape(len(pixels), -1, 1)  # (B, L, 1)
    return flat * np.arange(1, WIDTH + 1) / 3


def expected(v: View) -> np.ndarray:
    return encode(load(v)[None])[0].astype(np.float16)


def open_cache(folder: Path | str, key: str = "k") -> FeatureCache:
    return FeatureCache(folder, key, GRID, WIDTH)


def no_encoder(pixels: np.ndarray) -> np.ndarray:
    raise AssertionError("nothing is left to encode")


def assert_right(folder: Path | str, views: list[View]) -> None:
    """Every view has its own features, line n of the index describes row n, all checksums hold."""
    cache = open_cache(folder)
    assert cache.fill(views, load, no_encoder) == []
    array = cache.array()
    for v in views:
        np.testing.assert_array_equal(array[cache.rows[v.key]], expected(v))
    entries = [json.loads(line) for line in cache.index.read_text().splitlines()]
    assert [entry["row"] for entry in entries] == list(range(len(entries)))
    assert len(entries) == len(array)
