"""Covering pixels instead of cells: the dear way, to see what the cheap one changes.

An encoder's cell also sees what lies around it, so covering a cell's features leaves traces of it
in its neighbours, and covering its pixels disturbs them. Here the picture is encoded again for
every covering.
"""

import numpy as np
import torch
from torch import Tensor

from saccade.api import Captioner
from saccade.explain.covering import first_covered, logprobs
from saccade.explain.judging import EFFECT_SHARES, effect
from saccade.explain.maps import descending, spearman
from saccade.explain.settings import Settings
from saccade.models.decoders.soft_attention.stepping import SteppingState
from saccade.values.evidence import Explanation, PixelCheck

BATCH = 16  # pictures encoded at a time


def cover_pixels(
    captioner: Captioner, pixels: Tensor, explanation: Explanation, settings: Settings
) -> PixelCheck:
    """pixels (3, H, W) as the encoder takes them, and what was found by covering cells."""
    caption, words = explanation.caption, explanation.words
    if not words:
        return PixelCheck((), 0.0, "There is no word to cover pixels for.")
    grid, T = caption.where.shape, len(words)
    shares = tuple(share for share in settings.shares if share <= EFFECT_SHARES[1])
    S = len(shares)
    generator = np.random.default_rng(settings.seed)
    own = [descending(word.maps["attention"].ravel(), generator) for word in words]
    chance = [generator.permutation(grid[0] * grid[1]) for _ in range(settings.repeats)]
    masks = np.concatenate([first_covered(order, shares) for order in (*own, *chance)])
    wanted = np.ones((len(masks), T), dtype=bool)
    wanted[: T * S] = np.repeat(np.eye(T, dtype=bool), S, 0)  # a word's own runs serve it alone

    def begin(runs: np.ndarray) -> SteppingState:
        covered = [cover(pixels, masks[run].reshape(grid), colour) for run in runs]
        grids = [
            captioner.model.grid(torch.stack(covered[i : i + BATCH]).to(captioner.device))
            for i in range(0, len(covered), BATCH)
        ]
        return captioner.stepper().start(torch.cat(grids))

    colour = (captioner.model.encoder.mean.flatten() * 255).round().to(torch.uint8).cpu()
    found = logprobs(captioner.stepper(), begin, caption.ids, wanted, captioner.vocabulary.bos)
    deletion = found[: T * S].reshape(T, S, T)
    random = found[T * S :].reshape(len(chance), S, T)
    effects = tuple(effect(shares, deletion[t, :, t], random[:, :, t]) for t in range(T))
    by_pixels = np.array([item.value for item in effects])
    by_cells = np.array([word.curves["attention"].effect.value for word in words])
    rank = spearman(by_pixels, by_cells)
    sentence = (
        f"Covering pixels instead of cells (the photo encoded again {len(masks)} times): the most "
        f"attended ones cost a word {by_pixels.mean():.2f} nats beyond random ones on average, by "
        f"cells {by_cells.mean():.2f}; over the words the two agree with rank correlation "
        f"{rank:.2f}."
    )
    return PixelCheck(effects, rank, sentence)


def cover(pixels: Tensor, mask: np.ndarray, colour: Tensor) -> Tensor:
    """pixels (3, H, W) with the cells of mask (h, w) in one colour (3,)."""
    (_, H, W), (h, w) = pixels.shape, mask.shape
    # A pixel belongs to the cell that its centre lies in, whatever H and h.
    rows = ((torch.arange(H) + 0.5) * h / H).long()
    columns = ((torch.arange(W) + 0.5) * w / W).long()
    whole = torch.from_numpy(mask)[rows][:, columns]  # (H, W)
    return torch.where(whole, colour.view(3, 1, 1), pixels)
