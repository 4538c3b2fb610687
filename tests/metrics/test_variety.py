"""Diversity, several captions per picture, human agreement, METEOR and SPICE."""

import importlib.util
import math
import shutil

import numpy as np
import pytest

from saccade.errors import DataError
from saccade.metrics import human_agreement, java, score, score_several, tokenize_all, variety
from saccade.metrics.diversity import distinct
from saccade.metrics.frequencies import Frequencies
from saccade.metrics.several import div, self_cider

CORPUS = [["a dog runs", "the dog is fast"], ["two cats sit", "cats"], ["a man on a bike", "a man"]]


def test_figures_about_captions() -> None:
    found = variety(["A dog.", "a dog", "a man on the", "<unk> dogs", ""], training=["a dog!"])
    assert (found.captions, found.shortest, found.longest) == (5, 0, 4)
    assert found.vocabulary == 7  # a dog man on the <unk> dogs
    assert found.distinct_1 == pytest.approx(7 / 10)
    assert found.distinct_2 == pytest.approx(5 / 6)
    assert found.unique == pytest.approx(4 / 5)
    assert found.novel == pytest.approx(3 / 5)
    assert found.mean_length == pytest.approx(2)
    assert found.bad_endings == pytest.approx(1 / 5)
    assert found.unknown_words == pytest.approx(1 / 10)
    assert found.empty == pytest.approx(1 / 5)
    assert variety(["a dog"]).novel is None
    assert distinct(["", ""], 1) == 0
    with pytest.raises(DataError, match="no caption"):
        variety([])


def test_oracle_and_average_of_several_captions() -> None:
    references = dict(enumerate(CORPUS))
    hypotheses = {
        0: ["a dog runs", "a cat"],
        1: ["birds", "two cats sit", "cats sit"],
        2: ["a man"],
    }
    found = score_several(references, hypotheses)
    assert (found.pictures, found.captions) == (3, 6)
    best = score(references, {0: "a dog runs", 1: "two cats sit", 2: "a man"})
    assert found.oracle["CIDEr"] == pytest.approx(best["CIDEr"])
    counted = Frequencies.of([tokenize_all(group) for group in CORPUS])
    means = []
    for key, captions in hypotheses.items():
        rows = [
            score({key: references[key]}, {key: text}, frequencies=counted)["CIDEr"]
            for text in captions
        ]
        means.append(np.mean(rows))
    assert found.average["CIDEr"] == pytest.approx(np.mean(means))
    assert found.average["CIDEr"] < found.oracle["CIDEr"]
    with pytest.raises(DataError, match="no hypothesis"):
        score_several(references, {**hypotheses, 1: []})
    with pytest.raises(DataError, match="without references"):
        score_several(references, {**hypotheses, 9: ["a"]})


def test_self_cider_is_0_for_copies_and_1_for_nothing_shared() -> None:
    counted = Frequencies.of(CORPUS)
    assert self_cider(["a man on a bike"] * 4, counted) == pytest.approx(0, abs=1e-6)
    apart = ["a dog runs here", "two cats sit there", "big red bus stop"]
    assert self_cider(apart, counted) == pytest.approx(1)
    near = self_cider(["a dog runs here", "a dog runs there", "big red bus stop"], counted)
    assert 0 < near < 1
    # Two captions with cosine c: eigenvalues 1 + c and 1 - c.
    two = self_cider(["dog bike", "dog man"], counted)
    weight = {w: math.log(3 / max(1, counted[w])) for w in ("dog", "bike", "man")}
    lengths = [math.hypot(weight["dog"], weight[w]) for w in ("bike", "man")]
    cosine = weight["dog"] ** 2 / (lengths[0] * lengths[1]) / 4  # of the four orders
    total = 0.5  # words and pairs; captions of two words have no longer n-grams
    roots = math.sqrt(total + cosine), math.sqrt(total - cosine)
    assert two == pytest.approx(-math.log2(roots[0] / sum(roots)))
    assert self_cider(["a dog"], counted) == 0
    assert self_cider(["", ""], counted) == 0
    assert div(["a dog", "a cat"], 1) == pytest.approx(3 / 4)
    assert div(["a dog", "a dog"], 2) == pytest.approx(1 / 4)


def test_human_agreement_is_each_caption_against_the_others() -> None:
    groups = {i: (*group, f"{group[0]} here") for i, group in enumerate(CORPUS)}
    found = human_agreement({**groups, "few": ("a bus",)})
    assert found.left_out == ("few",)
    assert len(found.people) == 3
    second = score(
        {k: (g[0], g[2]) for k, g in groups.items()}, {k: g[1] for k, g in groups.items()}
    )
    assert found.people[1].values == second.values
    assert found.values["CIDEr"] == pytest.approx(np.mean([p["CIDEr"] for p in found.people]))
    with pytest.raises(DataError, match="at least two"):
        human_agreement({1: ["a"]})
    with pytest.raises(DataError, match="no picture"):
        human_agreement({})


def test_what_is_missing_for_java_metrics_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for metric in (java.meteor, java.spice):
        with pytest.raises(java.JavaMissing, match="install a Java runtime"):
            metric([["a dog"]], ["a dog"])
    monkeypatch.undo()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(java.JavaMissing, match=r"pip install 'saccade-captioner\[java\]'"):
        java.meteor([["a dog"]], ["a dog"])


@pytest.mark.slow
def test_meteor_and_spice_of_the_original() -> None:
    if shutil.which("java") is None:
        pytest.skip("no java on the PATH")
    if importlib.util.find_spec("pycocoevalcap") is None:
        pytest.skip("pycocoevalcap is not installed (pip install 'saccade-captioner[java]')")
    references = [["a dog runs on grass", "the brown dog runs"], ["two cats"]]
    value, rows = java.meteor(references, ["a dog runs on grass", "a bus"])
    assert rows.shape == (2,)
    assert rows[0] == pytest.approx(1.0)
    assert rows[1] < 0.1
    assert 0 < value < 1
    folder = java._folder("SPICE", "spice")
    if not (folder / "lib" / java._SPICE_MODELS[1]).is_file():
        with pytest.raises(java.JavaMissing, match="SPICE needs Stanford"):
            java.spice(references, ["a dog", "a bus"])
