"""Names of files and folders that try to do harm, through every command, and a rule for the code:
what is printed passes through `saccade.text.printing`."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import saccade
from saccade.cli import main
from tests.faults.tally import LONG

HOSTILE = [
    "esc\x1b[31m\x1b]0;owned\x07.png",
    "cr\rover.png",
    "new\nforged.jpg\ta forged caption.png",
    "c1\x9b2J.png",
    "bidi\u202egnp.exe.png",
    "[red]mark[/nonsense].png",  # a folder and a file whose names meet as a closing tag
    "[link=http:..example.org]x.png",
    "--json.png",
    "q'\"$(touch x) ;.png",
    "<script>alert(1)<script>.png",
    "zero\u200bwidth\ufeff.png",
    "猫 é.png",
]
NOT_UTF8 = os.fsdecode(b"caf\xe9.png")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@pytest.fixture(scope="module")
def place(run, data, tmp_path_factory):
    """A folder of hostile photos with captions, and a run in a hostile folder, made by `train`."""
    place = tmp_path_factory.mktemp("hostile") / "da\x1b[7mta [bold]\u202e"
    (place / "images").mkdir(parents=True)
    lines = []
    for i, name in enumerate(HOSTILE):
        (place / "images" / name).parent.mkdir(exist_ok=True)
        shutil.copy(data / "images" / f"{i:03d}.png", place / "images" / name)
        captions = [f"a {('red', 'green', 'blue')[i % 3]} square", "a \x1b[5mblinking\u202e square"]
        lines.append({"image": f"images/{name}", "captions": captions, "split": "val" if i > 7 else "train"})  # fmt: skip
    (place / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (place / "broken").mkdir()
    missing = [{**line, "image": f"gone{line['image'][7:]}"} for line in lines]
    broken = "".join(json.dumps(line) + "\n" for line in missing)
    (place / "broken" / "captions.jsonl").write_text(broken)
    shutil.copytree(run, place / "run")
    about = json.loads((place / "run" / "run.json").read_text())
    about["data"], about["images"] = str(place), None
    (place / "run" / "run.json").write_text(json.dumps(about))
    shutil.copy(data / "images" / "020.png", place / "images" / NOT_UTF8)
    return place


def commands(place: Path, out: Path) -> dict[str, list[str]]:
    data, run, photos = str(place), str(place / "run"), str(place / "images")
    refs = str(place / "captions.jsonl")
    tiny = ["--set", "train.epochs=1", "--set", "train.min_count=1", "--set", "train.batch=4"]
    small = ["--set", "encoder.image_size=[32, 48]", "--set", "encoder.widths=[4, 4, 4]"]
    small += ["--set", "encoder.halvings=2", "--preset", "scenes", "--cpu"]
    return {
        "check": ["check", f"{data}/broken", "--all"],
        "train": ["train", data, "--out", str(out / "r\x1b[1m\u202e"), *tiny, *small],
        "caption": ["caption", photos, "-m", run, "--json", str(out / "a\x1b[1m.json"),
                    "--attention", str(out / "loo\nks"), "--gif", "--cpu"],
        "explain": ["explain", photos, "-m", run, "--json", str(out / "b.jsonl"),
                    "--html", str(out / "b\x9b.html"), "--cpu"],
        "evaluate": ["evaluate", data, "-m", run, "--json", str(out / "c.json"),
                     "--attention", str(out / "looks2"), "--cpu"],
        "survey": ["survey", data, "-m", run, "--json", str(out / "d.json"),
                   "--html", str(out / "d.html"), "--measured", "2", "--cpu"],
        "report": ["report", run, "--out", str(out / "e\x1b.html"), "--cpu"],
        "score": ["score", "-r", refs, "-H", refs, "--resamples", "0"],
        "agreement": ["agreement", "-r", refs],
        "scenes": ["scenes", str(out / "sc\x1b[2Jenes"), "--count", "2", "--val", "1", "--test", "0"],
    }  # fmt: skip


@pytest.mark.parametrize("name", commands(Path("x"), Path("y")))
def test_no_name_reaches_the_terminal_raw(place, tmp_path, capfdbinary, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    code = main(commands(place, tmp_path)[name])
    shown = b"".join(capfdbinary.readouterr())
    text = shown.decode("utf-8")  # never half a character
    assert not FORBIDDEN.search(text), ascii(FORBIDDEN.search(text))
    assert not [line for line in text.splitlines() if line.startswith("forged.jpg")]
    assert "Traceback" not in text
    # All pictures of `check` are missing; `score` gets several captions per picture.
    assert code == {"check": 1, "score": code}.get(name, 0), text
    if name in ("caption", "explain", "check"):
        assert "mark[/nonsense].png" in text.replace("\n", "")
    for path in tmp_path.rglob("*.json*"):
        if name in ("caption", "explain", "evaluate", "survey"):
            text = path.read_bytes().decode("utf-8")
            for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
                json.loads(part)


def test_json_holds_names_that_are_not_utf8(place, tmp_path):
    photo = str(place / "images" / NOT_UTF8)
    told = tmp_path / "a.json"
    assert main(["caption", photo, "-m", str(place / "run"), "--json", str(told), "--cpu"]) == 0
    (entry,) = json.loads(told.read_bytes().decode("utf-8"))
    assert entry["photo"].endswith("caf\\xe9.png")


ENCODINGS = ["latin-1:strict", "ascii:strict", "utf-8:strict", "cp437"]


@pytest.mark.parametrize("encoding", ENCODINGS if LONG else ENCODINGS[:1])
def test_strict_terminals(place, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "saccade",
            "caption",
            place / "images",
            "-m",
            place / "run",
            "--cpu",
        ],
        capture_output=True,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.decode(encoding.partition(":")[0]).splitlines()
    assert len(lines) == len(HOSTILE) + 1
    assert all(line.count("\t") == 1 for line in lines)


def calls(path: Path) -> list[str]:
    """Calls that print without the helpers, as file:line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            owner = getattr(getattr(function, "value", None), "id", "")
            direct = name == "print" or name == "add_row" or name == "secho"
            if direct or (name == "echo" and owner == "typer"):
                found.append(f"{path.name}:{node.lineno}")
            if name == "write" and getattr(getattr(function, "value", None), "attr", "") in ("stdout", "stderr"):  # fmt: skip
                found.append(f"{path.name}:{node.lineno}")
    return found


def test_everything_is_printed_through_the_helpers():
    """No `print`, `typer.echo`, `console.print` or `add_row` but in text/printing.py; the bar of
    progress.py makes its one text printable itself."""
    source = Path(saccade.__file__).parent
    direct = [call for path in sorted(source.rglob("*.py")) for call in calls(path)]
    allowed = ("printing.py", "progress.py")
    assert [call for call in direct if not call.startswith(allowed)] == []
    assert len([call for call in direct if call.startswith("progress.py")]) == 1
