"""`saccade check` as a person types it."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from saccade.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "my pictures").mkdir()
    rows = []
    for index in range(30):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / "my pictures" / f"{index}.png")
        split = "val" if index % 5 == 0 else "train"
        rows.append({"image": f"my pictures/{index}.png", "split": split, "captions": ["A dog."]})
    write(tmp_path, rows)
    return tmp_path


def write(folder, rows) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "captions.jsonl").write_text(text)


def test_nothing_wrong(folder, capsys):
    assert main(["check", "captions.jsonl"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("captions.jsonl (JSONL)\n")
    assert [line.split() for line in out.splitlines()[3:5]] == [
        ["train", "24", "24", "1", "2"],
        ["val", "6", "6", "1", "2"],
    ]
    assert "Pictures: 30 of 30 found, decoded" in out
    assert out.endswith("No problems found.\n\nNext: saccade train captions.jsonl --out RUN\n")
    assert "Decoding pictures: 30 of 30" in err


def test_problems_are_cut_at_twenty_unless_all_are_asked_for(folder, capsys):
    for index in range(1, 26):
        (folder / "my pictures" / f"{index}.png").unlink()
    assert main(["check", ".", "--json", "found/all.json"]) == 1
    out = capsys.readouterr().out
    assert "Error: Missing pictures (25)\n  captions.jsonl:2  my pictures/1.png does not" in out
    assert out.count("does not exist") == 20
    assert "  ... and 5 more: --all or --json shows them\n" in out
    assert "25 errors, 0 warnings.\n" in out
    assert out.endswith("\nNext: correct the errors, then saccade check .\n")
    report = json.loads((folder / "found/all.json").read_text())
    assert len(report["findings"]) == report["errors"] == 25
    assert report["findings"][0]["source"] == "captions.jsonl:2"
    assert main(["check", ".", "--all"]) == 1
    out = capsys.readouterr().out
    assert out.count("does not exist") == 25
    assert "more: --all" not in out


def test_long_and_strange_text_stays_on_one_line(folder, capsys):
    long = "word " * 60
    rows = [
        {"image": f"my pictures/{i}.png", "split": "train", "captions": ["w"]} for i in range(9)
    ]
    rows[1]["captions"] = [long, long]
    rows[2]["captions"] = ["[bold]!", "\x1b[31m\n!?", ""]
    rows[3]["image"] = "x" * 300 + ".png"
    rows[4]["captions"] = ["[red]markup[/red] :smile:"] * 2
    write(folder, rows)
    assert main(["check", "captions.jsonl"]) == 1
    out = capsys.readouterr().out
    assert "x" * 300 + ".png can't be opened (File name too long)" in out
    assert "captions 1 and 2: [red]markup[/red] :smile:" in out
    assert "\x1b" not in out
    assert all(
        line.startswith("  captions.jsonl:") for line in out.splitlines() if "images/" in line
    )


def test_pictures_elsewhere(folder, capsys):
    rows = [
        {"image": f"{i}.png", "split": "train" if i else "val", "captions": ["w"]} for i in range(7)
    ]
    write(folder, rows)
    assert main(["check", "captions.jsonl"]) == 1
    assert (
        "Next: saccade check captions.jsonl --images FOLDER_OF_THE_PICTURES\n"
        in capsys.readouterr().out
    )
    assert main(["check", "captions.jsonl", "--images", "my pictures"]) == 0
    line = "Next: saccade train captions.jsonl --images 'my pictures' --out RUN\n"
    assert capsys.readouterr().out.endswith(line)


def test_few_words(folder, capsys):
    rows = [{"image": "my pictures/1.png", "split": "train", "captions": ["once"]}]
    write(folder, [*rows, {"image": "my pictures/2.png", "split": "val", "captions": ["x"]}])
    assert main(["check", "captions.jsonl"]) == 1  # training refuses it
    following = "check captions.jsonl --set train.min_count=1"
    assert capsys.readouterr().out.endswith(f"Next: saccade {following}\n")
    assert main(following.split()) == 0
    following = "train captions.jsonl --set train.min_count=1 --out RUN"
    assert capsys.readouterr().out.endswith(f"Next: saccade {following}\n")
    assert main(["check", "captions.jsonl", "--preset", "scenes"]) == 0
    assert "--preset scenes --out RUN\n" in capsys.readouterr().out
    assert main(["check", "captions.jsonl", "--set", "train.min_count=0"]) == 2


def test_quick(folder, capsys):
    cut = folder / "my pictures" / "3.png"
    Image.effect_noise((64, 64), 50).save(cut)
    cut.write_bytes(cut.read_bytes()[:-500])
    assert main(["check", ".", "--quick"]) == 0
    assert "--quick: damage beyond headers and equal pictures" in capsys.readouterr().out
    assert main(["check", "."]) == 1
    assert "3.png is damaged or cut off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument"),
        (["captions.jsonl", "--fast"], 2, "No such option"),
        (["nothing.jsonl"], 1, "saccade: nothing.jsonl does not exist; check the name and the folder.\n"),
        (["my pictures"], 1, "saccade: my pictures holds no captions file; accepted are:"),
        (["my pictures/1.png"], 1, "1.png is not a captions file; accepted are:"),
        (["captions.jsonl", "--images", "no"], 1, "saccade: no is not a folder; name the one"),
    ],
)  # fmt: skip
def test_wrong_arguments(folder, capsys, arguments, code, message):
    assert main(["check", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_as_a_program(folder):
    (folder / "my pictures" / "7.png").write_text("not a picture")
    command = [sys.executable, "-m", "saccade", "check", "captions.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "captions.jsonl:8  my pictures/7.png is not a picture: it holds text" in done.stdout
    assert "Traceback" not in done.stderr
    code = "import sys, saccade.cli.check, saccade.data.check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_columns_by_name(folder, capsys):
    rows = ["pic,words,split"] + [f"my pictures/{i}.png,a dog,train" for i in range(5)]
    (folder / "own.csv").write_text("\n".join(rows))
    assert main(["check", "own.csv"]) == 1
    assert "the header names the columns pic, words, split;" in capsys.readouterr().out
    options = ["--image-column", "pic", "--caption-column", "words"]
    assert main(["check", "own.csv", *options]) == 0
    out = capsys.readouterr().out
    line = "Next: saccade train own.csv --image-column pic --caption-column words --out RUN\n"
    assert out.endswith(line)


def test_rejected_captions_can_be_kept(folder, capsys):
    rows = ["image,caption,is_rejected,split"]
    rows += [f"my pictures/{i}.png,a dog,{i > 5},train" for i in range(8)]
    (folder / "own.csv").write_text("\n".join(rows))
    assert main(["check", "own.csv"]) == 0
    out = capsys.readouterr().out
    assert "2 captions marked is_rejected left out; --keep-rejected keeps them.\n" in out
    assert "2 pictures of train left out because no word is in their captions" in out
    assert main(["check", "own.csv", "--keep-rejected"]) == 0
    assert "left out" not in capsys.readouterr().out


def test_a_report_never_overwrites_what_was_read(folder, capsys):
    for name in ("captions.jsonl", "my pictures/3.png"):
        before = (folder / name).read_bytes()
        assert main(["check", "captions.jsonl", "--json", name]) in (1, 2)
        assert "--json" in capsys.readouterr().err
        assert (folder / name).read_bytes() == before
