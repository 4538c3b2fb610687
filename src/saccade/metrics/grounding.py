"""Does attention fall on what a word names? Pointing, mass in the box, and lag.

The pointing game: a look hits when the centre of the cell with the largest alpha lies in a box of
what a word names (Zhang et al. 2016, arXiv 1608.00507, with a cell's centre for the point and no
tolerance). Mass: how much of the map lies in the boxes, each cell's alpha times the share of the
cell's area in the photo that they cover (attention correctness of Liu et al. 2017, arXiv
1605.09553, with exact areas). Lag: whether a word's map has its mass in the word's own box, or in
that of the thing named last or next.

Two looks that need no model stand beside each: uniform attention over what the grid shows of the
photo, and the photo's centre (for mass, a Gaussian there with a quarter of each side for sigma).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from saccade.metrics.resample import mean_interval
from saccade.values.evidence import Interval
from saccade.values.places import Box, Grid, Regions, Where

FEW = 10  # pictures: a bootstrap over fewer says little
SIGMA = 0.25  # of the centred Gaussian, of the photo's width and height

# A picture's caption: alphas (T, h, w), or (T, L) over regions; where the cells lie; and (word,
# boxes) of the words that name something, in the photo's pixels.
Attended = tuple[np.ndarray, Where, Sequence[tuple[int, Sequence[Box]]]]


@dataclass(frozen=True)
class WordPointing:
    """One word: whether the peak hit, and what the baselines would have scored."""

    word: str
    peak: float  # 1.0 or 0.0
    uniform: float  # share of what the grid shows whose cell has its centre in a box
    centre: float  # 1.0 or 0.0


@dataclass(frozen=True)
class Pointing:
    """Hit rates over many looks."""

    looks: int
    peak: float
    uniform: float
    centre: float


@dataclass(frozen=True)
class Beside:
    """A figure of the model's attention, and of the two looks that need no model."""

    attention: Interval
    uniform: Interval
    centre: Interval


@dataclass(frozen=True)
class Fit:
    """Which boxes a kind of map fits, over the words that have another thing named before or after.

    The three shares sum to 1 (a tie counts half for each). `last` and `next` are means over the
    words that have such a thing."""

    own_best: Interval  # share of words whose own box gets the most mass
    last_best: Interval  # ... the box of the last thing named before that differs
    next_best: Interval  # ... of the next
    own: Interval  # mean mass in the word's own box
    last: Interval
    next: Interval


@dataclass(frozen=True)
class Lag:
    """Do the maps come with their words, or late or early?"""

    words: int  # that have another thing named before or after
    attention: Fit
    uniform: Fit
    centre: Fit
    over_last: Interval  # mass in the own box minus in the last's, beyond uniform attention's
    over_next: Interval

    def sentence(self) -> str:
        """What the figures say, in words; "late" and "early" only when the interval leaves out 0.

        Captioned by the mass beyond uniform attention's: a large box gets mass from any map."""
        fit, last, after = self.attention, self.over_last, self.over_next
        own = f"{_percent(fit.own_best.value)} of words fit their own best"
        if last.low > 0 and after.low > 0:
            even = _percent(self.uniform.own_best.value)
            return f"maps fit the word's own box best ({own}; uniform: {even})"
        late, early = last.high < 0, after.high < 0
        if late and not (early and after.value < last.value):
            share = _percent(fit.last_best.value)
            return f"maps run late: they fit the box of the thing named before ({share}; {own})"
        if early:
            share = _percent(fit.next_best.value)
            return f"maps run early: they fit the box of the thing named next ({share}; {own})"
        unsure = [name for name, gap in (("last", last), ("next", after)) if gap.low <= 0]
        others = " or ".join(unsure)
        return f"maps do not clearly fit the word's own box better than the {others} one's ({own})"


@dataclass(frozen=True)
class Grounding:
    """How attention fits the boxes, each figure with an interval by bootstrap over pictures."""

    pictures: int  # with a word that counts
    words: int
    absent: int  # words left out: what they name is not in the picture, or not under the grid
    pointing: Beside  # hit rates
    mass: Beside  # mean share of the map in the box
    lag: Lag | None  # None when no caption names two things with different boxes


