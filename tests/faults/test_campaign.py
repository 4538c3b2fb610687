"""Hundreds of bad files through the real commands: one sentence or the right result, always.

A bad file ends in exit 1 or 2 with one sentence on stderr, or makes no difference to the result.
The short form draws a seeded sample; `make faults` tries all.
"""

import itertools
import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import squares
from tests.faults.attempts import attempt
from tests.faults.damage import bad_bytes, bad_json
from tests.faults.tally import LONG, count, many

FORMAT1 = Path(__file__).parents[1] / "files" / "format1"


def sample(cases: Iterable[tuple[str, bytes]], short: int, long: int) -> list[tuple[str, bytes]]:
    """A seeded sample of cases, never the same place first."""
    everything = list(itertools.islice(cases, 20_000))
    random.Random(1).shuffle(everything)
    return everything[: many(short, long)]


def of_checkpoint(name: str, model: Path) -> Iterable[tuple[str, bytes]]:
    data = (model / name).read_bytes()
    if name.endswith(".json"):
        yield from bad_json(data.decode())
    yield from itertools.islice(bad_bytes(data), many(60, 400))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, run) -> dict[str, Path]:
    """One of each format, in a folder of its own."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, source in (("format 1", FORMAT1 / "conv"), ("format 2", run / "best")):
        shutil.copytree(source, folder / name)
    return {name: folder / name for name in ("format 1", "format 2")}


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
@pytest.mark.parametrize("form", ["format 1", "format 2"])
def test_a_damaged_checkpoint_is_refused_or_makes_no_difference(
    checkpoints, form, name, tmp_path, capsys
):
    model = tmp_path / "model"
    shutil.copytree(checkpoints[form], model)
    command = ["caption", str(FORMAT1 / "photo.png"), "--model", str(model), "--cpu"]
    outcome, expected, _ = attempt([*command, "--beams", "2", "--max-words", "8"], capsys)
    assert outcome == "fine"
    wrong = []
    for what, data in sample(of_checkpoint(name, checkpoints[form]), 12, 400):
        (model / name).write_bytes(data)
        outcome, out, _ = attempt([*command, "--beams", "2", "--max-words", "8"], capsys)
        if outcome == "fine" and out != expected and not _is_a_setting(what, name, form):
            outcome = f"silently wrong: {out!r}"
            count("silently wrong")
        if outcome not in ("fine", "refused"):
            wrong.append(f"{what}: {outcome}")
    assert not wrong, "\n".join(wrong)


def _is_a_setting(what: str, name: str, form: str) -> bool:
    """Whether a change is one that a user may make by hand: other decoding, other preprocessing.
    Weights of format 1 have no checksum that could tell."""
    if name == "model.safetensors":
        return form == "format 1"
    return name == "config.json" and what.startswith(("decode/", "encoder/"))


CAPTIONS = {
    "captions.jsonl": '{"image": "images/000.png", "captions": ["a dog", "the dog"], "split": "train"}\n'
    '{"image": "images/001.png", "caption": "a cat", "image_id": 7, "split": "val"}\n',
    "captions_val.json": json.dumps(
        {
            "images": [{"id": 1, "file_name": "images/000.png"}],
            "annotations": [{"id": 1, "image_id": 1, "caption": "a dog"}],
        }
    ),
    "dataset.json": json.dumps(
        {
            "images": [
                {
                    "filename": "000.png",
                    "filepath": "images",
                    "split": "train",
                    "cocoid": 4,
                    "sentences": [{"raw": "a dog", "tokens": ["a", "dog"]}],
                }
            ]
        }
    ),
    "captions.csv": "image,caption,split\nimages/000.png,a dog,train\nimages/001.png,a cat,val\n",
    "captions.token": "images/000.png#0\ta dog\nimages/001.png#0\ta cat\n",
}


@pytest.mark.parametrize("name", CAPTIONS)
@pytest.mark.parametrize("command", ["check", "score"])
def test_a_bad_caption_file_is_named_or_read(command, name, tmp_path, capsys):
    squares(tmp_path, 2, 0)
    (tmp_path / "captions.jsonl").unlink()
    good = CAPTIONS[name]
    cases: list[Iterable[tuple[str, bytes]]] = [bad_bytes(good.encode())]
    if name.endswith(("json", "jsonl")):
        cases = [bad_json(good, lines=name.endswith("l")), *cases]
    cases = [itertools.islice(part, many(60, 700)) for part in cases]
    hypotheses = tmp_path / "mine.json"
    hypotheses.write_text(json.dumps([{"image_id": "images/000.png", "caption": "a dog"}]))
    file = tmp_path / name
    arguments = {
        "check": ["check", str(file)],
        "score": ["score", "-r", str(file), "-H", str(hypotheses)],
    }[command]
    wrong = []
    for what, data in sample(itertools.chain(*cases), 10, 300):
        file.write_bytes(data)
        outcome, _, _ = attempt(arguments, capsys)
        if outcome not in ("fine", "refused"):
            wrong.append(f"{what}: {outcome}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["run.json", "log.jsonl", "last/trainer.json", "last/config.json"])
def test_a_damaged_run_is_not_resumed_or_as_before(run, name, tmp_path, capsys):
    """The run is finished: resuming it has nothing left to compute."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    good = (folder / name).read_bytes()
    best = (folder / "best" / "model.safetensors").read_bytes()
    cases: Iterable[tuple[str, bytes]] = itertools.islice(bad_bytes(good), many(40, 300))
    if not name.endswith("l"):
        cases = itertools.chain(bad_json(good.decode()), cases)
    wrong = []
    for what, data in sample(cases, 4, 60):
        (folder / name).write_bytes(data)
        outcome, _, _ = attempt(["train", "--resume", str(folder), "--cpu"], capsys)
        if outcome == "fine" and (folder / "best" / "model.safetensors").read_bytes() != best:
            outcome = "silently wrong: other weights"
            count("silently wrong")
        if outcome not in ("fine", "refused"):
            wrong.append(f"{what}: {outcome}")
        (folder / name).write_bytes(good)
    assert not wrong, "\n".join(wrong)


def test_a_variable_chooses_the_long_form():
    assert many(1, 2) == (2 if LONG else 1)
