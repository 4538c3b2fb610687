"""`saccade review`: a page to correct captions in, and its edits back in every form."""

import json
import shutil
from pathlib import Path

import pytest

from saccade.cli import main
from saccade.publish import AltText, open_form
from saccade.publish.contract import content_key

FORMS = ("txt", "xmp", "embed", "jsonl", "csv", "parquet")


@pytest.fixture
def photos(tmp_path: Path, data: Path) -> Path:
    """Three photos; the second's caption is doubtful."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(sorted((data / "images").iterdir())[:3]):
        shutil.copy(path, folder / f"{number}.png")
    return folder


def fill(folder: Path, form: str) -> Path | None:
    place, table = open_form(form, folder, "m")
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        doubtful = ("red",) if number == 1 else ()
        place.write(path, AltText(f'a "red" <b>{number}</b>', "m", "en", number == 1, doubtful))
    place.flush()
    return table


def texts(folder: Path, form: str) -> list[AltText | None]:
    place, _ = open_form(form, folder, "")
    return [place.read(path) for path in sorted(folder.glob("*.png"))]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("form", FORMS)
def test_edits_go_back_to_their_form(photos, form, tmp_path, capsys):
    if form in ("xmp", "embed"):
        pytest.importorskip("lxml", reason="pip install 'saccade-captioner[publish]'")
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pip install 'saccade-captioner[publish]'")
    fill(photos, form)
    before = texts(photos, form)
    assert before[1].review is True
    assert before[1].doubtful == ("red",)
    edits = tmp_path / "edits.jsonl"
    key = open_form(form, photos, "")[0].key(photos / "1.png")
    edit = {"sha256": key, "photo": "1.png", "before": before[1].text, "caption": " a  blue 犬 "}
    edits.write_text(json.dumps(edit) + "\n")
    command = ["review", str(photos), "--form", form, "--edits", str(edits)]
    assert main(command) == 0
    assert "1 of 1 edits are in their place" in capsys.readouterr().err
    after = texts(photos, form)
    assert after[1].text == "a blue 犬"
    assert after[1].review is (None if form == "txt" else False)
    assert after[1].doubtful == ()
    assert [after[0], after[2]] == [before[0], before[2]]
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files_in(photos)}
    assert main(command) == 0  # twice is once
    assert {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files_in(photos)
    } == files
    if form in ("jsonl", "csv", "parquet"):  # a next run of the model's goes on with others
        again, _ = open_form(form, photos, "m")
        assert again.done(photos / "1.png")


def test_a_caption_that_is_right_needs_no_review_any_more(photos, tmp_path, capsys):
    """Ticked only: `photo.review.txt` goes; one that is not of this caption is kept."""
    fill(photos, "txt")
    assert (photos / "1.review.txt").read_text() == "red\n"
    (photos / "2.review.txt").write_text("send to my editor\n")
    edits = tmp_path / "edits.jsonl"
    rows = [
        {"sha256": content_key(photos / f"{n}.png"), "before": text, "caption": text}
        for n, text in ((1, 'a "red" <b>1</b>'), (2, 'a "red" <b>2</b>'))
    ]
    edits.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = {path: path.stat().st_mtime_ns for path in files_in(photos)}
    command = ["review", str(photos), "--form", "txt", "--edits", str(edits)]
    for _ in range(2):
        assert main(command) == 0
        assert sorted(path.name for path in photos.glob("*.review.txt")) == ["2.review.txt"]
    after = {path: path.stat().st_mtime_ns for path in files_in(photos)}
    del before[photos / "1.review.txt"], before[photos / "1.txt"], after[photos / "1.txt"]
    assert after == before


def test_what_changed_meanwhile_stays(photos, tmp_path, capsys):
    fill(photos, "txt")
    (photos / "1.txt").write_text("somebody's own words\n")
    edits = tmp_path / "edits.jsonl"
    key = content_key(photos / "1.png")
    row = {"sha256": key, "before": 'a "red" <b>1</b>', "caption": "mine"}
    edits.write_text(json.dumps(row) + "\n")
    assert main(["review", str(photos), "--form", "txt", "--edits", str(edits)]) == 1
    assert "has changed since the page was made" in capsys.readouterr().err
    assert (photos / "1.txt").read_text() == "somebody's own words\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no edit"),
        ('{"sha256": "x"}\n', "edits.jsonl:1: is not an edit of the review page"),
        ('{"sha256": "x", "before": "a", "caption": " "}\n', "edits.jsonl:1: the caption is empty"),
        ("\n[\n", "edits.jsonl:2: is not valid JSON"),
    ],
)
def test_what_is_no_file_of_edits(photos, tmp_path, content, message, capsys):
    fill(photos, "jsonl")
    (tmp_path / "edits.jsonl").write_text(content)
    edits = str(tmp_path / "edits.jsonl")
    assert main(["review", str(photos), "--form", "jsonl", "--edits", edits]) == 1
    assert message in capsys.readouterr().err


def test_misuse(photos, tmp_path, capsys):
    assert main(["review", str(photos), "--form", "csv"]) == 2
    assert "either --page FILE" in capsys.readouterr().err
    page = ["--page", str(tmp_path / "a.html")]
    assert main(["review", str(photos), "--form", "csv", *page]) == 2
    assert "captions.csv does not exist" in capsys.readouterr().err
    assert main(["review", str(photos), "--form", "html", *page]) == 2
    assert "no page (.html, .htm, .xhtml)" in capsys.readouterr().err
    assert main(["review", str(photos), "--form", "xml", *page]) == 2
    assert "--form: there is no form 'xml'" in capsys.readouterr().err
