"""Every row of the table of maps against a slow, plain or independent way of its definition."""

import math

import numpy as np
import pytest
import torch

from saccade.engine import ModelEngine
from saccade.errors import UsageError
from saccade.explain import Settings
from saccade.explain.maps import DEFAULTS, MAPS, Absent, check, make
from saccade.explain.maps.gradients import grad_cam, integrated
from saccade.explain.maps.layers import by_head, by_layer, relevancy, rollout
from tests.engine.small import small_engine
from tests.explain.measured import measured_by
from tests.models.kinds import KINDS, F

IDS, SPANS = (5, 9, 4, 11), ((0, 1), (1, 3), (3, 4))  # the second word is two pieces
L = 6


def measured_of(engine: ModelEngine):
    torch.manual_seed(7)
    return measured_by(engine, torch.randn(1, L, F), IDS, SPANS)


def plain_transformer(engine: ModelEngine, cells):
    """Teacher forcing from the modules' own weights, one head at a time -> log-probabilities (P,),
    and weights in order: ("cells", (H, L, L)), ("words", (H, T, T)), ("across", (H, T, L))."""
    decoder, weights = engine.model.decoder, []
    H = decoder.settings.heads

    def attend(kind, q, k, v, causal=False):
        heads, out = [], []
        for part in zip(*(x.chunk(H, -1) for x in (q, k, v)), strict=True):
            energies = part[0] @ part[1].T / math.sqrt(part[0].size(1))
            if causal:
                for t in range(len(energies)):
                    energies = energies.clone()
                    energies[t, t + 1 :] = -1e9
            heads.append(energies.exp() / energies.exp().sum(1, keepdim=True))
            out.append(part[2])
        stacked = torch.stack(heads)
        stacked.retain_grad()
        weights.append((kind, stacked))
        return torch.cat([stacked[h] @ out[h] for h in range(H)], 1)

    x = decoder.project(cells)
    for layer in decoder.encoder:
        q, k, v = layer.attend.project(layer.attend.norm(x)).chunk(3, 1)
        x = x + layer.attend.out(attend("cells", q, k, v))
        x = x + layer.feed(x)
    seen = decoder.seen(x)
    inputs = torch.tensor((engine.vocabulary.bos, *IDS))
    y = decoder._words(inputs[None], 0)[0]
    for layer in decoder.layers:
        q, k, v = layer.words.project(layer.words.norm(y)).chunk(3, 1)
        y = y + layer.words.out(attend("words", q, k, v, causal=True))
        keys, values = layer.cells.memory(seen).chunk(2, 1)
        q = layer.cells.query(layer.cells.norm(y))
        y = y + layer.cells.out(attend("across", q, keys, values))
        y = y + layer.feed(y)
    logits = decoder.output(decoder.norm(y)).log_softmax(1)
    return torch.stack([logits[t, token] for t, token in enumerate(IDS)]), weights


@pytest.fixture(scope="module")
def transformer():
    return small_engine("transformer", 3)


def test_heads_and_layers_are_the_decoders_weights(transformer):
    measured = measured_of(transformer)
    cells = measured.features.cells[0].clone().requires_grad_()
    _, weights = plain_transformer(transformer, cells)
    across = [w.detach().numpy() for kind, w in weights if kind == "across"]
    heads, layers = by_head(measured), by_layer(measured)
    assert list(heads) == [f"{i}.{j}" for i in (1, 2) for j in (1, 2, 3)]
    assert list(layers) == ["1", "2"]
    for i, layer in enumerate(across):
        words = np.stack([layer[:, first:last].mean(1) for first, last in SPANS], 1)  # (H, W, L)
        for j in range(3):
            np.testing.assert_allclose(heads[f"{i + 1}.{j + 1}"], words[j], atol=1e-6)
        np.testing.assert_allclose(layers[str(i + 1)], words.mean(0), atol=1e-6)
    np.testing.assert_allclose(layers["2"], measured.attention, atol=1e-6)


