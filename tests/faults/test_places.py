"""A run that lies among the pictures it is trained on: allowed, and never taken for data."""

import json
import shutil

import pytest

from saccade.cli import main
from saccade.data.sources import gather
from saccade.photos.folders import find_photos
from tests.conftest import TINY, squares


def words(data, out, *more):
    settings = [f"{part}.{k}={json.dumps(v)}" for part in TINY for k, v in TINY[part].items()]
    command = ["train", str(data), "--out", str(out), "--cpu", *more]
    return [*command, *(word for s in [*settings, "train.epochs=1"] for word in ("--set", s))]


def pairs(folder, data):
    """The same pictures, each with a text file beside it."""
    for line in (data / "captions.jsonl").read_text().splitlines():
        record = json.loads(line)
        place = folder / record["split"]
        place.mkdir(parents=True, exist_ok=True)
        name = record["image"].removeprefix("images/")
        shutil.copy(data / record["image"], place / name)
        (place / name).with_suffix(".txt").write_text("\n".join(record["captions"]))


def test_a_run_inside_the_data_folder(tmp_path, monkeypatch, capsys):
    data = tmp_path / "pairs"
    pairs(data, squares(tmp_path / "written", 4, 2))
    monkeypatch.chdir(data)
    before = [example.image for example in gather(".")[0].examples]
    assert main(words(".", "runs/x")) == 0
    assert (data / "runs/x/loss.png").is_file()
    shutil.copy("runs/x/loss.png", "runs/x/best/000.png")
    (data / "runs/x/best/000.txt").write_text("a curve")
    assert main(["train", "--resume", "runs/x", "--epochs", "2", "--cpu"]) == 0
    dataset, problems = gather(".")
    assert [example.image for example in dataset.examples] == before
    assert problems == ()
    photos = find_photos([data])
    assert len(photos.paths) == 4
    assert photos.notes()[0] == f"{data}/runs/x is a run of saccade train: left out."
    assert len(find_photos([data / "runs/x"]).paths) == 2  # named itself
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["captions.csv", "captions.token", "annotations/captions_x.json"])
def test_a_folder_with_the_name_of_a_captions_file(name, tmp_path):
    data = squares(tmp_path / "data", 4, 2)
    before = gather(data)
    (data / name).mkdir(parents=True)
    assert gather(data) == before


@pytest.mark.parametrize("out", ["data", "data/images", "data/empty", "data/captions.jsonl"])
def test_what_is_read_is_not_the_place_of_a_run(out, tmp_path, capsys):
    data = squares(tmp_path / "data", 8, 2)
    (data / "empty").mkdir()
    images = ["--images", str(data / "empty")] if out == "data/empty" else []
    before = {path: path.is_file() and path.read_bytes() for path in data.rglob("*")}
    assert main(words(data, tmp_path / out, *images)) == 2
    assert str(tmp_path / out) in capsys.readouterr().err
    assert before == {path: path.is_file() and path.read_bytes() for path in data.rglob("*")}
