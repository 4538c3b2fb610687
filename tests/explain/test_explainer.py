"""Explanations of a captioner that knows its coloured squares."""

import json
import math

import numpy as np
import pytest
import torch

from saccade.api import Captioner
from saccade.data.sources import read
from saccade.engine import ModelEngine, encode
from saccade.errors import PictureError, UsageError
from saccade.explain import Explainer, Settings, mean_of
from saccade.explain.maps import DEFAULTS
from saccade.explain.pixels import cover
from saccade.explain.record import to_json
from saccade.models.contract import Features
from tests.engine.plainly import plainly


@pytest.fixture(scope="module")
def captioner(run) -> Captioner:
    return Captioner.from_pretrained(run, device="cpu")


@pytest.fixture(scope="module")
def explainer(captioner) -> Explainer:
    return captioner.explainer()


@pytest.fixture(scope="module")
def photos(data):
    return [example.image for example in read(data).examples]


@pytest.fixture(scope="module")
def explanation(explainer, photos):
    return explainer.explain(photos[0], all_beams=True, instead=["blue"], pixels=True)


def test_what_can_only_be_seen_is_seen_and_grammar_is_guessed(explainer, photos):
    seen = {}
    for photo in photos[:6]:
        for word in explainer.explain(photo).words:
            seen.setdefault(word.word, set()).add(word.seen)
    assert {"red", "green", "blue"} <= set(seen)
    # What the model says of no picture at all may be a colour, too, but only one.
    assert sum("guessed" not in seen[colour] for colour in ("red", "green", "blue")) >= 2
    assert seen["square"] == {"guessed"}


def test_the_evidence_is_the_decoders_own(captioner, explainer, explanation, photos):
    """Probability, entropy, runners-up, gate and the two losses, from the decoder's steps."""
    caption, model = explanation.caption, captioner.engine.model.decoder
    bos = captioner.engine.vocabulary.bos
    cells = captioner.encode([photos[0]]).features.cells[0]
    everything = torch.ones(len(cells), dtype=torch.bool)
    nothing = ~everything
    with torch.no_grad():
        state, token = model.start(Features(cells.unsqueeze(0))), bos
        plain = []
        for index in caption.ids:
            plain.append(model.step(torch.tensor([token]), state))
            state, token = plain[-1].state, index
    mean = plainly(model, cells, captioner.engine.mean, everything, caption.ids, bos)
    blank = plainly(model, cells, explainer.fillers[1], everything, caption.ids, bos)
    full = plainly(model, cells, cells, nothing, caption.ids, bos)
    for place, word in enumerate(explanation.words):
        logprobs = plain[place].logits.log_softmax(-1)[0]
        assert word.word == caption.words[place]
        assert word.logprob == pytest.approx(caption.logprobs[place], abs=1e-4)
        assert word.logprob == pytest.approx(full[place], abs=1e-4)
        assert word.entropy == pytest.approx(float(-(logprobs.exp() * logprobs).sum()), abs=1e-4)
        assert word.beta == pytest.approx(float(plain[place].attention.gate), abs=1e-5)
        assert word.without_mean == pytest.approx(mean[place], abs=1e-4)
        assert word.without_blank == pytest.approx(blank[place], abs=1e-4)
        assert [w for w, _ in word.runners_up] == [w for w, _ in caption.runners_up[place]]
        np.testing.assert_allclose(word.maps["attention"], caption.alphas[place], atol=1e-5)


def test_curves_are_the_decoder_on_replaced_cells(captioner, explanation, photos):
    """One map's deletion and insertion, from the map in the explanation, plainly."""
    caption, mean = explanation.caption, captioner.engine.mean
    model, bos = captioner.engine.model.decoder, captioner.engine.vocabulary.bos
    cells = captioner.encode([photos[0]]).features.cells[0]
    place = len(caption.ids) - 1
    found = explanation.words[place].curves["attention"]
    order = np.argsort(-explanation.words[place].maps["attention"].ravel())
    assert found.shares == (0.0, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0)
    for share, deletion, insertion in zip(
        found.shares, found.deletion, found.insertion, strict=True
    ):
        count = round(share * len(order))
        top = torch.zeros(len(order), dtype=torch.bool)
        top[torch.from_numpy(order[:count].copy())] = True
        covered = plainly(model, cells, mean, top, caption.ids, bos)[place]
        uncovered = plainly(model, cells, mean, ~top, caption.ids, bos)[place]
        assert deletion == pytest.approx(covered, abs=1e-4)
        assert insertion == pytest.approx(uncovered, abs=1e-4)


def test_occlusion_is_the_loss_by_window(captioner, explanation, photos):
    caption = explanation.caption
    cells = captioner.encode([photos[0]]).features.cells[0]
    h, w = caption.where.shape
    assert (h, w) == (8, 12)  # so a window is one row by two columns
    place = 1
    losses = np.zeros((h, w))
    for row in range(h):
        for column in range(0, w, 2):
            mask = np.zeros((h, w), dtype=bool)
            mask[row, column : column + 2] = True
            run = plainly(
                captioner.engine.model.decoder,
                cells,
                captioner.engine.mean,
                torch.from_numpy(mask.ravel()),
                caption.ids,
                captioner.engine.vocabulary.bos,
            )
            losses[mask] = explanation.words[place].logprob - run[place]
    expected = np.maximum(losses, 0)
    found = explanation.words[place].maps["occlusion"]
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-3)


