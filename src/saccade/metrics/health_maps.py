"""Attention maps of many captions in one table, over the cells of a grid or over regions.

On a grid the cells of all pictures are the same places. Regions are each picture's own: what is
about a map alone (entropy, distance between words) is measured on them, and what is about places on
the photo (centre, border, favourites, other pictures' maps) on COMMON cells, over which each
region's share is spread evenly.

Letters as in `health`: P captions, T words, W words in all, L cells or regions; G common cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saccade.errors import DataError
from saccade.values.places import Regions, Where

COMMON = (16, 16)  # cells of the photo on which regions are compared; its middle is whole cells


@dataclass(frozen=True)
class WordMaps:
    """W maps. On a grid, `own` and `spread` are one table."""

    pictures: int  # P
    grid: tuple[int, int]  # (h, w) of `spread`
    of: np.ndarray  # (W,) each word's caption
    place: np.ndarray  # (W,) and its place there, from 0
    own: np.ndarray  # (W, L) attention on the cells or regions; 0 beyond a picture's last region
    elsewhere: np.ndarray  # (W,) the share on no cell: a row of `own` and this sum to 1
    sizes: np.ndarray | int  # (W,) how many regions the picture has, or the grid's L
    spread: np.ndarray  # (W, h * w)
    projections: tuple[np.ndarray, ...] = ()  # of regions: P of (L, G), how each is spread

    @property
    def even(self) -> np.ndarray | float:
        """Uniform attention, in the shape of `own`: 1 / L."""
        if isinstance(self.sizes, int):
            return 1 / self.sizes
        there = np.arange(self.own.shape[1]) < self.sizes[:, None]
        return there / self.sizes[:, None]

    def whole(self, table: np.ndarray) -> np.ndarray:
        """`own` or `spread` with one more place for what is on no cell."""
        return np.hstack((table, self.elsewhere[:, None])) if self.elsewhere.any() else table

    def filled(self, own: np.ndarray) -> WordMaps:
        """Other maps (W, L), which sum to 1, over the same regions, with this one's mean share on
        them."""
        none = np.full_like(self.elsewhere, self.elsewhere.mean())
        own = own * (1 - none[:, None])
        spread = _spread(own, self.of, self.projections)
        return replace(self, own=own, elsewhere=none, spread=spread)


def gather(
    maps: Sequence[np.ndarray],
    where: Sequence[Where] | None = None,
    elsewhere: Sequence[np.ndarray | None] | None = None,
) -> WordMaps:
    """maps: (T, h, w) per caption, of one grid, or (T, L) over the regions of `where`; elsewhere:
    (T,) per caption, the share on no cell.

    Raises DataError for other shapes, for maps that don't sum to 1 with that share, and when there
    is none."""
    regions = [place for place in where or () if isinstance(place, Regions)]
    if regions and len(regions) < len(maps):
        raise DataError("maps over regions and maps over a grid are not comparable.")
    if not sum(map(len, maps)):
        raise DataError("there is no map to measure: no caption has a word.")
    of = np.repeat(np.arange(len(maps)), [len(m) for m in maps])
    place = np.concatenate([np.arange(len(m)) for m in maps])
    none = [
        np.zeros(len(m)) if share is None else np.asarray(share, dtype=np.float64)
        for m, share in zip(maps, elsewhere or [None] * len(maps), strict=True)
    ]
    if [share.shape for share in none] != [(len(m),) for m in maps]:
        raise DataError("the share of attention on no cell is one figure per word, (T,).")
    beside = np.concatenate(none)  # (W,)
    if not regions:
        grids = {tuple(m.shape[1:]) for m in maps if m.ndim == 3}
        if any(m.ndim != 3 for m in maps) or len(grids) > 1:
            shapes = sorted({str(m.shape) for m in maps})
            raise DataError(
                f"maps are (T, h, w) each, of one grid (h, w), not {', '.join(shapes)}."
            )
        h, w = grids.pop()
        words = np.concatenate([m.reshape(len(m), h * w) for m in maps]).astype(np.float64)
        _check(words, beside, of, place)
        return WordMaps(len(maps), (h, w), of, place, words, beside, h * w, words)
    longest = max(map(len, regions))
    rows = []
    for alphas, there in zip(maps, regions, strict=True):
        if alphas.shape[1:] != there.shape:
            raise DataError(
                f"a map over {len(there)} regions is (T, {len(there)}), not {alphas.shape}."
            )
        rows.append(np.pad(alphas.astype(np.float64), ((0, 0), (0, longest - len(there)))))
    own = np.concatenate(rows)
    _check(own, beside, of, place)
    sizes = np.array([len(there) for there in regions])[of]
    projections = tuple(np.pad(p, ((0, longest - len(p)), (0, 0))) for p in map(_project, regions))
    spread = _spread(own, of, projections)
    return WordMaps(len(maps), COMMON, of, place, own, beside, sizes, spread, projections)


def baselines(maps: WordMaps, where: Sequence[Where], seed: int) -> dict[str, WordMaps]:
    """What looks without a model would give over the same regions: all alike, the one nearest to
    the photo's centre, one drawn again for each word."""
    assert not isinstance(maps.sizes, int)
    nearest = np.array([_nearest(place) for place in where])[maps.of]
    drawn = (np.random.default_rng(seed).random(len(maps.of)) * maps.sizes).astype(np.int64)
    regions = np.arange(maps.own.shape[1])
    return {
        "uniform": maps.filled(np.asarray(maps.even)),
        "centre": maps.filled((regions == nearest[:, None]).astype(np.float64)),
        "chance": maps.filled((regions == drawn[:, None]).astype(np.float64)),
    }


