"""Cells of photos from the feature cache that training fills, for an engine that reads many."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saccade.data.features import FeatureCache, View, digests
from saccade.models.encoders.encoder import Encoder
from saccade.photos.opening import picture_digest
from saccade.progress import progress


def loader(encoder: Encoder) -> Callable[[View], np.ndarray]:
    """View -> pixels (3, H, W) uint8 as the encoder takes them."""

    def load(view: View) -> np.ndarray:
        pixels = encoder.prepare(view.path)[0]
        return (pixels.flip(-1) if view.mirrored else pixels).numpy()

    return load


def encode_with(encoder: Encoder, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """(B, 3, H, W) uint8 -> grid features (B, L, F) float32, as arrays."""

    def encode(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return encoder(torch.from_numpy(pixels).to(device)).float().cpu().numpy()

    return encode


def cached_cells(
    encoder: Encoder,
    device: torch.device,
    photos: Iterable[Path],
    folder: Path | str,
    show: bool = True,
) -> Callable[[Path], Tensor | None]:
    """Fill the cache in `folder` with these photos -> a photo's cells (L, F) float16 from it, None
    for another photo and for one that can't be read. Raises CacheError."""
    paths = list(dict.fromkeys(photos))
    with progress("Reading pictures", len(paths), show) as task:
        contents, _ = digests(paths, picture_digest, task.advance)
    views = {path: View(path, digest) for path, digest in contents.items()}
    cache = FeatureCache(
        Path(folder).expanduser(), encoder.cache_key(), encoder.grid, encoder.features
    )
    with progress("Encoding pictures", len(views), show) as task:
        cache.fill(
            list(views.values()),
            loader(encoder),
            encode_with(encoder, device),
            32,
            task.advance,
            say=task.say,
        )
    array = cache.array()

    def cells(photo: Path) -> Tensor | None:
        view = views.get(photo)
        row = None if view is None else cache.rows.get(view.key)
        return None if row is None else torch.from_numpy(np.array(array[row]))

    return cells
