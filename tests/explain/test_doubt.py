"""Words to doubt: readings without the picture, the model at work, and what acting on it does."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saccade.data.broader import broader, meanings
from saccade.engine import encode
from saccade.errors import UsageError
from saccade.explain import Explainer
from saccade.explain.doubt import Clues, Doubter, clues_of, content_places, doubter_of, entropy_of
from saccade.models.contract import Features
from saccade.values.doubt import DIRECTIONS, LOGPROB, SAMPLES, Doubt, DoubtModel
from saccade.values.logistic import Logistic
from tests.engine.small import small_engine
from tests.models.kinds import KINDS, F, V

NAMES = tuple(name for name in DIRECTIONS if name != SAMPLES)


def model_of(bias: float = 0.0, words=(), **weights: float) -> DoubtModel:
    """One with these weights, by position in NAMES; the others 0."""
    values = [weights.get(f"w{i}", 0.0) for i in range(len(NAMES))]
    one = np.ones(len(NAMES))
    return DoubtModel(NAMES, Logistic(0 * one, one, np.array(values), bias), dict(words))


@pytest.fixture(scope="module")
def explainer():
    engine = small_engine("soft_attention", 3)
    mean = torch.randn(16, F, generator=torch.Generator().manual_seed(1))
    return Explainer(engine, mean)


@pytest.fixture(scope="module")
def encoded(explainer):
    noise = np.random.default_rng(0)
    photos = [Image.fromarray(noise.integers(0, 255, (9, 9, 3), dtype=np.uint8)) for _ in range(3)]
    return encode(explainer.engine, photos)


@pytest.mark.parametrize("kind", KINDS)
@given(
    lengths=st.lists(st.lists(st.integers(0, 6), max_size=4), min_size=1, max_size=3),
    seed=st.integers(0, 100),
)
@settings(max_examples=8, deadline=None)
def test_captions_read_together_are_read_as_one_by_one(kind, lengths, seed):
    engine = small_engine(kind, seed)
    rng = np.random.default_rng(seed)
    features = Features(torch.from_numpy(rng.normal(size=(len(lengths), 5, F)).astype(np.float32)))
    captions = [[tuple(rng.integers(4, V, n).tolist()) for n in entry] for entry in lengths]
    together = engine.read_all(features, captions)
    assert [len(entry) for entry in together] == [len(entry) for entry in captions]
    for b, entry in enumerate(captions):
        one = features.pictures(slice(b, b + 1))
        for ids, read in zip(entry, together[b], strict=True):
            with torch.no_grad():
                plain = engine.read(one, ids, distribution=True)
            np.testing.assert_allclose(read.logprobs, plain.logprobs[0, :-1], atol=1e-4)
            every = plain.distribution[0, :-1].double().numpy()
            np.testing.assert_allclose(
                read.entropies, -(np.exp(every) * every).sum(1), rtol=1e-4, atol=1e-4
            )


def test_without_the_picture_is_the_engines_reading_of_both_fillers(explainer, encoded):
    clues = clues_of(explainer)
    captions = clues.engine.write(encoded)
    for caption, both in zip(captions, clues.without(captions, encoded), strict=True):
        plain = clues.engine.read(Features(explainer.fillers), caption.ids).logprobs[:, :-1]
        assert both.shape == (2, len(caption.words))
        np.testing.assert_allclose(both, plain.detach().numpy(), atol=1e-4)


def test_the_entropy_of_runners_up_counts_the_rest_as_one():
    shares = (0.5, 0.25, 0.125)
    known = [(str(p), math.log(p)) for p in shares]
    by_hand = -sum(p * math.log(p) for p in (*shares, 0.125))
    assert entropy_of(known) == pytest.approx(by_hand)
    assert entropy_of([("sure", 0.0)]) == 0


@given(
    weights=st.lists(st.floats(0, 5), min_size=len(NAMES), max_size=len(NAMES)),
    word=st.floats(-3, 3),
    low=st.floats(-20, 20),
    more=st.floats(0, 20),
    which=st.integers(0, len(NAMES) - 1),
    rest=st.lists(st.floats(-20, 20), min_size=len(NAMES), max_size=len(NAMES)),
)
def test_doubt_moves_one_way_with_each_clue(weights, word, low, more, which, rest):
    """For every model that a file can hold."""
    signed = [w * DIRECTIONS[name] for w, name in zip(weights, NAMES, strict=True)]
    made = model_of(0.3, {"dog": word}, **{f"w{i}": w for i, w in enumerate(signed)})
    model = DoubtModel.from_json(made.to_json())
    rows = np.array([rest, rest])
    rows[:, which] = low, low + more
    first, second = model.wrong(rows, ["dog", "dog"])
    assert 0 <= first <= 1
    assert (second - first) * DIRECTIONS[NAMES[which]] >= -1e-12


def test_only_content_words_are_judged_and_the_limit_marks_them(explainer, encoded):
    doubter = Doubter(clues_of(explainer), model_of(bias=0.0, w0=-1.0), limit=0.6)
    captions = doubter.write(encoded, keep=2)
    plain = explainer.engine.write(encoded, keep=2)
    assert [c.text for c in captions] == [c.text for c in plain]
    for caption, before in zip(captions, plain, strict=True):
        assert len(caption.others) == len(before.others)
        for place, wrong in enumerate(caption.doubt.wrong):
            assert (wrong is not None) == (place in content_places(caption))
            if wrong is not None:
                expected = 1 / (1 + math.exp(caption.logprobs[place]))
                assert wrong == pytest.approx(expected)
                assert (place in caption.doubt.places) == (wrong >= 0.6)
        assert caption.to_json()["doubt"]["review"] == caption.doubt.review
        assert "doubt" not in before.to_json()


def test_what_is_told_of_a_caption():
    doubt = Doubt((None, 0.5, 0.2, None, 0.7, 0.49))
    assert doubt.sentence == "2 of 4 content words doubtful"
    assert doubt.places == (1, 4)
    assert doubt.review
    assert not replace(doubt, limit=0.8).review
    assert Doubt((None, 0.1)).sentence == "0 of 1 content word doubtful"


def test_acting_takes_the_best_beam_without_a_doubtful_word(explainer, encoded):
    """The words of the best beam alone are made doubtful: another beam is taken where there is
    one of other words, and the first of these."""
    decoding = replace(explainer.engine.decoding, beams=5, max_words=4)
    plain = explainer.engine.write(encoded, decoding, 5)
    words = set(plain[0].words)
    model = model_of(bias=-4.0, words=dict.fromkeys(words, 8.0))
    doubter = Doubter(clues_of(explainer), model, act=True)
    acted = doubter.write(encoded, decoding)[0]
    free = [
        one.text for one in plain[0].others if not words & set(one.words) and content_places(one)
    ]
    if free:
        assert acted.text == free[0]
        assert acted.doubt.changed == plain[0].text
        assert not acted.doubt.review
    else:
        assert acted.text == plain[0].text
    assert acted.others == ()


def test_a_limit_that_is_no_probability_and_what_is_not_measured_are_refused(explainer):
    for limit in (0.0, 1.0, -1.0, 2.0, math.nan):
        with pytest.raises(UsageError, match="above 0 and below 1"):
            Doubter(clues_of(explainer), model_of(), limit)
    drawn = replace(model_of(), clues=(*NAMES[:-1], SAMPLES), samples=2)
    with pytest.raises(UsageError, match="not measured: share of samples"):
        Doubter(clues_of(explainer), drawn)
    with pytest.raises(UsageError, match="saccade survey DATA --model MODEL --doubt --store-doubt"):
        doubter_of(explainer)


def test_samples_say_how_often_a_word_comes_again(explainer, encoded):
    clues = clues_of(explainer, samples=4)
    assert isinstance(clues, Clues)
    captions = clues.engine.write(encoded)
    tables = clues.of(captions, encoded)
    drawn = clues.drawn(encoded)
    column = clues.names.index(SAMPLES)
    for caption, table, samples in zip(captions, tables, drawn, strict=True):
        assert len(samples) == 4
        for row, place in zip(table, content_places(caption), strict=True):
            stems = [caption.words[place] in words for words in samples]
            assert row[column] == np.mean(stems)
            assert row[clues.names.index(LOGPROB)] == caption.logprobs[place]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "format 1"),
        ({"bias": "x"}, '"bias" is not a number'),
        ({"bias": math.inf}, "not a number of a usual size"),
        ({"clues": {"colour": {"mean": 0, "scale": 1, "weight": 1}}}, "not a known clue"),
        ({"clues": {LOGPROB: {"mean": 0, "scale": 0, "weight": -1}}}, "not above 0"),
        ({"clues": {LOGPROB: {"mean": 0, "scale": 1, "weight": 1}}}, "the wrong way"),
        ({"words": {"dog": "x"}}, '"dog" is not a number'),
        ({"words": []}, 'no "words"'),
        ({"samples": -1}, "0 to 1000"),
        ({"samples": 3}, "does not fit"),
        ({"weights_sha256": 1}, "not a text"),
        ({"about": []}, "not an object"),
    ],
)
def test_what_a_file_holds_is_checked(change, says):
    with pytest.raises(ValueError, match=says):
        DoubtModel.from_json(model_of().to_json() | change)


def test_broader_words_keep_their_number_and_meanings_meet():
    assert [broader(w) for w in ("puppy", "puppies", "dog", "men", "boy", "shirt", "animal")] == [
        "dog", "dogs", "animal", "people", "person", None, None,
    ]  # fmt: skip
    known = meanings()
    assert known["puppy"] & known["terrier"]
    assert known["dog"] <= known["animal"]
    assert not known["man"] & known["woman"]
    assert known["man"] & known["people"]
    for word in known:
        wide = broader(word)
        if wide is not None and wide in known:
            assert known[word] & known[wide], (word, wide)
