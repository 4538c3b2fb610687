"""`evaluate` and `survey` that are stopped, or that lose a picture, still tell what they have.

The signals are real ones, sent to this very process in the middle of the work.
"""

import json
import os
import signal
from pathlib import Path

import pytest

import saccade.evaluation.split as captioning
import saccade.evaluation.survey as explaining
from saccade.api import Captioner
from saccade.cli import main

COUNT = 100


@pytest.fixture
def split(data, tmp_path) -> Path:
    """Many names of one picture."""
    lines = []
    for number in range(COUNT):
        os.link(data / "images" / "000.png", tmp_path / f"{number}.png")
        line = {"image": f"{number}.png", "captions": ["a red square"], "split": "val"}
        lines.append(json.dumps(line) + "\n")
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    return tmp_path / "captions.jsonl"


def kill_in(monkeypatch, module, name: str, call: int, number: int) -> None:
    """Send this process a signal when the module's function is called for the n-th time."""
    real, calls = getattr(module, name), []

    def dying(*arguments):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        return real(*arguments)

    monkeypatch.setattr(module, name, dying)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_evaluation_scores_what_it_has(run, split, tmp_path, capsys, monkeypatch, number):
    before = signal.getsignal(number)
    kill_in(monkeypatch, captioning, "encode_prepared", 2, number)
    told, maps = tmp_path / "figures.json", tmp_path / "maps"
    arguments = ["evaluate", str(split), "-m", str(run), "--json", str(told), "--cpu"]
    assert main([*arguments, "--attention", str(maps)]) == 128 + number
    captured = capsys.readouterr()
    figures = json.loads(told.read_text())
    assert figures["pictures"] == len(figures["captions"]) == 64
    assert not figures["complete"]
    assert figures["scores"]["BLEU-1"] > 0
    assert f"stopped by {number.name}; 64 pictures are captioned and scored" in captured.err
    assert f"stopped after 64 of {COUNT} pictures" in " ".join(captured.out.split())
    assert signal.getsignal(number) == before


def test_a_stopped_survey_writes_what_it_has(run, split, tmp_path, capsys, monkeypatch):
    kill_in(monkeypatch, explaining, "encode", 3, signal.SIGTERM)
    told, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["survey", str(split), "-m", str(run), "--cpu", "--json", str(told)]
    assert main([*arguments, "--html", str(page)]) == 128 + signal.SIGTERM
    assert f"{COUNT} pictures are captioned and 3 of them explained" in capsys.readouterr().err
    figures = json.loads(told.read_text())
    assert len(figures["explained"]) == 3
    assert figures["evaluation"]["complete"]
    assert "stopped after 3 of 50" in figures["chosen"]
    assert page.read_text().count('id="data-') == 3


def test_a_survey_stopped_while_it_captions_explains_nothing(run, split):
    engine = Captioner.from_pretrained(run, "cpu").engine
    result = explaining.survey(engine, split, show=False, stop=lambda: True)
    assert result.evaluation.pictures == 32
    assert not result.evaluation.complete
    assert result.explained == ()
    json.dumps(result.to_json())


def test_a_picture_that_goes_away_is_that_pictures_failure(
    run, split, tmp_path, capsys, monkeypatch
):
    real = explaining.encode

    def encode(engine, photos):
        (tmp_path / "1.png").unlink(missing_ok=True)
        return real(engine, photos)

    monkeypatch.setattr(explaining, "encode", encode)
    told, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["survey", str(split), "-m", str(run), "--cpu", "--limit", "3"]
    assert main([*arguments, "--json", str(told), "--html", str(page)]) == 0
    assert "1.png" in capsys.readouterr().out
    figures = json.loads(told.read_text())
    assert [item["id"] for item in figures["explained"]] == ["0.png", "2.png"]
    assert [Path(item["path"]).name for item in figures["evaluation"]["skipped"]] == ["1.png"]
    assert page.read_text().count('id="data-') == 2
