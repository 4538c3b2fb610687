"""Is attention alive? How wide, how mobile and how bound to the middle the maps are.

Two maps are compared by their total variation, half the sum of absolute differences: the share of
mass that would have to move to turn one into the other. Distance is that, similarity is 1 minus it
(the histogram intersection of Swain & Ballard 1991). No figure stands alone: `Health.baselines` has
what three kinds of maps without a model would score, each in the same cells:

uniform   every map even over all cells
centre    every map on the middle cell (the middle two or four where the grid has an even side)
chance    every map on one cell, drawn again for each word

Where part of a word's attention is on no cell (a class token, a sentinel), that share is kept: it
is one more place in every distance, masses are of all attention, and the baselines have the same
mean share on the cells. Only entropy is of what is on the cells; with nothing there it is 1.

Letters: P captions (one per picture), T words, W words in all, L grid cells. Intervals are over
pictures (`saccade.metrics.resample`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from saccade.metrics.health_flags import FEW_PICTURES, FLAT, STUCK_PICTURES, warnings
from saccade.metrics.health_maps import WordMaps, baselines, gather
from saccade.metrics.resample import mean_interval
from saccade.values.evidence import Interval
from saccade.values.places import Where

FAVOURITES = 0.02  # of the cells, rounded up, and at most 4: how few "a few cells" are


@dataclass(frozen=True)
class Health:
    """What a set of attention maps is like. All figures are between 0 and 1."""

    pictures: int  # captions looked at, one per picture
    words: int  # maps
    grid: tuple[int, int]  # (h, w); of regions, the cells on which their places are compared
    elsewhere: Interval  # attention on no cell
    entropy: Interval  # mean of a map, as a share of log L
    entropy_course: tuple[Interval, ...]  # the same at word 1, 2, ...: places enough captions reach
    from_uniform: Interval  # mean distance of a map from the uniform one of its share on the cells
    distance: Interval | None  # between consecutive maps of a caption; None: no two words
    between_words: Interval | None  # similarity of two words' maps, over all pairs in a caption
    between_pictures: Interval | None  # of two pictures' maps at one place, over all pairs
    centre: Interval  # mass in the middle region: half as high and half as wide as the grid
    border: Interval  # mass in the outermost ring of cells
    favourite: Interval  # mass on the few cells with the most mass over all words
    favourite_cells: tuple[tuple[int, int], ...]  # (row, column) from 0, the heaviest first
    baselines: Mapping[str, Mapping[str, float]] = field(repr=False)  # look -> field -> value
    warnings: Mapping[str, str]  # "flat", "static", ... -> the sentence
    regions: bool = False  # whether the maps are over regions

    @property
    def flags(self) -> tuple[str, ...]:
        """What is wrong, in sentences with figures and thresholds. Healthy maps have none."""
        return tuple(self.warnings.values())


def health(
    maps: Sequence[np.ndarray],
    where: Sequence[Where] | None = None,
    elsewhere: Sequence[np.ndarray | None] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Health:
    """maps: one (T, h, w) per picture's caption, T of its own (0, too), on one grid; or (T, L) over
    the L regions that `where` has for that picture. elsewhere: (T,) per caption, the share of
    attention that is on no cell; None: all of it is on the cells. A map and this share sum to 1.
    Raises DataError for anything else, and where there is no map at all.

    Words weigh alike in every mean; in `between_words` and `between_pictures` pairs do. Captions of
    a place are all compared, none are drawn."""
    gathered = gather(maps, where, elsewhere)
    P, of, place, grid = gathered.pictures, gathered.of, gathered.place, gathered.grid
    counts = np.bincount(of, minlength=P)  # (P,) words
    figures = _figures(gathered, resamples, seed)
    enough = min(FEW_PICTURES, int((counts > 0).sum()))
    reached = [int((counts > t).sum()) >= enough for t in range(counts.max())]
    entropy = _entropy(gathered.own, gathered.sizes)  # (W,)
    course = [
        _mean(gathered, entropy, resamples, seed, place == t) for t in np.flatnonzero(reached)
    ]
    cells = tuple((int(i) // grid[1], int(i) % grid[1]) for i in _heaviest(gathered.spread))
    if gathered.projections:
        looks = baselines(gathered, where or (), seed)
        beside = {name: _values(_figures(look, 1, seed)) for name, look in looks.items()}
        for figures_ in beside.values():
            del figures_["elsewhere"]  # theirs is the maps' own
    else:
        beside = _baselines(grid, 1 - gathered.elsewhere.mean())
    spoken = counts > 0
    masses = gathered.spread @ np.stack((_centre(grid), _border(grid)), 1)  # (W, 2)
    tails = {
        name: float(np.quantile(sums[spoken] / counts[spoken], 1 - STUCK_PICTURES))
        for name, sums in (
            ("centre", np.bincount(of, masses[:, 0], minlength=P)),
            ("border", np.bincount(of, masses[:, 1], minlength=P)),
        )
    }
    surely_flat = figures.entropy.low >= FLAT
    wrong = warnings(
        _values(figures), surely_flat, tails, cells, beside["uniform"], int(spoken.sum())
    )
    return Health(
        pictures=P,
        words=len(gathered.own),
        grid=grid,
        regions=bool(gathered.projections),
        entropy_course=tuple(course),
        favourite_cells=cells,
        baselines=beside,
        warnings=wrong,
        **vars(figures),
    )


@dataclass(frozen=True)
class _Figures:
    """The fields of `Health` of these names."""

    elsewhere: Interval
    entropy: Interval
    from_uniform: Interval
    distance: Interval | None
    between_words: Interval | None
    between_pictures: Interval | None
    centre: Interval
    border: Interval
    favourite: Interval


def _figures(maps: WordMaps, resamples: int, seed: int) -> _Figures:
    def mean(values: np.ndarray) -> Interval:
        return _mean(maps, values, resamples, seed)

    P, of = maps.pictures, maps.of
    masses = maps.spread @ np.stack((_centre(maps.grid), _border(maps.grid)), 1)  # (W, 2)
    distance, between_words = _word_figures(maps.whole(maps.own), of, P, resamples, seed)
    pictures = maps.whole(maps.spread)
    return _Figures(
        elsewhere=mean(maps.elsewhere),
        entropy=mean(_entropy(maps.own, maps.sizes)),
        from_uniform=mean(_distance(maps.own, maps.even * (1 - maps.elsewhere[:, None]))),
        distance=distance,
        between_words=between_words,
        between_pictures=_between_pictures(pictures, of, maps.place, P, resamples, seed),
        centre=mean(masses[:, 0]),
        border=mean(masses[:, 1]),
        favourite=mean(maps.spread[:, _heaviest(maps.spread)].sum(1)),
    )


def _mean(
    maps: WordMaps,
    values: np.ndarray,
    resamples: int,
    seed: int,
    chosen: np.ndarray | slice = slice(None),
) -> Interval:
    """Of a value per word, for the chosen words."""
    owners = maps.of[chosen]
    sums = np.bincount(owners, values[chosen], minlength=maps.pictures)
    return mean_interval(sums, np.bincount(owners, minlength=maps.pictures), resamples, seed)


def _values(figures: _Figures) -> dict[str, float]:
    return {name: one.value for name, one in vars(figures).items() if one is not None}


def _heaviest(spread: np.ndarray) -> np.ndarray:
    """The few cells with the most mass over all words, the heaviest first."""
    return np.argsort(-spread.mean(0), kind="stable")[: _few(spread.shape[1])]


def rows(measured: Health) -> list[tuple[str, str]]:
    """(what, value with its interval beside its baselines), for a table."""

    def row(what: str, name: str) -> tuple[str, str]:
        interval: Interval | None = getattr(measured, name)
        beside = ", ".join(
            f"{look} {figures[name] + 0.0:.2f}"
            for look, figures in measured.baselines.items()
            if name in figures
        )
        return what, f"{_text(interval)}; {beside}" if beside else _text(interval)

    h, w = measured.grid
    cells = f"regions, their places on {h}x{w} cells" if measured.regions else f"{h}x{w} cells"
    course = " ".join(f"{interval.value:.2f}" for interval in measured.entropy_course)
    none = [row("attention on no cell", "elsewhere")] if measured.elsewhere.value > 0 else []
    return [
        ("looked at", f"{measured.pictures} pictures, {measured.words} words, {cells}"),
        *none,
        row("entropy of a map, share of the largest possible", "entropy"),
        ("its course over the words", f"{course}; uniform 1.00 at every word"),
        row("distance of a map from the uniform one", "from_uniform"),
        row("distance between consecutive maps", "distance"),
        row("similarity of two words' maps in a caption", "between_words"),
        row("similarity of two pictures' maps at one place", "between_pictures"),
        row("mass in the middle quarter", "centre"),
        row("mass in the border's cells", "border"),
        row(f"mass on the {len(measured.favourite_cells)} most looked at cells", "favourite"),
        ("warnings", "; ".join(measured.flags) or "nothing"),
    ]


def _text(interval: Interval | None) -> str:
    if interval is None:
        return "not known (too few words)"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


# From maps to figures ---------------------------------------------------------------------------


def _centre(grid: tuple[int, int]) -> np.ndarray:
    """(L,) which part of each cell lies in the middle region, a quarter of the grid's area. A
    cell's mass counts as even within it, so that uniform attention has a quarter there exactly."""

    def covered(n: int) -> np.ndarray:
        edges = np.clip(np.arange(n + 1), n / 4, 3 * n / 4)
        return np.diff(edges)

    return np.outer(covered(grid[0]), covered(grid[1])).ravel()


