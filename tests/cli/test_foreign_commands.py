"""Captioners of transformers through the real program: caption, pictures, explain page, survey."""

import json
from pathlib import Path

import pytest

from saccade.cli import main
from saccade.text.printing import printable
from tests.conftest import squares
from tests.models.foreign.makers import MAKERS


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp("foreign") / name for name in MAKERS}
    for name, folder in made.items():
        MAKERS[name](folder)
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return squares(tmp_path_factory.mktemp("data"), 6, 2)


def run(*arguments: object) -> int:
    """The program's exit code."""
    try:
        return int(main([str(argument) for argument in arguments]) or 0)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize("name", MAKERS)
def test_captions_with_pictures_of_attention(name, models, data, tmp_path, capsys):
    photo = data / "images/000.png"
    maps, record = tmp_path / "maps", tmp_path / "out.json"
    model = models[name]
    assert run("caption", photo, "-m", model, "--attention", maps, "--json", record, "--cpu") == 0
    assert (maps / "000.png").stat().st_size > 1000
    (entry,) = json.loads(record.read_text())
    assert printable(entry["caption"]) in capsys.readouterr().out
    assert len(entry["words"]) == len(entry["alphas"]) == len(entry["elsewhere"])
    for word, away in zip(entry["alphas"], entry["elsewhere"], strict=True):
        assert sum(map(sum, word)) + away == pytest.approx(1, abs=1e-3)
    assert [first for first, _ in entry["spans"][1:]] == [last for _, last in entry["spans"][:-1]]


@pytest.mark.parametrize("name", MAKERS)
def test_an_explanation_and_its_page(name, models, data, tmp_path, capsys):
    photo, page = data / "images/001.png", tmp_path / "why.html"
    record = tmp_path / "why.json"
    options = ("--caption", "a red dog's", "--instead", "cat", "--html", page, "--json", record)
    assert run("explain", photo, "-m", models[name], *options, "--cpu") == 0
    (entry,) = json.loads(record.read_text())
    assert [word["word"] for word in entry["words"]] == ["a", "red", "dog's"]
    assert {"attention", "gradient", "occlusion"} <= set(entry["words"][0]["curves"])
    assert entry["instead"][0]["other"]["word"] == "cat"
    assert "a red dog" in page.read_text()
    assert {word["verdict"] for word in entry["words"]} <= {"supported", "weak", "contradicted"}
    told = capsys.readouterr()
    assert "does not hold its training set's mean features" in told.err
    assert "red" in told.out


@pytest.mark.parametrize("name", MAKERS)
def test_a_survey_takes_the_mean_of_its_data(name, models, data, tmp_path, capsys):
    page, record = tmp_path / "all.html", tmp_path / "all.json"
    command = ("survey", data, "-m", models[name], "--split", "val", "--max-words", 4)
    assert run(*command, "--measured", 1, "--html", page, "--json", record, "--cpu") == 0
    figures = json.loads(record.read_text())
    assert figures["evaluation"]["pictures"] == 2
    assert figures["explained"][0]["settings"]["covered with"].startswith("the mean features of")
    assert page.stat().st_size > 10_000
    assert "measured word by word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vision-encoder-decoder", ("--prompt", "Describe"), "takes no prompt"),
        ("blip", ("--strategy", "diverse_beam"), "works on Saccade's own models; choose greedy"),
        ("blip", ("--set", "decode.rules.trigram_penalty=2"), "trigram_penalty works on Saccade's"),
    ],
)
def test_what_it_does_not_have_is_said(name, options, message, models, data, capsys):
    photo = data / "images/000.png"
    assert run("caption", photo, "-m", models[name], *options, "--cpu") == 2
    error = capsys.readouterr().err
    assert message in error.replace("\n", " ")
    assert "Traceback" not in error


def test_a_prompt_changes_what_is_said(models, data, capsys):
    photo = data / "images/000.png"
    said = []
    for prompt in ("a red dog", "the small green circle"):
        assert run("caption", photo, "-m", models["llava"], "--prompt", prompt, "--cpu") == 0
        said.append(capsys.readouterr().out)
    assert said[0] != said[1]
