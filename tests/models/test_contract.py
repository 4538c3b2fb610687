"""What every decoder of the table keeps: stepping is teaching, selecting commutes with stepping,
every parameter learns, weights come back from a file, one beam is greedy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from saccade.config import chosen, from_dict, to_dict
from saccade.decoding import Tokens, ban, beam_search, greedy
from saccade.errors import UsageError
from saccade.models.build import DECODERS, TAG, build_decoder
from saccade.models.contract import Features, State
from tests.models.kinds import KINDS, SMALL, F, V, small_decoder

over_kinds = pytest.mark.parametrize("kind", KINDS)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def test_the_tests_know_every_kind():
    assert set(SMALL) == set(DECODERS)


def step_by_step(model, features, inputs):
    """`step` over inputs (B, K, T) -> logits (B, K, T, V), and what attention there was."""
    B, K, T = inputs.shape
    state = model.start(features).select(torch.arange(B).repeat_interleave(K))
    logits, maps = [], []
    for t in range(T):
        step = model.step(inputs[:, :, t].flatten(), state)
        state = step.state
        logits.append(step.logits)
        maps.append(step.attention)
    return torch.stack(logits, 1).unflatten(0, (B, K)), maps


@over_kinds
@settings(max_examples=15, deadline=None)
@given(
    B=st.integers(1, 3),
    K=st.integers(1, 3),
    T=st.integers(1, 5),
    L=st.integers(1, 6),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_stepping_and_teaching_agree(kind, B, K, T, L, masked, seed):
    model = small_decoder(kind, seed)
    mask = None
    if masked:
        mask = torch.rand(B, L) < 0.6
        mask[:, 0] = True
    features = Features(torch.randn(B, L, F), mask)
    inputs = torch.randint(0, V, (B, K, T))
    lengths = torch.randint(0, T + 1, (B, K))
    lengths[0, 0] = T
    taught = model.teach(features, inputs, lengths)
    logits, maps = step_by_step(model, features, inputs)
    assert torch.equal(taught.live, torch.arange(T) < lengths.unsqueeze(-1))
    torch.testing.assert_close(taught.logits, logits[taught.live], **CLOSE)
    if taught.attention is None:
        assert maps == [None] * T
        return
    assert taught.attention.weights.shape == (B, K, T, L)
    for t, attention in enumerate(maps):
        live = taught.live[:, :, t]
        weights = attention.weights.unflatten(0, (B, K))
        torch.testing.assert_close(taught.attention.weights[:, :, t][live], weights[live], **CLOSE)
        torch.testing.assert_close(attention.weights.sum(-1), torch.ones(B * K))
        assert not taught.attention.weights[:, :, t][~live].any()
        if masked:
            assert not weights[~mask.unsqueeze(1).expand_as(weights)].any()
        if attention.gate is not None:
            gate = attention.gate.unflatten(0, (B, K))
            torch.testing.assert_close(taught.attention.gate[:, :, t][live], gate[live], **CLOSE)


@over_kinds
def test_cells_that_are_not_there_change_nothing(kind):
    """A picture with fewer regions, padded with noise, is as one that has only its own."""
    model = small_decoder(kind)
    cells = torch.randn(1, 6, F)
    inputs, lengths = torch.randint(0, V, (1, 1, 4)), torch.tensor([[4]])
    few = model.teach(Features(cells[:, :4]), inputs, lengths)
    mask = torch.tensor([[True] * 4 + [False] * 2])
    padded = model.teach(Features(cells, mask), inputs, lengths)
    torch.testing.assert_close(padded.logits, few.logits, **CLOSE)
    stepper = model.stepper()
    state = stepper.start(Features(cells, mask))
    torch.testing.assert_close(stepper.step(inputs[:, 0, 0], state).logits, few.logits[:1], **CLOSE)


@over_kinds
def test_the_stepper_is_the_decoder(kind):
    model = small_decoder(kind)
    stepper, features = model.stepper(), Features(torch.randn(2, 5, F))
    rows = torch.tensor([0, 0, 1, 1])
    slow, fast = model.start(features).select(rows), stepper.start(features).select(rows)
    for _ in range(3):
        tokens = torch.randint(0, V, (4,))
        a, b = model.step(tokens, slow), stepper.step(tokens, fast)
        some = stepper.step(tokens, fast, torch.tensor([3, 0]))
        torch.testing.assert_close(b.logits, a.logits, **CLOSE)
        torch.testing.assert_close(some.logits, b.logits[[3, 0]], **CLOSE)
        assert not b.logits.requires_grad
        slow, fast = a.state, b.state


@over_kinds
def test_selecting_commutes_with_stepping(kind):
    model = small_decoder(kind)
    for stepper in (model, model.stepper()):
        with torch.no_grad():
            state = stepper.start(Features(torch.randn(3, 4, F)))
            state = state.select(torch.tensor([0, 0, 1, 1, 2, 2]))
            state = stepper.step(torch.tensor([5, 6, 7, 8, 9, 10]), state).state
            words, order = torch.arange(11, 17), torch.tensor([1, 0, 3, 2, 5, 4])
            plain = stepper.step(words, state)
            swapped = stepper.step(words[order], state.select(order))
            torch.testing.assert_close(swapped.logits, plain.logits[order], **CLOSE)
            for chosen_ones in (torch.tensor([0, 2]), slice(0, 2), slice(2)):
                rows = torch.arange(6).view(3, 2)[chosen_ones].flatten()
                fewer = stepper.step(words[rows], state.select_pictures(chosen_ones))
                torch.testing.assert_close(fewer.logits, plain.logits[rows], **CLOSE)
                assert fewer.state.count == len(rows) // 2


def test_a_state_is_selected_before_its_first_word():
    """Also where a cache is still empty."""
    model = small_decoder("transformer")
    state = model.start(Features(torch.randn(3, 4, F)))
    assert state.select_pictures(slice(2)).count == 2
    assert isinstance(state.select(torch.tensor([0, 0, 1, 1, 2, 2])), State)


@over_kinds
def test_every_parameter_gets_a_gradient(kind):
    model = small_decoder(kind).train()
    features = Features(torch.randn(2, 4, F, requires_grad=True))
    inputs = torch.arange(4, 12).view(2, 1, 4)
    taught = model.teach(features, inputs, torch.tensor([[4], [4]]))
    loss = taught.logits.square().mean()
    if taught.attention is not None:
        loss = loss + taught.attention.weights.square().mean()
    loss.backward()
    without = [
        name
        for name, p in (*model.named_parameters(), ("cells", features.cells))
        if p.grad is None or not bool(p.grad.abs().sum() > 0)
    ]
    # What only shifts all scores of a softmax has no effect, in exact arithmetic.
    assert [name for name in without if "memory.bias" not in name] == []


@over_kinds
def test_dropout_only_acts_in_training(kind):
    model = small_decoder(kind, dropout=0.5)
    call = (Features(torch.randn(1, 4, F)), torch.arange(4, 8).view(1, 1, 4), torch.tensor([[4]]))
    torch.testing.assert_close(model.teach(*call).logits, model.teach(*call).logits)
    model.train()
    assert not torch.allclose(model.teach(*call).logits, model.teach(*call).logits)


@over_kinds
def test_settings_and_weights_come_back_from_a_file(kind, tmp_path):
    model = small_decoder(kind)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    told = to_dict(model.settings)
    assert told["kind"] == kind
    settings = from_dict(chosen(TAG, told, "decoder"), told, "decoder")
    assert settings == model.settings
    again = build_decoder(settings, V, F).eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    call = (Features(torch.randn(1, 4, F)), torch.arange(4, 8).view(1, 1, 4), torch.tensor([[4]]))
    assert torch.equal(again.teach(*call).logits, model.teach(*call).logits)


@over_kinds
def test_one_beam_is_greedy(kind):
    model = small_decoder(kind)
    stepper, features = model.stepper(), Features(torch.randn(4, 5, F) * 3)
    tokens, rules = Tokens(1, 2), [ban((0, 1))]
    one = beam_search(stepper, stepper.start(features), tokens, rules, 1, 9)
    plain = greedy(stepper, stepper.start(features), tokens, rules, 9)
    for (beam, *_), hypothesis in zip(one, plain, strict=True):
        assert beam.ids == hypothesis.ids
        assert (beam.alphas is None) == (kind == "show_tell")
        np.testing.assert_allclose(beam.logprobs, hypothesis.logprobs, rtol=1e-5)


@over_kinds
def test_teaching_and_its_gradients_work_under_bfloat16_autocast(kind):
    model = small_decoder(kind).train()
    features = Features(torch.randn(2, 4, F))
    inputs, lengths = torch.arange(4, 16).view(2, 2, 3), torch.tensor([[3, 2], [3, 1]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        taught = model.teach(features, inputs, lengths)
        loss = taught.logits.float().square().mean()
    loss.backward()
    exact = model.eval().teach(features, inputs, lengths).logits
    assert (taught.logits.float() - exact).abs().max() < 0.05 * exact.abs().max() + 0.02
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_transformer_shows_its_heads_and_keeps_what_lies_elsewhere():
    model = small_decoder("transformer")
    cells, extra = torch.randn(2, 5, F), torch.randn(2, 2, F)
    inputs, lengths = torch.randint(0, V, (2, 1, 3)), torch.tensor([[3], [3]])
    taught = model.teach(Features(cells, extra=extra), inputs, lengths, heads=True)
    attention = taught.attention
    assert attention.heads.shape == (2, 1, 3, 3, 5)
    torch.testing.assert_close(attention.heads.mean(3), attention.weights)
    assert (attention.elsewhere > 0).all()
    torch.testing.assert_close(attention.weights.sum(-1) + attention.elsewhere, torch.ones(2, 1, 3))
    assert model.teach(Features(cells), inputs, lengths).attention.heads is None
    logits, maps = step_by_step(model, Features(cells, extra=extra), inputs)
    torch.testing.assert_close(logits[:, 0].flatten(0, 1), taught.logits, **CLOSE)
    torch.testing.assert_close(maps[0].elsewhere, attention.elsewhere[:, 0, 0], **CLOSE)


def test_extra_vectors_are_refused_by_a_decoder_that_has_no_use_for_them():
    model = small_decoder("soft_attention")
    features = Features(torch.randn(1, 4, F), extra=torch.randn(1, 1, F))
    for start in (model.start, model.stepper().start):
        with pytest.raises(ValueError, match="extra"):
            start(features)


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"decoder\.kind 'gru'.*show_tell, soft_attention, transf"):
        chosen(TAG, {"kind": "gru"}, "decoder")
    with pytest.raises(UsageError, match="table"):
        chosen(TAG, "show_tell", "decoder")


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(UsageError, match=r"decoder\.heads"):
        DECODERS["transformer"].settings(hidden=12, heads=5)
