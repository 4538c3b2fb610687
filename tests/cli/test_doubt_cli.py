"""`saccade survey --doubt` and `saccade caption --doubt` as a user runs them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saccade import Captioner
from saccade.checkpoint import load
from saccade.checkpoint.fitted import store_doubt
from saccade.cli import main
from saccade.errors import CheckpointError, UsageError
from saccade.publish.xmp import SACCADE
from tests.conftest import squares


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Squares whose references leave out the word "square" now and then: it is wrong there."""
    folder = squares(tmp_path_factory.mktemp("doubted"), 40, 40)
    lines = []
    for number, line in enumerate((folder / "captions.jsonl").read_text().splitlines()):
        entry = json.loads(line)
        if number % 3 == 0:
            entry["captions"] = [c.replace("square", "thing") for c in entry["captions"]]
        lines.append(json.dumps(entry))
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def fitted(run: Path, photos: Path, tmp_path_factory) -> Path:
    """A checkpoint with a fitted doubt, by the real program."""
    folder = tmp_path_factory.mktemp("fitted") / "best"
    shutil.copytree(run / "best", folder)
    told = folder.parent / "told.json"
    typed = ["survey", str(photos), "-m", str(folder), "--cpu", "--measured", "0"]
    more = ["--maps", "attention", "--doubt", "--store-doubt", "--json", str(told)]
    assert main([*typed, *more]) == 0
    return folder


def test_the_fitted_doubt_is_in_the_checkpoint_and_nothing_else_changed(fitted, run):
    told = json.loads((fitted.parent / "told.json").read_text())["doubt"]
    assert told["pictures"] == 40
    before, after = (json.loads((f / "config.json").read_text()) for f in (run / "best", fitted))
    doubt = after.pop("doubt")
    assert after == before
    assert doubt["weights_sha256"] == before["weights_sha256"]
    assert doubt["bias"] == pytest.approx(told["kept"]["bias"], abs=1e-5)
    assert doubt["words"].keys() == told["kept"]["words"].keys() >= {"squar"}
    for name in ("model.safetensors", "vocab.json", "README.md"):
        assert (fitted / name).read_bytes() == (run / "best" / name).read_bytes()
    assert load(fitted).doubt is not None


def test_doubts_survive_saving_and_not_other_weights(fitted, tmp_path):
    Captioner.from_pretrained(fitted, device="cpu").save_pretrained(tmp_path / "same")
    assert load(tmp_path / "same").doubt.to_json() == load(fitted).doubt.to_json()
    changed = Captioner.from_pretrained(fitted, device="cpu")
    next(changed.engine.model.decoder.parameters()).data.add_(1.0)
    changed.save_pretrained(tmp_path / "other")
    assert load(tmp_path / "other").doubt is None
    with pytest.raises(CheckpointError, match="other weights now"):
        store_doubt(tmp_path / "other", load(fitted).doubt)


def test_captions_come_with_doubts(fitted, photos, tmp_path, capsys):
    pictures = [str(path) for path in sorted((photos / "images").iterdir())[:2]]
    told = tmp_path / "told.json"
    command = ["caption", *pictures, "-m", str(fitted), "--cpu", "--json", str(told)]
    assert main([*command, "--doubt-from", "0.05", "--attention", str(tmp_path / "maps")]) == 0
    said = capsys.readouterr()
    assert "square?" in said.out
    assert "content words doubtful" in said.out
    assert "To review: 2 of 2 captions" in said.err
    for entry in json.loads(told.read_text()):
        doubt = entry["doubt"]
        assert doubt["review"] is True
        assert doubt["doubtful"]
        assert all(doubt["wrong"][place] >= 0.05 for place in doubt["doubtful"])
    assert len(list((tmp_path / "maps").glob("*.png"))) == 2
    captioner = Captioner.from_pretrained(fitted, device="cpu")
    caption = captioner.caption(pictures[0], doubt=True)
    again = [round(x, 6) if x is not None else None for x in caption.doubt.wrong]
    assert again == json.loads(told.read_text())[0]["doubt"]["wrong"]


