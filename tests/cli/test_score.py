"""`saccade score` and `saccade agreement` as a user runs them."""

import csv
import json
from pathlib import Path

import pytest
from score_files import MODEL, OTHER, REFERENCES, write_files

from saccade.cli import main
from saccade.metrics import score


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every format of the same captions, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_files()
    return tmp_path


@pytest.mark.parametrize(
    "references",
    [["refs.json"], ["refs.jsonl"], ["refs.csv"], ["wide.tsv"], ["ref0.txt", "ref1.txt"]],
)
@pytest.mark.parametrize("hypotheses", ["model.json", "model.jsonl", "model.csv", "model.txt"])
def test_every_format_scores_the_same(folder: Path, references: list[str], hypotheses: str) -> None:
    arguments = ["--references", *references, "--hypotheses", hypotheses, "--resamples", "0"]
    assert main(["score", *arguments, "--json", "out.json"]) == 0
    written = json.loads(Path("out.json").read_text())
    assert written["scores"] == score(REFERENCES, MODEL).values


def test_table_intervals_paired_test_and_files(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    arguments = ["score", "-r", "refs.json", "-H", "model.json", "--against", "other.csv"]
    extra = ["--json", "out/all.json", "--per-picture", "out/each.csv", "--training", "ref0.txt"]
    assert main([*arguments, *extra, "--resamples", "200"]) == 0
    printed = capsys.readouterr().out
    assert "3 pictures, figures times 100" in printed
    assert "A beats B: " in printed or "is not surely better" in printed
    assert "95% interval" in printed
    assert "% novel" in printed
    assert printed.count("CIDEr-D") == 1  # no row of its own: CIDEr is that figure
    assert "different words" in printed
    written = json.loads(Path("out/all.json").read_text())
    expected = score(REFERENCES, MODEL)
    assert written["scores"] == expected.values
    assert written["against"]["scores"] == score(REFERENCES, OTHER).values
    assert written["comparison"]["CIDEr"]["difference"] == pytest.approx(
        expected["CIDEr"] - score(REFERENCES, OTHER)["CIDEr"]
    )
    with Path("out/each.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["caption"] == "a man on a bike"
    found = [float(row["CIDEr"]) for row in rows]
    assert found == pytest.approx(expected.per_picture["CIDEr"].tolist(), rel=1e-9)


def test_frequencies_split_subset_and_several(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "-r", "refs.json", "--save-frequencies", "f.npz"]) == 0
    common = [
        "score",
        "-r",
        "refs.jsonl",
        "-H",
        "model.jsonl",
        "--resamples",
        "0",
        "--json",
        "o.json",
    ]
    assert main([*common, "--split", "test", "--frequencies", "f.npz"]) == 0  # two are in val
    assert "model.jsonl: 2 pictures of another split left out" in capsys.readouterr().out
    assert json.loads(Path("o.json").read_text())["pictures"] == 1
    Path("model.jsonl").write_text(json.dumps({"image": "3", "caption": MODEL["3"]}) + "\n")
    assert main(common) == 1
    assert "--subset" in capsys.readouterr().err
    assert main([*common, "--subset", "--frequencies", "f.npz"]) == 0
    assert "2 pictures without a hypothesis left out" in capsys.readouterr().out
    alone = json.loads(Path("o.json").read_text())["scores"]["CIDEr"]
    assert alone == pytest.approx(score(REFERENCES, MODEL).per_picture["CIDEr"][2])
    assert main([*common, "--split", "test"]) == 0
    assert "CIDEr of a single picture" in capsys.readouterr().out
    assert (
        main(["score", "-r", "refs.json", "-H", "refs.csv", "--several", "--json", "o.json"]) == 0
    )
    assert "oracle" in capsys.readouterr().out
    assert json.loads(Path("o.json").read_text())["captions"] == 6


BAD = {
    "two.json": '[{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]',
    "half.json": '[{"image_id": 1,\n "caption"',
    "none.json": "[]",
    "number.json": "7",
    "noid.jsonl": '{"caption": "a"}\n',
    "nocap.jsonl": '{"image": "1"}\n',
    "list.jsonl": '{"image": "1", "caption": "a"}\n[1]\n',
    "comma.csv": "image,caption\n1,a dog, a cat\n",
    "head.csv": "1,a dog\n2,a cat\n",
    "quote.csv": 'image,caption\n1,"a dog\n',
    "short.txt": "a\nb\n",
    "empty.txt": "",
}


@pytest.mark.parametrize(
    ("hypotheses", "message"),
    [
        ("two.json", "two.json: [0] and [1]: picture '1' has more than one caption"),
        ("half.json", "half.json:2: is not valid JSON"),
        ("none.json", "none.json is JSON, but not of captions"),
        ("number.json", "number.json is not a captions file"),
        ("noid.jsonl", "noid.jsonl:1: names no image"),
        ("nocap.jsonl", "nocap.jsonl:1: has no captions"),
        ("list.jsonl", "list.jsonl:2: is not an object"),
        ("comma.csv", "comma.csv:2: has 3 fields where the header has 2"),
        ("head.csv", "head.csv:1: the header names the columns 1, a dog"),
        ("quote.csv", "quote.csv:2: not a valid row"),
        ("short.txt", "short.txt: the two sets hold different pictures: 1 picture ('3')"),
        ("empty.txt", "empty.txt is empty"),
        ("latin.txt", "latin.txt:2: byte 4 of the line (0xe9) is not UTF-8"),
        ("absent.json", "absent.json does not exist"),
        (".", "is a folder"),
        ("refs.json", "more than one caption"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], hypotheses: str, message: str
) -> None:
    for name, text in BAD.items():
        Path(name).write_text(text)
    Path("latin.txt").write_bytes("a\ncaf\xe9\nb\n".encode("latin-1"))
    assert main(["score", "-r", "refs.json", "-H", hypotheses]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("saccade: ")
    assert "Traceback" not in said


def test_bad_references_and_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.txt").write_text("a\n")
    assert main(["score", "-r", "ref0.txt", "short.txt", "-H", "model.txt"]) == 1
    assert "have 3, 1 lines" in capsys.readouterr().err
    Path("again.jsonl").write_text('{"image": 1, "captions": ["a"]}\n' * 2)
    assert main(["score", "-r", "again.jsonl", "-H", "model.txt"]) == 1
    assert "stands at again.jsonl:1 already" in capsys.readouterr().err
    assert main(["score", "-r", "refs.jsonl", "-H", "model.txt", "--split", "train"]) == 1
    assert "it has test, val" in capsys.readouterr().err
    Path("names.jsonl").write_text('{"image": "x.jpg", "caption": "a"}\n')
    assert main(["score", "-r", "refs.json", "-H", "names.jsonl"]) == 1
    assert "the references say '1', the hypotheses 'x.jpg'" in capsys.readouterr().err
    assert main(["score", "-r", "refs.json"]) == 2
    assert "add --hypotheses" in capsys.readouterr().err
    several = ["score", "-r", "refs.json", "-H", "refs.csv", "--several", "--meteor"]
    assert main(several) == 2
    assert main(["score", "-H", "model.json"]) == 2
    assert main(["score", "-r", "refs.json", "-H", "model.json", "--resamples", "-1"]) == 2


def test_agreement(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", "-r", "refs.json", "--json", "out.json"]) == 0
    assert "3 pictures, each caption against the other 1" in capsys.readouterr().out
    written = json.loads(Path("out.json").read_text())
    firsts = score(
        {key: group[1:] for key, group in REFERENCES.items()},
        {key: group[0] for key, group in REFERENCES.items()},
    )
    assert written["people"][0] == firsts.values
    assert main(["agreement", "-r", "model.json"]) == 1
    assert "at least two captions" in capsys.readouterr().err
    assert main(["agreement", "-r", "refs.json", "--limit", "2"]) == 0
    assert "2 pictures" in capsys.readouterr().out
