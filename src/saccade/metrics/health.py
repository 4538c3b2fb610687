"""Is attention alive? How wide, how mobile and how bound to the middle the maps are.

Two maps are compared by their total variation, half the sum of absolute differences: the share of
mass that would have to move to turn one into the other. Distance is that, similarity is 1 minus it
(the histogram intersection of Swain & Ballard 1991). No figure stands alone: `Health.baselines` has
what three looks that need no model would score, each in the same cells:

uniform   every map even over all cells
centre    every map on the middle cell (the middle two or four where the grid has an even side)
chance    every map on one cell, drawn anew for each word

Letters: P captions (one per picture), T words, W words in all, L grid cells. Intervals are over
pictures (`saccade.metrics.resample`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from saccade.errors import DataError
from saccade.metrics.resample import mean_interval
from saccade.values.evidence import Interval

FAVOURITES = 0.02  # of the cells, rounded up, and at most 4: how few "a few cells" are
FEW_PICTURES = 4  # with fewer, "whatever the picture" is no finding, and a place's mean is noise

# From what on a warning is given. All but FLAT were set by reason: each asks for what a model that
# looks at things would hardly do, and is far from what any of the others' maps do. FLAT was fitted.
FLAT = 0.965  # entropy share: a map as wide as 163 of 14x14 cells, or 43 of 7x7. Between the
#               maps of two models, of one that looks (0.951) and a blind one (0.973); asked of the
#               interval's low end, so that a few pictures can't cross it by chance
COLLAPSED_ENTROPY = 0.25  # entropy share at most: as wide as 3 or 4 cells of 14x14
COLLAPSED_MASS = 0.75  # of all mass on the favourite cells; a thing is seldom at one cell so often
STATIC = 0.1  # distance between maps at most, as a part of their distance from uniform: nine
#               tenths of what a map says stay; in parts, since broad maps can't be far apart
STUCK = 0.6  # of the way from uniform's mass to all mass; for the centre, 70 % of the mass
STUCK_PICTURES = 0.9  # of the pictures must be so far, else some are looked at elsewhere


@dataclass(frozen=True)
class Health:
    """What a set of attention maps is like. All figures are between 0 and 1."""

    pictures: int  # captions looked at, one per picture
    words: int  # maps
    grid: tuple[int, int]  # (h, w)
    entropy: Interval  # mean of a map, as a share of log L
    entropy_course: tuple[Interval, ...]  # the same at word 1, 2, ...: places enough captions reach
    from_uniform: Interval  # mean distance of a map from the uniform one
    distance: Interval | None  # between consecutive maps of a caption; None: no two words
    between_words: Interval | None  # similarity of two words' maps, over all pairs in a caption
    between_pictures: Interval | None  # of two pictures' maps at one place, over all pairs
    centre: Interval  # mass in the middle region: half as high and half as wide as the grid
    border: Interval  # mass in the outermost ring of cells
    favourite: Interval  # mass on the few cells with the most mass over all words
    favourite_cells: tuple[tuple[int, int], ...]  # (row, column) from 0, the heaviest first
    baselines: Mapping[str, Mapping[str, float]] = field(repr=False)  # look -> field -> value
    warnings: Mapping[str, str]  # "flat", "static", ... -> the sentence

    @property
    def flags(self) -> tuple[str, ...]:
        """What is wrong, in sentences with figures and thresholds. Healthy maps have none."""
        return tuple(self.warnings.values())


def health(maps: Sequence[np.ndarray], resamples: int = 1000, seed: int = 0) -> Health:
    """maps: one (T, h, w) per picture's caption, T of its own (0, too), on one grid; each map sums
    to 1. Raises DataError for anything else, and where there is no map at all.

    Words weigh alike in every mean; in `between_words` and `between_pictures` pairs do. Captions of
    a place are all compared, none are drawn."""
    P = len(maps)
    words, of, place, grid = _flatten(maps)  # (W, L), (W,), (W,)
    centre, border = _centre(grid), _border(grid)
    heaviest = np.argsort(-words.mean(0), kind="stable")[: _few(words.shape[1])]
    counts = np.bincount(of, minlength=P)  # (P,) words

    def mean(values: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> Interval:
        """Of a value per word, for the chosen words."""
        owners = of[chosen]
        sums = np.bincount(owners, values[chosen], minlength=P)
        return mean_interval(sums, np.bincount(owners, minlength=P), resamples, seed)

    entropy, masses = _entropy(words), words @ np.stack((centre, border), 1)  # (W,), (W, 2)
    enough = min(FEW_PICTURES, int((counts > 0).sum()))
    reached = [int((counts > t).sum()) >= enough for t in range(counts.max())]
    figures: dict[str, Interval | None] = {
        "entropy": mean(entropy),
        "from_uniform": mean(_distance(words, 1 / words.shape[1])),
        **_word_figures(words, of, P, resamples, seed),
        "between_pictures": _between_pictures(words, of, place, P, resamples, seed),
        "centre": mean(masses[:, 0]),
        "border": mean(masses[:, 1]),
        "favourite": mean(words[:, heaviest].sum(1)),
    }
    cells = tuple((int(i) // grid[1], int(i) % grid[1]) for i in heaviest)
    baselines = _baselines(grid)
    spoken = counts > 0
    tails = {
        name: float(np.quantile(sums[spoken] / counts[spoken], 1 - STUCK_PICTURES))
        for name, sums in (
            ("centre", np.bincount(of, masses[:, 0], minlength=P)),
            ("border", np.bincount(of, masses[:, 1], minlength=P)),
        )
    }
    values = {name: found.value for name, found in figures.items() if found is not None}
    surely_flat = figures["entropy"].low >= FLAT
    warnings = _warnings(values, surely_flat, tails, cells, baselines["uniform"], int(spoken.sum()))
    return Health(
        pictures=P,
        words=len(words),
        grid=grid,
        entropy_course=tuple(mean(entropy, place == t) for t in np.flatnonzero(reached)),
        favourite_cells=cells,
        baselines=baselines,
        warnings=warnings,
        **figures,  # type: ignore[arg-type]
    )


def rows(found: Health) -> list[tuple[str, str]]:
    """(what, value with its interval beside its baselines), for a table."""

    def row(what: str, name: str) -> tuple[str, str]:
        interval: Interval | None = getattr(found, name)
        beside = ", ".join(
            f"{look} {found.baselines[look][name] + 0.0:.2f}" for look in found.baselines
        )
        return what, f"{_text(interval)}; {beside}"

    h, w = found.grid
    course = " ".join(f"{interval.value:.2f}" for interval in found.entropy_course)
    return [
        ("looked at", f"{found.pictures} pictures, {found.words} words, {h}x{w} cells"),
        row("entropy of a map, share of the largest possible", "entropy"),
        ("its course over the words", f"{course}; uniform 1.00 at every word"),
        row("distance of a map from the uniform one", "from_uniform"),
        row("distance between consecutive maps", "distance"),
        row("similarity of two words' maps in a caption", "between_words"),
        row("similarity of two pictures' maps at one place", "between_pictures"),
        row("mass in the middle quarter", "centre"),
        row("mass in the border's cells", "border"),
        row(f"mass on the {len(found.favourite_cells)} most looked at cells", "favourite"),
        ("found wrong", "; ".join(found.flags) or "nothing"),
    ]


def _text(interval: Interval | None) -> str:
    if interval is None:
        return "not known (too few words)"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


# From maps to figures ---------------------------------------------------------------------------


def _flatten(
    maps: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """All maps in one (W, L), with each one's picture (W,) and place (W,), and the grid."""
    grids = {tuple(m.shape[1:]) for m in maps if m.ndim == 3}
    if any(m.ndim != 3 for m in maps) or len(grids) > 1:
        shapes = sorted({str(m.shape) for m in maps})
        raise DataError(f"maps are (T, h, w) each, of one grid (h, w), not {', '.join(shapes)}.")
    lengths = [len(m) for m in maps]
    if not sum(lengths):
        raise DataError("there is no map to look at: no caption has a word.")
    h, w = grids.pop()
    words = np.concatenate([m.reshape(len(m), h * w) for m in maps]).astype(np.float64)
    of = np.repeat(np.arange(len(maps)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    good = (words >= 0).all(1) & (abs(words.sum(1) - 1) < 1e-3)  # False for what is no number
    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        raise DataError(f"map {place[first]} of caption {of[first]} is no shares that sum to 1.")
    return words, of, place, (h, w)


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


def _entropy(words: np.ndarray) -> np.ndarray:
    """(W, L) -> (W,) as a share of log L. On a single cell the only map is the uniform one: 1."""
    if words.shape[1] == 1:
        return np.ones(len(words))
    nats = -(words * np.log(np.where(words > 0, words, 1))).sum(1)
    return np.clip(nats / np.log(words.shape[1]), 0, 1)


def _distance(one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """(W, L) and (W, L) -> (W,) total variation."""
    return abs(one - other).sum(1) / 2


def _word_figures(
    words: np.ndarray, of: np.ndarray, P: int, resamples: int, seed: int
) -> dict[str, Interval | None]:
    """`distance` and `between_words`: of all pairs of one caption's maps, by how far apart they
    stand in it."""
    sums, pairs = np.zeros((2, P)), np.zeros((2, P))  # consecutive; any two
    for lag in range(1, int(np.bincount(of).max())):
        first = np.flatnonzero(of[lag:] == of[:-lag])
        found = _distance(words[first], words[first + lag])
        added = np.bincount(of[first], found, minlength=P)
        count = np.bincount(of[first], minlength=P)
        if lag == 1:
            sums[0], pairs[0] = added, count
        sums[1] += added
        pairs[1] += count
    if not pairs.any():
        return {"distance": None, "between_words": None}
    return {
        "distance": mean_interval(sums[0], pairs[0], resamples, seed),
        "between_words": mean_interval(pairs[1] - sums[1], pairs[1], resamples, seed),
    }


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
    found = (2 * np.arange(n) + 2 - n) * ranked - 2 * sums + sums[:, -1:]
    placed = np.empty_like(found)
    np.put_along_axis(placed, order, found, 1)
    return placed.sum(0) / 2


def _baselines(grid: tuple[int, int]) -> dict[str, dict[str, float]]:
    """What looks without a model score, by look and by field of `Health`."""
    L = grid[0] * grid[1]
    few = _few(L)
    middle = np.zeros(grid)
    middle[(grid[0] - 1) // 2 : grid[0] // 2 + 1, (grid[1] - 1) // 2 : grid[1] // 2 + 1] = 1
    found = {}
    for name, look in (("uniform", np.full(L, 1 / L)), ("centre", middle.ravel() / middle.sum())):
        found[name] = {
            "entropy": float(_entropy(look[None])[0]),
            "from_uniform": float(_distance(look[None], 1 / L)[0]),
            "distance": 0.0,
            "between_words": 1.0,
            "between_pictures": 1.0,
            "centre": float(look @ _centre(grid)),
            "border": float(look @ _border(grid)),
            "favourite": float(np.sort(look)[-few:].sum()),
        }
    # Of single cells; of `favourite` in the long run: few words always have favourites.
    found["chance"] = {
        **found["uniform"],
        "entropy": float(L == 1),
        "from_uniform": 1 - 1 / L,
        "distance": 1 - 1 / L,
        "between_words": 1 / L,
        "between_pictures": 1 / L,
    }
    return found


# From figures to words --------------------------------------------------------------------------


def _warnings(
    values: Mapping[str, float],
    surely_flat: bool,
    tails: Mapping[str, float],
    cells: Sequence[tuple[int, int]],
    uniform: Mapping[str, float],
    pictures: int,
) -> dict[str, str]:
    """What is wrong by name. values: by field of `Health`, where known; tails: the mass in the
    centre and at the border that all but a tenth of the pictures have; pictures: those with words.

    Flat maps are alike whatever they are compared with, and maps on one cell are static and lie
    somewhere, so those two stand alone. The others can be true together."""
    entropy, favourite = values["entropy"], values["favourite"]
    if surely_flat:
        return {
            "flat": f"attention is nearly uniform: entropy {entropy:.3f} of the largest possible "
            f"(flat from {FLAT:g} on); it hardly tells where the model looked"
        }
    many = pictures >= FEW_PICTURES
    if many and entropy <= COLLAPSED_ENTROPY and favourite >= COLLAPSED_MASS:
        where = ", ".join(f"row {row + 1} column {column + 1}" for row, column in cells)
        return {
            "collapsed": f"attention has collapsed: {favourite:.0%} of its mass is on "
            f"{len(cells)} of the cells ({where}) whatever the word and the picture (uniform "
            f"{uniform['favourite']:.0%}, collapsed from {COLLAPSED_MASS:.0%} on), with entropy "
            f"{entropy:.3f} (collapsed up to {COLLAPSED_ENTROPY:g})"
        }
    found = {}
    most = STATIC * values["from_uniform"]
    if "distance" in values:
        distance, any_two = values["distance"], 1 - values["between_words"]
        if max(distance, any_two) <= most:
            found["static"] = (
                f"the map hardly moves between words: distance {distance:.3f} from one word to the "
                f"next and {any_two:.3f} between any two (static up to {most:.3f}, {STATIC:g} of "
                f"the maps' distance from uniform)"
            )
    if many and "between_pictures" in values:
        apart = 1 - values["between_pictures"]
        if apart <= most:
            found["blind"] = (
                f"the map hardly depends on the picture: distance {apart:.3f} between two "
                f"pictures' maps at one place (blind up to {most:.3f}, {STATIC:g} of the maps' "
                f"distance from uniform)"
            )
    for name, region in (("centre", "the middle quarter"), ("border", "the border's cells")):
        mass, baseline = values[name], uniform[name]
        least = baseline + STUCK * (1 - baseline)
        if many and baseline < 1 and min(mass, tails[name]) >= least:
            found[name] = (
                f"attention is stuck at the {name}: {mass:.0%} of its mass lies in {region}, and "
                f"{tails[name]:.0%} or more in {STUCK_PICTURES:.0%} of the pictures (uniform "
                f"{baseline:.0%}, stuck from {least:.0%} on)"
            )
    return found
