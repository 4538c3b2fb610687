"""Pages: only images without alt change, byte by byte."""

import html
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.errors import DataError
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
    changed = [line for line in page.changes(texts).splitlines() if line[:1] in "+-"]
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


def test_what_is_no_page_is_named(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes("<img>".encode("utf-16"))
    with pytest.raises(DataError, match=r"page\.html: is not a page"):
        read_page(path)
