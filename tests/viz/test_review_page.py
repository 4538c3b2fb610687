"""The review page in a real browser."""

import json
import shutil

from saccade.cli import main
from saccade.publish import AltText, open_form


def test_a_person_goes_through_the_page(browser, data, tmp_path, capsys):
    """In a real browser: what needs review first, a text corrected, the edits saved and put back."""
    photos = tmp_path / "photos"
    photos.mkdir()
    form, table = open_form("jsonl", photos, "m")
    for number, path in enumerate(sorted((data / "images").iterdir())[:3]):
        photo = photos / f"{number}.png"
        shutil.copy(path, photo)
        doubtful = ("red",) if number == 1 else ()
        form.write(photo, AltText(f'a "red" <b>{number}</b>', "m", "en", number == 1, doubtful))
    form.flush()
    (photos / "bad.jpg").write_bytes(b"\xff\xd8 no photo")
    page = tmp_path / "review.html"
    assert main(["review", str(photos), "--form", "jsonl", "--page", str(page)]) == 0
    said = capsys.readouterr().err
    assert "3 captions, 1 of them to review" in said
    assert "without a caption left out: 1" in said
    assert str(photos) not in page.read_text()  # the page says nothing of the machine
    browser.open(page, shows="document.querySelectorAll('#cards li').length > 0")
    visible = "[...document.querySelectorAll('#cards li')].filter((e) => !e.hidden)"
    assert browser.run(f"{visible}.map((e) => e.querySelector('textarea').value)") == [
        'a "red" <b>1</b>'
    ]
    assert browser.run("document.querySelector('mark').textContent") == "red"
    assert browser.run("document.querySelector('#save').disabled")
    browser.run(
        "s = document.querySelector('#show'), s.value = 'all', s.dispatchEvent(new Event('change')), 1"
    )
    order = browser.run(f"{visible}.map((e) => e.querySelector('.row + small').textContent)")
    assert order == ["1.png", "0.png", "2.png"]
    browser.run(
        "t = document.querySelectorAll('textarea'), t[0].value = 'a  blue square', "
        "t[0].dispatchEvent(new Event('input')), document.querySelectorAll('input[type=checkbox]')[2].click(), 1"
    )
    assert "0 of 1 still to review; 2 changed or ticked" in browser.text("#count")
    browser.click("#save")
    edits = browser.downloaded(".jsonl")
    before = [json.loads(line) for line in table.read_text().splitlines()]
    assert main(["review", str(photos), "--form", "jsonl", "--edits", str(edits)]) == 0
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert [row["caption"] for row in rows] == [
        before[0]["caption"],
        "a blue square",
        before[2]["caption"],
    ]
    assert [row["review"] for row in rows] == [False, False, False]
    assert [row["sha256"] for row in rows] == [row["sha256"] for row in before]
