"""Files from outside: special files are never opened, bad JSON is one sentence with its line."""

import json
import os
import socket

import pytest

from saccade.errors import CheckpointError, DataError
from saccade.files import parse_json, read_bytes, read_json, read_lines

BAD = {  # name: (content, line, words of the sentence)
    "cut off": ('{"a": [1,\n2', 2, "not valid JSON"),
    "a comma too many": ('{"a": 1,\n}', 2, "not valid JSON"),
    "two values": ("1\n2", 2, "not valid JSON"),
    "empty": ("", 1, "is empty"),
    "blank": (" \n\t", 1, "is empty"),
    "zeros": (b"\0" * 4096, 1, "zero bytes"),
    "half zeros": (b'{"a": 1,' + b"\0" * 4096, 1, "not valid JSON"),
    "NaN": ('{"NaN": "NaN",\n"b": NaN}', 2, "NaN is not a number"),
    "Infinity": ("[\n\n-Infinity]", 3, "-Infinity is not a number"),
    "1e400": ('["1e400",\n1e400]', 2, "1e400 is too large"),
    "long float": ("[1,\n" + "9" * 400 + ".5]", 2, "too large"),
    "5,000 digits": ("[1,\n" + "7" * 5000 + "]", 2, "5,000 digits"),
    "400 digits": ("[1,\n-" + "7" * 400 + "]", 2, "digits"),
    "deep lists": ("\n" + "[" * 100_000, 2, "nests deeper"),
    "deep objects": ("\n" + '{"a":' * 100_000, 2, "nests deeper"),
    "deep but closed": ("\n" + "[" * 200 + "]" * 200, 2, "nests deeper"),
    "deep beside others": ("\n" + '[0, {"a": ' * 200 + "1" + "}]" * 200, 2, "nests deeper"),
    "a key twice": ('{"a": {"b": 1},\n"b": 2,\n"\\u0061": 3}', 3, "'a' stands twice"),
    "a lone surrogate": ('{"ok": "\\ud83d\\ude00",\n"a": "\\ud800"}', 2, "surrogate"),
    "a surrogate as key": ('{"a": 1,\n"\\udc41": 2}', 2, "surrogate"),
    "NUL": ('["\\\\u0000",\n"a\\u0000b"]', 2, "NUL"),
    "a raw control character": ('["a\x01"]', 1, "not valid JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), 1, "UTF-16"),
    "UTF-16 without mark": ('{"a": 1}'.encode("utf-16-le"), 1, "UTF-16"),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), 1, "UTF-32"),
    "Latin-1": ('{"a": 1,\n"b": "café"}'.encode("latin-1"), 2, "byte 0xe9 is not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_json_is_one_sentence_with_line_and_cure(tmp_path, name):
    content, line, words = BAD[name]
    path = tmp_path / "settings.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError) as refused:
        read_json(path, CheckpointError, "copy the checkpoint again")
    message = str(refused.value)
    assert message.startswith(f"{path}:{line}: ")
    assert words in message
    assert message.endswith(("; copy the checkpoint again.", "as UTF-8."))
    assert "\n" not in message
    assert len(message) < 300
    message.encode()  # printable anywhere


def test_good_json_is_the_same_as_ever(tmp_path):
    value = {
        "a": [1, -2.5, 1e300, True, None, "café 😀", 10**299],
        "b": {"c": [[]]},
        "": "\\ud800",
    }
    path = tmp_path / "good.json"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(json.dumps(value, ensure_ascii=encoding == "utf-8"), encoding=encoding)
        assert read_json(path) == value
    assert parse_json("[" * 100 + "]" * 100, "deep") == json.loads("[" * 100 + "]" * 100)
    assert parse_json("7", "seven") == 7


def test_a_line_of_a_jsonl_file_is_named_by_its_number():
    with pytest.raises(DataError, match=r"^captions\.jsonl:17: "):
        parse_json('{"a": ', "captions.jsonl", first_line=17)


def test_lines_without_their_ends(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffone\r\ntwo\n\nfour".encode())
    assert read_lines(path) == ["one", "two", "", "four"]
    path.write_bytes(b"one\n")
    assert read_lines(path) == ["one"]
    path.write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"lines\.txt:2: byte 0xe9 is not UTF-8"):
        read_lines(path)


def special(kind, folder):
    path = folder / kind
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.close()
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a folder", "a device"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = special(kind, tmp_path)
    with pytest.raises(CheckpointError, match=f"{kind} is {kind}, not a file; name a "):
        read_bytes(path, CheckpointError)


@pytest.mark.parametrize("name", ["missing.json", "a\0b.json", "x" * 300])
def test_names_that_lead_nowhere(tmp_path, name):
    with pytest.raises(DataError, match="check"):
        read_json(tmp_path / name)
