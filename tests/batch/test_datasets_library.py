"""The `datasets` library's own folders, tables and `map`.

Not among what `make test` installs: `pip install datasets`, then
`python -m pytest tests/batch/test_datasets_library.py`.
"""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from saccade import Captioner
from saccade.batch import caption_batch
from saccade.cli import main

datasets = pytest.importorskip("datasets", reason="pip install datasets")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the library's own parts


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """The library's imagefolder: photos in train/ and validation/, each with metadata.jsonl."""
    place = tmp_path / "imagefolder"
    for line in (data / "captions.jsonl").read_text().splitlines():
        row = json.loads(line)
        split = place / {"train": "train", "val": "validation"}[row["split"]]
        split.mkdir(parents=True, exist_ok=True)
        name = Path(row["image"]).name
        Image.open(data / row["image"]).save(split / name)
        with (split / "metadata.jsonl").open("a") as file:
            entry = {"file_name": name, "text": row["captions"][0]}
            file.write(json.dumps(entry) + "\n")
    return place


def embed(rows: dict) -> dict:
    """As `push_to_hub` does: the photos' bytes in place of their files' names."""
    return {
        "image": [
            {"bytes": Path(image.filename).read_bytes(), "path": Path(image.filename).name}
            for image in rows["image"]
        ]
    }


def test_an_imagefolder_and_map(folder, run, capsys):
    """As in docs/publishing.md: captions are a column that map adds; the same as of the files."""
    ds = datasets.load_dataset("imagefolder", data_dir=str(folder), split="validation")
    paths = sorted((folder / "validation").glob("*.png"))
    expected = [c.text for c in Captioner.from_pretrained(run, device="cpu").caption(paths)]
    options = {"batched": True, "batch_size": 4, "fn_kwargs": {"model": str(run)}}
    mapped = ds.map(caption_batch, **options)
    assert mapped["caption"][:] == expected
    assert mapped["caption_error"][:] == [None] * len(paths)
    assert mapped.column_names == ["image", "text", "caption", "caption_error"]
    undecoded = ds.cast_column("image", datasets.Image(decode=False))
    assert undecoded.map(caption_batch, **options)["caption"][:] == expected
    spread = ds.map(caption_batch, num_proc=2, **options)
    assert spread["caption"][:] == expected
    # The same folder, read by Saccade.
    assert main(["check", str(folder)]) == 0
    assert "No problems found" in capsys.readouterr().out


@pytest.mark.parametrize(("several", "inside"), [(False, False), (False, True), (True, True)])
def test_a_parquet_file_of_the_library(folder, run, tmp_path, several, inside, capsys):
    """As photos to caption, and as training data with one caption or a list of them; inside: with
    the photos' bytes, else with the names of their files."""
    parts = datasets.load_dataset("imagefolder", data_dir=str(folder))
    tables = tmp_path / "tables"
    tables.mkdir()
    for split, ds in parts.items():
        if inside:
            ds = ds.map(embed, batched=True)
        if several:
            ds = ds.map(lambda row: {"captions": [row["text"], f"there is {row['text']}"]})
            ds = ds.remove_columns("text")
        else:
            ds = ds.rename_column("text", "caption")
        ds.to_parquet(tables / f"{split}-00000-of-00001.parquet")
    paths = sorted((folder / "validation").glob("*.png"))
    expected = [c.text for c in Captioner.from_pretrained(run, device="cpu").caption(paths)]
    source = tables / "validation-00000-of-00001.parquet"
    written = tmp_path / "captions.jsonl"
    command = ["caption", str(source), "--model", str(run), "--cpu", "--write", f"jsonl={written}"]
    assert main(command) == 0
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    assert [row["caption"] for row in rows] == expected
    assert main(command) == 0
    assert (
        "0 of 6 photos captioned and written; 6 had their text already" in capsys.readouterr().err
    )
    assert main(["check", str(tables)]) == 0
    assert "No problems found" in capsys.readouterr().out
    small = ["encoder.backbone=small-conv", "encoder.freeze=none", "encoder.image_size=[32,48]"]
    small += ["encoder.widths=[8,12,16]", "encoder.halvings=2", "decoder.hidden=24"]
    small += ["decoder.features=0", "train.epochs=1"]
    options = [part for setting in small for part in ("--set", setting)]
    assert main(["train", str(tables), "--out", str(tmp_path / "run"), "--cpu", *options]) == 0
    assert (tmp_path / "run" / "best").is_dir()
