"""Which columns hold what, ids, and lists in cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.data.columns import Choices, choose, list_cell, picture_id, texts
from saccade.errors import DataError


@pytest.mark.parametrize(
    ("names", "picture", "key", "captions"),
    [
        (("id", "image_id", "caption"), "image_id", "image_id", ("caption",)),
        (("caption", "id", "file_name"), "file_name", "file_name", ("caption",)),
        (("ID", "Caption"), "ID", "ID", ("Caption",)),
        (("image_id", "image", "captions"), "image", "image_id", ("captions",)),
        (("Image Name", "caption_id", "caption"), "Image Name", "Image Name", ("caption",)),
        (("image", "caption_length", "caption_url", "text"), "image", "image", ("text",)),
        (("image", "caption_1", "caption 2", "Caption3"), "image", "image", ("caption_1", "caption 2", "Caption3")),
        (("filepath", "title"), "filepath", "filepath", ("title",)),
        (("id", "report", "image_path", "split"), "image_path", "image_path", ("report",)),
        (("raw", "sentids", "split", "filename", "img_id"), "filename", "filename", ("raw",)),
        (("caption", "image_file"), "image_file", "image_file", ("caption",)),
        (("image_name", "comment_number", "comment"), "image_name", "image_name", ("comment",)),
        (("url", "image_id", "paragraph"), "image_id", "image_id", ("paragraph",)),
        (("name", "id", "short_caption"), "id", "id", ("short_caption",)),
        (("name", "short_caption", "long_caption"), "name", "name", ()),
        (("image", "caption_en"), "image", "image", ()),
        (("mood", "weather"), None, None, ()),
    ],
)  # fmt: skip
def test_a_fixed_priority_of_columns(names, picture, key, captions):
    columns = choose(names)
    assert (columns.picture, columns.id, columns.captions) == (picture, key, captions)


def test_a_choice_is_described():
    note = choose(("id", "image_id", "caption", "text")).note
    assert "identified by 'image_id', not by 'id'" in note
    assert "captions are from 'caption', not from 'text'" in note
    assert "--image-column and --caption-column choose others" in note
    assert choose(("id", "photo_file", "text")).note.startswith(
        "Of the columns id, photo_file, text: pictures are identified by 'id', not by 'photo_file'."
    )
    assert choose(("image_id", "image_width", "caption")).note == ""
    assert choose(("id", "image_caption")).note == ""
    assert "identified by 'image_id'" in choose(("image", "image_id", "caption")).note
    assert choose(("image", "caption", "split")).note == ""


def test_columns_that_the_user_names():
    names = ("id", "image_id", "caption", "Alt Text")
    columns = choose(names, Choices("ID", "alt_text"))
    assert (columns.picture, columns.id, columns.captions) == ("id", "id", ("Alt Text",))
    nothing = choose(names, Choices("pic", "words"))
    assert (nothing.picture, nothing.captions) == (None, ())


@pytest.mark.parametrize(
    ("value", "key"),
    [(42, "42"), (42.0, "42"), ("42", "42"), ("42.0", "42"), (" a.jpg ", "a.jpg"), ("a.0", "a.0"), (-1, "-1"), (0, "0")],
)  # fmt: skip
def test_ids(value, key):
    assert picture_id(value) == key


@pytest.mark.parametrize("value", [None, True, False, 4.5, "", "  ", [42], {"id": 1}])
def test_no_ids(value):
    assert picture_id(value) is None


@pytest.mark.parametrize(
    ("cell", "captions"),
    [
        ("['a dog', \"a man's dog\"]", ["a dog", "a man's dog"]),
        ('["a dog", "a \\"big\\" dog"]', ["a dog", 'a "big" dog']),
        ("['a\\'s', u'b', r'c']", ["a's", "b", "c"]),
        ("['a' 'b'\n 'c']", ["a", "b", "c"]),  # as numpy prints arrays
        ("('a', 'b')", ["a", "b"]),
        ("[{'raw': 'a'}, {'raw': 'b'}]", ["a", "b"]),
        ('[{"caption": "a"}]', ["a"]),
        ("[]", []),
        ("{'raw': 'a dog', 'sentid': 3}", ["a dog"]),
        ('{"caption": "a dog"}', ["a dog"]),
    ],
)
def test_lists_in_cells(cell, captions):
    assert list_cell(cell) == captions


@pytest.mark.parametrize(
    "cell",
    [
        "a dog",
        "[unk] a dog",
        "[removed]",
        '"a dog"',
        "(a dog, a cat)",
        "[unk], a, [unk]",
        "",
        "{a} dog",
        "{'quoted",
    ],
)
def test_captions_that_are_no_lists(cell):
    assert list_cell(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        "['a', 'b'",
        "['a', 1]",
        "[1, 2]",
        "[nan]",
        "[a dog, a cat]",
        "['a'b']",
        "['it''s']",
        '["a", ["b"]]',
        "[“a”, “b”]",
        "['a'] + open('x').read()",
        "[__import__('os').system('true'), 'a']",
        "[" * 100_000,
        "['" * 50_000,
        "{'a': 'b'}",
        "{'a dog', 'a cat'}",  # a set: in no order
        '{"raw": ["a"]}',
    ],
    ids=range(16),
)
def test_what_looks_like_a_list_and_is_none(cell):
    with pytest.raises(
        DataError, match="looks like a list of captions and can't be read"
    ) as caught:
        list_cell(cell)
    assert len(str(caught.value)) < 250


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_every_list_as_python_writes_it(captions):
    assert list_cell(repr(captions)) == captions


@given(st.text(max_size=40))
def test_any_cell_is_read_or_refused(cell):
    try:
        found = list_cell(cell)
    except DataError:
        return
    assert found is None or all(isinstance(text, str) for text in found)


def test_texts():
    assert texts(["a", {"raw": "b"}, {"tokens": ["c", "d"]}]) == ["a", "b", "c d"]
    assert texts("['a', 'b']") == ["a", "b"]
    for value in (1, None, [1], [["a"]], {"en": "a"}, {"raw": 3}):
        assert texts(value) is None