def _check(words: np.ndarray, elsewhere: np.ndarray, of: np.ndarray, place: np.ndarray) -> None:
    whole = abs(words.sum(1) + elsewhere - 1) < 1e-3  # False for NaN
    good = (words >= 0).all(1) & (elsewhere >= 0) & whole
    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        beside = " with the share that is on no cell" if elsewhere.any() else ""
        raise DataError(
            f"map {place[first]} of caption {of[first]} does not hold shares that sum to 1{beside}."
        )


def _spread(own: np.ndarray, of: np.ndarray, projections: Sequence[np.ndarray]) -> np.ndarray:
    spread = np.empty((len(own), projections[0].shape[1]))
    for picture, projection in enumerate(projections):
        spread[of == picture] = own[of == picture] @ projection
    return spread


def _project(where: Regions) -> np.ndarray:
    """(L, G) which part of each region lies in each common cell of the photo; a row sums to 1."""
    boxes = where.boxes()

    def parts(low: np.ndarray, high: np.ndarray, side: int, cells: int) -> np.ndarray:
        """(L, cells) which part of each interval lies in each cell of the side."""
        low, high = np.clip(low, 0, side), np.clip(high, 0, side)
        # What is outside the photo, or has no size, counts as a point at the nearest place.
        low = np.minimum(low, side * (1 - 1e-9))
        high = np.maximum(high, low + side * 1e-9)
        edges = np.linspace(0, side, cells + 1)
        inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
        inside = np.clip(inside, 0, None)
        return inside / inside.sum(1, keepdims=True)

    ys = parts(boxes[:, 1], boxes[:, 3], where.height, COMMON[0])
    xs = parts(boxes[:, 0], boxes[:, 2], where.width, COMMON[1])
    return (ys[:, :, None] * xs[:, None, :]).reshape(len(boxes), -1)


def _nearest(where: Where) -> int:
    """The region whose middle is nearest to the photo's, of equals the first."""
    boxes = where.boxes() / [where.width, where.height, where.width, where.height]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return int(((middle - 0.5) ** 2).sum(1).argmin())