def coverage(where: Where, boxes: Sequence[Box]) -> np.ndarray:
    """The share of each cell's area in the photo that the union of the boxes covers: (h, w), or
    (L,) of regions; 0 to 1, and 0 for cells that show nothing of the photo."""
    if isinstance(where, Regions):
        return _coverage_of_regions(where, boxes)
    ys, xs = _edges(where)
    # Every edge cuts the plane: a patch between neighbouring edges is covered whole or not at all.
    cut_x = np.unique([*xs, *np.clip([b[0::2] for b in boxes], xs[0], xs[-1]).ravel()])
    cut_y = np.unique([*ys, *np.clip([b[1::2] for b in boxes], ys[0], ys[-1]).ravel()])
    x, y = (cut_x[1:] + cut_x[:-1]) / 2, (cut_y[1:] + cut_y[:-1]) / 2
    covered = _inside(x, y, boxes) * np.diff(cut_y)[:, None] * np.diff(cut_x)
    rows = (ys[:-1, None] < y) & (y < ys[1:, None])  # (h, patches)
    columns = (xs[:-1, None] < x) & (x < xs[1:, None])  # (w, patches)
    area = np.diff(ys)[:, None] * np.diff(xs)
    shares = np.divide(rows @ covered @ columns.T, area, out=np.zeros(area.shape), where=area > 0)
    return np.clip(shares, 0, 1)  # rounding


def uniform_map(where: Where) -> np.ndarray:
    """Uniform attention over what the cells show of the photo: (h, w), or (L,) of regions; 1 / L in
    every cell unless the photo was padded, when padding gets nothing."""
    if isinstance(where, Regions):
        shown = _areas(_clipped(where)) > 0
        return shown / max(shown.sum(), 1)
    ys, xs = _edges(where)
    area = np.diff(ys)[:, None] * np.diff(xs)
    return area / area.sum()


def centre_map(where: Where) -> np.ndarray:
    """A Gaussian at the photo's centre, with SIGMA of each side, on the cells: (h, w), or (L,) of
    regions; sums to 1."""
    if isinstance(where, Regions):
        sides = _clipped(where) / [where.width, where.height, where.width, where.height]
        bells = np.array([_bell(box[0::2])[0] * _bell(box[1::2])[0] for box in sides])
        return bells / bells.sum() if bells.sum() > 0 else uniform_map(where)
    ys, xs = _edges(where)
    one, other = _bell(ys / where.height), _bell(xs / where.width)
    return one[:, None] * other / (one.sum() * other.sum())


def mass(alpha: np.ndarray, where: Where, boxes: Sequence[Box]) -> float:
    """How much of a map, (h, w) or (L,), lies in the union of the boxes: 0 to 1 for a map that sums
    to 1."""
    return float((alpha * coverage(where, boxes)).sum())


def word_pointing(word: str, alpha: np.ndarray, where: Where, boxes: Sequence[Box]) -> WordPointing:
    """alpha, (h, w) or (L,), against the boxes, in photo pixels, of what the word names. Without a
    box (what is named is not there) no look can be right: all three are 0."""
    inside = hits(where, boxes)
    even = (inside * uniform_map(where)).sum()
    return WordPointing(
        word, float(inside.flat[int(alpha.argmax())]), float(even), _centre(where, boxes)
    )


def pointing(looks: Iterable[WordPointing]) -> Pointing:
    """Average hit rates; zeros when there is no word."""
    table = np.array([(item.peak, item.uniform, item.centre) for item in looks]).reshape(-1, 3)
    peak, uniform, centre = table.mean(0).tolist() if len(table) else (0.0, 0.0, 0.0)
    return Pointing(len(table), peak, uniform, centre)


