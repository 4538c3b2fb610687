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


def test_a_question_that_one_photo_can_not_answer_costs_the_others_nothing(
    run, photos, tmp_path, capsys
):
    """Where the caption says "red" already, "why not red?" has no answer; the rest is written."""
    told = tmp_path / "why.json"
    asked = ["explain", *map(str, photos), "-m", str(run), "--instead", "red", "--at", "2", "--cpu"]
    assert main([*asked, "--json", str(told)]) == 1
    error = capsys.readouterr().err
    failed = [photo for photo in photos if f"{photo}: the caption says 'red' there" in error]
    assert failed
    assert f"{len(failed)} of {len(photos)} photos could not be explained." in error
    assert len(json.loads(told.read_text())) == len(photos) - len(failed) > 0


def test_mean_features_are_those_of_the_pictures_trained_on(run, data, photos, tmp_path, capsys):
    """A checkpoint from before they were kept: its run's data wins over other data named."""
    import shutil

    from safetensors.torch import load_file, save_file

    old = tmp_path / "old"
    shutil.copytree(run, old)
    weights = load_file(old / "best" / "model.safetensors")
    kept = weights.pop("mean_grid")
    save_file(weights, old / "best" / "model.safetensors")
    config = json.loads((old / "best" / "config.json").read_text())
    del config["weights_sha256"]  # which format 1 did not know
    (old / "best" / "config.json").write_text(json.dumps(config | {"format": 1}))
    own = json.loads((old / "run.json").read_text())["data"]
    asked = ["explain", str(photos[0]), "--cpu", "--data", str(data)]
    assert main([*asked, "-m", str(old)]) == 0
    assert f"the mean features of {own}" in capsys.readouterr().out
    alone = tmp_path / "alone"
    shutil.move(old / "best", alone)
    assert main([*asked, "-m", str(alone)]) == 0
    assert f"the mean features of {data}" in capsys.readouterr().out
    assert main(["explain", str(photos[0]), "--cpu", "-m", str(alone)]) == 0
    found = capsys.readouterr()
    assert "a blank picture's stand in" in found.err
    assert "covered cells hold a blank" in found.out
    assert kept.shape == (96, 16)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([], "Missing argument 'PHOTO...'"),
        (["PHOTO", "--at", "0"], "--at"),
        (["PHOTO", "--at", "1"], "name the word"),
        (["PHOTO", "--caption", "a rad square"], "does not know the word 'rad' (near: red"),
        (["PHOTO", "--instead", "purple"], "does not know the word 'purple'"),
        (["PHOTO", "--all-beams", "--beams", "1"], "2 beams or more"),
        (["nothing.jpg"], "nothing.jpg does not exist"),
    ],
)
def test_wrong_arguments_get_one_sentence(run, photos, capsys, asked, says):
    arguments = [str(photos[0]) if a == "PHOTO" else a for a in asked]
    assert main(["explain", *arguments, "-m", str(run), "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
