"""Readers of the forms in which data sets are passed on, each from a tiny one of its kind."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from saccade.cli import main
from saccade.config import merge
from saccade.data.check import check
from saccade.data.columns import Choices
from saccade.data.sources import gather, read
from saccade.errors import DataError
from saccade.photos.opening import open_photo
from saccade.training.train import train
from tests.conftest import TINY
from tests.data.written import lines, pairs, put

pyarrow = pytest.importorskip("pyarrow", reason="pip install 'saccade-captioner[publish]'")
parquet = pytest.importorskip("pyarrow.parquet")


def photo(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (12, 10), grey).save(file, "PNG")
    return file.getvalue()


def save(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(photo(grey))


def greys(dataset) -> list[int]:
    """What is on each picture, read as training reads it."""
    return [open_photo(e.image).getpixel((0, 0))[0] for e in dataset.examples]


def tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def table(path: Path, **columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


# Photos in archives --------------------------------------------------------------------------


def test_webdataset_pairs(tmp_path):
    members = {
        "0001.jpg": photo(10), "0001.txt": b"A dog runs.\n",
        "sub/0001.png": photo(20), "sub/0001.json": b'{"caption": "A cat."}',
        "0002.jpg": photo(30), "0002.cls": b"7",
        "0003.txt": b"no picture",
        "0004.seg.png": photo(40), "0004.captions": b"One.\nTwo.",
    }  # fmt: skip
    path = tar(tmp_path / "shard.tar", members)
    dataset = read(path)
    assert dataset.kind == "webdataset"
    assert [(e.id, e.captions) for e in dataset.examples] == [
        ("0001", ("A dog runs.",)), ("sub/0001", ("A cat.",)), ("0004", ("One.", "Two.")),
    ]  # fmt: skip
    assert greys(dataset) == [10, 20, 40]
    assert dataset.examples[0].source == "shard.tar: 0001.jpg"
    assert [n for n in dataset.notes if "without" in n] == [
        "1 sample without a picture left out.", "1 sample without a caption left out.",
    ]  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shard.tar"]  # nothing unpacked


def test_webdataset_shards_by_split_and_keys(tmp_path):
    for split, grey in (("train", 50), ("validation", 60)):
        sample = {
            "1.jpg": photo(grey),
            "1.json": json.dumps({"alt": split, "caption": "x", "split": split}).encode(),
        }
        tar(tmp_path / f"set-{split}-000.tar", sample)
    dataset = read(tmp_path, choices=Choices(caption_column="alt"))
    assert pairs(dataset) == [("1", ("train",), "train"), ("1", ("validation",), "val")]
    assert greys(dataset) == [50, 60]
    with pytest.raises(DataError, match=r"000\.tar: 1: 'alt2' \(--caption-column\) is neither"):
        read(tmp_path, choices=Choices(caption_column="alt2"))
    two = tar(tmp_path / "two.tar", {"1.jpg": photo(1), "1.mask.png": photo(2), "1.txt": b"x"})
    with pytest.raises(DataError, match=r"several pictures .*--image-column jpg"):
        read(two)
    assert greys(read(two, choices=Choices(image_column="mask.png"))) == [2]


def test_nothing_but_regular_members_of_a_tar_file_counts(tmp_path):
    """Links, devices and paths that lead out are no pictures, and nothing is written."""
    (tmp_path / "secret.png").write_bytes(photo(99))
    path = tmp_path / "in" / "a.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            entry = tarfile.TarInfo(f"{kind.decode()}.png")
            entry.type, entry.linkname = kind, "../secret.png"
            archive.addfile(entry)
        for name in ("../out.png", "../out.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(photo(5))
            archive.addfile(
                entry, io.BytesIO(photo(5) if name.endswith("g") else b"x" * entry.size)
            )
    dataset, problems = gather(path)
    assert [e.id for e in dataset.examples] == ["../out"]
    assert not problems
    assert greys(dataset) == [5]
    assert {p.name for p in tmp_path.iterdir()} == {"secret.png", "in"}
    assert [p.name for p in path.parent.iterdir()] == ["a.tar"]


def test_bad_tar_files_are_one_sentence(tmp_path):
    whole = tar(
        tmp_path / "a.tar", {"1.jpg": photo(1), "1.txt": b"x", "2.json": b"[1]", "2.jpg": b"x"}
    )
    with pytest.raises(DataError, match=r"a\.tar: 2: its JSON is a list .*must be an object"):
        read(whole)
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:700])
    with pytest.raises(DataError, match=r"cut\.tar: is (cut off|damaged).*copy it again"):
        read(tmp_path / "cut.tar")
    (tmp_path / "no.tar").write_bytes(b"a dog runs\n" * 99)
    with pytest.raises(DataError, match=r"no\.tar: is damaged; copy it again"):
        read(tmp_path / "no.tar")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1.txt"))
    (tmp_path / "b.tar.gz").rename(tmp_path / "b.tar")
    with pytest.raises(DataError, match="gzip archive; unpack it first"):
        read(tmp_path / "b.tar")
    with tarfile.open(tmp_path / "twice.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("1.txt"))
    with pytest.raises(DataError, match=r"the member 1\.txt stands twice"):
        read(tmp_path / "twice.tar")


def test_parquet_of_the_datasets_library(tmp_path):
    """Objects of bytes and path, captions as a list; a shard for each split; ids from the paths."""
    for split, grey in (("train", 10), ("test", 200)):
        images = [{"bytes": photo(grey + i), "path": f"{split}{i}.png"} for i in range(3)]
        captions = [[f"one {i}", "two"] for i in range(3)]
        table(tmp_path / "data" / f"{split}-00000-of-00001.parquet", image=images, caption=captions)
    (tmp_path / "README.md").write_text("A data set.")
    dataset = read(tmp_path)
    assert dataset.kind == "parquet"
    assert pairs(dataset)[:4] == [
        ("test0.png", ("one 0", "two"), "test"), ("test1.png", ("one 1", "two"), "test"),
        ("test2.png", ("one 2", "two"), "test"), ("train0.png", ("one 0", "two"), "train"),
    ]  # fmt: skip
    assert greys(dataset) == [200, 201, 202, 10, 11, 12]
    assert dataset.examples[4].source == "train-00000-of-00001.parquet:2"
    report = check(tmp_path, workers=1, min_count=1)
    assert (report.pictures, report.found, report.errors) == (6, 6, 0)


def test_parquet_with_other_columns(tmp_path):
    """The only column of bytes is the picture's; rows of one id are one picture; a row may name a
    file instead; rejected captions are left out."""
    save(tmp_path / "images" / "c.png", 33)
    path = table(
        tmp_path / "a.parquet",
        jpg=[photo(1), photo(1), photo(2)],
        image_id=[7, 7, 8],
        label=["no", "no", "no"],
        text=["a", "b", "c"],
        is_rejected=[False, True, False],
    )
    dataset = read(path)
    assert [(e.id, e.captions) for e in dataset.examples] == [("7", ("a",)), ("8", ("c",))]
    assert greys(dataset) == [1, 2]
    assert any("Pictures are from the column 'jpg'" in note for note in dataset.notes)
    assert any("1 caption marked is_rejected left out" in note for note in dataset.notes)
    chosen = read(path, choices=Choices("jpg", "label"))
    assert [e.captions for e in chosen.examples] == [("no",), (), ("no",)]
    with pytest.raises(
        DataError, match=r"columns jpg, .*'words' is not among them; correct --caption-column"
    ):
        read(path, choices=Choices(caption_column="words"))
    images = [{"bytes": None, "path": "c.png"}, {"bytes": photo(4), "path": None}]
    mixed = read(table(tmp_path / "b.parquet", image=images, caption=["x", "y"]))
    assert greys(mixed) == [33, 4]
    plain = table(tmp_path / "c.parquet", file_name=["c.png"], caption=["x"])
    assert greys(read(plain)) == [33]
    two = table(tmp_path / "d.parquet", left=[photo(1)], right=[photo(2)], caption=["x"])
    with pytest.raises(DataError, match="columns left, right; choose one: --image-column left"):
        read(two)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.parquet: is damaged .*copy it again"):
        read(path)


# Files beside tables -------------------------------------------------------------------------


def test_imagefolder_with_metadata(tmp_path):
    for name in ("train/1.png", "train/sub/2.png", "validation/1.png"):
        save(tmp_path / name, 9)
    put(
        tmp_path / "train/metadata.jsonl",
        lines({"file_name": "1.png", "text": "a"}, {"file_name": "sub/2.png", "text": "b"}),
    )
    put(tmp_path / "validation/metadata.csv", "file_name,text\n1.png,c\n")
    dataset = read(tmp_path)
    assert dataset.kind == "imagefolder"
    assert pairs(dataset) == [
        ("1.png", ("a",), "train"),
        ("sub/2.png", ("b",), "train"),
        ("1.png", ("c",), "val"),
    ]
    assert greys(dataset) == [9, 9, 9]
    put(tmp_path / "metadata.csv", "file_name,text\ntrain/1.png,a\nvalidation/1.png,c\n")
    dataset = read(tmp_path)  # one table above the splits' folders
    assert pairs(dataset) == [("train/1.png", ("a",), "train"), ("validation/1.png", ("c",), "val")]
    put(tmp_path / "metadata.csv", "file_name,text\n,a\n")
    with pytest.raises(DataError, match=r"metadata\.csv:2: names no image; fill in"):
        read(tmp_path)


def test_conceptual_captions_with_local_files(tmp_path):
    put(
        tmp_path / "cc.tsv",
        "a dog\thttp://a.example/x/1.png?w=9\nno file\thttp://a.example/2.png\nagain\thttp://a.example/x/1.png?w=9\nroot\thttp://a.example/\n",
    )
    save(tmp_path / "images" / "1.png", 77)
    dataset = read(tmp_path / "cc.tsv")
    assert dataset.kind == "Conceptual Captions"
    assert [(e.id, e.captions) for e in dataset.examples] == [("1.png", ("a dog", "again"))]
    assert greys(dataset) == [77]
    assert any("not there are left out: 1 of 2 pictures" in note for note in dataset.notes)
    other = put(tmp_path / "cc12m.tsv", "url\tcaption\nhttps://a.example/1.png\ta dog\n")
    assert [e.captions for e in read(other).examples] == [("a dog",)]
    clash = put(tmp_path / "b.tsv", "a\thttp://a.example/1.png\nb\thttp://b.example/1.png\n")
    with pytest.raises(DataError, match=r"b\.tsv:2: its picture would be called 1\.png"):
        read(clash)
    (tmp_path / "images" / "1.png").unlink()
    with pytest.raises(DataError, match=r"none of its 1 pictures is there.*--images FOLDER"):
        read(other)


VIZWIZ = {
    "images": [{"file_name": f"VizWiz_train_{i}.jpg", "id": i, "vizwiz_url": "x", "text_detected": False} for i in range(2)],
    "annotations": [
        {"image_id": 0, "caption": "A can.", "is_precanned": False, "is_rejected": False, "text_detected": True},
        {"image_id": 0, "caption": "spam", "is_precanned": False, "is_rejected": True, "text_detected": True},
        {"image_id": 1, "caption": "Quality issues are too severe.", "is_precanned": True, "is_rejected": False, "text_detected": True},
    ],
}  # fmt: skip


def test_vizwiz(tmp_path):
    for name in ("train", "val"):
        put(tmp_path / "annotations" / f"{name}.json", json.dumps(VIZWIZ))
        save(tmp_path / name / "VizWiz_train_0.jpg", 3)
    put(tmp_path / "annotations" / "test.json", json.dumps({"images": VIZWIZ["images"]}))
    dataset = read(tmp_path)
    assert dataset.kind == "VizWiz"
    assert pairs(dataset) == [
        ("0", ("A can.",), "train"), ("1", (), "train"), ("0", ("A can.",), "val"), ("1", (), "val"),
        ("0", (), "test"), ("1", (), "test"),
    ]  # fmt: skip
    assert open_photo(dataset.examples[0].image).getpixel((0, 0))[0] == 3
    assert any("2 captions marked is_precanned, is_rejected left out" in n for n in dataset.notes)
    kept = read(tmp_path / "annotations" / "val.json", choices=Choices(keep_rejected=True))
    assert sum(len(e.captions) for e in kept.examples) == 3


def test_nocaps(tmp_path):
    images = [
        {"id": i, "file_name": f"{i}.jpg", "open_images_id": f"{i}", "domain": d}
        for i, d in enumerate(["in-domain", "out-domain", "out-domain"])
    ]
    notes = [{"image_id": i, "id": i, "caption": f"caption {i}"} for i in range(3)]
    put(
        tmp_path / "nocaps_val_4500_captions.json",
        json.dumps({"images": images, "annotations": notes}),
    )
    put(tmp_path / "nocaps_test_image_info.json", json.dumps({"images": images[:1]}))
    save(tmp_path / "val" / "0.jpg", 4)
    dataset = read(tmp_path)
    assert dataset.kind == "nocaps"
    assert [e.split for e in dataset.examples] == ["test", "val", "val", "val"]
    assert dataset.examples[2].captions == ("caption 1",)
    assert open_photo(dataset.examples[1].image).getpixel((0, 0))[0] == 4
    assert any("in-domain 1, out-domain 2" in note for note in dataset.notes)


def test_textcaps(tmp_path):
    record = {
        "image_id": "ab",
        "image_classes": ["Bottle"],
        "caption_str": "A bottle.",
        "reference_strs": ["A bottle.", "Two."],
    }
    for split in ("train", "val"):
        value = {
            "dataset_name": "textcaps",
            "dataset_type": split,
            "data": [record, record | {"caption_str": "Two."}],
        }
        put(tmp_path / f"TextCaps_0.1_{split}.json", json.dumps(value))
    bare = {"image_id": "cd", "image_classes": [], "image_path": "test/cd.jpg"}
    put(
        tmp_path / "TextCaps_0.1_test.json",
        json.dumps({"dataset_name": "textcaps", "data": [bare]}),
    )
    save(tmp_path / "train_images" / "ab.jpg", 5)
    dataset = read(tmp_path)
    assert dataset.kind == "TextCaps"
    assert pairs(dataset) == [
        ("cd", (), "test"),
        ("ab", ("A bottle.", "Two."), "train"),
        ("ab", ("A bottle.", "Two."), "val"),
    ]
    assert open_photo(dataset.examples[1].image).getpixel((0, 0))[0] == 5


def test_a_file_for_each_split(tmp_path):
    put(tmp_path / "train.csv", "image,caption\n1.png,a\n")
    put(tmp_path / "val.csv", "image,caption\n2.png,b\n")
    assert pairs(read(tmp_path)) == [("1.png", ("a",), "train"), ("2.png", ("b",), "val")]
    put(tmp_path / "val.jsonl", lines({"image": "2.png", "caption": "b"}))
    with pytest.raises(DataError, match="several captions files"):
        read(tmp_path)


# Through the program -------------------------------------------------------------------------


def test_training_and_scores_from_shards(tmp_path, data, run, capsys):
    """The same weights and figures as from the pictures themselves."""
    members = {}
    for number, line in enumerate((data / "captions.jsonl").read_text().splitlines()):
        row = json.loads(line)
        members[f"{number:04d}.png"] = (data / row["image"]).read_bytes()
        about = {"captions": row["captions"], "split": row["split"]}
        members[f"{number:04d}.json"] = json.dumps(about).encode()
    shard = tar(tmp_path / "squares.tar", members)
    once = merge(TINY, {"train": {"epochs": 1}})
    for name, source in (("a", shard), ("b", data)):
        train(source, tmp_path / name, settings=once, cpu=True, show=False)
    weights = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    figures = []
    for source in (shard, data):
        out = tmp_path / "figures.json"
        options = [
            "--model",
            str(run),
            "--split",
            "val",
            "--limit",
            "3",
            "--cpu",
            "--json",
            str(out),
        ]
        assert main(["evaluate", str(source), *options]) == 0
        figures.append(json.loads(out.read_text())["scores"])
    assert figures[0] == figures[1]
    capsys.readouterr()
    survey = ["--model", str(run), "--split", "val", "--limit", "1", "--maps", "attention", "--cpu"]
    assert main(["survey", str(shard), *survey]) == 0
    assert main(["check", str(shard)]) == 0
