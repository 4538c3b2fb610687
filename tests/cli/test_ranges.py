"""Options out of range: each is refused with one sentence before anything is read."""

import pytest

from saccade.cli import main

WHOLE = {  # command: (what it needs, its numbers and a value below the least)
    "caption": (["x", "-m", "m"], {"--beams": 0, "--max-words": 0}),
    "explain": (["x", "-m", "m"], {"--beams": 0, "--at": 0}),
    "evaluate": (
        ["d", "-m", "m"],
        {"--beams": 0, "--max-words": 0, "--limit": -1, "--pictures": 0},
    ),
    "survey": (["d", "-m", "m"], {"--beams": 0, "--limit": -1, "--measured": -1}),
    "report": (["r"], {"--limit": -1, "--samples": -1}),
    "scenes": (["s"], {"--count": -1, "--val": -1, "--test": -1, "--seed": -1, "--size": 47}),
    "demo": (["s"], {"--seed": -1}),
}
REAL = {"caption": ["--sigma", "--length-power"], "evaluate": ["--length-power"]}
REAL |= {"explain": ["--length-power"], "survey": ["--length-power"]}
FILES = {
    "caption": ["--json", "--attention"],
    "explain": ["--json", "--html", "--data", "--images"],
    "evaluate": ["--json", "--attention", "--images"],
    "survey": ["--json", "--html", "--boxes", "--images"],
    "report": ["--out"],
}
TEXTS = {
    "caption": ["--model", "--cmap"],
    "explain": ["--model", "--caption"],
    "evaluate": ["--model", "--split"],
    "survey": ["--model", "--split", "--rank"],
    "report": ["--split"],
}

CASES = [
    *(
        (command, option, str(value))
        for command, (_, options) in WHOLE.items()
        for option, least in options.items()
        for value in (least, -(10**30), 10**30, "1.5", "nan", "", "one")
    ),
    *(
        (command, option, value)
        for command, options in REAL.items()
        for option in options
        for value in ("-1", "inf", "-inf", "nan", "1e999", "", "x")
    ),
    *(
        (command, option, value)
        for table in (FILES, TEXTS)
        for command, options in table.items()
        for option in options
        for value in ("", "  ")
    ),
    ("scenes", "--size", "100000"),
]


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_out_of_range_is_refused(tmp_path, monkeypatch, capsys, command, option, value):
    monkeypatch.chdir(tmp_path)
    needs = WHOLE[command][0]
    assert main([command, *needs, option, value]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"saccade: Invalid value for '{option}'")
    assert captured.err.count("\n") == 1
    assert captured.err.endswith(f"Try: saccade {command} --help\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["caption", "explain", "evaluate", "survey", "report", "scenes"]
)
def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    model = ["-m", "m"] if command in ("caption", "explain", "evaluate", "survey") else []
    assert main([command, "", *model]) == 2
    assert "it is empty; name a file or a folder" in capsys.readouterr().err


def test_without_arguments_there_is_help(capsys):
    assert main([]) == 2
    assert "saccade caption photo.jpg" in capsys.readouterr().out