def test_rollout_is_the_product_of_joint_matrices(transformer):
    """One (L + T, L + T) matrix for every attention, half of it the identity, multiplied."""
    measured = measured_of(transformer)
    cells = measured.features.cells[0].clone().requires_grad_()
    _, weights = plain_transformer(transformer, cells)
    T = len(IDS) + 1
    flow = np.eye(L + T)
    rows = {"cells": slice(0, L), "words": slice(L, None), "across": slice(L, None)}
    columns = {"cells": slice(0, L), "words": slice(L, None), "across": slice(0, L)}
    for kind, weight in weights:
        joint = np.eye(L + T)
        joint[rows[kind]] *= 0.5
        joint[rows[kind], columns[kind]] += 0.5 * weight.detach().numpy().mean(0)
        np.testing.assert_allclose(joint.sum(1), 1, atol=1e-6)
        flow = joint @ flow
    expected = [flow[L + first : L + last, :L].mean(0) for first, last in SPANS]
    np.testing.assert_allclose(rollout(measured), expected, atol=1e-6)


def test_relevancy_is_the_textbook_loop(transformer):
    """Chefer et al. 2021: three matrices, updated layer by layer, one word at a time."""
    measured = measured_of(transformer)
    expected = []
    for first, last in SPANS:
        cells = measured.features.cells[0].clone().requires_grad_()
        logprobs, weights = plain_transformer(transformer, cells)
        logprobs[first:last].sum().backward()
        T = len(IDS) + 1
        ii, qq, qi = np.eye(L), np.eye(T), np.zeros((T, L))

        def normalised(matrix):
            added = matrix - np.eye(len(matrix))
            for row in added:
                row /= row.sum() or 1
            return added + np.eye(len(matrix))

        for kind, weight in weights:
            products = weight.grad.numpy() * weight.detach().numpy()
            mean = np.maximum(products, 0).mean(0)
            if kind == "cells":
                ii = ii + mean @ ii
            elif kind == "words":
                qq, qi = qq + mean @ qq, qi + mean @ qi
            else:
                qi = qi + normalised(qq).T @ mean @ normalised(ii)
        expected.append(qi[first:last].mean(0))
    np.testing.assert_allclose(relevancy(measured), expected, rtol=1e-3, atol=1e-5)


