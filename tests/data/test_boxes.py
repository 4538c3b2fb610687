"""Boxes of COCO's instances and of Flickr30k Entities, and the words that name them."""

import json
from pathlib import Path

import pytest

from saccade.data.boxes import read_boxes
from saccade.data.coco_words import PAIRS, words_of
from saccade.data.naming import ground_words
from saccade.data.sources import read
from saccade.errors import DataError
from saccade.text import tokenize
from saccade.text.english import is_content

CATEGORIES = [(1, "person"), (6, "bus"), (10, "traffic light"), (18, "dog"), (58, "hot dog"), (99, "garden gnome")]  # fmt: skip
NAMES = dict(CATEGORIES)
IDS = {name: key for key, name in CATEGORIES}


def coco(**changes) -> dict:
    boxes = [
        (7, "person", [10, 20, 30, 40], 0),
        (7, "person", [0.5, 0, 2, 2], 0),
        (7, "person", [0, 0, 100, 50], 1),  # a crowd
        (7, "dog", [50, 60, 10, 0], 0),  # without area
        (7, "bus", [1, 2, 3, 4], 0),
        (7, "traffic light", [5, 5, 5, 5], 0),
        (8, "hot dog", [1, 1, 1, 1], 0),
        (8, "dog", [2, 2, 2, 2], 0),
        (8, "garden gnome", [3, 3, 3, 3], 0),
    ]
    return {
        "images": [
            {"id": 7, "file_name": "val2017/000007.jpg", "width": 100, "height": 50},
            {"id": 8, "file_name": "8.jpg"},
        ],
        "annotations": [
            {"image_id": image, "category_id": IDS[name], "bbox": box, "iscrowd": crowd}
            for image, name, box, crowd in boxes
        ],
        "categories": [{"id": key, "name": name} for key, name in CATEGORIES],
    } | changes


def put(path: Path, value) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return path


def test_coco(tmp_path):
    boxes = read_boxes(put(tmp_path / "instances_val2017.json", coco()))
    assert boxes.kind == "COCO instances"
    named = boxes.of("anywhere/000007.jpg")
    people = ((10, 20, 40, 60), (0.5, 0, 2.5, 2))
    for word in ("person", "people", "persons", "man", "women", "child", "children", "player"):
        assert named[word] == people
    assert named["traffic light"] == named["lights"] == ((5, 5, 10, 10),)
    assert named["bus"] == named["buses"] == named["vehicles"] == ((1, 2, 4, 6),)
    assert "dog" not in named  # its only box has no area
    other = boxes.of(Path("8.png"))  # another suffix is the same picture
    assert other["dog"] == other["puppies"] == ((2, 2, 4, 4),)
    assert other["hot dogs"] == ((1, 1, 2, 2),)
    assert other["garden gnome"] == other["gnomes"] == ((3, 3, 6, 6),)  # not COCO's own
    assert boxes.of("9.jpg") == {}
    assert read_boxes(tmp_path).of("8.jpg") == other
    assert set(read_boxes(tmp_path, ["x/8.jpg"]).pictures) == {"8"}


def test_boxes_are_scaled_to_the_photo_at_hand(tmp_path):
    boxes = read_boxes(put(tmp_path / "instances.json", coco()))
    named = boxes.of("000007.jpg")
    assert boxes.of("000007.jpg", 100, 50) == named
    assert boxes.of("000007.jpg", 224, 224)["bus"][0] == pytest.approx((2.24, 8.96, 8.96, 26.88))
    assert boxes.of("000007.jpg", 50, 100) == {}  # on its side
    assert boxes.of("8.jpg", 640, 480) == boxes.of("8.jpg")  # the annotated size is not known


def test_pictures_of_the_same_name_in_several_folders(tmp_path):
    images = [{"id": 7, "file_name": "cats\\1.jpg"}, {"id": 8, "file_name": "dogs/1.jpg"}]
    boxes = read_boxes(put(tmp_path / "instances.json", coco(images=images)))
    assert "bus" in boxes.of("/data/cats/1.jpg")
    assert "gnome" in boxes.of("dogs/1.jpg")
    assert boxes.of("1.jpg") == boxes.of("catdogs/1.jpg") == {}


