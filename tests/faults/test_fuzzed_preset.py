"""Preset files and --set assignments damaged at random: settings, or one sentence."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.config import load_preset, parse_settings
from saccade.errors import SaccadeError, UsageError
from saccade.training.train import configure
from tests.faults.tally import count, many

PRESETS = Path(__file__).parents[2] / "src" / "saccade" / "presets"
SOUND = (PRESETS / "scenes.toml").read_bytes()
VALUES = [
    "0", "-1", "1", "1.5", "true", "inf", "-inf", "nan", "1e308", '""', '"x"', '"\\u0000"', "[]",
    "[1]", "[[1]]", "{}", "{a = 1}", "{kind = 'transformer'}", "{strategy = 3}", "1979-05-27",
    "9" * 5000, "9" * 300, "[" * 5000, "'''\n'''", '"é"',
]  # fmt: skip
KEYS = [
    "train", "encoder", "decoder", "decode", "train.epochs", "train.task", "train.task.kind",
    "train.detection", "train.seed", "train.select", "encoder.mean", "encoder.widths",
    "encoder.freeze", "encoder.trainable", "encoder.settings", "encoder.image_size",
    "encoder.backbone", "decoder.kind", "decoder.hidden", "decode.strategy", "decode.beams", "", ".",
    "a", "train.", ".train", "train..epochs", "encoder.settings.a.b.c",
]  # fmt: skip


def one_sentence(error: SaccadeError) -> None:
    assert "\n" not in str(error)
    assert 10 < len(str(error)) < 2000


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("preset") / "own.toml"


@settings(max_examples=many(150, 3000), deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_preset_files(path, data):
    text = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 2))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text[start:end] = data.draw(
            st.one_of(st.binary(max_size=5), st.sampled_from([v.encode() for v in VALUES]))
        )
    path.write_bytes(text)
    count("inputs tried")
    try:
        configure(str(path), {})
    except SaccadeError as error:
        one_sentence(error)


@settings(max_examples=many(200, 3000), deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), min_size=1, max_size=3))
def test_assignments_of_odd_values(pairs):
    count("inputs tried")
    try:
        configure("scenes", parse_settings([f"{key}={value}" for key, value in pairs]))
    except SaccadeError as error:
        one_sentence(error)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["3", "[]", '"x"'])
def test_every_table_of_another_kind(path, key, value):
    """A section that is a number or a list is named, in a preset, in --set and in a run.json."""
    for preset, changes in ((None, [f"{key}={value}"]), ("scenes", [f"{key}={value}"])):
        try:
            configure(preset, parse_settings(changes))
        except SaccadeError as error:
            one_sentence(error)


@pytest.mark.parametrize("text", ["train = 3", "decoder = []", "decode = 'x'", "train.task = 1"])
def test_a_preset_whose_sections_are_no_tables(path, text):
    path.write_text(text)
    with pytest.raises(UsageError, match="is a table"):
        configure(str(path), {})


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_a_preset_that_is_no_regular_file(tmp_path, kind):
    path = tmp_path / "own.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=f"is a {kind}"):
        load_preset(str(path))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_other_encodings(tmp_path, encoding):
    path = tmp_path / "own.toml"
    path.write_bytes("[train]\nepochs = 2 # é\n".encode(encoding))
    if encoding == "utf-8-sig":
        assert load_preset(str(path)) == {"train": {"epochs": 2}}
        return
    with pytest.raises(UsageError, match=r"own\.toml:\d"):
        load_preset(str(path))
