"""`saccade explain` as people type it."""

import json

import pytest

from saccade.cli import main
from saccade.data.sources import read


@pytest.fixture(scope="module")
def photos(data):
    return [example.image for example in read(data).examples]


def test_a_photo_is_explained_on_the_terminal_in_json_and_as_a_page(run, photos, tmp_path, capsys):
    page, told = tmp_path / "why.html", tmp_path / "why.json"
    asked = ["explain", str(photos[0]), "-m", str(run), "--instead", "blue", "--all-beams"]
    assert main([*asked, "--html", str(page), "--json", str(told), "--cpu"]) == 0
    shown = capsys.readouterr().out
    (explanation,) = json.loads(told.read_text())
    for word in explanation["words"]:
        assert word["word"] in shown
    assert "guessed" in shown
    assert "Why not 'blue'" in shown
    assert 'Beam "' in shown
    assert "the training set's mean features" in shown
    assert explanation["beams"]
    assert page.read_text().count('id="data-0"') == 1


def test_ones_own_sentence_and_pixels(run, photos, capsys):
    asked = ["explain", str(photos[0]), "-m", str(run), "--caption", "A blue square", "--cpu"]
    assert main([*asked, "--pixels", "--instead", "red", "--at", "2"]) == 0
    shown = capsys.readouterr().out
    assert '"a blue square" (typed)' in shown
    assert "Why not 'red' for word 2, 'blue'?" in shown
    assert "Covering pixels instead of cells" in shown


def test_a_bad_photo_among_good_ones_is_reported_and_the_others_explained(
    run, photos, tmp_path, capsys
):
    broken, told = tmp_path / "broken.jpg", tmp_path / "why.json"
    broken.write_bytes(b"no picture")
    asked = ["explain", str(photos[0]), str(broken), str(photos[1]), "-m", str(run), "--cpu"]
    assert main([*asked, "--json", str(told)]) == 1
    found = capsys.readouterr()
    assert "broken.jpg" in found.err
    assert "1 of 3 photos could not be explained." in found.err
    assert len(json.loads(told.read_text())) == 2


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([], "name photos to explain, or a split"),
        (["PHOTO", "--split", "val"], "name photos to explain, or a split"),
        (["PHOTO", "--at", "1"], "name the word"),
        (["PHOTO", "--caption", "a rad square"], "does not know the word 'rad' (near: red"),
        (["PHOTO", "--instead", "purple"], "does not know the word 'purple'"),
        (["--split", "val", "--instead", "red"], "are for photos"),
        (["nothing.jpg"], "nothing.jpg does not exist"),
    ],
)
def test_wrong_arguments_get_one_sentence(run, photos, capsys, asked, says):
    arguments = [str(photos[0]) if a == "PHOTO" else a for a in asked]
    assert main(["explain", *arguments, "-m", str(run), "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