BUS, DOG, HOT, LIGHT, MAN = (((i, 0.0, i + 1, 1.0),) for i in range(5))
NAMED = {"bus": BUS, "dog": DOG, "hot dog": HOT, "traffic light": LIGHT, "light": LIGHT, "man": MAN, "driver": MAN}  # fmt: skip


@pytest.mark.parametrize(
    ("caption", "named", "expected"),
    [
        ("a Dog near a bus", NAMED, [(1, DOG), (4, BUS)]),
        ("a hot dog", NAMED, [(1, HOT), (2, HOT)]),
        ("a hot dog", {"dog": DOG}, []),  # no dog
        ("two hot dogs", {"dogs": DOG}, []),
        ("a traffic light", NAMED, [(1, LIGHT), (2, LIGHT)]),
        ("a bus driver", NAMED, [(2, MAN)]),  # no bus
        ("a traffic light driver dog", NAMED, [(4, DOG)]),
        ("the man driver", NAMED, [(1, MAN), (2, MAN)]),
        ("a street light", NAMED, []),
        ("a cat", NAMED, []),
        ("dog", NAMED, [(0, DOG)]),
        ("", NAMED, []),
    ],
)
def test_words_of_a_caption(caption, named, expected):
    assert ground_words(caption.split(), named) == expected


def test_the_table_of_coco_words():
    assert {"man", "woman", "boys", "girl", "people", "men", "women", "children", "player"} <= set(
        words_of("person")
    )
    assert "dog" not in words_of("hot dog")
    assert "skis" in words_of("skis")
    assert "ski" not in words_of("skis")
    assert words_of("gnome") == ("gnome", "gnomes")
    assert {"hot dog", "hot dogs", "traffic lights"} <= PAIRS
    assert all(len(pair.split()) == 2 for pair in PAIRS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", r":1: is not valid JSON"),
        ("[]", r'has no "images", "annotations", "categories", so it is not a file of boxes; accepted'),
        (coco(categories={}), "is malformed, so it is not a file of boxes"),
        (coco(annotations=[{"caption": "x"}]), r"annotations\[0\] has a caption and no box; boxes are in"),
        (coco(annotations=[{"image_id": 7}]), r'annotations\[0\] has no "bbox"; correct'),
        (coco(annotations=[3]), r'annotations\[0\] has no "bbox"'),
        (coco(annotations=[{"bbox": "x"}]), r'has a malformed "bbox"'),
        *(
            (coco(annotations=[{"image_id": 7, "category_id": 1, "bbox": bad}]), r"its bbox .* is not \[x, y, width, height\] in pixels; correct")
            for bad in ([1, 2, 3], [1, 2, -3, 4], [1, 2, "3", 4], [1, 2, 1e300, 4], [True, 2, 3, 4])
        ),
        (coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]), 'image_id 1 is not among "images"'),
        (coco(annotations=[{"image_id": 7, "category_id": 7, "bbox": [0, 0, 1, 1]}]), 'category_id 7 is not among "categories"'),
        (coco(images=[{"id": 7}]), r'images\[0\] has no "file_name"'),
        (coco(images=[{"id": 7, "file_name": "a", "width": "x"}]), r"images\[0\]: its width and height are not"),
        (coco(categories=[{"id": True, "name": "dog"}]), r'categories\[0\] has a malformed "id"'),
    ],
)  # fmt: skip
def test_bad_coco_files_are_named(tmp_path, value, message):
    path = put(tmp_path / "instances.json", value)
    with pytest.raises(DataError, match=rf"instances\.json.*{message}") as caught:
        read_boxes(path)
    assert "\n" not in str(caught.value)


def test_folders(tmp_path):
    with pytest.raises(DataError, match=r"holds no boxes; accepted are COCO's instances_\*\.json"):
        read_boxes(tmp_path)
    with pytest.raises(DataError, match=r"no\.json.* does not exist"):
        read_boxes(tmp_path / "no.json")
    put(tmp_path / "instances_a.json", coco())
    put(tmp_path / "instances_b.json", coco())
    with pytest.raises(DataError, match=r"\(instances_a\.json, instances_b\.json\); name one"):
        read_boxes(tmp_path)