def test_an_explanation_is_whole(explanation):
    caption = explanation.caption
    assert len(explanation.words) == len(caption.words)
    assert len(explanation.beams) == len(caption.others) > 0
    for word in (*explanation.words, *(w for beam in explanation.beams for w in beam.words)):
        assert set(word.maps) == set(word.curves) == set(DEFAULTS)
        assert all(value.shape == caption.where.shape for value in word.maps.values())
        assert set(word.agreement) == {
            "attention-gradient",
            "attention-occlusion",
            "gradient-occlusion",
        }
        assert word.reason.endswith(".")
        for curve in word.curves.values():
            assert curve.deletion[0] == curve.insertion[-1]
            assert curve.deletion[0] == pytest.approx(curve.random_deletion[0])
            assert curve.deletion[0] == pytest.approx(word.logprob)
            assert curve.deletion[-1] == curve.insertion[0] == pytest.approx(word.without_mean)
    (instead,) = explanation.instead
    assert instead.said == explanation.words[instead.place]
    assert instead.other.word == "blue"
    assert instead.other.logprob < instead.said.logprob
    assert explanation.settings["repeats"] == 8


def test_it_can_be_written_down(explanation):
    told = json.loads(json.dumps(to_json(explanation), allow_nan=False))
    assert [word["word"] for word in told["words"]] == list(explanation.caption.words)
    assert told["words"][0]["curves"]["attention"]["effect"].keys() == {
        "value",
        "low",
        "high",
        "level",
    }
    assert np.array(told["words"][0]["maps"]["gradient"]).shape == explanation.caption.where.shape
    assert told["instead"][0]["other"]["word"] == "blue"
    assert len(told["pixels"]["effects"]) == len(told["words"])


def test_the_models_own_sentence_typed_is_explained_alike(explainer, explanation, photos):
    typed = explainer.explain(photos[0], caption=explanation.caption.text.upper() + ".")
    assert typed.typed
    assert typed.caption.ids == explanation.caption.ids
    assert typed.caption.logprob == pytest.approx(explanation.caption.logprob, abs=1e-4)
    for own, other in zip(explanation.words, typed.words, strict=True):
        assert other.logprob == pytest.approx(own.logprob, abs=1e-4)
        assert other.verdict == own.verdict
        assert other.seen == own.seen


def test_a_wrong_sentence_is_seen_to_be_wrong(explainer, captioner, photos):
    said = explainer.explain(photos[0]).caption.text
    colour = next(c for c in ("red", "green", "blue") if c in said)
    wrong = "green" if colour != "green" else "red"
    found = explainer.explain(photos[0], caption=said.replace(colour, wrong))
    word = next(w for w in found.words if w.word == wrong)
    assert word.logprob < math.log(0.1)
    assert word.runners_up[0][0] == colour


def test_uniform_attention_supports_nothing(run, photos):
    captioner = Captioner.from_pretrained(run, device="cpu")
    with torch.no_grad():
        captioner.engine.model.decoder.attention.energy.weight.zero_()
    explainer = Explainer(captioner.engine, settings=Settings(repeats=16))
    words = [w for photo in photos for w in explainer.explain(photo).words]
    supported = sum(word.verdict == "supported" for word in words) / len(words)
    assert supported < 0.1  # 2.5 % by chance
    flat = words[0].maps["attention"]
    assert np.ptp(flat) < 1e-6


def test_any_map_can_be_put_to_the_test(explainer, captioner, explanation, photos):
    """The attention's own maps get the same verdicts, upside-down ones are measured as such; the
    model's own are measured beside them."""
    features = captioner.encode([photos[0]]).features
    caption = explanation.caption
    same = explainer.evidence(caption, features, maps=caption.alphas)
    turned = explainer.evidence(caption, features, maps=caption.alphas[:, ::-1])
    for own, other, third in zip(explanation.words, same.words, turned.words, strict=True):
        assert other.verdict == own.verdict
        value, judged = own.curves["attention"].effect.value, other.curves["judged"].effect.value
        assert judged == pytest.approx(value, abs=0.05)
        np.testing.assert_allclose(third.maps["judged"], own.maps["attention"][::-1], atol=1e-5)
        np.testing.assert_allclose(third.maps["attention"], own.maps["attention"], atol=1e-5)
    colour = next(w for w in turned.words if w.word in ("red", "green", "blue"))
    assert colour.verdict != "supported"


def test_the_same_seed_gives_the_same_evidence(explainer, photos):
    one, two = (explainer.explain(photos[3]) for _ in range(2))
    assert to_json(one) == to_json(two)


