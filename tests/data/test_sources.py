"""`read`: every kind of captions file, found by its content."""

import json
from pathlib import Path

import pytest

from saccade.data.reading import caption_source
from saccade.data.sources import gather, read, select
from saccade.errors import DataError
from saccade.values.examples import Region, Scene, Thing
from tests.data.written import COCO, FLICKR, KARPATHY, lines, pairs, put

SCRIPTS = (
    "A dog runs.",
    "Собака бежит.",
    "一只狗在跑。",
    "كلب يركض",
    "कुत्ता दौड़ता है",
    "naïve café 🐕",
)


def test_jsonl(tmp_path):
    path = put(
        tmp_path / "captions.jsonl",
        lines(
            {"image": "a.jpg", "captions": list(SCRIPTS), "split": "train", "mood": "good"},
            {"file_name": "b.jpg", "text": "One.", "split": "validation"},
        )
        + "\n"
        + lines({"path": "/far/c.jpg", "caption": "Two.", "split": "Test"}),
    )
    dataset = read(path)
    assert dataset.kind == "JSONL"
    assert pairs(dataset) == [
        ("a.jpg", SCRIPTS, "train"),
        ("b.jpg", ("One.",), "val"),
        ("/far/c.jpg", ("Two.",), "test"),
    ]
    assert [e.image for e in dataset.examples] == [
        tmp_path / "a.jpg",
        tmp_path / "b.jpg",
        Path("/far/c.jpg"),
    ]
    assert [e.source for e in dataset.examples] == [
        "captions.jsonl:1",
        "captions.jsonl:2",
        "captions.jsonl:4",
    ]
    assert select(dataset, "val") == [dataset.examples[1]]
    assert select(dataset, "none") == []


def test_jsonl_rows_of_one_caption_are_merged(tmp_path):
    rows = [{"image": f"{i % 2}.jpg", "caption": f"c{i}", "split": "train"} for i in range(4)]
    dataset = read(put(tmp_path / "x.jsonl", lines(*rows, rows[0] | {"split": "val"})))
    assert [(e.captions, e.split, e.source) for e in dataset.examples] == [
        (("c0", "c2"), "train", "x.jsonl:1,3"),
        (("c1", "c3"), "train", "x.jsonl:2,4"),
        (("c0",), "val", "x.jsonl:5"),  # another split: not merged, so that check can name it
    ]
    assert caption_source(dataset.examples[1], 1) == "x.jsonl:4"


def test_scenes_and_regions(tmp_path):
    thing = {"kind": "car", "colour": "red", "size": "small", "box": [1, 2, 3, 4.5]}
    scene = {"width": 96, "height": 64, "background": "sky", "things": [thing]}
    row = {"image": "a.png", "captions": ["a red car"], "split": "val", "scene": scene}
    row["regions"] = [[0, 1, 1, 2, 3, 4.5], [0, 2, 1, 2, 3, 4.5]]
    (example,) = read(put(tmp_path / "s.jsonl", lines(row))).examples
    box = (1.0, 2.0, 3.0, 4.5)
    assert example.scene == Scene(96, 64, "sky", (Thing("car", "red", "small", box),))
    assert example.regions == (Region(0, 1, box), Region(0, 2, box))


def test_json_list(tmp_path):
    rows = [
        {"image": "a.jpg", "caption": "One.", "split": "train"},
        {"image": "b.jpg", "captions": []},
    ]
    dataset, problems = gather(put(tmp_path / "list.json", json.dumps(rows, indent=1)))
    assert dataset.kind == "JSON"
    assert dataset.examples[0].source == "list.json: [0]"
    assert "has no split, while others have one" in str(problems[0].error())


def test_csv(tmp_path):
    text = 'Image , Caption,split\r\na.jpg,"A dog, running.",train\r\nb.jpg,"Two\nlines",dev\r\n\r\na.jpg,A dog.,train\r\n'
    dataset = read(put(tmp_path / "captions.csv", text, bom=True))
    assert dataset.kind == "table"
    assert pairs(dataset) == [
        ("a.jpg", ("A dog, running.", "A dog."), "train"),
        ("b.jpg", ("Two\nlines",), "val"),
    ]
    assert [e.source for e in dataset.examples] == ["captions.csv:2,6", "captions.csv:3"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "filename\ttext\tsplit\n1.jpg\tA dog, running.\ttrain\n1.jpg\tA dog.\ttrain\n"),
        ("a.csv", "path;captions;set\n1.jpg;A dog, running.;training\n1.jpg;A dog.;train\n"),
        ("results.csv", "image_name| comment_number| comment| split\n1.jpg| 0| A dog, running.|train\n1.jpg|1|A dog.|train\n"),
        ("a.csv", 'image,caption1,caption_2,caption3,split\n1.jpg,"A dog, running.",A dog.,,train\n'),
        ("a.csv", 'image,captions,split\n1.jpg,"[""A dog, running."", ""A dog.""]",train\n'),
        ("odd.dat", 'split,"image",caption\ntrain,1.jpg,"A dog, running."\ntrain,1.jpg,A dog.\n'),
    ],
)  # fmt: skip
def test_tables_of_other_makes(tmp_path, name, text):
    dataset = read(put(tmp_path / name, text))
    assert pairs(dataset) == [("1.jpg", ("A dog, running.", "A dog."), "train")]


