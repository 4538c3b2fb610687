"""`saccade survey` as people type it, and the old forms that lead to it."""

import json
import shutil

import pytest

from saccade.cli import main


def test_a_split_is_surveyed(run, data, tmp_path, capsys):
    page, figures = tmp_path / "why.html", tmp_path / "why.json"
    typed = ["survey", str(data), "-m", str(run), "--measured", "2", "--limit", "4", "--cpu"]
    assert main([*typed, "--html", str(page), "--json", str(figures), "--rank", "CIDEr"]) == 0
    shown = capsys.readouterr().out
    assert "measured word by word" in shown
    assert "2 of 4 pictures" in shown
    assert "Lowest CIDEr" in shown
    assert len(json.loads(figures.read_text())["explained"]) == 2
    assert page.read_text().count('id="data-') == 2


def test_a_run_knows_its_own_data(run, capsys):
    assert main(["survey", "-m", str(run), "--measured", "1", "--cpu"]) == 0
    assert "1 of 12 pictures" in capsys.readouterr().out
    assert main(["evaluate", "-m", str(run), "--cpu"]) == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"config": {}}'])
def test_a_damaged_run_is_said_to_be_so(run, tmp_path, capsys, text):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(text)
    assert main(["survey", "-m", str(tmp_path / "run"), "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert "run" in error
    assert "Traceback" not in error


OLD = {
    "explain --split val -m runs/mine": "saccade survey DATA --split val -m runs/mine",
    "explain --split=val --model m --data my/d.json --limit 3": (
        "saccade survey my/d.json --split val --model m --limit 3"
    ),
    "survey runs/mine data": "saccade survey data --model runs/mine",
    "evaluate runs/mine/best captions.jsonl --split val": (
        "saccade evaluate captions.jsonl --model runs/mine/best"
    ),
}


@pytest.mark.parametrize("old", OLD)
def test_old_forms_are_refused_with_the_new_one(old, capsys):
    assert main(old.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("saccade: ")
    assert error.endswith(f": {OLD[old]}\n")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ([], "name the model: saccade survey DATA --model"),
        (["DATA"], "name the model: saccade survey DATA --model"),
        (["DATA", "DATA", "-m", "RUN"], "name one DATA, not 2"),
        (["DATA", "-m", "RUN", "--measured", "-1"], "--measured"),
        (["DATA", "-m", "RUN", "--limit", "-4"], "--limit"),
        (["DATA", "-m", "RUN", "--rank", "x"], "there is no rank 'x'"),
        (["DATA", "-m", "RUN", "--split", "x"], "has no split 'x' (found: train, val)"),
        (["DATA", "-m", "RUN", "--boxes", "no.json"], "no.json does not exist"),
        (["DATA", "-m", "RUN", "--json", "DATA/captions.jsonl"], "would be overwritten"),
        (["DATA", "-m", "RUN", "--html", "DATA/images/000.png"], "would be overwritten"),
        (["DATA", "-m", "RUN", "--html", "RUN/run.json"], "would be overwritten"),
        (["-m", "nothing"], "is not a run that knows its data: name DATA"),
    ],
)
def test_wrong_arguments_get_one_sentence(run, data, capsys, typed, says):
    words = [a.replace("DATA", str(data)).replace("RUN", str(run)) for a in typed]
    assert main(["survey", *words]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
