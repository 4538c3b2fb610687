"""Progress where there is no terminal: lines with what is done and how fast."""

import re

import pytest

from saccade import progress as module
from saccade.progress import progress


def test_lines_tell_what_is_done_and_the_rate_of_this_run_only(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 8.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("Encoding", 100, done=40) as task:
        task.advance(10)  # too early for a line
        task.advance(20, "loss 1.0")
        task.advance(30)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Encoding: 70 of 100, 5.0/s, loss 1.0",
        "Encoding: 100 of 100, 7.5/s, loss 1.0",
    ]


def test_nothing_is_shown_when_nothing_shall_be(capsys):
    with progress("Encoding", 3, show=False) as task:
        task.advance(3)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("Encoding", 3) as task:
        task.advance(3, "all well")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "Encoding" in shown
    assert "3/3" in shown
    assert "all well" in shown


@pytest.mark.parametrize("terminal", [False, True])
def test_a_line_can_be_said_in_between(capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with progress("Encoding", 3) as task:
        task.say("the [red] map is 50 % flat")
        task.advance(3)
    assert "the [red] map is 50 % flat\n" in capsys.readouterr().err
    with progress("Encoding", 3, show=False) as task:
        task.say("nothing")
    assert capsys.readouterr().err == ""
