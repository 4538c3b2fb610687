"""`score` fuzzed: results files, files of document frequencies, and values of any type in Python.

Whatever comes in, there are figures or one sentence. Seeds are fixed: every run tries the same."""

import copy
import csv
import io
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saccade.cli import main
from saccade.errors import DataError
from saccade.metrics import Frequencies, human_agreement, score, score_several, variety
from tests.faults import damage, tally

PEOPLE = {"1": ["A dog runs.", "the dog"], "2": ["Two cats"], "3": ["A man, with a bike"]}
MODEL = {"1": "a dog runs", "2": "two cats", "3": "a man"}
steady = settings(
    max_examples=tally.many(150, 5000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # notes about odd captions


def one_sentence(message: str) -> None:
    """The forms that would be accepted may follow it."""
    sentence = message.partition("accepted are:")[0].strip()
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < 1500


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> int:
    """Run the command: finite figures, or one sentence on standard error."""
    out = Path("figures.json")
    out.unlink(missing_ok=True)
    code = main(["score", *arguments, "--resamples", "2", "--json", str(out)])
    printed = capsys.readouterr()
    if code == 0:
        written = json.loads(out.read_text(), parse_constant=pytest.fail)
        assert all(math.isfinite(value) for value in written["scores"].values())
        assert written["pictures"] >= 1
    else:
        assert code == 1
        assert printed.err.startswith("saccade: ")
        assert not out.exists()
        one_sentence(printed.err)
    tally.count("inputs tried")
    return code


RESULTS = {
    "results.json": json.dumps([{"image_id": int(k), "caption": t} for k, t in MODEL.items()]),
    "evaluate.json": json.dumps(
        {
            "pictures": 3,
            "loss": 0.5,
            "captions": [{"id": k, "caption": t} for k, t in MODEL.items()],
        }
    ),
    "by_id.json": json.dumps({k: [{"caption": t}] for k, t in MODEL.items()}),
    "caption.jsonl": "".join(
        json.dumps({"photo": f"{k}.jpg", "caption": t, "ids": [7]}) + "\n" for k, t in MODEL.items()
    ),
    "model.csv": "image_id,caption\n" + "".join(f"{k},{t}\n" for k, t in MODEL.items()),
    "model.txt": "".join(f"{t}\n" for t in MODEL.values()),
}


@pytest.mark.parametrize("name", RESULTS)
def test_damaged_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.json").write_text(json.dumps(PEOPLE))
    Path(name).write_text(RESULTS[name])
    assert scored(capsys, "-r", "people.json", "-H", name) == 0
    files = damage.bad_bytes(RESULTS[name].encode(), seed=5)
    tried = [data for _, data in itertools.islice(files, tally.many(12, 2000))]
    if name.endswith((".json", ".jsonl")):
        values = list(damage.bad_json(RESULTS[name], name.endswith(".jsonl")))
        tried += [data for _, data in values[:: max(1, len(values) // tally.many(20, 4000))]]
    for data in tried:
        Path(name).write_bytes(data)
        scored(capsys, "-r", "people.json", "-H", name, "--subset")
        if tally.LONG and main(["score", "-r", "people.json", "-H", name, "--several"]) == 1:
            one_sentence(capsys.readouterr().err)


def test_damaged_frequencies(tmp_path: Path) -> None:
    """A sound file, or one sentence; what is read can be scored with."""
    path = tmp_path / "counted.npz"
    Frequencies.of([["a dog runs", "the dog"], ["two cats"], ["a man with a bike"]]).save(path)
    sound = path.read_bytes()
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}

    def load() -> None:
        tally.count("inputs tried")
        try:
            counted = Frequencies.load(path)
        except DataError as error:
            one_sentence(str(error))
            return
        found = score(PEOPLE, MODEL, frequencies=counted, characters=counted.characters)
        assert all(math.isfinite(value) for value in found.values.values())
        assert found["CIDEr"] >= 0

    for _, data in itertools.islice(damage.bad_bytes(sound, seed=6), tally.many(200, 5000)):
        path.write_bytes(data)
        load()
    rng = np.random.default_rng(0)
    odd = [np.zeros(0), np.zeros((2, 2), int), np.array("x"), np.array(["a", "b"]), np.array(-1)]
    odd += [np.array(2**62), np.array([1, 1, 1]), np.array([np.nan]), np.array([2**63], "u8")]
    odd += [np.frombuffer(b"\xff\xfe", np.uint8), np.array(True), np.array([{}], dtype=object)]
    for name in arrays:
        changes = [*odd, arrays[name][:-1] if arrays[name].ndim else odd[0], None]
        if arrays[name].size and arrays[name].dtype.kind in "iu":
            changes += (
                [arrays[name] + 1, -arrays[name].astype(int), rng.permutation(arrays[name])]
                if arrays[name].ndim
                else [arrays[name] * 0]
            )
        for change in changes:
            broken = {key: value for key, value in arrays.items() if key != name}
            np.savez(path, **(broken if change is None else {**broken, name: change}))
            load()


TEXTS = st.sampled_from(
    [
        "a dog",
        "",
        " ",
        "...",
        "狗在跑",
        "\ud800",
        "\0",
        "a\nb",
        "refs.json",
        "x" * 999,
        "<unk>",
        "Σ" * 40,
    ]
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=3),
    TEXTS,
    st.sampled_from([Path("refs.json"), np.array(["a dog"]), np.zeros(2), {"caption": "a dog"}]),
    st.sampled_from([{"caption": 7}, {"a", "b"}, ("a dog",), [["a"]], range(2), object()]),
)
KEYS = st.one_of(st.integers(0, 3), st.sampled_from(["1", 1.0, None, "image_id", "annotations"]))
SIDE = st.one_of(
    ODD,
    st.dictionaries(KEYS, st.one_of(ODD, st.lists(ODD, max_size=3)), max_size=4),
    st.lists(st.one_of(ODD, st.lists(TEXTS, max_size=3)), max_size=4),
    st.lists(st.fixed_dictionaries({"image_id": KEYS, "caption": TEXTS}), max_size=4),
)


@steady
@given(references=SIDE, hypotheses=SIDE, characters=st.booleans())
def test_values_of_any_type(references: object, hypotheses: object, characters: bool) -> None:
    tally.count("inputs tried")
    try:
        found = score(references, hypotheses, characters=characters)  # type: ignore[arg-type]
    except DataError as error:
        one_sentence(str(error).encode("ascii", "backslashreplace").decode())
        return
    assert all(math.isfinite(value) for value in found.values.values())
    json.dumps(found.to_json(), allow_nan=False)


@steady
@given(groups=st.dictionaries(KEYS, st.lists(TEXTS, max_size=4), max_size=4), seed=st.booleans())
def test_captions_of_any_kind(groups: dict, seed: bool) -> None:
    tally.count("inputs tried")
    for measure in (
        lambda: human_agreement(copy.deepcopy(groups), characters=seed),
        lambda: score_several(groups, groups, characters=seed),
        lambda: variety([text for group in groups.values() for text in group], characters=seed),
    ):
        try:
            json.dumps(measure().to_json(), allow_nan=False)
        except DataError as error:
            one_sentence(str(error).encode("ascii", "backslashreplace").decode())


def test_a_table_of_odd_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [
        "",
        " ",
        "nan",
        "None",
        "[]",
        "['a dog']",
        "['a dog'",
        '["a", 7]',
        "a dog",
        "1.0",
        "-1",
    ]
    cells += [
        "a,b",
        'a "b"',
        "\x1b[2J",
        "é" * 300,
        "{'a': 1}",
        "[[1]]",
        "=cmd()",
        "\u202e",
        "0" * 50,
    ]
    Path("people.json").write_text(json.dumps(PEOPLE))
    for cell, other in itertools.product(cells, cells[:: 1 if tally.LONG else 8]):
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows(
            [("image_id", "caption"), ("1", "a dog"), ("2", cell), (other, "a man")]
        )
        Path("model.csv").write_text(buffer.getvalue(), newline="")
        scored(capsys, "-r", "people.json", "-H", "model.csv", "--subset")
