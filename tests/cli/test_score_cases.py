"""Forms of data and results that nearly fit, and options that do nothing, through the command."""

import csv
import json
import os
from pathlib import Path

import pytest
from score_files import MODEL, REFERENCES, write_files

from saccade.cli import main
from saccade.metrics import score


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every format of the same captions, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_files()
    return tmp_path


def figures(*arguments: str) -> dict[str, float]:
    """The scores that the command writes."""
    command = ["score", *arguments, "--resamples", "0", "--json", "figures.json"]
    assert main(command) == 0
    return json.loads(Path("figures.json").read_text())["scores"]


def write(name: str, value: object) -> str:
    Path(name).write_text(value if isinstance(value, str) else json.dumps(value))
    return name


FORMS = {  # of the same captions of the same pictures
    "list.json": [{"image": f"{k}.jpg", "captions": g} for k, g in REFERENCES.items()],
    "by_id.json": {f"{k}.jpg": g for k, g in REFERENCES.items()},
    "flickr.token": "".join(
        f"{k}.jpg#{n}\t{text}\n" for k, g in REFERENCES.items() for n, text in enumerate(g)
    ),
    "captions.txt": "image,caption\n"
    + "".join(f'{k}.jpg,"{text}"\n' for k, g in REFERENCES.items() for text in g),
    "results.csv": "image_name| comment_number| comment\n"
    + "".join(f"{k}.jpg| {n}| {t}\n" for k, g in REFERENCES.items() for n, t in enumerate(g)),
    "cells.csv": "image,captions\n"
    + "".join(f'{k}.jpg,"{str(g).replace(chr(34), chr(34) * 2)}"\n' for k, g in REFERENCES.items()),
    "dataset_mine.json": {
        "images": [
            {
                "filename": f"{k}.jpg",
                "imgid": n,
                "split": "test" if k == "3" else "train",
                "sentences": [{"raw": text, "tokens": text.split()} for text in g],
            }
            for n, (k, g) in enumerate(REFERENCES.items())
        ]
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_one_data_set_in_many_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    references = write(form, FORMS[form])
    model = write("hyp.json", [{"image_id": f"{k}.jpg", "caption": t} for k, t in MODEL.items()])
    assert figures("-r", references, "-H", model) == score(REFERENCES, MODEL).values
    copied = [{"image": f"{k}.jpg", "caption": g[0]} for k, g in REFERENCES.items()]
    capsys.readouterr()
    figures("-r", references, "-H", write("copied.json", copied), "--training", references)
    novel = 100 / 3 if form == "dataset_mine.json" else 0  # whose picture 3 is for testing
    assert f"{novel:.1f}% novel" in capsys.readouterr().out
    assert main(["agreement", "-r", references]) == 0
    assert "3 pictures, each caption against the other 1" in capsys.readouterr().out
    if form == "dataset_mine.json":
        command = ["score", "-r", references, "-H", model, "--split", "test"]
        assert main(command) == 0
        assert "hyp.json: 2 pictures of another split left out." in capsys.readouterr().out


def test_ids_come_before_row_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("id", "image_id", "caption")]
    rows += [(n, k, g[0]) for n, (k, g) in enumerate(REFERENCES.items())]
    turned = rows[:1] + [(n, k, t) for n, (k, t) in enumerate(reversed(MODEL.items()))]
    for name, table in (("r.csv", rows), ("h.csv", turned)):
        with Path(name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    expected = score({k: g[:1] for k, g in REFERENCES.items()}, MODEL).values
    assert figures("-r", "r.csv", "-H", "h.csv") == expected
    assert "identified by 'image_id', not by 'id'" in capsys.readouterr().out


RESULTS = {  # of the model, in forms that nearly fit
    "float.json": [{"image_id": float(k), "caption": t} for k, t in MODEL.items()],
    "float.csv": "image_id,caption\n" + "".join(f"{k}.0,{t}\n" for k, t in MODEL.items()),
    "pycocoevalcap.json": {k: [{"caption": t}] for k, t in MODEL.items()},
    "evaluate.json": {
        "pictures": 3,
        "loss": None,
        "scores": {"CIDEr": 1.0},
        "skipped": [],
        "captions": [
            {"id": k, "caption": t, "logprob": -1.0, "references": REFERENCES[k]}
            for k, t in MODEL.items()
        ],
    },
    "caption.jsonl": "".join(
        json.dumps({"photo": f"photos/{k}.jpg", "caption": t, "words": t.split(), "ids": [4]})
        + "\n"
        for k, t in MODEL.items()
    )
    + '{"photo": "photos/9.jpg", "error": "photos/9.jpg is damaged."}\n',
    "prediction.csv": "image_id,prediction\n" + "".join(f"{k},{t}\n" for k, t in MODEL.items()),
    "prediction.json": {"results": [{"id": k, "prediction": t} for k, t in MODEL.items()]},
    "names.json": [
        {"image_id": f"COCO_val2014_{int(k):012d}.jpg", "caption": t} for k, t in MODEL.items()
    ],
    "lines.json": "".join(json.dumps({"image": k, "caption": t}) + "\n" for k, t in MODEL.items()),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_that_nearly_fit(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert figures("-r", "refs.json", "-H", write(name, RESULTS[name])) == (
        score(REFERENCES, MODEL).values
    )
    out = capsys.readouterr().out
    assert ("pictures are matched by" in out) == (name in ("caption.jsonl", "names.json"))
    assert ("1 that could not be captioned left out" in out) == (name == "caption.jsonl")


def test_extra_results_are_dropped_with_a_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [{"image": k, "caption": t} for k, t in {**MODEL, "99": "a boat"}.items()]
    write("more.json", more)
    assert main(["score", "-r", "refs.json", "-H", "more.json"]) == 1
    assert "'99') without references. Add --subset" in capsys.readouterr().err
    assert figures("-r", "refs.json", "-H", "more.json", "--subset") == (
        score(REFERENCES, MODEL).values
    )
    assert "more.json: 1 picture without references left out." in capsys.readouterr().out
    write("fewer.json", more[1:])
    arguments = ["-r", "refs.json", "-H", "more.json", "--against", "fewer.json", "--subset"]
    assert figures(*arguments)["BLEU-1"] > 0
    assert "2 pictures, figures times 100" in capsys.readouterr().out


def test_rejected_captions_are_left_out_with_a_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canned = "the photo is too dark to see anything"
    notes = [
        {"image_id": int(k), "caption": text, "is_rejected": False, "is_precanned": False}
        for k, g in REFERENCES.items()
        for text in g
    ]
    notes += [{"image_id": k, "caption": canned, "is_precanned": True} for k in (1, 2, 3, 4)]
    images = [{"id": k, "file_name": f"{k}.jpg"} for k in (1, 2, 3, 4)]
    write("vizwiz.json", {"images": images, "annotations": notes})
    model = write("model4.json", {**MODEL, "4": canned})
    assert figures("-r", "vizwiz.json", "-H", model) == score(REFERENCES, MODEL).values
    out = capsys.readouterr().out
    assert "4 captions marked is_precanned left out; --keep-rejected keeps them" in out
    assert "model4.json: 1 picture without a reference caption that counts left out." in out
    kept = figures("-r", "vizwiz.json", "-H", model, "--keep-rejected")
    assert kept != score(REFERENCES, MODEL).values


def test_characters_for_scripts_without_spaces(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {"1": ["一个红色的汽车", "红色汽车在路上"], "2": ["两只狗在草地上跑", "狗在跑"]}
    texts = {"1": "一个红色的汽车", "2": "两只狗在草地上跑步"}
    write("zh.json", groups)
    write("model-zh.json", texts)
    files = ["-r", "zh.json", "-H", "model-zh.json"]
    words = figures(*files)
    assert "written without spaces" in capsys.readouterr().out
    found = figures(*files, "--characters")
    assert found == score(groups, texts, characters=True).values
    assert found["BLEU-2"] > 0.8 > words["BLEU-2"]
    assert "characters (7 to 9)" in capsys.readouterr().out
    save = ["score", "-r", "zh.json", "--save-frequencies", "zh.npz", "--characters"]
    assert main(save) == 0
    assert main(["score", *files, "--frequencies", "zh.npz"]) == 1
    assert "those of characters, but words are scored" in capsys.readouterr().err
    figures(*files, "--frequencies", "zh.npz", "--characters")
    capsys.readouterr()
    assert main(["agreement", "-r", "zh.json"]) == 0
    assert capsys.readouterr().out.count("written without spaces") == 1
    assert main(["agreement", "-r", "zh.json", "--characters"]) == 0
    assert "written without spaces" not in capsys.readouterr().out


def test_columns_of_other_names_are_chosen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("odd.csv", "key,sentence_en\n" + "".join(f"{k},{t}\n" for k, t in MODEL.items()))
    arguments = ["-r", "refs.json", "-H", "odd.csv", "--image-column", "key"]
    expected = score(REFERENCES, MODEL).values
    assert figures(*arguments, "--caption-column", "sentence_en") == expected
    assert main(["score", *arguments, "--caption-column", "no"]) == 2
    assert "no file has such a column" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", ""],
        ["--json", "model.json"],
        ["--json", "out.json", "--per-picture", "out.json"],
        ["--save-frequencies", "refs.json"],
        ["--seed", "-1"],
        ["--resamples", "10000000000"],
        ["--split", " "],
        ["--frequencies", ""],
        ["--several", "--training", "refs.json"],
        ["--several", "--resamples", "10"],
        ["--characters", "--meteor"],
    ],
)
def test_options_that_can_do_nothing_good_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(["score", "-r", "refs.json", "-H", "model.json", *arguments]) == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert "Traceback" not in capsys.readouterr().err


def test_options_without_hypotheses_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", "-r", "refs.json", "--save-frequencies", "f.npz", "--json", "out.json"]
    assert main(command) == 2
    assert "--json without hypotheses" in capsys.readouterr().err
    assert main(["agreement", "-r", "refs.json", "--json", "refs.json"]) == 2
    for limit in ("0", "-1"):
        assert main(["agreement", "-r", "refs.json", "--limit", limit]) == 2
    os.mkfifo("pipe")
    for option in ("-H", "--against", "--training", "--frequencies"):
        assert main(["score", "-r", "refs.json", "-H", "model.json", option, "pipe"]) == 1
        assert "pipe" in capsys.readouterr().err
