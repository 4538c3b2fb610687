"""The validator: every kind of trouble is named, with its line, and counted once."""

import json
import threading
import time

import numpy as np
import pytest
from PIL import Image

from saccade.data.check import CheckReport, Spread, check
from saccade.errors import DataError


def picture(path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


@pytest.fixture
def folder(tmp_path):
    """A sound data set of ten pictures."""
    for index in range(10):
        picture(tmp_path / "images" / f"{index}.jpg", index)
    write(tmp_path, records())
    return tmp_path


def records() -> list[dict]:
    return [
        {
            "image": f"images/{i}.jpg",
            "split": "train" if i < 8 else "val",
            "captions": ["A dog runs.", f"The picture number {i}."],
        }
        for i in range(10)
    ]


def write(folder, rows) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "captions.jsonl").write_text(text)


def told(report: CheckReport) -> list[tuple]:
    return [(f.kind, f.error, f.source, f.message) for f in report.findings]


def test_a_sound_data_set(folder):
    report = check(folder)
    assert told(report) == []
    assert (report.errors, report.warnings, report.kind) == (0, 0, "JSONL")
    train, val = report.splits
    assert (train.name, train.pictures, train.captions) == ("train", 8, 16)
    assert (val.name, val.pictures, val.captions) == ("val", 2, 4)
    assert train.per_picture == Spread(2, 2.0, 2)
    assert train.words == Spread(3, 3.5, 4)
    # a dog runs the picture number (8 each), and eight numbers seen once
    assert (report.vocabulary, report.words) == (6, 14)
    assert report.coverage == pytest.approx(48 / 56)
    assert (report.pictures, report.found, report.decoded) == (10, 10, True)
    assert json.loads(json.dumps(report.to_json()))["splits"][1]["pictures"] == 2


def test_missing_and_unreadable(folder):
    (folder / "images/1.jpg").unlink()
    cut = folder / "images/2.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    (folder / "images/3.jpg").write_text("<html>404</html>")
    (folder / "images/4.jpg").write_bytes(b"")
    (folder / "images/5.jpg").unlink()
    (folder / "images/5.jpg").mkdir()
    report = check(folder)
    assert [(f.kind, f.source) for f in report.findings] == [
        ("Missing pictures", "captions.jsonl:2"),
        ("Unreadable pictures", "captions.jsonl:3"),
        ("Unreadable pictures", "captions.jsonl:4"),
        ("Unreadable pictures", "captions.jsonl:5"),
        ("Unreadable pictures", "captions.jsonl:6"),
    ]
    words = ("does not exist", "cut off", "holds text", "empty", "is a folder")
    for finding, word in zip(report.findings, words, strict=True):
        assert word in finding.message
        assert finding.error
    assert (report.pictures, report.found) == (10, 9)
    quick = check(folder, quick=True)
    assert [f.source for f in quick.findings] == [f"captions.jsonl:{n}" for n in (2, 4, 5, 6)]
    assert not quick.decoded


def test_trouble_in_a_split_that_nothing_uses_is_a_warning(folder):
    rows = [*records(), {"image": "images/none.jpg", "split": "extra", "captions": ["x"]}]
    write(folder, rows)
    report = check(folder)
    assert [(f.kind, f.error) for f in report.findings] == [("Missing pictures", False)]


def test_empty_and_repeated_captions(folder):
    rows = records()
    rows[0]["captions"] = ["A dog.", "", "  ", "?!", "a DOG", "A cat.", "A dog."]
    rows[9]["captions"] = []
    write(folder, rows)
    report = check(folder)
    assert [(f.kind, f.error, f.source, f.message) for f in report.findings] == [
        ("Empty captions", False, "captions.jsonl:1", "images/0.jpg, caption 2: it is empty."),
        ("Empty captions", False, "captions.jsonl:1", "images/0.jpg, caption 3: it is empty."),
        ("Empty captions", False, "captions.jsonl:1", "images/0.jpg, caption 4: no word in '?!'."),
        ("Repeated captions", False, "captions.jsonl:1", "images/0.jpg, captions 1 and 5: a DOG"),
        ("Repeated captions", False, "captions.jsonl:1", "images/0.jpg, captions 1 and 7: A dog."),
        ("Empty captions", False, "captions.jsonl:10", "images/9.jpg: no captions."),
    ]
    assert report.splits[1].per_picture == Spread(0, 1.0, 2)


def test_the_line_of_the_caption_itself(folder):
    rows = ["image,caption,split"]
    rows += [f"images/{i}.jpg,words {i} {j},train" for i in range(3) for j in range(2)]
    rows[4] = 'images/1.jpg,"",train'
    (folder / "captions.jsonl").unlink()
    (folder / "captions.csv").write_text("\n".join(rows))
    (finding,) = [f for f in check(folder).findings if f.kind == "Empty captions"]
    assert finding.source == "captions.csv:5"


