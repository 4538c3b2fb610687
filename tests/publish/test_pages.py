"""Pages: only images without alt change, byte by byte."""

import html
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.errors import DataError, SaccadeError
from saccade.publish.attributes import attributes, without
from saccade.publish.pages import photo_of, read_page

PAGE = """<!DOCTYPE html>
<html><head><title>x</title><script>var a = '<img src="no.jpg">';</script>
<style>/* <img src="no.jpg"> */</style></head>
<body class=a><!-- <img src="no.jpg"> -->
<p>Text &amp; text<img src="a.jpg"><IMG
   class="x" SRC='sub%20folder/b.jpg?size=2#top'/>
<img src="c.jpg" alt=""><img alt="kept" src="d.jpg"><img alt src=e.jpg>
<img width=3><img src="https://example.org/f.jpg"><img src="data:image/png;base64,AAAA">
<textarea><img src="no.jpg"></textarea>
<img src="data:,x" data-src="/root.jpg" title="a > b">
</body></html>"""


def test_only_images_without_alt_and_only_there(tmp_path):
    path = tmp_path / "site" / "page.html"
    path.parent.mkdir()
    path.write_text(PAGE, newline="")
    page = read_page(path)
    sources = [image.source for image in page.images]
    assert "no.jpg" not in sources
    assert [s for s in sources if s and ":" not in s] == [
        "a.jpg",
        "sub%20folder/b.jpg?size=2#top",
        "/root.jpg",
    ]
    texts = {image.offset: f"<{n}> & \"q\" 'r' é" for n, image in enumerate(page.images[:2])}
    written = page.with_texts(texts)
    assert (
        written.replace(f' alt="{html.escape(texts[page.images[0].offset])}"', "").replace(
            f' alt="{html.escape(texts[page.images[1].offset])}"', ""
        )
        == PAGE
    )
    assert '<img alt="&lt;0&gt; &amp; &quot;q&quot;' in written
    changed = [line for line in page.changes(written).splitlines() if line[:1] in "+-"]
    assert len(changed) == 2 + 2  # the line of both images, and the names of the files

    class Alts(HTMLParser):
        found: ClassVar[dict] = {}

        def handle_starttag(self, tag, attrs):
            if tag == "img":
                self.found[dict(attrs).get("src")] = dict(attrs).get("alt")

    parser = Alts()
    parser.feed(written)
    assert parser.found["a.jpg"] == texts[page.images[0].offset]
    assert parser.found["c.jpg"] == ""
    assert parser.found["d.jpg"] == "kept"


def test_files_are_found_beside_the_page_or_from_the_root_and_nowhere_else(tmp_path):
    root = tmp_path / "site"
    (root / "pages" / "sub folder").mkdir(parents=True)
    for name in ("pages/a.jpg", "pages/sub folder/b.jpg", "root.jpg", "../secret.jpg"):
        (root / name).write_bytes(b"x")
    path = root / "pages" / "page.html"
    sources = ["a.jpg", "sub%20folder/b.jpg?x", "/root.jpg", "../root.jpg", "../../secret.jpg",
               "/../secret.jpg", "http://a/b.jpg", "//a/b.jpg", "data:,x", "none.jpg", "", "."]  # fmt: skip
    path.write_text("".join(f'<img src="{source}">' for source in sources))
    found = [photo_of(image, path, root) for image in read_page(path).images]
    names = [None if photo is None else photo.name for photo in found]
    assert names == ["a.jpg", "b.jpg", "root.jpg", "root.jpg", *[None] * 8]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_bytes_of_any_encoding_stay(tmp_path, encoding):
    path = tmp_path / "page.html"
    text = '<p>caf\u00e9</p>\r\n<img src="a.jpg">\r\n<p>\u00fc</p>'
    path.write_bytes(text.encode(encoding))
    page = read_page(path)
    written = page.with_texts({page.images[0].offset: "na\u00efve"})
    data = written.encode("utf-8", "surrogateescape")
    value = "na\u00efve" if encoding != "latin-1" else "na&#239;ve"
    expected = text.replace("<img", f'<img alt="{value}"')
    assert data == expected.encode(encoding)


