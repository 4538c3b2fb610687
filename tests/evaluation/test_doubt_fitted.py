"""Doubts fitted on captions: what is wrong, what is left out, and what the figures say."""

import numpy as np
import pytest

from saccade.data.broader import meanings
from saccade.data.scenes import check, draw, make_scene, wrong_words
from saccade.data.synonyms import known_pairs
from saccade.evaluation.doubt import JudgedWords, fit_doubt, left_out_doubts, measure_doubt
from saccade.metrics.calibration import (
    area_gain,
    fit_logistic,
    fit_monotone,
    group_effects,
    roc_area,
)
from saccade.metrics.hallucination import hallucinated, in_no_reference
from saccade.values.doubt import DIRECTIONS, ENTROPY, LOGPROB, RARITY
from saccade.values.examples import Scene

REFERENCES = ("A terrier runs after a ball .", "Two people watch a brown dog running.")


def wrong(text: str, names: bool = True) -> list[str]:
    words = text.split()
    known = meanings() if names else None
    judged = in_no_reference(words, REFERENCES, known, known_pairs(known or ()))
    return [word for word, value in zip(words, judged, strict=True) if value]


def test_a_word_is_in_a_reference_in_any_form_and_as_another_word_for_it():
    assert wrong("a puppy runs with a man") == []
    assert wrong("a puppy runs with a man", names=False) == ["puppy", "man"]
    assert wrong("the animal watched two cats") == ["cats"]
    assert in_no_reference(("a", "zebra", "of"), REFERENCES) == (None, True, None)


def test_a_woman_is_not_a_man():
    names = meanings()
    judged = in_no_reference(["man"], ["a woman on a horse"], names, known_pairs(names))
    assert judged == (True,)


def test_without_names_these_are_the_words_of_the_other_list():
    words = ["a", "black", "puppy", "chases", "two", "cats"]
    listed = {item.word for item in hallucinated({1: words}, {1: REFERENCES})}
    judged = in_no_reference(words, REFERENCES)
    assert listed == {word for word, value in zip(words, judged, strict=True) if value}


@pytest.mark.parametrize("seed", range(3))
def test_true_captions_of_scenes_have_no_wrong_word(seed):
    for index in range(40):
        _, scene, captions, _ = draw(seed, index)
        for caption in captions:
            assert check(caption, scene).true
            assert not any(wrong_words(caption, scene)), caption


def test_each_wrong_word_of_a_scene_is_named():
    scene = next(
        s
        for s in (make_scene(0, i, 96) for i in range(500))
        if len(s.things) == 2 and len({t.kind for t in s.things}) == 2
    )
    assert isinstance(scene, Scene)
    one, other = scene.things
    kinds = {"car", "ball", "house", "star"} - {one.kind, other.kind}
    colours = {"red", "blue", "green", "yellow"} - {one.colour, other.colour}
    absent, colour = sorted(kinds)[0], sorted(colours)[0]
    sentence = f"a {colour} {one.kind} and a {other.colour} {absent}"
    judged = dict(zip(sentence.split(), wrong_words(sentence, scene), strict=True))
    assert judged[colour] is True
    assert judged[one.kind] is False
    assert judged[absent] is True
    assert judged["and"] is None
    assert wrong_words(f"two {one.colour} {one.kind}s", scene)[0] is True
    size = {"small": "large", "large": "small", "medium": "small"}[one.size]
    assert wrong_words(f"a {size} {one.colour} {one.kind}", scene)[1] is True


def cases(count: int = 1200, seed: int = 0) -> JudgedWords:
    """Words of which one clue tells, one tells nothing, one seems to tell the wrong way; and a
    word that is always wrong."""
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(count, 3))
    stems = rng.choice(["dog", "red", "shirt", "run"], count)
    odds = -1.5 * known[:, 0] - 0.8 * known[:, 2] + 3.0 * (stems == "shirt")
    wrong = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return JudgedWords(
        (LOGPROB, ENTROPY, RARITY), known, stems, wrong, np.arange(count) // 4, False
    )


def test_the_fit_is_monotone_and_drops_what_counts_the_wrong_way():
    words = cases()
    model = fit_doubt(words, words.clues)
    directions = [DIRECTIONS[name] for name in words.clues]
    assert (model.model.weights * directions >= 0).all()
    assert model.model.weights[2] == 0  # rarity: its words were less often wrong
    free = fit_logistic(words.known, words.wrong)
    assert free.weights[2] < 0
    assert model.words["shirt"] > 1 > 0 > model.words["dog"]
    # Where nothing counts the wrong way the two fits are one.
    two = fit_monotone(words.known[:, :1], words.wrong, directions[:1])
    assert two.weights == pytest.approx(fit_logistic(words.known[:, :1], words.wrong).weights)
    # and where all do, the base rate is left
    none = fit_monotone(-words.known[:, :1], words.wrong, directions[:1])
    assert none.chances(words.known[:3, :1]) == pytest.approx([words.wrong.mean()] * 3)


def test_a_words_own_effect_is_a_step_towards_its_share():
    chances, outcomes = np.full(4, 0.5), np.array([1, 1, 1, 0.0])
    effects = group_effects(chances, outcomes, ["a", "a", "a", "b"], prior=1.0)
    assert effects == pytest.approx({"a": 1.5 / (0.75 + 1), "b": -0.5 / (0.25 + 1)})


def test_no_word_is_judged_by_a_model_that_has_seen_its_picture():
    words = cases()
    doubts = left_out_doubts(words, words.clues)
    even = words.of % 2 == 0
    model = fit_doubt(words, words.clues, ~even)
    assert doubts[even] == pytest.approx(model.wrong(words.known[even], words.stems[even].tolist()))


def test_the_figures_tell_what_each_clue_is_worth():
    words = cases()
    figures = measure_doubt(words, about={"data": "made up"}, resamples=60)
    area = {row.name: row.area.value for row in figures.rows}
    best = max(area, key=area.get)
    assert area["all clues, and the word itself"] > area["all but the word itself"] + 0.02
    assert area[f"all but {LOGPROB}"] < area[best] - 0.1
    assert figures.gain.low > 0
    assert figures.rows[0].error.value < 3 * figures.by_luck
    assert 0 < figures.caught.value < 1
    assert figures.kept.about["data"] == "made up"
    told = figures.to_json()
    assert told["kept"]["clues"].keys() == set(words.clues)
    doubts = left_out_doubts(words, words.clues)
    base = left_out_doubts(words, (LOGPROB, ENTROPY), by_word=False)
    expected = roc_area(doubts, words.wrong) - roc_area(base, words.wrong)
    assert figures.gain.value == pytest.approx(expected)
    assert area_gain(doubts, doubts, words.wrong, words.of).high == 0


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_words_that_are_all_alike_can_not_be_fitted(wrong):
    words = cases(40)
    same = JudgedWords(
        words.clues, words.known, words.stems, 0 * words.wrong + wrong, words.of, False
    )
    assert measure_doubt(same) is None
