"""`saccade evaluate`: several captions of each photo, cached features, ensembles."""

import json
from dataclasses import replace

import pytest

from saccade import Captioner
from saccade.api import evaluate
from saccade.cli import main
from saccade.cli.evaluate import show
from saccade.data.scenes import draw, wrong_words
from saccade.data.sources import read
from saccade.metrics import score
from saccade.metrics.diversity import variety
from saccade.metrics.several import score_several
from saccade.models.encoders.encoder import Encoder
from saccade.text.english import is_content


@pytest.fixture
def evaluated(run, data, tmp_path):
    """What `saccade evaluate` writes with some options."""

    def figures(*options: str, model: str = str(run)) -> dict:
        out = tmp_path / "figures.json"
        arguments = ["evaluate", str(data), "--model", model, "--json", str(out), "--cpu"]
        assert main([*arguments, *options]) == 0
        told = json.loads(out.read_text())
        del told["search_seconds"]
        return told

    return figures


@pytest.fixture
def references(data):
    return {e.id: e.captions for e in read(data).examples if e.split == "val"}


def every_caption(told: dict) -> dict[str, list[str]]:
    return {c["id"]: [c["caption"], *c.get("others", [])] for c in told["captions"]}


def check(told: dict, references: dict, count: int) -> None:
    """The figures are those of `saccade.metrics` for these captions."""
    captions = every_caption(told)
    assert [len(texts) for texts in captions.values()] == [count] * len(references)
    assert told["several"] == score_several(references, captions).to_json()
    best = {name: texts[0] for name, texts in captions.items()}
    scores = {name: 100 * v for name, v in score(references, best).values.items()}
    assert told["scores"] == pytest.approx(scores, abs=1e-4)
    assert told["variety"] == variety(list(best.values())).to_json()


def test_words_in_no_reference_are_counted(run, data, capsys):
    """Of photos, whose references alone tell; on drawn scenes their truth does."""
    captioner = Captioner.from_pretrained(run, device="cpu")
    photos = [e for e in read(data).examples if e.split == "val"][:4]
    first = evaluate(captioner, photos, show=False)
    words = [one.caption.words for one in first.captioned]
    content = sum(is_content(word) for said in words for word in said)
    assert content
    # All words, none, and those of the first caption alone.
    for said, wrong in (
        ([(" ".join(words[i]),) for i in range(4)], 0),
        ([("nothing",)] * 4, content),
        ([(" ".join(words[0]),), *[("nothing",)] * 3], content - sum(map(is_content, words[0]))),
    ):
        told = [replace(photo, captions=text) for photo, text in zip(photos, said, strict=True)]
        result = evaluate(captioner, told, show=False)
        assert result.wrong == pytest.approx(wrong / content)
        show(result, "m")
        assert f"Words in no reference: {wrong / content:.1%} of" in capsys.readouterr().out
    scenes = [replace(photo, scene=draw(0, i)[1]) for i, photo in enumerate(photos)]
    on_scenes = evaluate(captioner, scenes, show=False)
    judged = [w for one in on_scenes.captioned for w in wrong_words(one.caption.text, one.example.scene)]  # fmt: skip
    known = [w for w in judged if w is not None]
    assert on_scenes.wrong == pytest.approx(sum(known) / len(known))
    show(on_scenes, "m")
    assert "Words not true of their scene" in capsys.readouterr().out