SENTENCES = """[/EN#1/people Two young guys] look at [/EN#0/notvisual each other] in [/EN#2/scene the yard] .
[/EN#1/people Two men] with [/EN#3/clothing/other a blue shirt] eat [/EN#4/other a hot dog] .
[/EN#5/people A man] and [/EN#6/animals a dog] near [/EN#1/people them] .
"""
XML = """<annotation><filename>12.jpg</filename><size><width>100</width><height>50</height><depth>3</depth></size>
<object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>20</ymax></bndbox></object>
<object><name>1</name><name>5</name><bndbox><xmin>11</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>
<object><name>2</name><scene>1</scene><nobndbox>0</nobndbox></object>
<object><name>3</name><scene>0</scene><nobndbox>1</nobndbox></object>
<object><name>4</name><bndbox><xmin>30</xmin><ymin>30</ymin><xmax>30</xmax><ymax>30</ymax></bndbox></object>
<object><name>6</name><bndbox><xmin>50</xmin><ymin>1</ymin><xmax>100</xmax><ymax>50</ymax></bndbox></object>
</annotation>"""


def entities(folder: Path, sentences: str = SENTENCES, xml: str = XML) -> Path:
    put(folder / "Sentences" / "12.txt", sentences)
    put(folder / "Annotations" / "12.xml", xml)
    return folder


def test_entities(tmp_path):
    boxes = read_boxes(entities(tmp_path))
    assert boxes.kind == "Flickr30k Entities"
    named = boxes.of("flickr30k-images/12.jpg")
    one, two = (0, 1, 10, 20), (10, 1, 20, 20)
    assert named == {
        "guys": (one, two), "guy": (one, two), "men": (one, two), "man": (one, two),
        "hot dog": ((29, 29, 30, 30),), "hot dogs": ((29, 29, 30, 30),),
        "dog": ((49, 0, 100, 50),), "dogs": ((49, 0, 100, 50),),
    }  # fmt: skip
    assert ground_words("a man eats a hot dog".split(), named) == [(1, (one, two)), (4, named["hot dog"]), (5, named["hot dog"])]  # fmt: skip # noqa: SIM905
    assert boxes.of("12", 200, 50)["dog"] == ((98, 0, 200, 50),)
    assert read_boxes(tmp_path, ["13.jpg"]).pictures == {}


@pytest.mark.parametrize(
    ("sentences", "xml", "message"),
    [
        ("[/EN#1/people Two", XML, r"12\.txt:1: a phrase's markup is damaged; phrases are written"),
        (SENTENCES, XML[:200], r"12\.xml: not valid XML \(.*; copy it"),
        (SENTENCES, '<!DOCTYPE a [<!ENTITY b "bb">]>' + XML, r"12\.xml: has a DOCTYPE"),
        (SENTENCES, XML.replace("<xmin>50<", "<xmin>x<"), r"12\.xml: no size, or a box not in pixels"),
        (SENTENCES, XML.replace("<xmin>50<", "<xmin>101<"), r"12\.xml: .*\(101, 1 to 100, 50\)"),
        (SENTENCES, XML.replace("width", "w"), r"12\.xml: no size"),
    ],
)  # fmt: skip
def test_bad_entities_are_named(tmp_path, sentences, xml, message):
    with pytest.raises(DataError, match=message):
        read_boxes(entities(tmp_path, sentences, xml))


def test_incomplete_entities(tmp_path):
    (entities(tmp_path) / "Annotations" / "12.xml").unlink()
    with pytest.raises(DataError, match=r"12\.xml is missing, beside Sentences/12\.txt; unpack"):
        read_boxes(tmp_path)
    (tmp_path / "Sentences" / "12.txt").unlink()
    with pytest.raises(DataError, match=r"holds no ID\.txt; unpack"):
        read_boxes(tmp_path)


def test_real_boxes(shared):
    """Of the content words of 400 captions more than a quarter have boxes."""
    boxes = read_boxes(shared / "coco_mini" / "instances.json")
    grounded = words = captions = 0
    for example in read(shared / "coco_mini" / "captions.json").examples:
        named = boxes.of(example.image)
        for caption in example.captions:
            said = tokenize(caption)
            found = ground_words(said, named)
            words += sum(map(is_content, said))
            grounded += len(found)
            captions += bool(found)
    assert grounded / words > 0.25
    assert captions > 340