def test_an_empty_caption_is_explained_as_such(explainer, captioner, photos):
    encoded = captioner.encode([photos[0]])
    (caption,) = captioner.decode(encoded, captioner.settings(beams=1))
    from dataclasses import replace

    nothing = replace(
        caption,
        text="",
        words=(),
        ids=(),
        logprobs=(),
        alphas=caption.alphas[:0],
        betas=None,
        spans=(),
    )
    assert explainer.evidence(nothing, encoded.features).words == ()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"caption": "a gren square"}, "does not know the word 'gren' (near: green"),
        ({"caption": " ... "}, "holds no word"),
        ({"caption": "a red square", "instead": ["red square"]}, "not one word"),
        ({"caption": "a red square", "instead": ["blue"], "at": 3}, "has 3 words; there is no"),
        ({"caption": "a red square", "instead": ["red"], "at": 1}, "says 'red' there already"),
    ],
)
def test_questions_that_can_not_be_answered(explainer, photos, asked, says):
    with pytest.raises(UsageError) as error:
        explainer.explain(photos[0], **asked)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shares": (0.6,)},
        {"shares": ()},
        {"repeats": 1},
        {"curves": ("colour",)},
        {"maps": ("heads.",)},
        {"maps": ("gradient.1",)},
        {"maps": ()},
    ],
)
def test_settings_that_can_not_be(wrong):
    with pytest.raises(UsageError):
        Settings(**wrong)


def test_why_not_is_asked_where_it_is_asked(explainer, photos):
    found = explainer.explain(photos[0], caption="a red square on the left", instead=["blue"], at=1)
    (instead,) = found.instead
    assert (instead.place, instead.said.word, instead.other.word) == (1, "red", "blue")
    np.testing.assert_allclose(  # the look comes before the word
        instead.said.maps["attention"], instead.other.maps["attention"], atol=1e-6
    )
    anywhere = explainer.explain(photos[0], caption="a red square on the left", instead=["blue"])
    assert anywhere.instead[0].place == 1


def test_without_mean_features_a_blank_stands_in_and_is_named(run, photos):
    from dataclasses import replace

    captioner = Captioner.from_pretrained(run, device="cpu")
    bare = ModelEngine(replace(captioner.engine.checkpoint, mean_grid=None), "cpu")
    explainer = Explainer(bare)
    found = explainer.explain(photos[0])
    assert found.settings["covered with"] == "a blank"
    assert all(w.without_mean == pytest.approx(w.without_blank, abs=1e-5) for w in found.words)
    mean = mean_of(bare, photos, count=10)
    expected = torch.stack(
        [encode(bare, [photos[i * len(photos) // 10]]).features.cells[0] for i in range(10)]
    )
    torch.testing.assert_close(mean, expected.mean(0), rtol=1e-4, atol=1e-5)
    assert Explainer(bare, mean).explain(photos[0]).settings["covered with"] != "a blank"


def test_a_mean_of_photos_leaves_out_what_can_not_be_opened(captioner, photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    good = mean_of(captioner.engine, photos[:3])
    torch.testing.assert_close(mean_of(captioner.engine, [photos[0], broken, *photos[1:3]]), good)
    with pytest.raises(PictureError):
        captioner.explain(broken)


def test_pixels_of_covered_cells_are_covered_and_no_others():
    pixels = torch.arange(3 * 32 * 48, dtype=torch.int32).view(3, 32, 48).remainder(199).byte()
    mask = np.zeros((4, 6), dtype=bool)
    mask[1, 2] = mask[3, 5] = True
    found = cover(pixels, mask, torch.tensor([255, 254, 253], dtype=torch.uint8))
    expected = pixels.clone()
    for rows, columns in ((slice(8, 16), slice(16, 24)), (slice(24, 32), slice(40, 48))):
        expected[:, rows, columns] = torch.tensor([255, 254, 253]).byte().view(3, 1, 1)
    assert found.equal(expected)


def test_covering_pixels_tells_what_it_changes(explanation):
    check = explanation.pixels
    assert len(check.effects) == len(explanation.words)
    assert -1 <= check.rank <= 1
    assert "Covering pixels instead of cells" in check.sentence


def test_random_orders_differ_between_photos_and_not_between_runs(explainer, captioner, photos):
    """By cells and by pixels: their luck must not be common to a whole split."""
    captions = [captioner.caption(photo) for photo in photos[:2]]
    one, other = (explainer.settings.seed_of(caption) for caption in captions)
    assert one != other
    assert one == explainer.settings.seed_of(captions[0])


def test_a_captioner_measures_its_blank_once(run, photos, monkeypatch):
    captioner = Captioner.from_pretrained(run, device="cpu")
    captioner.explain(photos[0])
    calls = []
    encode_pixels = captioner.engine.encode_pixels

    def count(pixels):
        calls.append(len(pixels))
        return encode_pixels(pixels)

    monkeypatch.setattr(captioner.engine, "encode_pixels", count)
    captioner.explain(photos[1])
    assert calls == [1]  # the photo; the blank was encoded for the first one
