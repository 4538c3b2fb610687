"""A whole split: captions, maps, verdicts and mistakes, on squares and on scenes."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from saccade.api import Captioner
from saccade.cli import main
from saccade.data.boxes import read_boxes
from saccade.data.scenes import write
from saccade.errors import UsageError
from saccade.evaluation.survey import STATES, grounded, survey
from saccade.metrics import score
from saccade.values.examples import Example


@pytest.fixture(scope="module")
def captioner(run) -> Captioner:
    return Captioner.from_pretrained(run, device="cpu")


@pytest.fixture(scope="module")
def found(captioner, data):
    return survey(captioner.engine, data, "train", measured=5, show=False)


def test_shares_are_those_of_the_words_measured(found):
    assert [item.captioned.example.id for item in found.explained] == [
        found.evaluation.captioned[i * 18 // 5].example.id for i in range(5)
    ]
    words = [word for item in found.explained for word in item.explanation.words]
    for state in STATES:
        expected = np.mean([state in (word.seen, word.verdict) for word in words])
        assert found.shares[state].value == pytest.approx(expected)
    content = [word for word in words if word.word not in ("a", "the", "on", "has")]
    guessed = np.mean([word.seen == "guessed" for word in content])
    assert found.content["guessed"].value == pytest.approx(guessed)


def test_pictures_are_ranked_the_worst_first(found):
    judged = found.evaluation.captioned
    for rank in ("log-probability", "CIDEr", "named in a reference"):
        values = [value for value, _ in found.ranked(rank)]
        assert len(values) == len(judged)
        assert values == sorted(values)
    value, _item = found.ranked("CIDEr")[0]
    scores = score(
        {x.example.id: x.example.captions for x in judged},
        {x.example.id: x.caption.text for x in judged},
    )
    assert value == pytest.approx(scores.per_picture["CIDEr"].min())
    assert len(found.ranked("faithfulness")) == 5  # only what was measured
    guessed = [value for value, _ in found.ranked("guessed")]
    assert guessed == sorted(guessed, reverse=True)


def test_the_worst_are_measured_when_the_rank_is_known_before(captioner, data):
    found = survey(captioner.engine, data, "train", measured=3, rank="log-probability", show=False)
    worst = [item.example.id for _, item in found.ranked("log-probability")[:3]]
    assert [item.captioned.example.id for item in found.explained] == worst
    assert "the lowest log-probability" in found.rows()[0][1]


def test_a_measured_caption_is_the_one_that_was_scored(found):
    for item in found.explained:
        assert item.explanation.caption is item.captioned.caption
        for word, logprob in zip(
            item.explanation.words, item.captioned.caption.logprobs, strict=True
        ):
            assert word.logprob == pytest.approx(logprob, abs=1e-4)


def test_words_in_no_reference_are_named(captioner, data, tmp_path):
    """References of another colour: then the captioner's right word is in none of them."""
    lines = [json.loads(line) for line in (data / "captions.jsonl").read_text().splitlines()]
    for line in lines:
        line["image"] = str(data / line["image"])
        line["captions"] = [c.replace("red", "green") for c in line["captions"]]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = survey(captioner.engine, tmp_path / "captions.jsonl", "train", measured=1, show=False)
    words = {item.word: item for item in found.hallucinated}
    assert words["red"].count == words["red"].said > 0
    assert "square" not in words
    assert any("red" in value for what, value in found.rows() if "no reference" in what)


def test_a_share_of_named_words_counts_a_word_once_in_whatever_form():
    from saccade.evaluation.survey import _scores

    class Said:
        text = "a red dog chases two red dogs"
        words = tuple(text.split())
        logprob = -1.0

    class Item:
        def __init__(self, name: str, *references: str) -> None:
            self.caption, self.example = Said, Example(Path(name), references, "val", name)

    judged = (Item("a", "a cat", "two dogs"), Item("b", "a cat"))
    found = _scores(SimpleNamespace(captioned=judged, scored=None))
    # red, dog, chase and two, of which dog and two are named
    assert found["a"]["named in a reference"] == pytest.approx(0.5)
    assert found["b"]["named in a reference"] == 0


def test_boxes_of_the_users_ground_the_words(captioner, data, tmp_path):
    """COCO boxes that cover the left half of a 48 x 32 photo, annotated at twice the size."""
    ids = range(18)
    told = {
        "images": [{"id": i, "file_name": f"{i:03d}.png", "width": 96, "height": 64} for i in ids],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 48, 64]} for i in ids
        ],
        "categories": [{"id": 1, "name": "square"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(told))
    boxes = read_boxes(tmp_path / "instances.json")
    found = survey(captioner.engine, data, "train", boxes=boxes, measured=1, show=False)
    item = found.evaluation.captioned[0]
    place = item.caption.words.index("square")
    assert grounded(item, boxes) == [(place, ((0, 0, 24, 32),))]
    assert found.grounding.words == 18
    assert found.grounding.mass.uniform.value == pytest.approx(0.5)
    assert any(what == "pointing game" for what, _ in found.rows())


def test_scenes_know_what_is_not_there(captioner, tmp_path):
    """The squares' captioner says nothing true of scenes: its colours are absent or there."""
    write(tmp_path, 6, seed=3, val=6, size=64)
    found = survey(captioner.engine, tmp_path, measured=2, show=False)
    truly = {
        (item.example.id, word)
        for item in found.evaluation.captioned
        for word in set(item.caption.words) & {"red", "green", "blue"}
        if word not in {thing.colour for thing in item.example.scene.things}
    }
    assert sum(item.count for item in found.absent) == len(truly)
    for item in found.absent:
        assert {(key, item.word) for key in item.examples} <= truly


def test_an_unknown_rank_is_refused(captioner, data):
    with pytest.raises(UsageError, match="no rank 'beauty'; choose faithfulness"):
        survey(captioner.engine, data, rank="beauty", show=False)


def test_the_command_prints_ranks_and_writes(run, data, tmp_path, capsys):
    page, told = tmp_path / "split.html", tmp_path / "split.json"
    asked = ["survey", str(data), "--split", "train", "-m", str(run), "--cpu"]
    more = ["--measured", "2", "--rank", "CIDEr", "--html", str(page), "--json", str(told)]
    assert main([*asked, *more]) == 0
    shown = capsys.readouterr().out
    assert "Lowest CIDEr:" in shown
    assert "mass in the middle quarter" in shown
    found = json.loads(told.read_text())
    assert len(found["explained"]) == 2
    assert found["health"]["grid"] == [8, 12]
    assert 'id="data-1"' in page.read_text()


def test_a_run_knows_its_own_data(run, capsys):
    assert main(["survey", "-m", str(run), "--measured", "1", "--cpu"]) == 0
    assert "1 of 12 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--rank", "beauty"], "no rank 'beauty'"),
        (["--split", "dev"], "has no split 'dev'"),
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["--boxes", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_arguments_of_a_split(run, capsys, more, says):
    assert main(["survey", *more, "-m", str(run), "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
