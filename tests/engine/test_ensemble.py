"""Ensembles: the exact mean of the members' probabilities, whatever their kinds and encoders."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from saccade.checkpoint import Checkpoint
from saccade.config import EncoderConfig
from saccade.decoding import STRATEGIES
from saccade.engine import EnsembleEngine, ModelEngine, encode
from saccade.engine.coverings import ReadCoverings
from saccade.errors import UsageError
from saccade.explain import Explainer
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.small_conv import SmallConv
from saccade.text import SPECIALS, Vocabulary
from tests.engine.small import WORDS
from tests.models.kinds import KINDS, F, small_decoder

IDS = (5, 9, 4, 11)


def encoder(size=(8, 8), halvings=1, seed=0, fit="stretch"):
    torch.manual_seed(seed)
    config = EncoderConfig(
        backbone="small-conv", image_size=size, freeze="none", widths=(F,), halvings=halvings,
        fit=fit, mean=(0.5,) * 3, std=(0.5,) * 3,
    )  # fmt: skip
    return Encoder(config, SmallConv(config.widths, config.halvings))


def member(kind, seed=0, eye=None, words=WORDS):
    model = CaptionModel(eye or encoder(), small_decoder(kind, seed))
    mean = torch.randn(math.prod(model.encoder.grid), F)
    return ModelEngine(Checkpoint(model, Vocabulary(SPECIALS + words), mean_grid=mean), "cpu")


@pytest.fixture(scope="module")
def photos():
    noise = np.random.default_rng(3)
    return [Image.fromarray(noise.integers(0, 255, (9, 12, 3), dtype=np.uint8)) for _ in range(3)]


@pytest.fixture(scope="module")
def mixed():
    """Kinds, encoders, input sizes and grids (4x4, 8x8, 4x6) that differ."""
    return [
        member("soft_attention", 1, encoder((8, 8), 1, 1)),
        member("transformer", 2, encoder((8, 8), 0, 2)),
        member("show_tell", 3, encoder((8, 12), 1, 3)),
        member("soft_attention", 4, encoder((8, 12), 1, 3)),
    ]


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_model_alone_or_twice_is_the_model(kind, mean, photos):
    one = member(kind)
    plain = encode(one, photos)
    for members in ([one], [one, one]):
        both = EnsembleEngine(members, mean=mean)
        encoded = encode(both, photos)
        torch.testing.assert_close(encoded.features.cells, plain.features.cells)
        own = one.read(plain.features, IDS, distribution=True)
        read = both.read(encoded.features, IDS, distribution=True)
        torch.testing.assert_close(read.distribution, own.distribution, rtol=0, atol=1e-5)
        if own.attention is not None:
            torch.testing.assert_close(read.attention.weights, own.attention.weights)
        assert both.likelihood(encoded.features, [[IDS]] * 3) == pytest.approx(
            one.likelihood(plain.features, [[IDS]] * 3)
        )
        for row in STRATEGIES.values():
            settings = row.settings(max_words=6)
            pairs = zip(
                both.write(encoded, settings, 2), one.write(plain, settings, 2), strict=True
            )
            for together, alone in pairs:
                assert together.ids == alone.ids
                assert together.where == alone.where
                assert [o.ids for o in together.others] == [o.ids for o in alone.others]
                assert together.score == pytest.approx(alone.score, abs=1e-4)
                if alone.alphas is not None:
                    np.testing.assert_allclose(together.alphas, alone.alphas, atol=1e-6)
                    for i in range(len(members)):
                        np.testing.assert_allclose(together.heads[:, i], alone.alphas, atol=1e-6)


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
def test_probabilities_are_the_mean_of_the_members(mixed, mean, photos):
    """Against each member on its own, which encodes the photos itself."""
    both = EnsembleEngine(mixed, mean=mean)
    read = both.read(encode(both, photos).features, IDS, distribution=True)
    each = torch.stack(
        [m.read(encode(m, photos).features, IDS, distribution=True).distribution for m in mixed]
    ).double()
    expected = each.exp().mean(0) if mean == "arithmetic" else each.mean(0).softmax(-1)
    torch.testing.assert_close(read.distribution.double().exp(), expected, rtol=1e-4, atol=1e-6)
    totals = [m.likelihood(encode(m, photos).features, [[IDS]] * 3)[1] for m in mixed]
    assert both.likelihood(encode(both, photos).features, [[IDS]] * 3)[1] == totals[0]


@torch.no_grad()
def test_words_are_chosen_by_the_mean_and_the_maps_are_kept_apart(mixed, photos):
    both = EnsembleEngine(mixed)
    encoded = encode(both, photos)
    for picture, caption in enumerate(both.write(encoded, STRATEGIES["beam"].settings(3), 3)):
        read = both.read(encoded.pictures([picture]).features, caption.ids, heads=True)
        np.testing.assert_allclose(
            caption.logprobs, read.logprobs[0, :-1].numpy(), rtol=1e-4, atol=1e-5
        )
        T = len(caption.ids)
        assert caption.where.shape == (8, 8)
        assert caption.heads.shape == (T, 3, 8, 8)  # show_tell has no map
        np.testing.assert_allclose(caption.heads.sum((2, 3)), 1, atol=1e-5)
        np.testing.assert_allclose(caption.heads.mean(1), caption.alphas, atol=1e-6)
        np.testing.assert_allclose(
            caption.heads, read.attention.heads[0, :T].reshape(caption.heads.shape), atol=1e-5
        )
        own = mixed[0].read(encode(mixed[0], [photos[picture]]).features, caption.ids)
        coarse = own.attention.weights[0, :T].reshape(T, 4, 4)  # a cell lies on four of 8 x 8
        fine = np.kron(coarse.numpy(), np.ones((1, 2, 2))) / 4
        np.testing.assert_allclose(caption.heads[:, 0], fine, atol=1e-5)
        assert caption.betas is None  # not all members have a gate
        assert "heads" in caption.to_json()


@torch.no_grad()
def test_covering_all_cells_covers_them_for_every_member(mixed, photos):
    both = EnsembleEngine(mixed)
    features = encode(both, photos[:1]).features
    assert both.mean.shape == (64, 3 * F)
    covered = both.cover(features, torch.ones(1, 64, dtype=torch.bool), both.mean)
    read = both.read(covered, IDS, distribution=True).distribution
    each = []
    for m in mixed:
        own = encode(m, photos[:1]).features
        # members that share an encoder share the mean features of the first of them
        mean = mixed[2].mean if m is mixed[3] else m.mean
        gone = m.cover(own, torch.ones(1, own.cells.size(1), dtype=torch.bool), mean)
        each.append(m.read(gone, IDS, distribution=True).distribution)
    torch.testing.assert_close(read.exp(), torch.stack(each).exp().mean(0), rtol=1e-4, atol=1e-6)


def test_the_fast_way_to_cover_equals_the_slow_one(photos):
    both = EnsembleEngine([member("soft_attention", 1), member("soft_attention", 2)])
    features = encode(both, photos[:1]).features
    fillers = torch.randn(2, *features.cells.shape[1:])
    masks = np.random.default_rng(0).random((9, 16)) < 0.4
    wanted = np.ones((9, 4), dtype=bool)
    fast, slow = both.coverings(features, fillers), ReadCoverings(both, features, fillers)
    assert not isinstance(fast, ReadCoverings)
    np.testing.assert_allclose(
        fast.logprobs(masks, IDS, wanted, 1), slow.logprobs(masks, IDS, wanted, 1), atol=1e-5
    )


def test_evidence_and_files_opened_once(mixed):
    both = EnsembleEngine(mixed)
    file = io.BytesIO()
    Image.new("RGB", (9, 7), (200, 30, 90)).save(file, "png")
    file.seek(0)
    explainer = Explainer(both)
    explanation = explainer.explain(file, all_beams=False)
    assert explanation.words
    assert explanation.verdict_on == "attention"
    file.seek(0)
    with pytest.raises(UsageError, match="covering pixels needs one input"):
        explainer.explain(file, pixels=True)


def test_members_that_share_an_encoder_run_it_once(photos, monkeypatch):
    eye = encoder()
    both = EnsembleEngine([member("soft_attention", 1, eye), member("transformer", 2, eye)])
    calls = []
    forward = Encoder.forward
    monkeypatch.setattr(Encoder, "forward", lambda *a: calls.append(1) or forward(*a))
    assert encode(both, photos).features.cells.shape == (3, 16, F)
    assert len(calls) == 1


def test_members_that_can_not_be_together_are_named():
    one = member("show_tell")
    shorter = Vocabulary(SPECIALS + WORDS[:-1])
    other = ModelEngine(Checkpoint(one.checkpoint.model, shorter), "cpu")
    with pytest.raises(
        UsageError, match=r"A and B have two vocabularies \(23 and 22 words; word 23"
    ):
        EnsembleEngine([one, other], ["A", "B"])
    cropped = member("show_tell", eye=encoder(fit="crop"))
    with pytest.raises(UsageError, match="see different parts of a photo"):
        EnsembleEngine([one, cropped])
    with pytest.raises(UsageError, match="one member or more"):
        EnsembleEngine([])
    with pytest.raises(UsageError, match="arithmetic or geometric"):
        EnsembleEngine([one], mean="harmonic")
