"""`saccade review --form html`: alternative texts of pages to go through, and edits of them."""

import json
import shutil
from pathlib import Path

import pytest

from saccade.cli import main
from saccade.publish.contract import content_key

INDEX = b"""<!DOCTYPE html>\r
<p>caf\xe9</p><img src="/a.png" alt="a red  dog" data-doubtful="red dog" width=3>
<img src="a.png" alt='mine'><img src="b.png" alt=""><img src="b.png">
<!-- <img src="a.png" alt="a red dog"> -->
<img src="https://example.org/c.png" alt="elsewhere"></p>
"""
MORE = b'<img alt="a red dog" src="../a.png">\n<img src="../b.png" alt="a cat">\n'


@pytest.fixture
def site(tmp_path: Path, data: Path) -> Path:
    """Two pages with two photos; one of the first page's texts is on the second, too."""
    folder = tmp_path / "site"
    (folder / "more").mkdir(parents=True)
    for name, path in zip("ab", sorted((data / "images").iterdir()), strict=False):
        shutil.copy(path, folder / f"{name}.png")
    (folder / "index.html").write_bytes(INDEX)
    (folder / "more" / "page.html").write_bytes(MORE)
    return folder


def rows_of(page: Path) -> list[dict]:
    text = page.read_text().split('<script type="application/json" id="rows">')[1]
    return json.loads(text.split("</script>")[0])


def edits_of(path: Path, *edits: tuple[Path, str, str]) -> list[str]:
    rows = [
        {"sha256": content_key(photo), "before": before, "caption": caption}
        for photo, before, caption in edits
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--form", "html", "--edits", str(path)]


def test_a_card_for_each_photo_and_text(site, tmp_path, capsys):
    page = tmp_path / "review.html"
    assert main(["review", str(site), "--form", "html", "--page", str(page)]) == 0
    told = capsys.readouterr().err
    assert "3 texts, 1 of them to review" in told
    assert "without an alt text left out: 1" in told
    assert "without a local file left out: 1" in told
    rows = rows_of(page)
    assert [(row["name"], row["text"], row["review"], row["doubtful"]) for row in rows] == [
        ("a.png in index.html and 1 more", "a red dog", True, ["red", "dog"]),
        ("a.png in index.html", "mine", None, []),
        ("b.png in page.html", "a cat", None, []),
    ]
    assert rows[0]["key"] == rows[1]["key"] == content_key(site / "a.png")
    assert (site / "index.html").read_bytes() == INDEX
    beside = ["review", str(site), "--form", "html", "--page", str(site / "review.html")]
    for _ in range(2):  # the review page in the site's own folder is none of its pages
        assert main(beside) == 0
        assert "3 texts, 1 of them to review" in capsys.readouterr().err
    index = str(site / "index.html")
    assert (
        main(["review", index, "--form", "html", "--page", index]) == 2
    )  # it would be overwritten
    assert (site / "index.html").read_bytes() == INDEX


def test_edits_go_where_the_photo_has_the_text(site, tmp_path, capsys):
    photo = site / "a.png"
    command = ["review", str(site)]
    command += edits_of(tmp_path / "edits.jsonl", (photo, "a red dog", 'a "blue" dög'))
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "1 of 1 edits are in their place" in printed.err
    assert "Pages changed: 2" in printed.err
    assert '+<img alt="a &quot;blue&quot; dög" src="../a.png">' in printed.out
    old = b'alt="a red  dog" data-doubtful="red dog"'
    assert (site / "index.html").read_bytes() == INDEX.replace(
        old, b'alt="a &quot;blue&quot; d&#246;g"'
    )
    assert (site / "more" / "page.html").read_bytes() == MORE.replace(
        b"a red dog", "a &quot;blue&quot; dög".encode()
    )
    before = [path.stat().st_mtime_ns for path in sorted(site.rglob("*.html"))]
    assert main(command) == 0  # twice is once
    printed = capsys.readouterr()
    assert "1 of 1 edits are in their place" in printed.err
    assert "Pages changed: 0" in printed.err
    assert [path.stat().st_mtime_ns for path in sorted(site.rglob("*.html"))] == before


def test_a_text_that_is_right_is_no_longer_doubtful(site, tmp_path):
    edits = edits_of(tmp_path / "edits.jsonl", (site / "a.png", "a red dog", "a red dog"))
    assert main(["review", str(site), *edits]) == 0
    assert (site / "index.html").read_bytes() == INDEX.replace(b' data-doubtful="red dog"', b"")
    assert (site / "more" / "page.html").read_bytes() == MORE


def test_what_changed_meanwhile_or_clashes_stays_and_is_named(site, tmp_path, capsys):
    path = tmp_path / "edits.jsonl"
    edits = edits_of(
        path,
        (site / "a.png", "gone", "other"),  # no image has this text
        (site / "a.png", "a red dog", "mine"),
        (site / "a.png", "mine", "yours"),  # would change what the edit before writes
        (site / "b.png", "a cat", "b"),
    )
    assert main(["review", str(site), *edits]) == 1
    told = capsys.readouterr().err
    assert f"{path}:1: the text has changed since the page was made, and stays" in told
    assert f"{path}:3: its text is what another edit of the photo writes: not applied" in told
    assert "2 of 4 edits are in their place" in told
    text = (site / "index.html").read_bytes()
    assert text == INDEX.replace(b'"a red  dog" data-doubtful="red dog"', b'"mine"')
    assert (site / "more" / "page.html").read_bytes() == (
        MORE.replace(b"a red dog", b"mine").replace(b"a cat", b"b")
    )


def test_texts_that_can_not_be_shown_are_named(site, tmp_path, capsys):
    """In another encoding, or of a photo that is none; the others go on."""
    (site / "b.png").write_bytes(b"no photo")
    (site / "index.html").write_bytes(INDEX.replace(b"mine", b"caf\xe9"))
    page = tmp_path / "review.html"
    assert main(["review", str(site), "--form", "html", "--page", str(page)]) == 1
    told = capsys.readouterr().err
    assert "index.html:3: its alt text is not UTF-8" in told
    assert "b.png is not a picture" in told
    assert [row["text"] for row in rows_of(page)] == ["a red dog"]
    gone = str(tmp_path / "gone.html")
    assert main(["review", gone, "--form", "html", "--page", str(tmp_path / "none.html")]) == 1
    assert "nothing is written" in capsys.readouterr().err
    assert not (tmp_path / "none.html").exists()
    nobody = edits_of(tmp_path / "edits.jsonl", (site / "index.html", "x", "y"))
    assert main(["review", str(site), *nobody]) == 1
    assert "No photo with a caption here for 1 edits" in capsys.readouterr().err
