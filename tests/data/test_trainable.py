"""What training can use of a data set, what it leaves out and what it cuts."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saccade.config import merge, parse_settings
from saccade.data.check import check
from saccade.data.columns import Choices
from saccade.data.dataset import Collate, Item, padded_captions
from saccade.data.trainable import cut_captions, trainable
from saccade.errors import DataError
from saccade.text import has_words
from saccade.training.run import own_data
from saccade.training.train import configure, resume, train
from saccade.values.examples import Example
from tests.conftest import TINY


def example(split: str, *captions: str, line: int = 1) -> Example:
    return Example(Path("a.jpg"), captions, split, "a.jpg", f"a.jsonl:{line}")


@pytest.mark.parametrize("text", ["a dog", "狗", "3", "¿qué?", "x"])
def test_words(text):
    assert has_words(text)


@pytest.mark.parametrize("text", ["", " \t\n", "?!", "🐶", "...", "—", "\u200b"])
def test_no_words(text):
    assert not has_words(text)


def test_pictures_without_a_word_are_left_out_and_counted():
    examples = [
        example("train", "a dog"),
        example("train", "🐶", "?", line=2),
        example("train", line=3),
        example("train", "?", "a cat", line=4),
        example("val", " ", line=5),
        example("test", line=6),
    ]
    usable = trainable(examples)
    assert usable.train == (examples[0], examples[3])
    assert usable.validation == ()
    assert usable.notes == (
        "2 pictures of train left out because no word is in their captions (first: a.jsonl:2).",
        "1 picture of val left out because no word is in its captions (first: a.jsonl:5).",
    )


def test_nothing_to_train_on():
    with pytest.raises(DataError, match="none of the 2 pictures in the split train has a caption"):
        trainable([example("train", "🐶"), example("train"), example("val", "a dog")])
    with pytest.raises(DataError, match=r"no picture is in the split train \(splits: dev, val\)"):
        trainable([example("val", "a dog"), example("dev", "a dog")])


def test_cut_captions_are_counted_with_the_settings_that_keep_them():
    examples = [example("train", "a b c d", "a b"), example("val", "a b c"), example("test", "a " * 9)]  # fmt: skip
    assert cut_captions(examples, 4) == ""
    assert cut_captions(examples, 2) == (
        "2 captions of 3 in train and val are longer than train.max_words (2): training cuts them "
        "there. All are whole with --set train.max_words=4 --set decode.max_words=4"
    )


def test_no_end_mark_after_a_cut():
    captions = [[[5, 6, 7, 8], [5, 6], [5, 6, 7]], [[9]]]
    inputs, targets, lengths = padded_captions(captions, 0, 1, 2, max_words=3)
    assert targets.tolist() == [
        [[5, 6, 7, 2], [5, 6, 7, 0], [5, 6, 2, 0]],
        [[9, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert inputs.tolist() == [
        [[1, 5, 6, 7], [1, 5, 6, 0], [1, 5, 6, 0]],
        [[1, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert lengths.tolist() == [[4, 3, 3], [2, 0, 0]]
    batch = Collate(0, 1, 2, max_words=1)([Item(torch.zeros(1), [[5, 6], [7]], 0, [0, 1])])
    assert batch.targets.tolist() == [[[7, 2], [5, 0]]]
    assert batch.live.tolist() == [[[True, True], [True, False]]]


def folder(path: Path, captions: list[tuple[str, list[str]]]) -> Path:
    """Pictures with their split and captions."""
    path /= "data"
    path.mkdir()
    rows = []
    for index, (split, texts) in enumerate(captions):
        values = np.random.default_rng(index).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(values).save(path / f"{index}.png")
        rows.append(json.dumps({"image": f"{index}.png", "split": split, "captions": texts}))
    (path / "captions.jsonl").write_text("\n".join(rows))
    return path


def test_train_says_what_it_leaves_out_and_check_says_the_same(tmp_path, capsys):
    words = " ".join(f"w{i}" for i in range(30))
    captions = [("train", ["🐶"]), *[("train", ["a red car", words])] * 6, ("val", ["?"])]
    data = folder(tmp_path, captions)
    settings = merge(TINY, {"train": {"batch": 1, "epochs": 1}})
    outcome = train(data, tmp_path / "run", settings=settings, cpu=True)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    said = capsys.readouterr().err
    assert [note.partition(" left out")[0] for note in about["notes"][:2]] == [
        "1 picture of train",
        "1 picture of val",
    ]
    assert "6 captions of 12 in train and val are longer than train.max_words (20)" in about["notes"][2]  # fmt: skip
    assert all(f"Note: {note}" in said for note in about["notes"])
    assert outcome.progress.finished
    report = check(data)
    assert list(report.notes) == about["notes"][:2]
    (cut,) = [f for f in report.findings if f.kind == "Long captions"]
    assert f"{cut.message}." == about["notes"][2]
    kinds = {finding.kind for finding in report.findings}
    assert {"Empty captions", "Splits", "Long captions"} <= kinds


@pytest.mark.parametrize("captions", [[("train", ["🐶"])], [("train", []), ("val", ["a dog"])], [("dev", ["x"])]])  # fmt: skip
def test_what_train_refuses_check_reports(tmp_path, captions):
    data = folder(tmp_path, captions)
    with pytest.raises(DataError) as refused:
        train(data, tmp_path / "run", settings=TINY, cpu=True, show=False)
    errors = [finding.message for finding in check(data).findings if finding.error]
    assert errors == [str(refused.value)]


def test_the_printed_settings_keep_captions_whole():
    words = " ".join(f"w{i}" for i in range(30))
    message = cut_captions([example("train", words)], 20)
    config = configure(None, parse_settings(re.findall(r"--set (\S+)", message)))
    assert (config.train.max_words, config.decode.max_words) == (30, 30)
    assert cut_captions([example("train", words)], config.train.max_words) == ""


def test_a_run_remembers_which_columns_were_chosen(tmp_path):
    data = folder(tmp_path, [("train", ["x"])] * 6)
    rows = [f"{i}.png,a red car,{'val' if i == 5 else 'train'}" for i in range(6)]
    table = data / "own.csv"
    table.write_text("\n".join(["pic,words,split", *rows]))
    chosen = Choices("pic", "words", keep_rejected=True)
    settings = merge(TINY, {"train": {"epochs": 1}})
    train(table, tmp_path / "run", settings=settings, cpu=True, show=False, choices=chosen)
    assert own_data(tmp_path / "run" / "best") == (table.absolute(), None, chosen)
    assert resume(tmp_path / "run", cpu=True, show=False).progress.finished
