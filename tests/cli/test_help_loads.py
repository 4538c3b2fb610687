"""Help of the program itself loads less of rich, and shows the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from saccade import cli
from saccade.cli import COMMANDS, load, main

PROGRAM = """
import sys
from saccade import cli
sys.argv[1:] = {arguments!r}
code = cli.main()
print("loaded", *sorted(name for name in sys.modules if name in {heavy!r}))
from rich.markdown import Markdown
from rich.traceback import Traceback
assert Markdown.__name__ == "Markdown" and Traceback.__name__ == "Traceback"
sys.exit(code)
"""
HEAVY = ("rich.markdown", "rich.traceback", "markdown_it", "pygments", "ctypes")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["evaluate", "-h"]])
def test_help_is_the_same_without_what_it_does_not_use(arguments, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    code = main(arguments)
    whole = capsys.readouterr().out
    program = PROGRAM.format(arguments=arguments, heavy=HEAVY)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    shown, _, loaded = run.stdout.rpartition("loaded")
    assert (run.returncode, run.stderr) == (code, "")
    assert shown == whole
    assert "Usage: saccade" in shown
    assert arguments[:1] == ["evaluate"] or loaded.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_help_says(name):
    first, _, _ = (load(name).help or "").partition("\n\n")
    assert COMMANDS[name] == " ".join(first.split())


def test_every_command_is_in_the_list():
    folder = Path(cli.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if f"\ndef {path.stem}(" in path.read_text()}
    assert found == set(COMMANDS)
