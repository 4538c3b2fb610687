"""Soft attention: teacher forcing is the paper's equations word by word, and its own backward is
autograd's. What all decoders keep is in test_contract.py."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.models.attention.entmax import Normalizer
from saccade.models.contract import Features
from saccade.models.decoders.soft_attention.decoder import (
    SoftAttentionDecoder,
    SoftAttentionSettings,
)

V, F = 23, 11


def decoder(
    features: int = 8, dropout: float = 0.0, seed: int = 0, normalizer: Normalizer = "softmax"
) -> SoftAttentionDecoder:
    torch.manual_seed(seed)
    config = SoftAttentionSettings(
        hidden=10,
        embedding=9,
        attention=7,
        features=features,
        dropout=dropout,
        normalizer=normalizer,
    )
    return SoftAttentionDecoder(config, V, F).eval()


def teach(model, cells, captions, lengths=None):
    """cells (B, L, F), captions (N, T) -> logits (N, T, V), alphas, betas; zero after an end."""
    captions = captions.unflatten(0, (cells.size(0), -1))
    if lengths is None:
        lengths = torch.full(captions.shape[:2], captions.size(2))
    taught = model.teach(Features(cells), captions, lengths.view(captions.shape[:2]))
    logits = taught.logits.new_zeros(*captions.shape, model.vocabulary)
    logits[taught.live] = taught.logits
    attention = taught.attention
    return tuple(x.flatten(0, 1) for x in (logits, attention.weights, attention.gate))


def by_the_equations(model: SoftAttentionDecoder, cells: torch.Tensor, words: list[int]):
    """One picture (L, F), one caption: section 3.1.2 and 4.2 of arXiv 1502.03044, as written."""
    a = torch.relu(model.project(cells)) if model.settings.features else cells
    mean = a.mean(0)
    h = torch.tanh(model.init_hidden.weight @ mean + model.init_hidden.bias)
    c = torch.tanh(model.init_cell.weight @ mean + model.init_cell.bias)
    logits, alphas, betas = [], [], []
    for word in words:
        attend = model.attention
        energies = []
        for a_i in a:  # equation 4
            mixed = attend.key.weight @ a_i + attend.key.bias + attend.query.weight @ h
            energies.append(attend.energy.weight[0] @ torch.tanh(mixed))
        alpha = torch.stack(energies).exp()
        alpha = alpha / alpha.sum()  # equation 5
        beta = torch.sigmoid(model.gate.weight[0] @ h + model.gate.bias[0])
        z = beta * sum(w * a_i for w, a_i in zip(alpha, a, strict=True))  # equation 13 and 4.2.1
        embedded = model.embed.weight[word]
        h, c = model.lstm(torch.cat((embedded, z))[None], (h[None], c[None]))  # equations 1 to 3
        h, c = h[0], c[0]
        deep = embedded + model.from_hidden(h) + model.from_context(z)
        logits.append(model.output(deep))  # equation 7
        alphas.append(alpha)
        betas.append(beta)
    return torch.stack(logits), torch.stack(alphas), torch.stack(betas)


@pytest.mark.parametrize("features", [8, 0])
def test_teacher_forcing_is_the_papers_equations(features):
    model = decoder(features)
    grid = torch.randn(2, 5, F)
    captions = torch.randint(4, V, (6, 4))  # K = 3 captions of each of B = 2 pictures
    logits, alphas, betas = teach(model, grid, captions)
    assert logits.shape == (6, 4, V)
    assert alphas.shape == (6, 4, 5)
    assert betas.shape == (6, 4)
    for n in range(6):
        expected = by_the_equations(model, grid[n // 3], captions[n].tolist())
        for found, value in zip((logits[n], alphas[n], betas[n]), expected, strict=True):
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=3)
)
def test_ended_captions_cost_nothing_and_change_nothing(lengths):
    """Whatever the lengths and their order, live places equal those of a run without lengths, and
    alphas and betas are zero after the end."""
    model = decoder()
    counts = torch.tensor(lengths)
    grid = torch.randn(len(lengths), 4, F)
    captions = torch.randint(4, V, (counts.numel(), 5))
    logits, alphas, betas = teach(model, grid, captions, counts)
    full, full_alphas, full_betas = teach(model, grid, captions)
    live = torch.arange(5) < counts.flatten()[:, None]
    torch.testing.assert_close(logits[live], full[live])
    torch.testing.assert_close(alphas[live], full_alphas[live])
    torch.testing.assert_close(betas[live], full_betas[live])
    assert not alphas[~live].any()
    assert not betas[~live].any()


def stepwise(model, grid, captions, lengths):
    """The plain twin of `teach`: `step` word by word, autograd through all of it."""
    B, K, T = captions.shape
    state = model.start(Features(grid)).select(torch.arange(B).repeat_interleave(K))
    steps = []
    for t in range(T):
        step = model.step(captions[:, :, t].flatten(), state)
        state = step.state
        steps.append(step)
    live = torch.arange(T) < lengths.unsqueeze(-1)
    logits = torch.stack([s.logits for s in steps], 1).unflatten(0, (B, K))[live]
    alphas = torch.stack([s.attention.weights for s in steps], 1).unflatten(
        0, (B, K)
    ) * live.unsqueeze(-1)
    betas = torch.stack([s.attention.gate for s in steps], 1).unflatten(0, (B, K)) * live
    return logits, alphas, betas


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=1, max_size=4),
    features=st.sampled_from([0, 8]),
    seed=st.integers(0, 99),
    normalizer=st.sampled_from(get_args(Normalizer)),
)
def test_gradients_of_teaching_are_those_of_the_plain_loop(lengths, features, seed, normalizer):
    """Of every parameter and of the grid, through words, alphas and betas, in float64."""
    model = decoder(features, seed=seed, normalizer=normalizer).double()
    if normalizer != "softmax":  # energies far enough apart for some weights to be 0
        with torch.no_grad():
            model.attention.energy.weight *= 6
    counts = torch.tensor(lengths)
    if not counts.any():
        counts[0, 0] = 1
    found = []
    grid = torch.randn(len(lengths), 5, F, dtype=torch.float64, requires_grad=True)
    captions = torch.randint(4, V, (*counts.shape, 6))
    for way in ("plain", "fast"):
        if way == "plain":
            logits, alphas, betas = stepwise(model, grid, captions, counts)
        else:
            taught = model.teach(Features(grid), captions, counts)
            logits = taught.logits
            alphas, betas = taught.attention.weights, taught.attention.gate
        weights = torch.linspace(-1, 1, alphas.numel(), dtype=torch.float64).view_as(alphas)
        loss = logits.log_softmax(-1)[:, 3].sum() + (alphas * weights).square().sum()
        loss = loss + (betas * weights[..., 0]).sum()
        parameters = [grid, *model.parameters()]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        found.append([loss, *(g if g is not None else torch.zeros(()) for g in gradients)])
    for plain, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scale", [1, 8, 100])
def test_gradients_in_float32_agree_to_1e_5(scale):
    """Also where attention is so sharp that e^{2(p + q)} would not be a float32 any more."""
    torch.manual_seed(0)
    config = SoftAttentionSettings(hidden=64, embedding=32, attention=48, features=40, dropout=0.0)
    model = SoftAttentionDecoder(config, 200, 80)
    with torch.no_grad():
        model.attention.key.weight *= scale
    grid = torch.randn(4, 49, 80)
    counts = torch.tensor([[12, 9, 5], [7, 7, 3], [12, 1, 0], [4, 2, 2]])
    captions = torch.randint(4, 200, (4, 3, 12))
    plain = stepwise(model, grid, captions, counts)[0]
    fast = model.teach(Features(grid), captions, counts).logits
    for a, b in zip(
        torch.autograd.grad(plain.log_softmax(-1)[:, 9].mean(), list(model.parameters())),
        torch.autograd.grad(fast.log_softmax(-1)[:, 9].mean(), list(model.parameters())),
        strict=True,
    ):
        assert (a - b).norm() <= 1e-5 * a.norm()