def test_relevancy_of_one_look_a_word_is_gradient_times_attention():
    """Without layers it is the positive part of the gradient at a word's own weights times these,
    the gradient by finite differences through the decoder's steps."""
    engine = small_engine("soft_attention", 3)
    measured, decoder = measured_of(engine), engine.model.decoder
    found = relevancy(measured)
    double = small_engine("soft_attention", 3).model.decoder.double()
    del decoder
    memory = double.memory(measured.features._replace(cells=measured.features.cells.double()))

    def logprob(place: int, word: tuple[int, int], cell: int, change: float) -> float:
        hidden, memory_cell = double._initial(memory)
        total = 0.0
        for t, token in enumerate((engine.vocabulary.bos, *IDS)[: word[1]]):
            embedded = double.embed(torch.tensor([token]))
            added = torch.zeros(1, 1, L, dtype=torch.float64)
            if t == place:
                added[0, 0, cell] = change
            context, _, _ = double._attend(hidden.unsqueeze(1), memory, added)
            context = context[:, 0]
            hidden, memory_cell = double.lstm(
                torch.cat((embedded, context), 1), (hidden, memory_cell)
            )
            logits = double.output(double._deep(embedded, hidden, context)).log_softmax(1)
            total += float(logits[0, IDS[t]]) if t >= word[0] else 0.0
        return total

    with torch.no_grad():
        attention = engine.read(measured.features, IDS).attention.weights[0].double().numpy()
        for w, word in enumerate(SPANS):
            rows = []
            for place in range(*word):
                slopes = [
                    (logprob(place, word, c, 1e-5) - logprob(place, word, c, -1e-5)) / 2e-5
                    for c in range(L)
                ]
                rows.append(np.maximum(slopes * attention[place], 0))
            np.testing.assert_allclose(found[w], np.mean(rows, 0), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_grad_cam_is_its_two_equations(kind):
    """One word after the other through `step`; channel weights and their sum by loops."""
    engine = small_engine(kind, 3)
    measured, decoder = measured_of(engine), engine.model.decoder
    for row, (first, last) in zip(grad_cam(measured), SPANS, strict=True):
        cells = measured.features.cells.clone().requires_grad_()
        state = decoder.start(measured.features._replace(cells=cells))
        total = torch.zeros(())
        for place, token in enumerate((engine.vocabulary.bos, *IDS)[:last]):
            logits, state, _ = decoder.step(torch.tensor([token]), state)
            if place >= first:
                total = total + logits.log_softmax(-1)[0, IDS[place]]
        total.backward()
        gradient, values = cells.grad[0].tolist(), cells[0].tolist()
        channel = [sum(gradient[i][k] for i in range(L)) / L for k in range(F)]
        expected = [sum(channel[k] * values[i][k] for k in range(F)) for i in range(L)]
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_are_complete_and_a_plain_sum(kind):
    """Scores add up to what a word loses when all cells are covered; each is a Riemann sum."""
    engine = small_engine(kind, 3)
    measured = measured_of(engine)
    scores = integrated(measured)
    everything = np.ones((1, L), dtype=bool)
    coverings = engine.coverings(measured.features, measured.filler[None])
    covered = coverings.logprobs(everything, IDS, np.ones((1, len(IDS)), dtype=bool))[0]
    without = np.array([covered[first:last].sum() for first, last in SPANS])
    np.testing.assert_allclose(scores.sum(1), measured.full - without, atol=1e-2)
    S, cells = 200, measured.features.cells[0]
    share = (torch.arange(S) + 0.5)[:, None, None] / S
    at = (measured.filler + share * (cells - measured.filler)).requires_grad_()  # (S, L, F)
    wanted = measured.wanted(SPANS[1:2]).expand(S, -1)
    read = engine.read(measured.features._replace(cells=at), IDS, wanted)
    (gradient,) = torch.autograd.grad(read.logprobs[wanted].sum(), at)
    plain = (gradient * (cells - measured.filler)).mean(0).sum(1).numpy()
    np.testing.assert_allclose(scores[1], plain, rtol=2e-2, atol=2e-3)


def test_random_masks_are_a_plain_loop():
    measured = measured_of(small_engine("soft_attention", 3))
    (scores,) = make(measured, ("rise",)).scores.values()
    R, U, W = measured.random.shape
    for w in range(W):
        for cell in range(L):
            gains = [
                math.exp(measured.random[r, u, w])
                - sum(math.exp(measured.random[q, u, w]) for q in range(R)) / R
                for r in range(R)
                for u in range(U)
                if not measured.masks[r, u, cell]
            ]
            assert scores[w, cell] == pytest.approx(sum(gains) / max(1, len(gains)), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_makes_a_map_or_says_why_not(kind):
    measured = measured_of(small_engine(kind))
    maps = make(measured, tuple(MAPS))
    assert all(scores.shape == (len(SPANS), L) for scores in maps.scores.values())
    assert all(np.isfinite(scores).all() for scores in maps.scores.values())
    assert maps.labels.keys() == maps.scores.keys()
    assert {name.partition(".")[0] for name in maps.scores} | maps.absent.keys() == MAPS.keys()
    missing = {
        "show_tell": {"attention", "density", "layers", "heads", "rollout", "relevancy"},
        "soft_attention": {"layers", "heads", "rollout"},
        "transformer": set(),
    }
    assert maps.absent.keys() == missing[kind]
    assert all("this model" in reason for reason in maps.absent.values())


def test_one_of_several_maps_by_name(transformer):
    measured = measured_of(transformer)
    one = make(measured, ("heads.2.1", "gradcam", "layers.1"))
    assert list(one.labels.items()) == [
        ("heads.2.1", "Attention of head 2.1"),
        ("gradcam", "Grad-CAM"),
        ("layers.1", "Attention of layer 1"),
    ]
    np.testing.assert_array_equal(one.scores["heads.2.1"], by_head(measured)["2.1"])
    with pytest.raises(UsageError, match=r"no map 'heads.9.1'; of this model choose heads.1.1, "):
        make(measured, ("heads.9.1",))


def test_names_that_are_no_maps_and_packages_that_are_missing(monkeypatch):
    for names in ((), ("grad",), ("gradcam.2",), ("heads.",), ("",)):
        with pytest.raises(UsageError, match="gradcam"):
            check(names)
    monkeypatch.setattr("saccade.explain.maps.find_spec", lambda name: None)
    check(DEFAULTS)
    with pytest.raises(UsageError, match=r"pip install 'saccade-captioner\[captum\]'"):
        Settings(maps=("integrated",))


def test_absent_maps_do_not_count_as_several():
    assert isinstance(by_layer(measured_of(small_engine("show_tell"))), Absent)
