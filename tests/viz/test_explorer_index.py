"""The explorer in a real browser: many photos, their order and their addresses."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from saccade.text.english import is_content
from saccade.viz.explorer import write_page
from tests.viz.browser import chosen, visible
from tests.viz.made_up import address, scenes


def test_five_hundred_photos_are_searched_and_sorted(browser, tmp_path, record_property):
    few = scenes(10, size=64, beams=1, grid=(7, 7))
    many = []
    for index in range(500):
        one = few[index % 10]
        name = Path(f"photo-{index}.jpg")
        many.append(
            replace(
                one, caption=replace(one.caption, photo=name, text=f"{one.caption.text} {index}")
            )
        )
    write_page(many, tmp_path / "many.html")
    began = time.monotonic()
    browser.open(tmp_path / "many.html")
    print(f"\n500 photos open in {time.monotonic() - began:.2f} s")
    assert len(visible(browser)) == 500
    thumbs = "[...document.querySelectorAll('#cards img')].filter((e) => e.src).length"
    browser.wait(f"{thumbs} > 0")
    assert browser.run(thumbs) < 200  # those near the window only

    def arrange(search: str, sort: str) -> list[str]:
        browser.run(
            f"s = document.querySelector('#search'), s.value = {json.dumps(search)}, "
            f"o = document.querySelector('#sort'), o.value = '{sort}', "
            "s.dispatchEvent(new Event('input')), 1"
        )
        took = browser.run("Number(document.querySelector('#count').dataset.milliseconds)")
        print(f"search {search!r}, sorted by {sort}: {took:.1f} ms")
        return visible(browser)

    texts = [e.caption.text for e in many]
    first = few[3].caption.words
    assert arrange(first[1].upper(), "original") == [t for t in texts if first[1] in t]
    assert arrange("no such words", "original") == []
    assert browser.text("#count") == "0 of 500 photos"
    guessed = [sum(w.seen == "guessed" and is_content(w.word) for w in e.words) for e in many]
    assert arrange("", "guessed") == [
        texts[i] for i in np.argsort(-np.array(guessed), kind="stable")
    ]
    likely = [round(sum(e.caption.logprobs) + e.caption.end_logprob, 5) for e in many]
    assert arrange("", "logprob") == [texts[i] for i in np.argsort(likely, kind="stable")]
    effect = [np.mean([w.curves["attention"].effect.value for w in e.words]) for e in many]
    assert arrange("", "effect") == [
        texts[i] for i in np.argsort(np.round(effect, 5), kind="stable")
    ]
    assert arrange("photo-12", "name")[:3] == [
        texts[12],
        texts[120],
        texts[121],
    ]  # numbers as numbers

    browser.press("Tab")
    browser.run("document.querySelector('#cards li:not([hidden]) a').click()")
    browser.wait("!document.querySelector('#photo').hidden")
    assert browser.text("#name") == "photo-12.jpg"
    browser.press("]")
    browser.wait("document.querySelector('#name').textContent === 'photo-13.jpg'")
    browser.press("Escape")
    browser.wait("!document.querySelector('#index').hidden")
    assert browser.run("document.querySelector('#search').value") == "photo-12"


def test_addresses_name_a_photo_a_word_and_a_beam(browser, page, made):
    browser.open(page, address(made, photo=1, word=3, beam=2))
    assert browser.text("#name") == made[1].caption.photo.name
    assert chosen(browser) == made[1].caption.others[0].words[2]
    browser.run("location.hash = 'scene-0002.png/2', 1")
    browser.wait("document.querySelector('#name').textContent === 'scene-0002.png'")
    assert chosen(browser) == made[2].words[1].word
    for nonsense in ("#scene-0000.png/99/99", "#scene-0000.png/x", "#scene-0000.png/%E0"):
        browser.open(page, nonsense)
        assert browser.text("#name") == "scene-0000.png"
    browser.open(page, "#no-such-photo")
    assert len(visible(browser)) == 3
    assert "4.1 bits <i>" in browser.text("#figures")


def test_warnings_stand_above_and_scores_sort(browser, made, tmp_path):
    scores = [{"CIDEr": 2.0}, {}, {"CIDEr": -1.0}]
    rows = [(f"figure {i}", "value") for i in range(9)]
    page = tmp_path / "scored.html"
    write_page(made, page, summary=rows, scores=scores, warnings=["flat <b>maps</b>"])
    browser.open(page)
    assert browser.text("#warnings") == "Flat <b>maps</b>"
    assert not browser.run("document.querySelector('#figures').open")  # nine rows are folded away
    browser.run(
        "const s = document.querySelector('#sort'); s.value = 'CIDEr'; "
        "s.dispatchEvent(new Event('change')), 1"
    )
    names = browser.run("[...document.querySelectorAll('#cards li')].map((c) => c.card.row.name)")
    order = [made[i].caption.photo.name for i in (2, 0, 1)]  # what is not known comes last
    assert names == order
    write_page(made, page)
    browser.open(page)
    assert browser.run("document.querySelector('#warnings').hidden")
    assert browser.run("document.querySelector('#figures').hidden")


def test_photos_of_one_name_are_told_apart(browser, made, tmp_path):
    same = [
        replace(e, caption=replace(e.caption, photo=Path(f"{i}/a.jpg"))) for i, e in enumerate(made)
    ]
    write_page(same, tmp_path / "same.html")
    browser.open(tmp_path / "same.html", "#a.jpg (2)/1")
    assert browser.text("#name") == "a.jpg (2)"
    assert chosen(browser) == made[1].words[0].word
