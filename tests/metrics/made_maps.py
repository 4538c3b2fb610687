"""Attention maps of known kinds for the tests of health: sharp, broad, moving, fixed."""

import numpy as np


def drawn(seed: int, lengths: list[int], grid: tuple[int, int], width: float = 0.3) -> list:
    """Random maps: small `width` makes them sharp."""
    rng = np.random.default_rng(seed)
    cells = grid[0] * grid[1]
    return [
        rng.dirichlet(np.full(cells, width), length).reshape(length, *grid) for length in lengths
    ]


def blob(grid: tuple[int, int], row: float, column: float, width: float = 0.7) -> np.ndarray:
    """(h, w) a bump at a place given in shares of the grid's sides."""
    h, w = grid
    down = np.arange(h) + 0.5 - row * h
    across = np.arange(w) + 0.5 - column * w
    found = np.exp(-(down[:, None] ** 2 + across[None] ** 2) / (2 * width**2))
    return found / found.sum()


def at(places: list[list[tuple[float, float]]], width: float = 0.7, grid=(8, 8)) -> list:
    """Captions whose word t of picture p looks at places[p][t]."""
    return [np.stack([blob(grid, r, c, width) for r, c in one]) for one in places]


CORNERS = [(0.2, 0.2), (0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.5, 0.5)]
RNG = np.random.default_rng(0)


def moving() -> list[list[tuple[float, float]]]:
    return [[tuple(RNG.uniform(0.1, 0.9, 2)) for _ in range(8)] for _ in range(20)]


def within(low: float, high: float) -> list[list[tuple[float, float]]]:
    return [[tuple(RNG.uniform(low, high, 2)) for _ in range(8)] for _ in range(20)]


def around(edge: float) -> list[list[tuple[float, float]]]:
    """Looks somewhere along the border."""
    found = []
    for _ in range(20):
        looks = []
        for _ in range(8):
            side, along = RNG.integers(4), float(RNG.uniform(0, 1))
            fixed = edge if side < 2 else 1 - edge
            looks.append((fixed, along) if side % 2 else (along, fixed))
        found.append(looks)
    return found


def course() -> list[list[tuple[float, float]]]:
    """The same moving looks in every picture."""
    return [[CORNERS[t % 5] for t in range(8)]] * 20


def fixed() -> list[list[tuple[float, float]]]:
    """One place in each picture."""
    return [[tuple(RNG.uniform(0.1, 0.9, 2))] * 8 for _ in range(20)]


def nearly_uniform() -> list[np.ndarray]:
    return drawn(0, [8] * 20, (8, 8), 50.0)