@settings(max_examples=80, deadline=None)
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from(
                ["<img src=a>", "<img src='b' alt=x>", "<IMG/>", "<!--", "-->", "<script>",
                 "</script>", "<p", ">", "\n", "\r\n", '"', "'", "<![CDATA[", "]]>", "<?x", "é"]
            ),
            st.text(max_size=5),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_whatever_the_page_taking_the_texts_out_gives_it_back(tmp_path_factory, parts):
    path = Path(tmp_path_factory.mktemp("page")) / "a.html"
    text = "".join(parts).replace("\0", "").encode("utf-8", "replace").decode()
    path.write_bytes(text.encode())
    page = read_page(path)
    written = page.with_texts({image.offset: "@@" for image in page.images})
    assert written.replace(' alt="@@"', "") == text
    for image in page.images:
        assert text[image.offset - 4 : image.offset].lower() == "<img"


EDITED = [  # an img, the same with the text "b & c", and with its text "a" only reviewed
    ('<img alt="a">', '<img alt="b &amp; c">', '<img alt="a">'),
    ("<IMG src=x ALT=a>", '<IMG src=x ALT="b &amp; c">', "<IMG src=x ALT=a>"),
    ("<img alt = 'a'/>", '<img alt="b &amp; c"/>', "<img alt = 'a'/>"),
    ('<img alt="a" data-doubtful="a">', '<img alt="b &amp; c">', '<img alt="a">'),
    ('<img data-doubtful=a alt="\n a "/>', '<img alt="b &amp; c"/>', '<img alt="\n a "/>'),
    ('<img src=x data-doubtful="a"/ alt=a>', '<img src=x / alt="b &amp; c">',
     "<img src=x / alt=a>"),
    ('<img title="alt=z" alt="a"data-doubtful="a"src="y">',
     '<img title="alt=z" alt="b &amp; c"src="y">', '<img title="alt=z" alt="a"src="y">'),
    ('<img alt="a" alt="z">', '<img alt="b &amp; c" alt="z">', '<img alt="a" alt="z">'),
    ("<img alt=&#97;>", '<img alt="b &amp; c">', "<img alt=&#97;>"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "edited", "reviewed"), EDITED)
def test_texts_that_are_there_are_edited_and_nothing_else(tmp_path, tag, edited, reviewed):
    path = tmp_path / "page.html"
    around = '<p>caf\u00e9\r\n<!-- <img alt="a"> -->{}<img alt=""><img><img alt>\n<b>{}</b>'
    path.write_bytes(around.format(tag, tag).encode())
    page = read_page(path)
    assert [image.text for image in page.described] == ["a", "a"]
    first, second = (image.offset for image in page.described)
    assert page.with_edits({first: "b & c"}) == around.format(edited, tag)
    assert page.with_edits({second: "b & c", first: "a"}) == around.format(reviewed, edited)
    assert page.with_edits({}) == around.format(tag, tag)
    page.replace(page.with_edits({second: "b & c"}))
    again = read_page(path)
    assert [(image.text, image.doubtful) for image in again.described][1] == ("b & c", ())
    with pytest.raises(SaccadeError, match="has changed meanwhile"):
        page.replace("x")


TAG = st.builds(
    lambda parts: "<img" + "".join(parts) + ">",
    st.lists(
        st.builds(
            lambda space, name, equals, value: space + name + (equals + value if equals else ""),
            st.sampled_from([" ", "\n", " / ", "\t "]),
            st.sampled_from(["alt", "ALT", "src", "data-doubtful", "x-1", "\u00e9"]),
            st.sampled_from(["", "=", " = ", "=\n"]),
            st.sampled_from(['"a > b"', "'alt=\"x\"'", "a", "a/b", '""', "'='", '"a\n b"']),
        ),
        max_size=5,
    ),
)


@given(TAG)
def test_attributes_are_where_the_parser_has_them(tag):
    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            self.attrs = attrs

    parser = Tags()
    parser.feed(tag)
    places = attributes(tag)
    assert [place.name for place in places] == [name for name, _ in parser.attrs]
    for place, (name, value) in zip(places, parser.attrs, strict=True):
        text = tag[place.start : place.stop]
        assert text.lower().startswith(name)
        assert text.endswith((value or "", f'{value}"', f"{value}'"))
        assert tag[place.stop] in " /\n\t>"
    rest = Tags()
    rest.feed(without(tag, "alt"))
    assert rest.attrs == [pair for pair in parser.attrs if pair[0] != "alt"]


def test_what_is_no_page_is_named(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes("<img>".encode("utf-16"))
    with pytest.raises(DataError, match=r"page\.html: is not a page"):
        read_page(path)
