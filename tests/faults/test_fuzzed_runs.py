"""Run folders damaged at random, by the schema of each of their files, then resumed and reported.

A run goes on to the very result of an undamaged one, or one sentence says what is wrong with it; where
settings were changed to others that are allowed, a note says so. Hypothesis chooses, seeded.
"""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import saccade.training.loop as loop
from saccade.config import merge
from saccade.training.run import read_log
from saccade.training.stopping import Stopped
from saccade.training.train import train
from tests.conftest import TINY, squares
from tests.faults.attempts import attempt
from tests.faults.damage import HOLE, VALUES, places
from tests.faults.tally import LONG, count, many

OTHER_SETTINGS = "were changed since the run began"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory) -> Path:
    """A run that was stopped one step before its end, with a picture that could not be decoded."""
    folder = tmp_path_factory.mktemp("fuzzed-runs")
    data = squares(folder / "data", 9, 2)
    (data / "images" / "002.png").write_bytes(b"no picture")
    real, steps = loop.learning_rate, []

    def stopping(*arguments):
        steps.append(1)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGTERM)  # SIGINT may be ignored (nohup)
        return real(*arguments)

    options = merge(TINY, {"train": {"average": 0.9}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "learning_rate", stopping)
        with pytest.raises(Stopped):
            train(data, folder / "run", settings=options, cpu=True, show=False)
    assert json.loads((folder / "run" / "last" / "trainer.json").read_text())["step"] == 3
    return folder / "run"


def result(run: Path) -> dict[str, object]:
    """What must not depend on damage that was accepted."""
    names = ("best/model.safetensors", "last/model.safetensors", "last/trainer.safetensors")
    return {name: (run / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(interrupted, tmp_path_factory) -> dict[str, object]:
    """The result of the undamaged run."""
    from saccade.training.train import resume

    run = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(interrupted, run)
    assert resume(run, cpu=True, show=False).progress.step == 4
    return result(run)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """A damaged name of a backbone is looked for on the hub, which says no at once."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


BOUNDED = settings(
    max_examples=many(4, 100),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def changed(text: str, data: st.DataObject) -> str:
    """A JSON document with one or two values replaced, removed, added, nested or swapped."""
    value = json.loads(text)
    raw = []
    for _ in range(data.draw(st.integers(1, 2))):
        paths = list(places(value))
        if not paths:
            break
        path, other = (data.draw(st.sampled_from(paths)) for _ in range(2))
        holder = inside(value, path[:-1])
        action = data.draw(st.sampled_from(["replace"] * 3 + ["remove", "add", "nest", "swap"]))
        if action == "remove":
            del holder[path[-1]]
        elif action == "add" and isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["", "kind", "trainable", "\x1b[2J"]))] = {"a": [1]}
        elif action == "nest":
            holder[path[-1]] = [holder[path[-1]]]
        elif action == "swap":
            holder[path[-1]] = json.loads(json.dumps(inside(value, other)))
        else:
            raw.append(data.draw(st.sampled_from(list(VALUES.values()))))
            holder[path[-1]] = HOLE
    text = json.dumps(value)
    for replacement in raw:
        text = text.replace(json.dumps(HOLE), replacement, 1)
    return text


def inside(value, path):
    for key in path:
        value = value[key]
    return value


def changed_lines(text: str, data: st.DataObject) -> str:
    """JSON Lines with one of them changed, cut, lost or doubled."""
    lines = text.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    action = data.draw(st.sampled_from(["change"] * 4 + ["cut", "lose", "double", "last", "glue"]))
    if action == "change":
        lines[at] = changed(lines[at], data)
    elif action == "cut":
        lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
    elif action == "lose":
        del lines[at]
    elif action == "double":
        lines.insert(at, lines[at])
    elif action == "glue":
        lines[at] += "".join(lines[at + 1 : at + 2])
    else:  # a kill in the middle of a line
        return "\n".join(lines)[: -data.draw(st.integers(1, 30))]
    return "\n".join(lines) + "\n"


def changed_bytes(content: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.integers(0, min(len(content), data.draw(st.sampled_from([40, 10**6])))))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    new = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\0" * 9, b"9" * 5000])))
    return content[:start] + new + content[end:]


def harmed(path: Path, data: st.DataObject) -> None:
    content = path.read_bytes()
    if path.suffix == ".safetensors" or data.draw(st.integers(0, 4)) == 0:
        content = changed_bytes(content, data)
    elif path.suffix == ".jsonl":
        content = changed_lines(content.decode(), data).encode("utf-8", "surrogatepass")
    else:
        content = changed(content.decode(), data).encode("utf-8", "surrogatepass")
    path.write_bytes(content)


FILES = ("run.json", "log.jsonl", "skipped.jsonl", "last/trainer.json", "last/trainer.safetensors")


@pytest.mark.parametrize("old", [False, True] if LONG else [False])
@pytest.mark.parametrize("name", FILES)
@BOUNDED
@given(data=st.data())
def test_a_damaged_run_goes_on_alike_or_not_at_all(
    interrupted, whole, tmp_path_factory, capsys, name, old, data
):
    run = tmp_path_factory.mktemp("fuzzed") / "run"
    shutil.copytree(interrupted, run)
    if old:  # no checksums
        for file in (run / "run.json", run / "last" / "trainer.json"):
            value = json.loads(file.read_text())
            value.pop("checksum")
            file.write_text(json.dumps(value))
    harmed(run / name, data)
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    outcome, _, error = attempt(["train", "--resume", str(run), "--cpu"], capsys)
    assert outcome in ("fine", "refused"), outcome
    if outcome == "refused":
        assert str(run) in error.splitlines()[-1]
        after = {file: file.read_bytes() for file in before if file.name != "events"}
        assert all(after[file] == before[file] for file in after if "best" in file.parts)
    elif result(run) != whole and not allowed(name, old, error):
        count("silently wrong")
        raise AssertionError("resumed to another result without a word")
    else:
        read_log(run / "log.jsonl")
    shutil.rmtree(run.parent)


def allowed(name: str, old: bool, error: str) -> bool:
    """Whether another result was told, or can't be known: runs of before checksums."""
    return old or (name == "run.json" and OTHER_SETTINGS in error)


@pytest.mark.parametrize("name", ["run.json", "log.jsonl", "best/config.json"])
@settings(BOUNDED, max_examples=many(2, 40))
@given(data=st.data())
def test_a_damaged_run_is_reported_or_not_at_all(
    interrupted, whole, tmp_path_factory, capsys, name, data
):
    run = tmp_path_factory.mktemp("fuzzed") / "run"
    shutil.copytree(interrupted, run)
    harmed(run / name, data)
    words = ["report", str(run), "--cpu", "--limit", "1", "--samples", "0"]
    outcome, _, _ = attempt(words, capsys)
    assert outcome in ("fine", "refused"), outcome
    assert (run / "report.html").exists() == (outcome == "fine")
    shutil.rmtree(run.parent)


@pytest.mark.parametrize("lost", ["backbone", "encoder", "decoder", "train", "decode"])
def test_a_run_without_a_setting_it_stands_on_is_refused(interrupted, tmp_path, capsys, lost):
    """Also an older run, without a checksum: a default would stand for another model."""
    run = tmp_path / "run"
    shutil.copytree(interrupted, run)
    about = json.loads((run / "run.json").read_text())
    del about["checksum"]
    del (about["config"]["encoder"] if lost == "backbone" else about["config"])[lost]
    (run / "run.json").write_text(json.dumps(about))
    outcome, _, error = attempt(["train", "--resume", str(run), "--cpu"], capsys)
    assert outcome == "refused"
    assert f"{run / 'run.json'}: 'config.{'encoder.' * (lost == 'backbone')}{lost}'" in error


def test_changed_settings_are_said(interrupted, whole, tmp_path, capsys):
    """A run goes on with other settings that run.json names, and never without a word."""
    run = tmp_path / "run"
    shutil.copytree(interrupted, run)
    about = json.loads((run / "run.json").read_text())
    about["config"]["train"]["learning_rate"] *= 2
    (run / "run.json").write_text(json.dumps(about))
    outcome, _, error = attempt(["train", "--resume", str(run), "--cpu"], capsys)
    assert outcome == "fine"
    assert f"the settings in {run / 'run.json'} {OTHER_SETTINGS}" in error
    assert result(run) != whole
