"""Checkpoints damaged at random: a checkpoint loads as what was saved, or one sentence says what is
wrong. Hypothesis changes config.json and vocab.json value by value and byte by byte, seeded."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saccade.checkpoint import load, save
from saccade.errors import SaccadeError
from tests.faults.checkpoints import logits, tiny_folder
from tests.faults.tally import count, many

FORMAT1 = Path(__file__).parents[1] / "files" / "format1"
FILES = ("config.json", "vocab.json")
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 64, 10**9, -(10**9), 10**30, 10**250, 0.5, -0.5, 1e308,
    math.nan, math.inf, -math.inf, "", " ", "a", "0", "-1", "small-conv", "soft_attention", "none",
    "all", "\0", "é", "\ud800", "\n", "../x", "/dev/zero", "hf:a/b", "x" * 5000, [], [[]], [None],
    [1, 2], ["a"], [0, 0], [1.5, "a", None], {}, {"": None}, {"a": {}}, {"kind": "transformer"},
    {"trust_remote_code": True},
]  # fmt: skip


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The path of every value inside `value`, itself left out."""
    children: list = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    found = []
    for key, child in children:
        found += [(*path, key), *places(child, (*path, key))]
    return found


def at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.fixture(scope="module", params=["small encoder", "encoder of transformers"])
def whole(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "checkpoint"
    if request.param == "small encoder":
        return tiny_folder(folder)
    save(folder, load(FORMAT1 / "resnet"))
    return folder


@pytest.fixture(scope="module")
def contents(whole) -> dict[str, bytes]:
    return {name: (whole / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def expected(whole):
    return logits(load(whole))


def attempt(whole: Path, contents: dict[str, bytes], name: str, harmed: bytes, expected) -> None:
    """Load with one file harmed: either the same logits as before, or one sentence."""
    count("inputs tried")
    try:
        (whole / name).write_bytes(harmed)
        try:
            loaded = load(whole)
        except SaccadeError as error:
            message = str(error)
            assert "\n" not in message
            assert 20 < len(message) < 2000
            assert str(whole) in message
        else:
            # Another `freeze` has other memory layouts, hence other rounding.
            torch.testing.assert_close(logits(loaded), expected, atol=1e-5, rtol=1e-5)
    finally:
        (whole / name).write_bytes(contents[name])


BOUNDED = settings(
    max_examples=many(80, 1500),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", FILES)
@BOUNDED
@given(data=st.data())
def test_changed_values(whole, contents, expected, name, data):
    value = json.loads(contents[name])
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(value) or [()]))
        if not path:
            break
        holder, key = at(value, path[:-1]), path[-1]
        action = data.draw(st.sampled_from(["replace", "replace", "drop", "add", "nest", "copy"]))
        odd = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        if action == "replace":
            holder[key] = odd
        elif action == "drop":
            del holder[key]
        elif action == "add" and isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["", "a", "kind", "trainable", "\ud800"]))] = odd
        elif action == "nest":
            holder[key] = [holder[key]]
        else:
            holder[key] = copy.deepcopy(value)
    attempt(whole, contents, name, json.dumps(value).encode(), expected)


@pytest.mark.parametrize("name", FILES)
@BOUNDED
@given(data=st.data())
def test_changed_bytes(whole, contents, expected, name, data):
    text = bytearray(contents[name])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"9" * 5000, b"1e400", b"Infinity", b"NaN", b"[" * 100_000, b"\xff\xfe", b"\\ud800",
                 b"\\u0000", b"{", b"}", b'"', b",", b"\n", b"\0" * 9]
            ),
        )
    )  # fmt: skip
    text[start:end] = new
    attempt(whole, contents, name, bytes(text), expected)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_other_encodings(whole, contents, expected, name, encoding):
    text = contents[name].decode("utf-8").replace('"a"', '"é"' if encoding == "latin-1" else '"a"')
    attempt(whole, contents, name, text.encode(encoding, "replace"), expected)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", "null", "[]", "{}", "3", '"text"', "[" * 100_000, "{" * 5, "NaN", "9" * 5000,
     '{"format": 2}', '{"format": 1}', '{"words": null}', "\0" * 100, '{"a": 1, "a": 2}'],
)  # fmt: skip
def test_whole_files_of_something_else(whole, contents, expected, name, text):
    attempt(whole, contents, name, text.encode(), expected)
