"""Covering pixels instead of cells: the expensive way, to see what the cheap one changes.

An encoder's cell also sees what lies around it, so covering a cell's features leaves traces of it
in its neighbours, and covering its pixels disturbs them. Here the picture is encoded again for
every covering.
"""

import numpy as np
import torch
from torch import Tensor

from saccade.engine import Engine
from saccade.errors import UsageError
from saccade.explain.comparing import descending, spearman
from saccade.explain.covering import first_covered
from saccade.explain.judging import EFFECT_SHARES, effect
from saccade.explain.settings import Settings
from saccade.values.evidence import Explanation, PixelCheck
from saccade.values.places import Grid

BATCH = 16  # pictures encoded at a time


@torch.no_grad()
def cover_pixels(
    engine: Engine, pixels: Tensor, explanation: Explanation, settings: Settings
) -> PixelCheck:
    """pixels (3, H, W) as the encoder takes them, and what was found by covering cells. Raises
    UsageError for a model whose cells do not form a grid."""
    caption, words, name = explanation.caption, explanation.words, explanation.verdict_on
    if not isinstance(caption.where, Grid):
        raise UsageError("covering pixels needs a grid of cells; this model looks at regions.")
    if pixels.dim() != 3:
        raise UsageError("covering pixels needs one input; these members take several sizes.")
    if not words:
        return PixelCheck((), 0.0, "There is no word to cover pixels for.")
    shape, T = caption.where.shape, len(words)
    shares = tuple(share for share in settings.shares if share <= EFFECT_SHARES[1])
    S = len(shares)
    generator = np.random.default_rng(settings.seed_of(caption))
    own = [descending(word.maps[name].ravel(), generator) for word in words]
    chance = [generator.permutation(shape[0] * shape[1]) for _ in range(settings.repeats)]
    masks = np.concatenate([first_covered(order, shares) for order in (*own, *chance)])
    wanted = np.ones((len(masks), T), dtype=bool)
    wanted[: T * S] = np.repeat(np.eye(T, dtype=bool), S, 0)  # a word's own runs serve it alone
    logprobs = np.full(wanted.shape, np.nan)
    for start in range(0, len(masks), BATCH):
        runs = slice(start, start + BATCH)
        covered = [cover(pixels, mask.reshape(shape), engine.mean_colour) for mask in masks[runs]]
        features = engine.encode_pixels(torch.stack(covered).to(engine.device))
        pieces = engine.read(features, caption.ids).logprobs.double().cpu().numpy()
        by_word = np.stack([pieces[:, first:last].sum(1) for first, last in caption.spans], 1)
        logprobs[runs] = np.where(wanted[runs], by_word, np.nan)
    deletion = logprobs[: T * S].reshape(T, S, T)
    random = logprobs[T * S :].reshape(len(chance), S, T)
    effects = tuple(effect(shares, deletion[t, :, t], random[:, :, t]) for t in range(T))
    by_pixels = np.array([item.value for item in effects])
    by_cells = np.array([word.curves[name].effect.value for word in words])
    rank = spearman(by_pixels, by_cells)
    sentence = (
        f"Covering pixels instead of cells (the photo encoded again {len(masks)} times): the cells "
        f"highest in the {name} map cost a word {by_pixels.mean():.2f} nats beyond random ones on "
        f"average, by cells {by_cells.mean():.2f}; over the words the two agree with rank "
        f"correlation {rank:.2f}."
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