def test_samples_are_scored_together(evaluated, references, run, data, capsys):
    told = evaluated("--samples", "10", "--temperature", "1.5")
    said = capsys.readouterr().out
    for figure in ("oracle", "average", "self-CIDEr", "div-1", "div-2"):
        assert figure in said
    assert told["decode"]["strategy"] == "sample"
    check(told, references, 10)
    assert 0 < told["several"]["self_cider"] < 1
    assert told["several"]["oracle"]["CIDEr"] > told["several"]["average"]["CIDEr"]
    # In another batch the same photo has the same samples.
    name, captions = list(every_caption(told).items())[-1]
    photo = str(data / name)
    drawn = ["--samples", "10", "--temperature", "1.5", "--cpu"]
    assert main(["caption", photo, "--model", str(run), *drawn]) == 0
    assert capsys.readouterr().out.splitlines() == captions


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("--beams", "4"), {"beams": 4}),
        (("--groups", "3"), {"groups": 3, "beams": 3}),
        (("--force", "red|blue"), {"beams": 3, "forced": ["red|blue"]}),
    ],
)
def test_the_best_of_a_search_are_scored_together(
    options, settings, evaluated, references, run, data
):
    told = evaluated("--samples", "3", *options)
    check(told, references, 3)
    captioner = Captioner.from_pretrained(run, device="cpu")
    for name, captions in every_caption(told).items():
        one = captioner.caption(data / name, keep=3, **settings)
        assert captions == [one.text, *(other.text for other in one.others)]


def test_figures_from_the_cache_are_those_without(evaluated, tmp_path, monkeypatch):
    plain = evaluated("--samples", "3")
    cache = str(tmp_path / "cache")
    told = [evaluated("--samples", "3", "--cache", cache)]
    monkeypatch.delattr(Encoder, "forward")  # all that is needed is in the cache
    told.append(evaluated("--samples", "3", "--cache", cache))
    for figures in told:
        assert figures.pop("loss") == pytest.approx(plain["loss"], abs=1e-5)
        assert figures.pop("perplexity") == pytest.approx(plain["perplexity"], abs=1e-3)
        assert every_caption(figures) == every_caption(plain)
        del figures["captions"]  # their log-probabilities are rounded
        assert figures == {name: plain[name] for name in figures}


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
def test_an_ensemble_is_that_of_python(mean, evaluated, references, run, data, tmp_path):
    both = [str(run / "best"), str(run / "last")]
    options = ["--geometric"] if mean == "geometric" else []
    told = evaluated("--beams", "3", *options, model=",".join(both))
    ensemble = Captioner.ensemble(both, device="cpu", mean=mean)
    for name, captions in every_caption(told).items():
        assert captions == [ensemble.caption(data / name, beams=3).text]
    assert told["scores"].keys() == score(references, dict.fromkeys(references, "a")).values.keys()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top-p", "0"], "decode.top_p is above 0 and at most 1"),
        (["--groups", "4", "--beams", "6"], "decode.groups (4) must divide decode.beams (6)"),
        (["--groups", "3", "--samples", "4"], "decode.groups (3) must divide decode.beams (4)"),
        (["--samples", "5", "--beams", "3"], "--samples 5 needs as many --beams, not 3"),
        (["--strategy", "greedy", "--samples", "2"], "a greedy search has one caption"),
        (["--force", "zebra"], "the model does not know the word 'zebra'"),
        (["--force", "red", "--ban", "RED"], "'red' is forced and banned"),
        (["--force", "red", "--strategy", "sample"], "needs the strategy beam; 'sample'"),
        (["--temperature", "1", "--beams", "2"], "no strategy has all of these settings"),
        (["--set", "decode.rules.beams=3"], "unknown setting 'decode.rules.beams'"),
        (["--set", "train.epochs=3"], "only settings of decoding"),
        (["--geometric"], "--geometric is a mean of several models"),
    ],
)
def test_options_that_contradict_each_other(options, said, run, data, tmp_path, capsys):
    out = tmp_path / "figures.json"
    cache = tmp_path / "cache"
    command = ["evaluate", str(data), "--model", str(run), "--json", str(out), "--cpu"]
    assert main([*command, "--cache", str(cache), *options]) == 2
    heard = capsys.readouterr().err.strip()
    assert said in heard
    assert len(heard.splitlines()) == 1
    assert not out.exists()
    assert not cache.exists()  # nothing was encoded