@pytest.mark.parametrize(
    ("first", "second"), [("train", "val"), ("test", "train"), ("val", "test")]
)
def test_leaks_by_name_and_by_content(folder, first, second):
    rows = records()
    rows[3]["split"] = first
    rows.append({"image": "images/3.jpg", "split": second, "captions": ["x"]})
    (folder / "images/copy.jpg").write_bytes((folder / "images/3.jpg").read_bytes())
    write(folder, rows)
    (leak,) = check(folder).findings
    told = f"images/3.jpg comes again, as in captions.jsonl:4; one is in {first}, one in {second}."
    assert (leak.kind, leak.error, leak.source) == (
        "Leaks between splits",
        True,
        "captions.jsonl:11",
    )
    assert leak.message == told
    rows[-1]["image"] = "images/copy.jpg"
    write(folder, rows)
    (leak,) = check(folder).findings
    told = f"images/copy.jpg has the same content as images/3.jpg, captions.jsonl:4; one is in {first}, one in {second}."  # fmt: skip
    assert (leak.kind, leak.error, leak.message) == ("Leaks between splits", True, told)
    assert check(folder, quick=True).findings == ()  # as its report says


def test_duplicates_within_a_split(folder):
    rows = records()
    rows.append(rows[0] | {"captions": ["again"]})
    rows.append({"image": "images/copy.jpg", "split": "train", "captions": ["x"]})
    rows.append({"image": "images/1.jpg", "split": "extra", "captions": ["x"]})
    (folder / "images/copy.jpg").write_bytes((folder / "images/1.jpg").read_bytes())
    write(folder, rows)
    assert told(check(folder)) == [
        ("Duplicate pictures", False, "captions.jsonl:11", "images/0.jpg comes again, as in captions.jsonl:1."),
        ("Equal pictures under several names", False, "captions.jsonl:12", "images/copy.jpg has the same content as images/1.jpg, captions.jsonl:2."),
        ("Duplicate pictures", False, "captions.jsonl:13", "images/1.jpg comes again, as in captions.jsonl:2."),
    ]  # fmt: skip


def test_malformed_lines_do_not_hide_the_rest(folder):
    text = (folder / "captions.jsonl").read_text().splitlines()
    text[2] = text[2][:-5]
    text[5] = '{"picture": 3}'
    (folder / "captions.jsonl").write_text("\n".join(text))
    (folder / "images/9.jpg").unlink()
    report = check(folder)
    assert [(f.kind, f.source, f.error) for f in report.findings] == [
        ("Unusable lines", "captions.jsonl:3", True),
        ("Unusable lines", "captions.jsonl:6", True),
        ("Missing pictures", "captions.jsonl:10", True),
    ]
    assert report.splits[0].pictures == 6


def test_splits_that_training_can_not_use(folder):
    write(folder, [row | {"split": "all"} for row in records()])
    (finding,) = check(folder).findings
    assert finding.error
    assert finding.message == "no picture is in the split train (splits: all); name it train."
    write(folder, [row | {"split": "train"} for row in records()])
    (finding,) = check(folder).findings
    assert not finding.error
    assert "no picture is in the split val" in finding.message
    write(folder, [{k: v for k, v in row.items() if k != "split"} for row in records()])
    report = check(folder)
    assert report.findings == ()
    assert "drawn by name" in report.notes[0]


def test_too_few_words(folder):
    write(folder, [row | {"captions": [f"word{i}"]} for i, row in enumerate(records())])
    (finding,) = check(folder).findings
    assert (finding.kind, finding.error) == ("Vocabulary", True)
    assert "--set train.min_count=1" in finding.message
    assert check(folder, min_count=1).findings == ()


def test_groups_put_errors_first_and_lines_in_order(folder):
    rows = records()
    rows[0]["captions"] = [""]
    write(folder, rows)
    for index in (9, 8, 1):
        (folder / f"images/{index}.jpg").unlink()
    groups = check(folder).groups()
    assert list(groups) == ["Missing pictures", "Empty captions"]
    assert [f.source[15:] for f in groups["Missing pictures"]] == ["2", "9", "10"]


def test_files_and_images_elsewhere(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    text = (folder / "captions.jsonl").read_text()
    (other / "a.jsonl").write_text(text)
    assert check(other / "a.jsonl").found == 0
    assert check(other / "a.jsonl", images=folder / "images").errors == 0
    assert check(other / "a.jsonl", images=folder).errors == 0
    leaks = check([folder / "captions.jsonl", other / "a.jsonl"], images=folder).groups()
    assert len(leaks["Duplicate pictures"]) == 10
    with pytest.raises(DataError, match="does not exist"):
        check(other / "b.jsonl")


def test_ten_thousand_copies_of_a_placeholder(folder, monkeypatch):
    (folder / "many").mkdir()
    rows = records()
    for index in range(10_000):
        rows.append({"image": f"many/{index}.gif", "split": "train", "captions": [f"x {index}"]})
    write(folder, rows)
    Image.new("L", (1, 1)).save(folder / "many/0.gif")
    for index in range(1, 10_000):
        (folder / f"many/{index}.gif").hardlink_to(folder / "many/0.gif")
    before = threading.active_count()
    began = time.process_time()
    report = check(folder)
    assert time.process_time() - began < 20
    assert threading.active_count() == before
    groups = report.groups()
    assert {kind: len(found) for kind, found in groups.items()} == {
        "Equal pictures under several names": 9999
    }


def test_real_data(shared):
    report = check(shared / "coco_mini")
    assert report.errors == 0
    assert (report.pictures, report.found) == (80, 80)
    report = check(shared / "flickr8k", quick=True)
    assert (report.errors, report.vocabulary) == (0, 2536)
