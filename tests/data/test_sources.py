"""`read`: every kind of captions file, found by its content, and folders of them."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.data.reading import caption_source, spell_lines
from saccade.data.sources import draw_splits, gather, read, select
from saccade.errors import DataError
from saccade.values.examples import Example, Region, Scene, Thing

SCRIPTS = (
    "A dog runs.",
    "Собака бежит.",
    "一只狗在跑。",
    "كلب يركض",
    "कुत्ता दौड़ता है",
    "naïve café 🐕",
)


def put(path: Path, text: str, bom: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    return path


def lines(*records) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def pairs(dataset) -> list[tuple]:
    return [(e.id, e.captions, e.split) for e in dataset.examples]


KARPATHY = {
    "dataset": "coco",
    "images": [
        {
            "filename": "COCO_val2014_1.jpg",
            "filepath": "val2014",
            "split": "restval",
            "cocoid": 1,
            "imgid": 0,
            "sentences": [{"raw": "A dog runs. ", "tokens": ["a", "dog", "runs"]}, {"tokens": ["a", "dog"]}],
        },
        {"filename": "2.jpg", "split": "val", "sentences": [{"raw": "A red kite."}]},
        {"filename": "3.jpg", "split": "test", "sentences": []},
    ],
}  # fmt: skip
COCO = {
    "info": {},
    "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 8, "file_name": "8.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 8, "caption": "A red kite.\n"},
        {"id": 2, "image_id": 7, "caption": "A dog runs."},
        {"id": 3, "image_id": 8, "caption": "A kite."},
    ],
}


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
    assert dataset.kind == "JSON list"
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


def test_karpathy_malformed(tmp_path):
    value = {
        "images": [
            {"filename": "a.jpg", "split": "val", "sentences": [{"raw": "x"}]},
            {"sentences": []},
            3,
        ]
    }
    path = put(tmp_path / "dataset_x.json", json.dumps(value))
    with pytest.raises(
        DataError, match=r"dataset_x\.json: images\[1\]: is malformed \(no 'filename'\)"
    ):
        read(path)
    assert len(gather(path)[1]) == 2


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


def test_coco_as_it_is_downloaded(tmp_path):
    for index, split in enumerate(("train", "val")):
        value = {"images": [{"id": index, "file_name": f"{index}.jpg"}], "annotations": [{"image_id": index, "caption": "x"}]}  # fmt: skip
        put(tmp_path / "annotations" / f"captions_{split}2017.json", json.dumps(value))
        put(tmp_path / f"{split}2017" / f"{index}.jpg", "picture")
    for source in (tmp_path, tmp_path / "annotations", list((tmp_path / "annotations").iterdir())):
        dataset = read(source)
        assert {e.split for e in dataset.examples} == {"train", "val"}
        assert all(e.image.is_file() for e in dataset.examples)


def test_coco_other_files_and_lost_captions(tmp_path):
    boxes = {"images": COCO["images"], "annotations": [{"image_id": 7, "bbox": [1, 2, 3, 4]}] * 200}
    path = put(tmp_path / "instances_val2017.json", json.dumps(boxes))
    with pytest.raises(
        DataError, match=r"annotations\[0\]: has no caption; captions are in COCO's"
    ):
        read(path)
    lost = COCO | {"annotations": [{"image_id": 99, "caption": "x"}]}
    with pytest.raises(DataError, match=r'image_id 99 is not among "images"'):
        read(put(tmp_path / "captions_val2017.json", json.dumps(lost)))


FLICKR = "1.jpg#0\tA dog runs .\n1.jpg#1\tA dog .\n2.jpg#0\tA kite .\n3.jpg#0\tA cat .\n4.jpg#0\tA cow .\n"


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


def test_lists_for_any_kind_and_lists_that_overlap(tmp_path):
    path = put(
        tmp_path / "a.jsonl", lines(*({"image": f"i/{n}.jpg", "caption": "x"} for n in range(3)))
    )
    train, val = put(tmp_path / "t.txt", "0.jpg\ni/1.jpg\n"), put(tmp_path / "v.txt", "2.jpg\n")
    dataset = read(path, splits={"train": train, "val": val})
    assert [e.split for e in dataset.examples] == ["train", "train", "val"]
    assert [e.split for e in read(path, splits="test").examples] == ["test"] * 3
    put(val, "2.jpg\n0.jpg\n")
    with pytest.raises(DataError, match=r"v\.txt:2: 0\.jpg is on the train list too \(t\.txt:1\)"):
        read(path, splits={"train": train, "val": val})
    with pytest.raises(DataError, match=r"none\.txt does not exist; name the list of val"):
        read(path, splits={"train": train, "val": tmp_path / "none.txt"})


def test_flickr_without_tab(tmp_path):
    path = put(tmp_path / "x.token", FLICKR + "5.jpg#0 A cow .\n")
    with pytest.raises(DataError, match=r"x\.token:6: is not of the form name\.jpg#0<tab>caption"):
        read(path)


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


BAD_LINES = [
    ('{"image": "a.jpg", "caption": "x"', r"not valid JSON \(Expecting ',' delimiter, column 34\)"),
    ('["a.jpg", "x"]', "is not an object; write"),
    ('{"caption": "x"}', 'names no image; give its path as "image"'),
    ('{"image": "  ", "caption": "x"}', "names no image"),
    ('{"image": 5, "caption": "x"}', "names no image"),
    ('{"image": "a.jpg"}', 'has no captions; give them as "captions"'),
    ('{"image": "a.jpg", "captions": [1]}', '"captions" must be text or a list of texts'),
    ('{"image": "a.jpg", "captions": {"en": "x"}}', '"captions" must be text or a list of texts'),
    ('{"image": "a.jpg", "caption": "x", "split": 1}', "that is not text"),
    ('{"image": "a.jpg", "caption": "\\ud800"}', "holds a character that is not one"),
    ('{"image": "a.jpg", "caption": "x", "scene": {"width": 3}}', '"scene" is malformed'),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 1, 0, 0, 1, 1]]}', "word 1 of caption 0"),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 0, 0, 0, 1]]}', "must be .caption, word"),
    ('{"image": "a.jpg", "caption": "x", "regions": [[0, 0, 0, 0, 1, "?"]]}', "four numbers"),
    ("[" * 100_000, "not valid JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_bad_lines_are_named(tmp_path, line, message):
    good = lines({"image": "g.jpg", "caption": "x", "split": "train"})
    path = put(tmp_path / "a.jsonl", good + line + "\n" + good)
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_all_problems_are_collected(tmp_path):
    path = put(tmp_path / "a.jsonl", lines({"image": "g.jpg", "caption": "x"}) + "{\n{}\n[]\n")
    dataset, problems = gather(path)
    assert len(dataset.examples) == 1
    assert [problem.source for problem in problems] == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]
    with pytest.raises(DataError, match=r"a\.jsonl:2: .*\(2 more: saccade check .*a\.jsonl\)"):
        read(path)


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        ("a.jpg,A dog, running.,train", 2, 'has 4 fields where the header has 3; put captions .*"A dog, running'),
        ("a.jpg", 2, "has 1 fields where the header has 3"),
        (",A dog.,train", 2, "names no image"),
        ('a.jpg,"A ""dog,train\nb.jpg,x,val', 2, "not a valid row .unexpected end of data.; mend its quotation"),
        ('g.jpg,x,train\na.jpg,"A "dog"",train', 3, "not a valid row"),
        ('a.jpg,"[""x"", 1]",train', 2, "not a valid JSON list"),
        ("a.jpg,x,", 2, "has no split, while others have one"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(tmp_path, rows, place, message):
    path = put(tmp_path / "a.csv", f"image,caption,split\n{rows}\ng.jpg,x,train\n")
    with pytest.raises(DataError, match=rf"a\.csv:{place}: .*{message}"):
        read(path)


def test_missing_columns(tmp_path):
    path = put(tmp_path / "a.csv", "image,title\na.jpg,x\n")
    with pytest.raises(
        DataError, match=r"a\.csv:1: the header names the columns image, title; an image and a"
    ):
        read(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.token"])
def test_a_byte_that_is_not_utf8(tmp_path, name):
    good = {
        "a.jsonl": '{"image": "a.jpg", "caption": "cafe"}',
        "a.csv": "a.jpg,cafe",
        "a.token": "a.jpg#0\tcafe",
    }[name]
    text = ("image,caption\n" if name == "a.csv" else good + "\n") + good + "\n" + good
    raw = text.encode()
    end = raw.rindex(b"cafe") + 3
    (tmp_path / name).write_bytes(raw[:end] + b"\xe9" + raw[end + 1 :])
    with pytest.raises(
        DataError, match=rf"{name}:3: byte \d+ of the line \(0xe9\) is not UTF-8; save"
    ):
        read(tmp_path / name)
    # JSON as a whole, too
    (tmp_path / "b.json").write_bytes(b'{"images": [],\n"annotations": ["\xe9"]}')
    with pytest.raises(DataError, match=r"b\.json:2: byte 0xe9 is not UTF-8"):
        read(tmp_path / "b.json")


def test_other_encodings_and_line_ends(tmp_path):
    record = lines({"image": "a.jpg", "caption": "x", "split": "val"})
    assert (
        len(read(put(tmp_path / "a.jsonl", record.replace("\n", "\r\n"), bom=True)).examples) == 1
    )
    assert len(read(put(tmp_path / "b.json", json.dumps(COCO), bom=True)).examples) == 2
    (tmp_path / "c.jsonl").write_bytes(record.encode("utf-16"))
    with pytest.raises(DataError, match="is UTF-16 text; save it as UTF-8"):
        read(tmp_path / "c.jsonl")


def test_json_cut_off(tmp_path):
    text = json.dumps(COCO, indent=1)
    path = put(tmp_path / "captions_val2017.json", text[:200])
    with pytest.raises(DataError, match=r"captions_val2017\.json:\d+: not valid JSON .*cut off"):
        read(path)


@pytest.mark.parametrize(
    "text", ["hello\n", "\x00\x01", '{"a": 1}', "[1, 2]", "{}", "[]", '{"images": []}', '"text"']
)
def test_not_captions(tmp_path, text):
    with pytest.raises(
        DataError, match=r"but not of captions; accepted|not a captions file; accepted"
    ) as caught:
        read(put(tmp_path / "a.json", text))
    assert '{"image": "images/1.jpg"' in str(caught.value)


def test_nothing_in_it(tmp_path):
    with pytest.raises(DataError, match="is empty; accepted are"):
        read(put(tmp_path / "a.jsonl", " \n"))
    with pytest.raises(DataError, match="holds no pictures; accepted are"):
        read(put(tmp_path / "a.csv", "image,caption\n"))
    with pytest.raises(DataError, match="does not exist; check the name"):
        read(tmp_path / "no.jsonl")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.jsonl", lines({"image": "a.jpg", "caption": "x"})),
        ("metadata.jsonl", lines({"file_name": "a.jpg", "text": "x"})),
        ("captions.csv", "image,caption\na.jpg,x\n"),
        ("captions.txt", "image,caption\na.jpg,x\n"),
        ("dataset_mine.json", json.dumps(KARPATHY)),
        ("captions.json", json.dumps(COCO)),
        ("captions_val2017.json", json.dumps(COCO)),
        ("results_20130124.token", FLICKR),
    ],
)  # fmt: skip
def test_folders(tmp_path, name, text):
    put(tmp_path / "notes.txt", "not this one")
    path = put(tmp_path / name, text)
    assert read(tmp_path).path == path


def test_folders_that_do_not_say(tmp_path):
    with pytest.raises(DataError, match=r"holds no captions file; accepted are"):
        read(tmp_path)
    put(tmp_path / "captions.jsonl", lines({"image": "a.jpg", "caption": "x"}))
    put(tmp_path / "captions.csv", "image,caption\na.jpg,x\n")
    with pytest.raises(
        DataError, match=r"several captions files \(captions\.jsonl, captions\.csv\); name one"
    ):
        read(tmp_path)


def examples(*ids: str) -> list[Example]:
    return [Example(Path(i), ("x",), "", i) for i in ids]


def test_drawn_splits(tmp_path):
    names = [f"{i}.jpg" for i in range(2000)]
    path = put(tmp_path / "a.jsonl", lines(*({"image": n, "caption": "x"} for n in names)))
    dataset = read(path)
    share = len(select(dataset, "val")) / len(names)
    assert 0.08 < share < 0.12
    assert len(select(dataset, "train")) + len(select(dataset, "val")) == len(names)
    assert dataset.notes == (f"No splits are given: drawn by name, {len(select(dataset, 'train'))} pictures train and {len(select(dataset, 'val'))} val, the same every time.",)  # fmt: skip
    before = {e.id: e.split for e in dataset.examples}
    put(path, lines(*({"image": n, "caption": "x"} for n in names[1000:])))
    assert all(before[e.id] == e.split for e in read(path).examples)


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=30))
def test_drawn_splits_leak_nothing_and_leave_none_empty(ids):
    drawn, _ = draw_splits(examples(*ids))
    splits = {i: {e.split for e in drawn if e.id == i} for i in ids}
    assert all(len(found) == 1 for found in splits.values())
    everything = set.union(*splits.values())
    assert everything == ({"train", "val"} if len(set(ids)) > 1 else {"train"})


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip).filter(bool)  # fmt: skip
NAMES = st.from_regex(r"[a-zé ]{1,6}\.jpg", fullmatch=True).filter(
    lambda name: name == name.strip()
)
DATA = st.dictionaries(
    NAMES,
    st.tuples(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from(["train", "val", "test"])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(data=DATA, bom=st.booleans())
def test_round_trips(tmp_path_factory, data, bom):
    """The same data written in five ways is read as the same examples."""
    folder = tmp_path_factory.mktemp("round")
    expected = [(name, tuple(captions), split) for name, (captions, split) in data.items()]
    rows = [(name, caption, split) for name, captions, split in expected for caption in captions]
    put(folder / "a.jsonl", lines(*({"image": n, "captions": c, "split": s} for n, c, s in expected)), bom)  # fmt: skip
    put(folder / "b.jsonl", lines(*({"image": n, "caption": c, "split": s} for n, c, s in rows)), bom)  # fmt: skip
    for name, mark in (("c.csv", ","), ("d.tsv", "\t"), ("e.csv", ";")):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=mark)
        writer.writerows([("image", "caption", "split"), *rows])
        put(folder / name, text.getvalue(), bom)
    images = [{"filename": n, "split": s, "sentences": [{"raw": t} for t in c]} for n, c, s in expected]  # fmt: skip
    put(folder / "f.json", json.dumps({"images": images}, ensure_ascii=bom))
    for path in folder.iterdir():
        assert pairs(read(path)) == expected, path.name


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20, unique=True).map(sorted))
def test_line_numbers_in_short(numbers):
    example = Example(
        Path("a"), ("x",) * len(numbers), "", "a", f"a-1,2.csv:{spell_lines(numbers)}"
    )
    assert [caption_source(example, i) for i in range(len(numbers))] == [f"a-1,2.csv:{n}" for n in numbers]  # fmt: skip
    assert spell_lines([3, 4, 5, 9]) == "3-5,9"


def test_real_data(shared):
    dataset = read(shared / "flickr8k")
    assert [len(select(dataset, split)) for split in ("train", "val", "extra")] == [6000, 1000, 91]
    assert all(len(e.captions) == 5 for e in dataset.examples)
    lists = {"train": shared / "flickr8k/Flickr_8k.trainImages.txt", "val": shared / "flickr8k/Flickr_8k.devImages.txt"}  # fmt: skip
    assert read(shared / "flickr8k", splits=lists).examples == dataset.examples
    assert len(read(shared / "coco_mini").examples) == 80
    texts = read(shared / "coco_captions" / "captions_val2017.json")
    assert sum(len(e.captions) for e in texts.examples) == 25_014
