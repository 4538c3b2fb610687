"""What maps are made from, of small engines, for tests."""

import numpy as np
import torch
from torch import Tensor

from saccade.engine import ModelEngine
from saccade.explain.covering import first_covered
from saccade.explain.maps import Measured
from saccade.models.contract import Features
from saccade.values.places import Grid

SHARES = (0.2, 0.5, 0.8)


def measured_by(
    engine: ModelEngine,
    cells: Tensor,
    ids: tuple[int, ...],
    spans: tuple[tuple[int, int], ...],
    repeats: int = 4,
) -> Measured:
    """A sentence about cells (1, L, F), with windows of one cell and random coverings."""
    features, L = Features(cells), cells.size(1)
    filler = torch.full_like(cells[0], 0.25)
    coverings = engine.coverings(features, filler[None])
    rng = np.random.default_rng(0)
    orders = [rng.permutation(L) for _ in range(repeats)]
    masks = np.stack([first_covered(order, SHARES) for order in orders])  # (R, U, L)

    def by_word(masks: np.ndarray) -> np.ndarray:
        """(N, L) -> (N, W)"""
        read = coverings.logprobs(masks, ids, np.ones((len(masks), len(ids)), dtype=bool))
        return np.stack([read[:, first:last].sum(1) for first, last in spans], 1)

    with torch.no_grad():
        attention = engine.read(features, ids).attention
    own = None
    if attention is not None:
        rows = attention.weights[0].double().numpy()
        own = np.stack([rows[first:last].mean(0) for first, last in spans])
    return Measured(
        engine,
        Grid(10 * L, 10, (0, 0, 10 * L, 10), (1, L)),
        features,
        filler,
        ids,
        spans,
        by_word(np.zeros((1, L), dtype=bool))[0],
        own,
        by_word(np.eye(L, dtype=bool)).T,
        np.arange(L),
        masks,
        by_word(masks.reshape(-1, L)).reshape(repeats, len(SHARES), len(spans)),
    )