def test_karpathy(tmp_path):
    dataset = read(put(tmp_path / "dataset_coco.json", json.dumps(KARPATHY)))
    assert dataset.kind == "Karpathy"
    assert pairs(dataset) == [
        ("1", ("A dog runs.", "a dog"), "train"),
        ("2.jpg", ("A red kite.",), "val"),
        ("3.jpg", (), "test"),
    ]
    assert dataset.examples[0].image == tmp_path / "val2014" / "COCO_val2014_1.jpg"
    assert dataset.examples[1].source == "dataset_coco.json: images[1]"


@pytest.mark.parametrize(
    ("name", "split"),
    [("captions_train2017.json", "train"), ("captions_val2014.json", "val"), ("annotations_test.json", "test")],
)  # fmt: skip
def test_coco(tmp_path, name, split):
    dataset = read(put(tmp_path / name, json.dumps(COCO)))
    assert dataset.kind == "COCO captions"
    assert pairs(dataset) == [
        ("7", ("A dog runs.",), split),
        ("8", ("A red kite.", "A kite."), split),
    ]
    assert dataset.examples[1].source == f"{name}: images[1]"


def test_flickr(tmp_path):
    path = put(tmp_path / "Flickr8k_text" / "Flickr8k.token.txt", FLICKR)
    put(path.parent / "Flickr8k.lemma.token.txt", FLICKR)
    put(path.parent / "Flickr_8k.trainImages.txt", "1.jpg\r\n")
    put(path.parent / "Flickr_8k.devImages.txt", "2.jpg\n")
    put(path.parent / "Flickr_8k.testImages.txt", "3.jpg\ngone.jpg\n")
    put(tmp_path / "Flicker8k_Dataset" / "1.jpg", "picture")
    dataset, problems = gather(path.parent)
    assert dataset.kind == "Flickr tokens"
    assert pairs(dataset) == [
        ("1.jpg", ("A dog runs .", "A dog ."), "train"),
        ("2.jpg", ("A kite .",), "val"),
        ("3.jpg", ("A cat .",), "test"),
        ("4.jpg", ("A cow .",), "extra"),
    ]
    assert dataset.examples[0].source == "Flickr8k.token.txt:1-2"
    assert caption_source(dataset.examples[0], 1) == "Flickr8k.token.txt:2"
    assert dataset.examples[0].image.is_file()
    assert "Flickr_8k.devImages.txt" in dataset.notes[0]
    (problem,) = problems
    assert (problem.source, problem.fatal) == ("Flickr_8k.testImages.txt:2", False)
    assert len(read(path).examples) == 4


def test_images_folder(tmp_path):
    path = put(tmp_path / "c" / "a.jsonl", lines({"image": "images\\a.jpg", "caption": "x"}, {"image": "b.jpg", "caption": "x"}))  # fmt: skip
    put(tmp_path / "photos" / "a.jpg", "picture")
    put(tmp_path / "c" / "images" / "b.jpg", "picture")
    first, second = read(path).examples
    assert not first.image.exists()
    assert second.image == tmp_path / "c" / "images" / "b.jpg"
    first, second = read(path, images=tmp_path / "photos").examples
    assert first.image == tmp_path / "photos" / "a.jpg"
    assert second.image == tmp_path / "photos" / "b.jpg"  # not there; named for the message
    put(tmp_path / "c" / "images" / "a.jpg", "picture")
    assert read(path).examples[0].image.is_file()  # a name written on Windows
    with pytest.raises(DataError, match="is not a folder; name the one that holds the pictures"):
        read(path, images=tmp_path / "nowhere")


def test_real_data(shared):
    dataset = read(shared / "flickr8k")
    assert [len(select(dataset, split)) for split in ("train", "val", "extra")] == [6000, 1000, 91]
    assert all(len(e.captions) == 5 for e in dataset.examples)
    lists = {"train": shared / "flickr8k/Flickr_8k.trainImages.txt", "val": shared / "flickr8k/Flickr_8k.devImages.txt"}  # fmt: skip
    assert read(shared / "flickr8k", splits=lists).examples == dataset.examples
    assert len(read(shared / "coco_mini").examples) == 80
    texts = read(shared / "coco_captions" / "captions_val2017.json")
    assert sum(len(e.captions) for e in texts.examples) == 25_014
