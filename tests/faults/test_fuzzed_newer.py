"""Files of boxes, categories, maps, chances and demos, damaged by the schema of each: a result, or
one sentence that names the file. Seeds are fixed."""

import io
import itertools
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.cli.demo_folder import MARK, begin
from saccade.data.boxes import read_boxes
from saccade.data.sources import gather, raise_first
from saccade.data.synonyms import read_synonyms
from saccade.errors import SaccadeError
from saccade.explain.chance import read_chance
from saccade.explain.mapfiles import read_maps
from saccade.photos.opening import open_photo
from tests.faults.damage import bad_bytes, bad_json
from tests.faults.tally import count, many

BOXES = {"phrase": "a red car", "box": [1, 2, 30, 40], "kind": "vehicle"}
LABELLED = [{"image": "a.jpg", "boxes": [BOXES]}, {"image": "b.jpg", "boxes": []}]
INSTANCES = {
    "images": [{"id": 42, "file_name": "a.jpg", "width": 64, "height": 48}],
    "annotations": [{"id": 1, "image_id": 42, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 0}],
    "categories": [{"id": 3, "name": "car", "supercategory": "vehicle"}],
}  # fmt: skip
CHANCE = {
    "format": 1,
    "map": "attention",
    "bias": 0.1,
    "clues": {"peak": {"mean": 0.5, "scale": 1.0, "weight": 2.0}},
    "words": ["car"],
    "checkpoint": "ab",
    "about": {},
}
CATEGORIES = ("car", "traffic light", "dog")
SYNONYMS = "car, auto, sports car\ntraffic light, lamp\n# dogs\ndog, puppy\n"


def npz(compression: int = zipfile.ZIP_DEFLATED, **arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.save(inner, array)
            archive.writestr(f"{name}.npy", inner.getvalue())
    return target.getvalue()


def npy() -> bytes:
    target = io.BytesIO()
    np.save(target, np.ones((2, 3, 4), np.float32))
    return target.getvalue()


def png() -> bytes:
    target = io.BytesIO()
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(target, "PNG")
    return target.getvalue()


def tar() -> bytes:
    target = io.BytesIO()
    members = {
        "0.png": png(),
        "0.txt": b"a dog",
        "1.png": png(),
        "1.json": json.dumps({"caption": "a cat"}).encode(),
    }
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    target = io.BytesIO()
    pictures = [{"bytes": png(), "path": name} for name in ("a.png", "b.png")]
    columns = {"image": pictures, "caption": ["a dog", "a cat"], "split": ["train", "val"]}
    pyarrow.parquet.write_table(pyarrow.table(columns), target)
    return target.getvalue()


def captions(path: Path) -> None:
    """The captions, and every picture."""
    dataset, problems = gather(path)
    raise_first(problems, path)
    for example in dataset.examples:
        open_photo(example.image)


def demo(path: Path) -> None:
    begin(path.parent, 0)


MAPS = np.ones((2, 3, 4), np.float32)
READ: dict[str, Callable[[Path], object]] = {
    "boxes.jsonl": read_boxes,
    "instances.json": read_boxes,
    "chance.json": read_chance,
    "words.txt": lambda path: read_synonyms(path, CATEGORIES),
    "maps.npy": lambda path: read_maps([path]),
    "maps.npz": lambda path: read_maps([path]),
    "maps_lzma.npz": lambda path: read_maps([path]),
    "maps_bzip2.npz": lambda path: read_maps([path]),
    "map.png": lambda path: read_maps([path]),
    "shard.tar": captions,
    "table.parquet": captions,
    MARK: demo,
}
SOUND = {
    "boxes.jsonl": "\n".join(map(json.dumps, LABELLED)).encode(),
    "instances.json": json.dumps(INSTANCES).encode(),
    "chance.json": json.dumps(CHANCE).encode(),
    "words.txt": SYNONYMS.encode(),
    "maps.npy": npy(),
    "maps.npz": npz(maps=MAPS, words=np.array(["a", "dog"])),
    "maps_lzma.npz": npz(zipfile.ZIP_LZMA, a=MAPS[0], dog=MAPS[1]),
    "maps_bzip2.npz": npz(zipfile.ZIP_BZIP2, arr_0=MAPS[0], arr_1=MAPS[1]),
    "map.png": png(),
    "shard.tar": tar(),
    "table.parquet": parquet(),
    MARK: json.dumps({"made_by": "saccade demo", "seed": 0, "files": {"why.html": "ab"}}).encode(),
}


def refusal(read: Callable[[Path], object], path: Path) -> str | None:
    """What is said of a file, or None where it is read."""
    count("inputs tried")
    try:
        read(path)
    except SaccadeError as error:
        return str(error)
    except BaseException:
        count("tracebacks")
        raise
    return None


@pytest.mark.parametrize("name", SOUND)
def test_a_damaged_file_is_read_or_named(name, tmp_path):
    path = tmp_path / "place" / name
    path.parent.mkdir()
    path.write_bytes(SOUND[name])
    if name == MARK:
        (path.parent / "scenes").mkdir()
        (path.parent / "scenes/mine.txt").write_text("a user's")
        assert "mine.txt is not as a demo made it" in (refusal(READ[name], path) or "")
    else:
        assert refusal(READ[name], path) is None
    cases = itertools.islice(bad_bytes(SOUND[name]), many(100, 800))
    if name.endswith((".json", ".jsonl")):
        text = SOUND[name].decode()
        cases = itertools.chain(bad_json(text, lines=name.endswith("l")), cases)
    for what, data in itertools.islice(cases, 0, None, many(4, 1)):
        path.write_bytes(data)
        said = refusal(READ[name], path)
        if name == MARK:
            assert said is not None, what
            assert (path.parent / "scenes/mine.txt").read_text() == "a user's", what
        assert said is None or str(path.parent) in said, (what, said)
        assert said is None or "\n" not in said.partition("accepted are:")[0], (what, said)
        assert said is None or len(said) < 1500, (what, said)


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device", "a link to itself"])
def test_what_is_no_file_is_named_at_once(name, kind, tmp_path):
    path = tmp_path / "place" / name
    path.parent.mkdir()
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "a device" else path)
    said = refusal(READ[name], path)
    assert said is not None
    assert str(path.parent) in said
    assert "\n" not in said.partition("accepted are:")[0]


@pytest.mark.parametrize(
    "array",
    [
        np.array([{"a": 1}], dtype=object),
        np.array([[1 + 2j]]),
        np.array([["x"]]),
        np.array([["2020-01-01"]], dtype="datetime64[D]"),
        np.zeros((3, 0)),
        np.zeros((1, 1, 1, 1)),
        np.array(1.0),
        np.array([[np.nan, 1]]),
        np.array([[-1.0, 1]]),
        np.zeros((2, 2), dtype=[("a", "f4")]),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}"[:30],
)
def test_arrays_that_are_no_maps_are_named(array, tmp_path):
    for name, data in (("a.npz", npz(dog=array)), ("b.npz", npz(maps=array, words=array))):
        path = tmp_path / name
        path.write_bytes(data)
        said = refusal(lambda file: read_maps([file]), path)
        assert said is not None
        assert str(path) in said


def test_an_array_that_claims_to_be_endless(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 3), }"
    for shape in (b"(9223372036854775807, 3)", b"(1000000000000, 3)", b"(-1, 3)", b"(3.5,)", b"x"):
        text = header.replace(b"(9223372036854775807, 3)", shape).ljust(117) + b"\n"
        path = tmp_path / "a.npy"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(48))
        said = refusal(lambda file: read_maps([file]), path)
        assert said is not None
        assert str(path) in said
