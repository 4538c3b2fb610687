"""The fast way to decode equals the plain ones: the decoder's own `step`, and the twins that the
benchmarks measure against."""

import importlib.util
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.api import Captioner
from saccade.decoding import Tokens, ban, beam_search, greedy
from saccade.decoding.words import BLOCK, likeliest
from saccade.models.attention.entmax import Normalizer
from saccade.models.contract import Features
from saccade.models.decoders.soft_attention import products
from saccade.models.decoders.soft_attention.decoder import (
    SoftAttentionDecoder,
    SoftAttentionSettings,
)
from saccade.models.decoders.soft_attention.stepping import SoftAttentionStepper

V, F = 31, 11


def load_plain():
    """benchmarks/plain.py, which is no package."""
    path = Path(__file__).parents[2] / "benchmarks" / "plain.py"
    spec = importlib.util.spec_from_file_location("plain", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = load_plain()


def decoder(
    features: int = 8, seed: int = 0, scale: float = 1.0, normalizer: Normalizer = "softmax"
) -> SoftAttentionDecoder:
    torch.manual_seed(seed)
    config = SoftAttentionSettings(
        hidden=10,
        embedding=9,
        attention=7,
        features=features,
        dropout=0.5,
        normalizer=normalizer,
    )
    model = SoftAttentionDecoder(config, V, F).eval()
    with torch.no_grad():
        model.attention.key.weight *= scale
        model.attention.query.weight *= scale
    return model


@settings(max_examples=40, deadline=None)
@given(
    B=st.integers(1, 3),
    K=st.integers(1, 4),
    L=st.integers(1, 6),
    T=st.integers(1, 5),
    features=st.sampled_from([0, 8]),
    scale=st.sampled_from([1.0, 10.0, 200.0]),  # at 200 e^{2x} is no float32 any more
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    normalizer=st.sampled_from(get_args(Normalizer)),
)
def test_a_stepper_steps_as_its_decoder(B, K, L, T, features, scale, dtype, seed, normalizer):
    model = decoder(features, seed, scale, normalizer).to(dtype)
    grid = Features(torch.randn(B, L, F, dtype=dtype))
    tokens = torch.randint(0, V, (T, B * K))
    rows = torch.arange(B).repeat_interleave(K)
    stepper = SoftAttentionStepper(model)
    slow, fast = model.start(grid).select(rows), stepper.start(grid).select(rows)
    close = (
        {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-11}
    )
    if scale > 1 and dtype == torch.float32:
        close = {"rtol": 1e-3, "atol": 1e-3}  # sharp attention magnifies rounding
    for t in range(T):
        a, b = model.step(tokens[t], slow), stepper.step(tokens[t], fast)
        torch.testing.assert_close(b.logits, a.logits, **close)
        torch.testing.assert_close(b.attention.weights, a.attention.weights, **close)
        torch.testing.assert_close(b.attention.gate, a.attention.gate, **close)
        order = torch.randperm(K).repeat(B) + rows * K
        slow, fast = a.state.select(order), b.state.select(order)
    if B > 1:
        kept = torch.tensor([B - 1, 0])
        words = torch.randint(0, V, (2 * K,))
        a = model.step(words, slow.select_pictures(kept))
        b = stepper.step(words, fast.select_pictures(kept))
        torch.testing.assert_close(b.logits, a.logits, **close)


def test_blocks_of_pictures_do_not_change_attention(monkeypatch):
    model = decoder()
    grid = Features(torch.randn(7, 5, F))
    tokens = torch.randint(0, V, (7,))
    whole = SoftAttentionStepper(model).step(tokens, SoftAttentionStepper(model).start(grid))
    monkeypatch.setattr(
        "saccade.models.attention.additive.IN_CACHE", 3 * 5 * 7
    )  # three pictures at a time
    blocked = SoftAttentionStepper(model).step(tokens, SoftAttentionStepper(model).start(grid))
    torch.testing.assert_close(blocked.attention.weights, whole.attention.weights, rtol=0, atol=0)


@settings(max_examples=60, deadline=None)
@given(
    N=st.integers(1, 4),
    V=st.sampled_from([1, 3, 40, BLOCK, 2 * BLOCK, 5 * BLOCK + 7, 1000]),
    count=st.integers(1, 7),
    banned=st.sets(st.integers(0, 40), max_size=4),
    seed=st.integers(0, 999),
)
def test_likeliest_is_log_softmax_and_a_full_sort(N, V, count, banned, seed):
    banned = tuple(word for word in banned if word < V)
    logits = torch.randn(N, V, generator=torch.Generator().manual_seed(seed)) * 4
    logprobs = logits.double().log_softmax(1)
    logprobs[:, list(banned)] = -torch.inf
    expected, ids = logprobs.sort(1, descending=True)
    values, found = likeliest(logits.clone(), count, [ban(banned)])
    assert values.shape == (N, min(count, V))
    torch.testing.assert_close(values.double(), expected[:, :count], rtol=1e-5, atol=1e-5)
    certain = values > -torch.inf  # banned words are alike
    assert torch.equal(found[certain], ids[:, :count][certain])


@pytest.mark.parametrize("length_power", [0.0, 0.7])
def test_a_trained_captioner_says_the_same_words_fast_and_plainly(run, data, length_power):
    """Token for token, log-probabilities within 1e-4, on photos of a model that has learned."""
    captioner = Captioner.from_pretrained(run, device="cpu")
    photos = sorted((data / "images").iterdir())
    features = captioner.encode(photos).features
    words = captioner.engine.vocabulary
    banned = (words.pad, words.bos, words.unk)
    tokens, rules = Tokens(words.bos, words.eos), [ban(banned)]
    model, stepper = captioner.engine.model.decoder, captioner.engine.stepper()
    fast = beam_search(stepper, stepper.start(features), tokens, rules, 5, 8, length_power)
    slow = plain.beam(model, features.cells, words.bos, words.eos, banned, 5, 8, length_power)
    assert len({hypotheses[0].ids for hypotheses in fast}) > 3
    for (best, *_), (score, ids, logprobs) in zip(fast, slow, strict=True):
        assert best.ids == tuple(ids)
        assert best.score == pytest.approx(score, abs=1e-4)
        assert best.logprobs == pytest.approx(logprobs[: len(ids)], abs=1e-4)
    fast = greedy(stepper, stepper.start(features), tokens, rules, 8)
    slow = plain.greedy(model, features.cells, words.bos, words.eos, banned, 8)
    for best, (ids, logprobs, alphas) in zip(fast, slow, strict=True):
        assert best.ids == tuple(ids)
        assert best.logprobs == pytest.approx(logprobs, abs=1e-4)
        torch.testing.assert_close(
            torch.from_numpy(best.alphas), torch.stack(alphas), atol=1e-4, rtol=0
        )


def _zero(weight):
    with torch.no_grad():
        weight.zero_()


def _zero_data(weight):
    weight.data.zero_()  # leaves the tensor's version as it was


@pytest.mark.parametrize("change", [_zero, _zero_data])
def test_a_captioner_notices_that_its_weights_have_changed(run, data, change):
    captioner = Captioner.from_pretrained(run, device="cpu")
    photo = next((data / "images").iterdir())
    before = captioner.caption(photo, beams=1)
    assert captioner.engine.stepper() is captioner.engine.stepper()
    change(captioner.engine.model.decoder.attention.energy.weight)
    after = captioner.caption(photo, beams=1)
    assert before.alphas[0].max() > 1.5 / before.alphas[0].size
    assert after.alphas[0].max() == pytest.approx(1 / after.alphas[0].size, rel=1e-5)


def test_a_captioner_loaded_in_inference_mode_captions(run, data):
    with torch.inference_mode():  # such tensors count no versions
        captioner = Captioner.from_pretrained(run, device="cpu")
        photo = next((data / "images").iterdir())
        text = captioner.caption(photo).text
    assert text == Captioner.from_pretrained(run, device="cpu").caption(photo).text


# Products --------------------------------------------------------------------------------------


@pytest.fixture
def untried():
    """Each of these tests tries anew."""
    products.can_pack.cache_clear()
    yield
    products.can_pack.cache_clear()


@pytest.mark.parametrize("rows", [(), (1,), (5,), (3, 70)])
@pytest.mark.parametrize("bias", [True, False])
def test_every_product_equals_the_default(rows, bias):
    weight, b = torch.randn(130, 33), torch.randn(130) if bias else None
    x = torch.randn(*rows, 33)
    expected = torch.nn.functional.linear(x, weight, b)
    torch.testing.assert_close(products._plain(weight, b)(x), expected)
    torch.testing.assert_close(products.product(weight, b)(x), expected, rtol=1e-5, atol=1e-5)
    if rows:
        try:
            packed = products._packed(weight, b)
        except (AttributeError, RuntimeError):
            pytest.skip("this torch can't pack weights")
        torch.testing.assert_close(packed(x), expected, rtol=1e-5, atol=1e-5)


def test_where_weights_cannot_be_packed_the_default_serves(untried, monkeypatch):
    def missing(weight, bias):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(products, "_packed", missing)
    assert not products.can_pack()
    weight, x = torch.randn(4, 3), torch.randn(2, 3)
    torch.testing.assert_close(products.product(weight)(x), x @ weight.t())


def test_a_fast_product_that_rounds_to_bfloat16_is_not_taken(untried, monkeypatch):
    def rounded(weight, bias):
        short = weight.bfloat16()
        return lambda x: (x.bfloat16() @ short.t()).float()

    monkeypatch.setattr(products, "_packed", rounded)
    assert not products.can_pack()


def test_packing_is_decided_by_what_there_is_and_a_setting_never_by_a_clock(untried, monkeypatch):
    packed = []
    plain_one = products._plain

    def remember(weight, bias):
        packed.append(weight.shape)
        return plain_one(weight, bias)

    monkeypatch.setattr(products, "_packed", remember)
    weight = torch.randn(4, 3)
    products.product(weight)
    assert (4, 3) in packed
    packed.clear()
    monkeypatch.setenv(products.SWITCH, "0")
    products.product(weight)
    assert packed == []
