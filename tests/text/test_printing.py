"""What is not ours is printed so that it can't do harm."""

import io
import os
import sys

import pytest

from saccade.text.printing import Screen, echo, encodable, never_fail, printable, row

HOSTILE = {
    "\x1b[31mred\x1b[0m.jpg": r"\x1b[31mred\x1b[0m.jpg",
    "bell\a.jpg": r"bell\x07.jpg",
    "over\rwritten": r"over\rwritten",
    "two\nlines\tof": r"two\nlines\tof",
    "\x9b31mC1": r"\x9b31mC1",
    "bidi\u202egpj.exe": r"bidi\u202egpj.exe",
    "isolate\u2066x": r"isolate\u2066x",
    "line\u2028end": r"line\u2028end",
    "\ufeffmark": r"\ufeffmark",
    "tag\U000e0041": r"tag\U000e0041",
    "half\ud800": r"half\ud800",
    os.fsdecode(b"caf\xe9.jpg"): r"caf\xe9.jpg",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_moves_or_hides_is_escaped(name):
    assert printable(name) == HOSTILE[name]
    assert printable(name).encode()


@pytest.mark.parametrize(
    "name", ["Müller [1].png", "猫 の 写真.jpg", "👩‍👩‍👧.png", "a\u00a0b", "می‌خواهم"]
)
def test_what_can_be_read_stays(name):
    assert printable(name) == encodable(name) == name


def test_for_files_only_surrogates_are_escaped():
    assert encodable(os.fsdecode(b"a\nb\xff")) == "a\nb\\xff"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_no_terminal_makes_printing_fail(monkeypatch, encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    never_fail()
    echo("猫\u202e.jpg", "a cat\n", separator="\t")
    Screen().line("[bold]猫[/nonsense]")
    stream.flush()
    first, second, _ = raw.getvalue().decode(encoding).split("\n")
    assert first == ("猫" if encoding == "utf-8" else "\\u732b") + "\\u202e.jpg\ta cat\\n"
    assert second.endswith("[/nonsense]")


def test_a_table_shows_what_looks_like_markup(capsys):
    from rich.table import Table

    table = Table("a", "b")
    row(table, "[red]x[/nope]", ("\x1b[1m", "bold"))
    Screen().table(table)
    shown = capsys.readouterr().out
    assert "[red]x[/nope]" in shown
    assert "\\x1b[1m" in shown
    assert "\x1b" not in shown
