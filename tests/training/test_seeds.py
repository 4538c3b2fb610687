"""Several seeds: a run for each, what they have in common, and going on."""

import json
import statistics

import pytest

from saccade.cli import main
from saccade.training.run import read_log
from tests.conftest import TINY


@pytest.fixture(scope="module")
def arguments(data):
    command = ["train", str(data), "--cpu", "--seed", "4", "--seeds", "2"]
    settings = {**TINY, "train": {**TINY["train"], "epochs": 1, "select": "CIDEr", "average": 0.0}}
    for section, values in settings.items():
        for key, value in values.items():
            command += ["--set", f"{section}.{key}={json.dumps(value)}"]
    return command


def test_each_seed_is_a_run_and_the_figures_are_summed_up(arguments, tmp_path, capsys):
    out = tmp_path / "several"
    assert main([*arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "deviation" in said
    runs = [out / "seed-4", out / "seed-5"]
    assert sorted(p.name for p in out.iterdir()) == ["seed-4", "seed-5", "seeds.json"]
    summary = json.loads((out / "seeds.json").read_text())
    best = []
    for run in runs:
        assert json.loads((run / "run.json").read_text())["config"]["train"]["seed"] == int(
            run.name[-1]
        )
        (validation,) = [r for r in read_log(run / "log.jsonl") if r["event"] == "validation"]
        best.append(validation)
    assert best[0]["loss"] != best[1]["loss"]
    for name in ("loss", "CIDEr", "BLEU-4"):
        values = [record[name] for record in best]
        figure = summary["figures"][name]
        assert figure["mean"] == pytest.approx(statistics.fmean(values))
        assert figure["deviation"] == pytest.approx(statistics.stdev(values))
        assert (figure["lowest"], figure["highest"]) == (min(values), max(values))
        assert summary["runs"]["seed-5"][name] == values[1]

    # Again: finished runs stay as they are, and one that is missing is trained.
    before = {run: (run / "log.jsonl").read_bytes() for run in runs}
    arguments[arguments.index("--seeds") + 1] = "3"
    assert main([*arguments, "--out", str(out)]) == 0
    assert {run: (run / "log.jsonl").read_bytes() for run in runs} == before
    assert len(json.loads((out / "seeds.json").read_text())["runs"]) == 3
    capsys.readouterr()
    other = [*arguments, "--out", str(out), "--set", "train.clip=1"]
    assert main(other) == 2
    assert "was trained with another train.clip (5.0, now 1.0)" in capsys.readouterr().err
    assert main([*arguments, "--out", str(runs[0])]) == 2
    assert "is not a folder of runs with several seeds" in capsys.readouterr().err


def test_one_seed_is_no_repetition(arguments, tmp_path, capsys):
    command = [*arguments]
    command[command.index("--seeds") + 1] = "1"
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "--seeds" in capsys.readouterr().err