def test_every_form_carries_them(fitted, photos, tmp_path, capsys):
    pictures = tmp_path / "photos"
    pictures.mkdir()
    shutil.copy(photos / "images" / "000.png", pictures / "a.png")
    command = ["caption", str(pictures), "-m", str(fitted), "--cpu", "--doubt-from", "0.01"]
    forms = [part for form in ("txt", "xmp", "jsonl", "csv") for part in ("--write", form)]
    assert main([*command, *forms]) == 0
    assert "To review: 1 of 1 captions" in capsys.readouterr().err
    row = json.loads((pictures / "captions.jsonl").read_text())
    assert row["review"] is True
    assert "square" in row["doubtful"]
    assert "true" in (pictures / "captions.csv").read_text()
    assert (pictures / "a.review.txt").read_text().split() == row["doubtful"]
    packet = (pictures / "a.xmp").read_text()
    assert SACCADE in packet
    assert "square" in packet.split("doubtful")[1]
    page = pictures / "page.html"
    page.write_text('<img src="a.png">')
    assert main([*command[:1], str(page), *command[2:], "--write", "html", "--yes"]) == 0
    assert f'data-doubtful="{" ".join(row["doubtful"])}"' in page.read_text()


def test_explanations_show_them(fitted, photos, tmp_path, capsys):
    page, told = tmp_path / "why.html", tmp_path / "why.json"
    photo = str(photos / "images" / "000.png")
    command = ["explain", photo, "-m", str(fitted), "--cpu", "--doubt"]
    assert main([*command, "--html", str(page), "--json", str(told)]) == 0
    sentence = json.loads(told.read_text())[0]["caption"]["doubt"]
    assert sentence["content_words"] >= 2
    out = capsys.readouterr().out
    assert f"of {sentence['content_words']} content words doubtful" in out


def test_acting_on_doubt_keeps_captions_without_a_doubtful_word(fitted, photos):
    captioner = Captioner.from_pretrained(fitted, device="cpu")
    photo = photos / "images" / "000.png"
    plain = captioner.caption(photo, doubt=True)
    assert captioner.caption(photo, doubt_below=0.999).text == plain.text
    acted = captioner.caption(photo, doubt_below=1e-9)
    assert acted.doubt.review  # there is nothing better
    assert acted.doubt.limit == 1e-9


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--doubt-below", "0"], "--doubt-below is a probability above 0 and below 1, not 0"),
        (["--doubt-from", "1.5"], "--doubt-from is a probability above 0 and below 1, not 1.5"),
        (["--doubt-from", "nan"], "--doubt-from is a probability"),
        (["--doubt-from", "0.5", "--doubt-below", "0.5"], "leave out --doubt-from"),
        (["--doubt"], "holds no fitted doubt; fit it on validation pictures"),
    ],
)
def test_what_can_not_be_is_said_in_one_sentence(run, photos, capsys, typed, says):
    photo = str(photos / "images" / "000.png")
    assert main(["caption", photo, "-m", str(run), "--cpu", *typed]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--store-doubt"], "--store-doubt goes with --doubt"),
        (["--doubt-samples", "3"], "--doubt-samples goes with --doubt"),
        (["--doubt", "--store-doubt", "--beams", "3"], "leave out beams"),
        (["--doubt", "--limit", "2", "--measured", "0"], "too few words to fit"),
    ],
)
def test_a_survey_says_what_is_missing(run, photos, capsys, typed, says):
    typed = ["survey", str(photos), "-m", str(run), "--cpu", "--maps", "attention", *typed]
    assert main(typed) in (1, 2)
    assert says in capsys.readouterr().err


def test_an_ensemble_and_a_damaged_section_are_refused(fitted, tmp_path, capsys, photos):
    with pytest.raises(UsageError, match="an ensemble is none"):
        Captioner.ensemble([fitted, fitted], "cpu").doubter()
    folder = tmp_path / "damaged"
    shutil.copytree(fitted, folder)
    config = json.loads((folder / "config.json").read_text())
    config["doubt"]["bias"] = "high"
    (folder / "config.json").write_text(json.dumps(config))
    photo = str(photos / "images" / "000.png")
    assert main(["caption", photo, "-m", str(folder), "--cpu"]) == 1
    assert 'doubt "bias" is not a number' in capsys.readouterr().err
    config["doubt"] = replace(load(fitted).doubt, weights="0" * 64).to_json()
    (folder / "config.json").write_text(json.dumps(config))
    assert main(["caption", photo, "-m", str(folder), "--cpu"]) == 1
    assert "doubt was fitted on other weights" in capsys.readouterr().err