def grounding(
    per_picture: Iterable[Attended], *, resamples: int = 1000, seed: int = 0
) -> Grounding | None:
    """All figures over one caption per picture; None when no word names anything in view.

    Unlike `pointing`, a word for what is not in the picture doesn't count: that is the caption's
    mistake and not the map's, and `absent` says how many there are."""
    looks: list[np.ndarray] = []  # per picture (words, 6): pointing, then mass, of each kind of map
    lags: list[np.ndarray] = []  # per picture (words, 20), see _compared
    absent = 0
    for alphas, where, grounded in per_picture:
        covered = [(word, boxes, coverage(where, boxes)) for word, boxes in sorted(grounded)]
        seen = [entry for entry in covered if entry[2].any()]
        absent += len(covered) - len(seen)
        if not seen:
            continue
        maps = np.stack(  # (words, 3 kinds, h, w), or (..., L) of regions
            [
                np.broadcast_to(one, (len(seen), *where.shape))
                for one in (
                    alphas[[word for word, _, _ in seen]],
                    uniform_map(where),
                    centre_map(where),
                )
            ],
            axis=1,
        ).astype(np.float64)
        products = "tml,ul->tmu" if isinstance(where, Regions) else "tmhw,uhw->tmu"
        masses = np.einsum(products, maps, np.stack([cells for _, _, cells in seen]))
        own = masses[np.arange(len(seen)), :, np.arange(len(seen))]  # (words, 3)
        points = [
            word_pointing("", maps[t, 0], where, boxes) for t, (_, boxes, _) in enumerate(seen)
        ]
        looks.append(np.hstack([[(p.peak, p.uniform, p.centre) for p in points], own]))
        compared = _compared(masses, [frozenset(boxes) for _, boxes, _ in seen])
        if len(compared):
            lags.append(compared)
    if not looks:
        return None
    figures = _intervals(looks, resamples, seed)
    words = sum(map(len, looks))
    lag = _lag(lags, resamples, seed) if lags else None
    return Grounding(len(looks), words, absent, Beside(*figures[:3]), Beside(*figures[3:]), lag)


def rows(measured: Grounding) -> list[tuple[str, str]]:
    """The figures as rows of a table: what, and its value beside uniform and centre."""
    few = "; too few for their intervals" if measured.pictures < FEW else ""
    left = f" ({measured.absent} more name what is not in view)" if measured.absent else ""
    table = [
        ("words with a box", f"{measured.words} in {measured.pictures} pictures{left}{few}"),
        ("pointing game", _beside(measured.pointing)),
        ("attention mass in the box", _beside(measured.mass)),
    ]
    if measured.lag is None:
        return table
    fits = measured.lag.attention, measured.lag.uniform, measured.lag.centre
    for name, figures in (
        ("fits its own box best", [fit.own_best for fit in fits]),
        ("fits the last thing's box best", [fit.last_best for fit in fits]),
        ("fits the next thing's box best", [fit.next_best for fit in fits]),
        ("mass in its own box", [fit.own for fit in fits]),
        ("mass in the last thing's box", [fit.last for fit in fits]),
        ("mass in the next thing's box", [fit.next for fit in fits]),
    ):
        table.append((name, _beside(Beside(*figures))))
    return [*table, ("lag", f"{measured.lag.sentence()}, over {measured.lag.words} words")]


