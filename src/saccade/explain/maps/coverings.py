"""Maps from covering cells and reading the words again."""

import numpy as np

from saccade.explain.maps.measured import Measured


def occlusion(measured: Measured) -> np.ndarray:
    """What covering the window around a cell costs (Zeiler and Fergus 2014, arXiv 1311.2901)."""
    return (measured.full[:, None] - measured.windows)[:, measured.window]


def random_masks(measured: Measured) -> np.ndarray:
    """RISE (Petsiuk et al. 2018, arXiv 1806.07421, equation 6) with the random coverings of the
    control: a word's mean probability in the runs that leave a cell uncovered.

    Beside the paper: masks are of single cells, of several shares, and each share's mean is
    subtracted first, so that a cell does not depend on how much was covered around it."""
    probability = np.exp(measured.random)  # (R, U, W)
    gains = (probability - probability.mean(0)).reshape(-1, probability.shape[2])  # (R * U, W)
    visible = ~measured.masks.reshape(len(gains), -1)  # (R * U, L)
    return (gains.T @ visible) / np.maximum(visible.sum(0), 1)
