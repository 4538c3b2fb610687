"""Maps from gradients of a word's log-probability at the cells' features."""

import numpy as np
import torch
from torch import Tensor

from saccade.errors import UsageError
from saccade.explain.maps.measured import Measured
from saccade.models.contract import Features

STEPS = 50  # of the integral; captum's own number
AT_ONCE = 32  # runs of the sentence at a time


def gradient_times_input(measured: Measured) -> np.ndarray:
    """Per cell, the gradient of the word's log-probability at the cell's features times these
    features, summed over their width (Shrikumar et al. 2016, arXiv 1605.01713)."""
    return measured.gradients.times_input


def grad_cam(measured: Measured) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2) on the cells: channels
    weighed by their mean gradient. Signed, so that cells are ranked; what is shown is its
    positive part, the paper's ReLU."""
    return measured.gradients.channels


def integrated(measured: Measured) -> np.ndarray:
    """Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) by captum, from what covers
    cells to the cells: a word's scores, with those of extra vectors, sum to what it loses when all
    is covered."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError as missing:
        raise UsageError(
            "integrated gradients need captum, which is not installed; run "
            "`pip install 'saccade-captioner[captum]'`, or leave out the map 'integrated'."
        ) from missing
    rows = measured.features.rows()  # (1, X + L, F)
    X, W = rows.size(1) - measured.features.cells.size(1), len(measured.spans)
    places = measured.wanted(measured.spans).to(rows.device)  # (W, P + 1)

    def logprob(runs: Tensor, wanted: Tensor) -> Tensor:
        """runs (N, X + L, F), wanted (N, P + 1) -> (N,)"""
        mask = measured.features.mask
        whole = Features(
            runs[:, X:],
            None if mask is None else mask.expand(len(runs), -1),
            runs[:, :X] if X else None,
        )
        values = measured.engine.read(whole, measured.ids, wanted).logprobs
        return torch.where(wanted, values, 0).sum(1)

    with torch.enable_grad():
        scores: Tensor = IntegratedGradients(logprob).attribute(
            rows.detach().expand(W, -1, -1),
            baselines=measured.filler.to(rows).expand(W, -1, -1),
            additional_forward_args=(places,),
            n_steps=STEPS,
            internal_batch_size=max(AT_ONCE, W),
        )
    return scores[:, X:].sum(-1).double().cpu().numpy()