def _border(grid: tuple[int, int]) -> np.ndarray:
    """(L,) 1 for the cells of the outermost ring (all of them on a grid two cells wide)."""
    ring = np.ones(grid)
    ring[1:-1, 1:-1] = 0
    return ring.ravel()


def _few(cells: int) -> int:
    return min(4, int(np.ceil(FAVOURITES * cells)))


def _entropy(words: np.ndarray, sizes: np.ndarray | int) -> np.ndarray:
    """(W, L) -> (W,) of what is on the cells, as a share of log L, which is `sizes`. On a single
    cell the only map is the uniform one: 1, as where nothing is on the cells."""
    total = words.sum(1, keepdims=True)
    shares = np.divide(words, total, out=np.ones_like(words), where=total > 0)
    nats = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(1)
    most = np.log(np.broadcast_to(sizes, nats.shape))
    known = (most > 0) & (total[:, 0] > 0)
    return np.clip(np.divide(nats, most, out=np.ones_like(nats), where=known), 0, 1)


def _distance(one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """(W, L) and (W, L) -> (W,) total variation."""
    return abs(one - other).sum(1) / 2


def _word_figures(
    words: np.ndarray, of: np.ndarray, P: int, resamples: int, seed: int
) -> tuple[Interval | None, Interval | None]:
    """`distance` and `between_words`: of all pairs of one caption's maps, by how far apart they
    stand in it."""
    sums, pairs = np.zeros((2, P)), np.zeros((2, P))  # consecutive; any two
    for lag in range(1, int(np.bincount(of).max())):
        first = np.flatnonzero(of[lag:] == of[:-lag])
        apart = _distance(words[first], words[first + lag])
        added = np.bincount(of[first], apart, minlength=P)
        count = np.bincount(of[first], minlength=P)
        if lag == 1:
            sums[0], pairs[0] = added, count
        sums[1] += added
        pairs[1] += count
    if not pairs.any():
        return None, None
    return (
        mean_interval(sums[0], pairs[0], resamples, seed),
        mean_interval(pairs[1] - sums[1], pairs[1], resamples, seed),
    )


def _between_pictures(
    words: np.ndarray, of: np.ndarray, place: np.ndarray, P: int, resamples: int, seed: int
) -> Interval | None:
    """Mean similarity over all pairs of pictures and the places that both reach.

    A picture is in many pairs, so a resample of pictures moves a mean over pairs twice as far as
    one of what each picture has in its own pairs (Hajek's projection of a U-statistic; van der
    Vaart 1998, "Asymptotic statistics", chapter 12): the interval is that one, twice as wide."""
    sums, pairs = np.zeros(P), np.zeros(P)
    for t in range(int(place.max()) + 1):
        here = np.flatnonzero(place == t)
        others = len(here) - 1
        sums[of[here]] += others - _distance_to_others(words[here])
        pairs[of[here]] += others
    if not pairs.any():
        return None
    value = float(np.clip(sums.sum() / pairs.sum(), 0, 1))
    own = mean_interval(sums - value * pairs, None, resamples, seed)
    scale = 2 * P / pairs.sum()
    low, high = np.clip((value + scale * own.low, value + scale * own.high), 0, 1).tolist()
    return Interval(value, min(low, value), max(high, value))


def _distance_to_others(maps: np.ndarray) -> np.ndarray:
    """(n, L) -> (n,) the sum of a map's distances to all others, without making the pairs.

    In a cell's sorted values x_0 ... x_{n-1}, with S_k the sum of the first k + 1,
    sum_j |x_k - x_j| = (2 k + 2 - n) x_k - 2 S_k + S_{n-1}."""
    n = len(maps)
    cells = np.ascontiguousarray(maps.T)  # (L, n)
    order = cells.argsort(1)
    ranked = np.take_along_axis(cells, order, 1)
    sums = ranked.cumsum(1)
    distances = (2 * np.arange(n) + 2 - n) * ranked - 2 * sums + sums[:, -1:]
    placed = np.empty_like(distances)
    np.put_along_axis(placed, order, distances, 1)
    return placed.sum(0) / 2


def _baselines(grid: tuple[int, int], cells: float) -> dict[str, dict[str, float]]:
    """What looks without a model score, by look and by field of `Health`; cells: the share of their
    attention that is on the cells."""
    L = grid[0] * grid[1]
    few = _few(L)
    middle = np.zeros(grid)
    middle[(grid[0] - 1) // 2 : grid[0] // 2 + 1, (grid[1] - 1) // 2 : grid[1] // 2 + 1] = 1
    figures = {}
    for name, look in (("uniform", np.full(L, 1 / L)), ("centre", middle.ravel() / middle.sum())):
        figures[name] = {
            "entropy": float(_entropy(look[None], L)[0]),
            "from_uniform": cells * float(_distance(look[None], 1 / L)[0]),
            "distance": 0.0,
            "between_words": 1.0,
            "between_pictures": 1.0,
            "centre": cells * float(look @ _centre(grid)),
            "border": cells * float(look @ _border(grid)),
            "favourite": cells * float(np.sort(look)[-few:].sum()),
        }
    # Of single cells; of `favourite` in the long run: few words always have favourites.
    apart = cells * (1 - 1 / L)
    figures["chance"] = {
        **figures["uniform"],
        "entropy": float(L == 1),
        "from_uniform": apart,
        "distance": apart,
        "between_words": 1 - apart,
        "between_pictures": 1 - apart,
    }
    return figures
