"""Every kind of decoder, whole: trained by settings, evaluated, captioned, explained, drawn."""

import json

import numpy as np
import pytest

from saccade import Captioner, evaluate
from saccade.cli import main
from saccade.config import merge
from saccade.data.sources import read
from saccade.evaluation.survey import survey
from saccade.training.train import train
from saccade.viz.attention import save_png
from saccade.viz.explorer import write_page
from tests.conftest import TINY, squares
from tests.models.kinds import KINDS, SMALL

SIZES = {
    "show_tell": {"hidden": 32, "embedding": 24},
    "transformer": {"hidden": 24, "heads": 2, "feedforward": 32},
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def trained(kind, run, tmp_path_factory):
    """A run of a few epochs on coloured squares; `run` is one of soft attention."""
    folder = tmp_path_factory.mktemp(kind)
    if kind == "soft_attention":
        about = json.loads((run / "run.json").read_text())
        (folder / "data").symlink_to(about["data"])
        (folder / "run").symlink_to(run)
        return folder
    data = squares(folder / "data", 96, 12)
    settings = merge(
        {**TINY, "decoder": {**SMALL[kind], **SIZES[kind], "kind": kind, "dropout": 0.0}},
        {"train": {"epochs": 20, "batch": 8, "learning_rate": 1e-2, "schedule": "cosine"}},
    )
    if kind == "transformer":
        settings["train"] |= {"learning_rate": 3e-3, "warmup": 40}
    train(data, folder / "run", settings=settings, cpu=True, show=False)
    return folder


@pytest.fixture(scope="module")
def captioner(trained):
    return Captioner.from_pretrained(trained / "run", device="cpu")


def test_it_learns_and_is_evaluated(captioner, trained, kind):
    found = evaluate(captioner, trained / "data", show=False)
    assert found.loss < (0.7 if kind == "show_tell" else 0.35)
    assert found.scores["BLEU-1"] > 60
    assert json.dumps(found.to_json(), allow_nan=False)


def test_attention_is_there_or_is_said_not_to_be(captioner, trained, kind):
    photo = trained / "data/images/000.png"
    caption = captioner.caption(photo)
    assert (caption.alphas is None) == (kind == "show_tell")
    assert (caption.betas is None) == (kind != "soft_attention")
    if caption.alphas is not None:
        np.testing.assert_allclose(caption.alphas.sum((1, 2)), 1, rtol=1e-4)
    assert json.loads(json.dumps(caption.to_json()))["alphas"] == (
        None if caption.alphas is None else np.round(caption.alphas.astype(float), 6).tolist()
    )


def test_it_is_explained_and_colours_are_seen(captioner, trained, kind):
    seen = set()
    for number in range(6):
        explanation = captioner.explain(trained / f"data/images/{number:03d}.png")
        assert explanation.verdict_on == ("gradient" if kind == "show_tell" else "attention")
        for word in explanation.words:
            assert ("attention" in word.maps) == (kind != "show_tell")
            assert set(word.maps) == set(word.curves) >= {"gradient", "occlusion"}
            assert (word.beta is None) == (kind != "soft_attention")
            assert explanation.verdict_on == "attention" or "gradient map" in word.reason
            if word.seen != "guessed":
                seen.add(word.word)
    if kind != "show_tell":  # with the mean of all cells, colours are hardly learnt in so few steps
        assert seen & {"red", "green", "blue"}


def test_pixels_are_covered_for_any_kind(captioner, trained):
    explanation = captioner.explain(trained / "data/images/001.png", pixels=True)
    assert f"highest in the {explanation.verdict_on} map" in explanation.pixels.sentence


def test_it_is_drawn_and_has_a_page(captioner, trained, tmp_path):
    photos = [trained / f"data/images/{n:03d}.png" for n in range(3)]
    explained = [captioner.explain(photo, all_beams=True, instead=["blue"]) for photo in photos]
    write_page(explained, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 10_000
    save_png(explained[0].caption, tmp_path / "attention.png")
    assert (tmp_path / "attention.png").read_bytes()[:4] == b"\x89PNG"


def test_a_whole_split_is_surveyed(captioner, trained, kind):
    found = survey(captioner.engine, trained / "data", measured=3, show=False)
    assert len(found.explained) == 3
    assert (found.health is None) == (kind == "show_tell")
    assert found.rows()
    assert json.dumps(found.to_json(), allow_nan=False)


def test_the_program_does_all_of_it(trained, tmp_path, capsys):
    photo = str(trained / "data/images/002.png")
    model, data = str(trained / "run"), str(trained / "data")
    examples = read(trained / "data").examples
    assert main(["caption", photo, "--model", model, "--json", str(tmp_path / "c.json"), "--cpu",
                 "--attention", str(tmp_path / "looks")]) == 0  # fmt: skip
    assert main(["evaluate", data, "--model", model, "--split", "val", "--cpu",
                 "--json", str(tmp_path / "e.json")]) == 0  # fmt: skip
    assert main(["explain", photo, "--model", model, "--cpu", "--html", str(tmp_path / "p.html"),
                 "--json", str(tmp_path / "x.json")]) == 0  # fmt: skip
    assert main(["survey", data, "--model", model, "--split", "val", "--measured", "2", "--cpu",
                 "--html", str(tmp_path / "s.html")]) == 0  # fmt: skip
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    told = json.loads((tmp_path / "e.json").read_text())
    assert len(told["captions"]) == sum(e.split == "val" for e in examples)
    for name in ("c.json", "x.json", "p.html", "s.html"):
        assert (tmp_path / name).stat().st_size > 100