def _edges(where: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells begin and end, cut off at the photo's border: (h + 1,) and (w + 1,)."""
    h, w = where.shape
    x0, y0, x1, y1 = where.box
    ys = np.clip(np.linspace(y0, y1, h + 1), 0, where.height)
    return ys, np.clip(np.linspace(x0, x1, w + 1), 0, where.width)


def _clipped(where: Regions) -> np.ndarray:
    """(L, 4) the regions, cut off at the photo's border."""
    return np.clip(where.boxes(), 0, [where.width, where.height, where.width, where.height])


def _areas(boxes: np.ndarray) -> np.ndarray:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def _coverage_of_regions(where: Regions, boxes: Sequence[Box]) -> np.ndarray:
    """(L,): as on a grid, but every edge of a region cuts the plane, too."""
    places = _clipped(where)
    edges = np.concatenate([places, np.asarray(boxes, float).reshape(-1, 4)])
    cut_x = np.unique(np.clip(edges[:, 0::2], 0, where.width))
    cut_y = np.unique(np.clip(edges[:, 1::2], 0, where.height))
    x, y = (cut_x[1:] + cut_x[:-1]) / 2, (cut_y[1:] + cut_y[:-1]) / 2
    covered = _inside(x, y, boxes) * np.diff(cut_y)[:, None] * np.diff(cut_x)  # (ys, xs)
    columns = (places[:, :1] < x) & (x < places[:, 2:3])  # (L, xs)
    rows = (places[:, 1:2] < y) & (y < places[:, 3:])  # (L, ys)
    inside = np.einsum("ly,yx,lx->l", rows, covered, columns, optimize=True)
    area = _areas(places)
    shares = np.divide(inside, area, out=np.zeros(len(places)), where=area > 0)
    return np.clip(shares, 0, 1)  # rounding


def _inside(x: np.ndarray, y: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Which of the points (y, x) lie in a box: (len(y), len(x)) bool."""
    inside = np.zeros((len(y), len(x)), bool)
    for x0, y0, x1, y1 in boxes:
        inside |= ((y0 <= y) & (y < y1))[:, None] & ((x0 <= x) & (x < x1))
    return inside


def hits(where: Where, boxes: Sequence[Box]) -> np.ndarray:
    """Which cells have their centre in a box: (h, w) or (L,) bool."""
    if isinstance(where, Regions):
        places = where.boxes()
        middle = (places[:, :2] + places[:, 2:]) / 2  # (L, 2)
        return np.array([_inside(x[None], y[None], boxes)[0, 0] for x, y in middle], bool)
    h, w = where.shape
    x0, y0, x1, y1 = where.box
    x = x0 + (np.arange(w) + 0.5) * (x1 - x0) / w
    return _inside(x, y0 + (np.arange(h) + 0.5) * (y1 - y0) / h, boxes)


def _centre(where: Where, boxes: Sequence[Box]) -> float:
    x, y = np.array([where.width / 2]), np.array([where.height / 2])
    return float(_inside(x, y, boxes)[0, 0])


def _bell(edges: np.ndarray) -> np.ndarray:
    """The Gaussian's integral between neighbouring edges, which are shares of the side."""
    return np.diff([math.erf((edge - 0.5) / (SIGMA * math.sqrt(2))) for edge in edges])


def _compared(masses: np.ndarray, things: Sequence[frozenset[Box]]) -> np.ndarray:
    """The words that have another thing named before or after: (words, 20).

    masses (words, 3 kinds of map, words) of each word's maps in each word's boxes. Columns: for
    each kind own, last and next best, then mass in own, last and next; then what attention has in
    the own box over the last and over the next, beyond uniform. NaN where there is none."""
    table = []
    for t, thing in enumerate(things):
        last = next((u for u in range(t - 1, -1, -1) if things[u] != thing), None)
        after = next((u for u in range(t + 1, len(things)) if things[u] != thing), None)
        if last is None and after is None:
            continue
        columns = [np.full(3, np.nan) if u is None else masses[t, :, u] for u in (t, last, after)]
        fits = np.stack(columns, axis=1)  # (3 kinds, 3 boxes)
        best = np.isclose(fits, np.nanmax(fits, axis=1, keepdims=True), rtol=0, atol=1e-9)
        over = fits[:, :1] - fits[:, 1:]  # (3 kinds, last and next)
        shares = best / best.sum(axis=1, keepdims=True)
        table.append(np.concatenate([np.hstack([shares, fits]).ravel(), over[0] - over[1]]))
    return np.array(table)


def _lag(lags: list[np.ndarray], resamples: int, seed: int) -> Lag:
    figures = _intervals(lags, resamples, seed)
    attention, uniform, centre = (Fit(*figures[start : start + 6]) for start in (0, 6, 12))
    over_last, over_next = figures[18:]
    return Lag(sum(map(len, lags)), attention, uniform, centre, over_last, over_next)


def _intervals(tables: list[np.ndarray], resamples: int, seed: int) -> list[Interval]:
    """For each column its mean over the words of all pictures; NaN doesn't count."""
    sums = np.array([np.nansum(table, axis=0) for table in tables])
    counts = np.array([np.sum(~np.isnan(table), axis=0) for table in tables])
    return [
        mean_interval(values[weights > 0], weights[weights > 0], resamples, seed)
        for values, weights in zip(sums.T, counts.T, strict=True)
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _beside(figures: Beside) -> str:
    own = figures.attention
    return (
        f"{_percent(own.value)} ({100 * own.low:.1f} to {100 * own.high:.1f}); "
        f"uniform {_percent(figures.uniform.value)}, centre {_percent(figures.centre.value)}"
    )
