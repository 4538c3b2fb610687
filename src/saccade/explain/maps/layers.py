"""Maps from the attention of all layers and heads, for models that have several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from saccade.explain.maps.measured import Absent, Measured, Span
from saccade.explain.sentences import by_word
from saccade.models.contract import Layers

NUMBERS = 2**24  # attention weights at a time: 64 MiB, and as much again for their gradients

NO_ATTENTION = Absent("this model has no attention")
NO_LAYERS = Absent(
    "this model does not give the attention of its layers; of an ensemble, name one member alone"
)
ONE_LAYER = Absent("this model attends once for each word, so this map would be its attention")


def by_layer(measured: Measured) -> dict[str, np.ndarray] | Absent:
    """The attention of each layer that looks at the picture, mean over its heads."""
    heads = by_head(measured)
    if isinstance(heads, Absent):
        return heads
    layers = dict.fromkeys(name.partition(".")[0] for name in heads)
    return {
        layer: np.mean([m for name, m in heads.items() if name.partition(".")[0] == layer], 0)
        for layer in layers
    }


def by_head(measured: Measured) -> dict[str, np.ndarray] | Absent:
    """The attention of each head of each of these layers: names "layer.head", from 1."""
    layers = several(measured)
    if isinstance(layers, Absent):
        return layers
    maps = {}
    for i, weights in enumerate(layers.cross or layers.own, 1):
        rows = weights[0][:, layers.pieces][:, :, layers.cells]  # (H, P, L)
        for j, head in enumerate(rows.double().cpu().numpy(), 1):
            maps[f"{i}.{j}"] = by_word(head, measured.spans)
    return maps


def rollout(measured: Measured) -> np.ndarray | Absent:
    """Attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928, section 3): the product of all
    layers' (A + I) / 2, A their mean over heads. Cross-attention passes on half of a word, and half
    of what it looks at; the paper has self-attention only."""
    layers = several(measured)
    if isinstance(layers, Absent):
        return layers
    flow: Tensor | None = None  # (N, N)
    for weights, queries, keys, size in steps(layers):
        flow = torch.eye(size, dtype=weights.dtype, device=weights.device) if flow is None else flow
        flow[queries] = (flow[queries] + weights[0].mean(0) @ flow[keys]) / 2
    assert flow is not None
    return by_word(_cells(layers, flow).double().cpu().numpy(), measured.spans)


def relevancy(measured: Measured) -> np.ndarray | Absent:
    """Relevancy propagation with gradient-weighted attention (Chefer et al. 2021, arXiv 2103.15679,
    equations 5 to 10), the gradients of each word's log-probability."""
    layers = attended(measured)
    if isinstance(layers, Absent):
        return layers
    numbers = sum(weights.numel() for weights, *_ in steps(layers))
    count = max(1, NUMBERS // numbers)
    spans = measured.spans
    parts = [_relevancy(measured, spans[i : i + count]) for i in range(0, len(spans), count)]
    return np.concatenate(parts)


@torch.enable_grad()
def _relevancy(measured: Measured, spans: Sequence[Span]) -> np.ndarray:
    """spans of W words -> (W, L)"""
    # Gradients at attention need a graph, which frozen weights would not make.
    cells = measured.features.cells.detach().expand(len(spans), -1, -1).clone().requires_grad_()
    reading = measured.read(cells, spans, heads=True)
    layers = reading.layers
    assert layers is not None
    blocks = list(steps(layers))
    places = measured.wanted(spans).to(reading.logprobs.device)
    gradients = torch.autograd.grad(
        reading.logprobs[places].sum(), [weights for weights, *_ in blocks]
    )
    with torch.no_grad():
        scores = []
        for run, span in enumerate(spans):
            relevance: Tensor | None = None  # (N, N)
            for (weights, queries, keys, size), gradient in zip(blocks, gradients, strict=True):
                if relevance is None:
                    relevance = torch.eye(size, dtype=weights.dtype, device=weights.device)
                weighed = (gradient[run] * weights[run]).clamp(min=0).mean(0)  # (Q, K), eq. 5
                if queries == keys:  # equations 6 and 7
                    relevance[queries] += weighed @ relevance[keys]
                else:  # equation 10
                    own = _normalised(relevance[queries, queries])
                    seen = _normalised(relevance[keys, keys])
                    relevance[queries, keys] += own.T @ weighed @ seen
            assert relevance is not None
            pieces = _cells(layers, relevance).double().cpu().numpy()
            scores.append(pieces[slice(*span)].mean(0))
    return np.stack(scores)


def _normalised(relevance: Tensor) -> Tensor:
    """(N, N), equations 8 and 9: what was added to the identity, each row to sum 1."""
    one = torch.eye(len(relevance), dtype=relevance.dtype, device=relevance.device)
    added = relevance - one
    total = added.sum(1, keepdim=True)
    return torch.where(total > 0, added / total, 0) + one


def steps(layers: Layers) -> Iterator[tuple[Tensor, slice, slice, int]]:
    """Weights (R, H, Q, K) in the order of computation, which places are its queries and its keys,
    and how many places there are: M rows of the picture, then S of the decoder's sequence."""
    M = layers.cross[0].size(3) if layers.cross else 0
    S = (layers.cross or layers.own)[0].size(2)
    picture, sequence = slice(0, M), slice(M, M + S)
    for weights in layers.picture:
        yield weights, picture, picture, M + S
    for i in range(max(len(layers.own), len(layers.cross))):
        if layers.own:
            yield layers.own[i], sequence, sequence, M + S
        if layers.cross:
            yield layers.cross[i], sequence, picture, M + S


def _cells(layers: Layers, flow: Tensor) -> Tensor:
    """(N, N) from place to place -> (P, L) from each piece to the cells."""
    M = layers.cross[0].size(3) if layers.cross else 0
    return flow[layers.pieces + M][:, layers.cells]


def attended(measured: Measured) -> Layers | Absent:
    """The layers of one run of the sentence."""
    if measured.attention is None:
        return NO_ATTENTION
    return NO_LAYERS if measured.layers is None else measured.layers


def several(measured: Measured) -> Layers | Absent:
    """The same, where there are several layers or heads."""
    layers = attended(measured)
    if isinstance(layers, Absent):
        return layers
    blocks = list(steps(layers))
    return ONE_LAYER if len(blocks) == 1 and blocks[0][0].size(1) == 1 else layers
