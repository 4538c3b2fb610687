"""`saccade caption --write` as a user runs it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.cli import main
from saccade.publish.xmp import alt_texts


@pytest.fixture
def photos(tmp_path: Path, data: Path) -> Path:
    """A folder with three photos, a damaged one and something else."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(sorted((data / "images").iterdir())[:3]):
        shutil.copy(path, folder / f"{number}{path.suffix}")
    (folder / "bad.jpg").write_bytes(b"\xff\xd8 no photo")
    (folder / "notes.md").write_text("mine")
    return folder


def test_every_form_once(photos: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["caption", str(photos), "--model", str(run), "--cpu"]
    forms = ["--write", "txt", "--write", "xmp", "--write", "jsonl", "--language", "en-GB"]
    assert main([*command, *forms]) == 1  # the damaged one
    said = capsys.readouterr().err
    assert "bad.jpg" in said
    assert "3 of 4 photos captioned and written" in said
    assert "1 file left out: notes.md" in said
    rows = [json.loads(line) for line in (photos / "captions.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    for row in rows:
        photo = Path(row["photo"])
        assert photo.with_suffix(".txt").read_text() == f"{row['caption']}\n"
        packet = photo.with_suffix(".xmp").read_bytes()
        assert alt_texts(packet) == {"x-default": row["caption"], "en-GB": row["caption"]}
    assert main(["caption", rows[0]["photo"], "--model", str(run), "--cpu"]) == 0
    assert capsys.readouterr().out.strip() == rows[0]["caption"]

    (photos / "bad.jpg").unlink()
    before = {path: path.stat().st_mtime_ns for path in photos.iterdir()}
    (photos / "0.txt").write_text("a person's own words")
    assert main([*command, *forms]) == 0
    assert "0 of 3 photos captioned and written; 3 had their text" in capsys.readouterr().err
    assert (photos / "0.txt").read_text() == "a person's own words"
    del before[photos / "0.txt"]
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert main([*command, "--write", "txt", "--overwrite"]) == 0
    assert (photos / "0.txt").read_text() == f"{rows[0]['caption']}\n"


def test_embedded_only_when_chosen_and_without_touching_pixels(photos: Path, run: Path) -> None:
    (photos / "bad.jpg").unlink()
    pictures = [path for path in sorted(photos.iterdir()) if path.name != "notes.md"]
    before = {path: np.asarray(Image.open(path)) for path in pictures}
    assert main(["caption", str(photos), "--model", str(run), "--write", "embed", "--cpu"]) == 0
    for path, pixels in before.items():
        assert np.array_equal(np.asarray(Image.open(path)), pixels)


def test_a_photo_that_one_form_refuses_has_the_others(
    tmp_path: Path, data: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GIF has no place for XMP; the row of a photo that got its text is of what it is now."""
    source = sorted((data / "images").iterdir())[0]
    for name in ("a.gif", "b.png", "b.webp"):
        Image.open(source).convert("RGB").save(tmp_path / name)
    command = ["caption", str(tmp_path), "--model", str(run), "--cpu"]
    command += ["--write", "jsonl", "--write", "txt", "--write", "embed"]
    for told in ("2 of 3 photos captioned and written.", "0 of 3 photos captioned and written; 2"):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert told in said
        assert said.count("a.gif: XMP can be embedded in JPEG, PNG and WebP") == 1
        assert "1 of 3 photos failed" in said
        assert "share a text with one of the same name: 1" in said
        assert len((tmp_path / "captions.jsonl").read_text().splitlines()) == 3
        assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["a.txt", "b.txt"]


def test_pages(photos: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = sorted(path.name for path in photos.iterdir() if path.name.startswith("0"))[0]
    page = photos / "index.html"
    text = f'<p>x</p>\n<img src="{name}">\n<img src="{name}" alt="">\n<img src="gone.jpg">\n'
    page.write_text(text)
    command = ["caption", str(page), "--model", str(run), "--write", "html", "--cpu"]
    assert main(command) == 2  # nobody to ask
    printed = capsys.readouterr()
    assert "--yes" in printed.err
    assert '+<img alt="' in printed.out
    assert page.read_text() == text
    assert main([*command, "--yes"]) == 0
    printed = capsys.readouterr()
    assert f"{page}:4: no local file for gone.jpg" in printed.err
    assert page.read_text().count("alt=") == 2
    written = page.read_text()
    assert main([*command, "--yes"]) == 0
    assert page.read_text() == written


def test_photos_of_a_list_and_of_a_tar_file(
    photos: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same captions as of the files; nothing is written beside what is inside a file."""
    pictures = sorted(photos.glob("[0-9].*"))
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for path in pictures:
            archive.add(path, path.name)
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{path}\n" for path in (*pictures, photos / "gone.png")))
    model = ["--model", str(run), "--cpu", "--write"]
    assert main(["caption", str(tmp_path / "shard.tar"), *model, "jsonl"]) == 0
    assert main(["caption", f"@{names}", *model, f"csv={tmp_path}/list.csv"]) == 1
    assert "gone.png does not exist" in capsys.readouterr().err
    tarred = (tmp_path / "captions.jsonl").read_text().splitlines()
    with (tmp_path / "list.csv").open(newline="") as file:
        listed = [(row["sha256"], row["caption"]) for row in csv.DictReader(file)]
    rows = [json.loads(line) for line in tarred]
    assert [(row["sha256"], row["caption"]) for row in rows] == listed
    assert rows[0]["photo"] == f"{tmp_path}/shard.tar/{pictures[0].name}"
    assert main(["caption", str(tmp_path / "shard.tar"), *model, "txt"]) == 2
    assert "is inside a file, where nothing is written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--write", "xml"], "no form 'xml'"),
        (["--write", "txt", "--write", "txt"], "twice"),
        (["--write", "html", "--write", "txt"], "name it alone"),
        (["--write", "html"], "no page"),
        (["--write", "txt", "--json", "a.json"], "--write goes without"),
        (["--overwrite"], "--overwrite is for --write"),
        (["--yes"], "--yes is for --write html"),
        (["--write", "txt=a"], "takes no path"),
        (["--ray"], "--ray goes with --write"),
        (["--write", "csv", "--ray", "--prompt", "x"], "--ray goes with --write"),
    ],
)
def test_contradictions(
    photos: Path, run: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["caption", str(photos), "--model", str(run), *options]) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in photos.iterdir()} >= {"bad.jpg", "notes.md"}
    assert not list(photos.glob("*.txt"))


def test_a_kill_tears_no_line_and_the_next_run_goes_on(
    tmp_path: Path, data: Path, run: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    sources = sorted((data / "images").iterdir())
    for number in range(150):
        image = Image.open(sources[number % len(sources)]).convert("RGB")
        image.putpixel((0, 0), (number, 1, 2))  # no two alike
        image.save(folder / f"{number}.png")
    table = tmp_path / "all.jsonl"
    command = [sys.executable, "-m", "saccade", "caption", str(folder), "--model", str(run)]
    command += ["--cpu", "--write", f"jsonl={table}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not (table.exists() and table.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = [json.loads(line) for line in table.read_text().splitlines()]
    assert kept
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{len(kept)} had their text already" in done.stderr or len(kept) == 150
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert rows[: len(kept)] == kept
    assert len(rows) == len({row["sha256"] for row in rows}) == 150
