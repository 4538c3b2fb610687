"""The explorer in a real browser: text is never code, everything is reached by keys and fits a phone."""

import re
from dataclasses import replace
from pathlib import Path

from saccade.viz.explorer import write_page
from tests.viz.browser import chosen
from tests.viz.made_up import address

EVIL = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1> &amp; {{script}}"


def test_text_is_never_taken_for_html(browser, made, tmp_path):
    words = tuple(
        replace(word, word=EVIL, reason=EVIL, runners_up=((EVIL, -1.0),)) for word in made[0].words
    )
    instead = tuple(replace(i, said=words[i.place], other=words[0]) for i in made[0].instead)
    caption = replace(
        made[0].caption, words=(EVIL,) * len(words), text=EVIL, photo=Path("<img src=x>.png")
    )
    evil = replace(made[0], caption=caption, words=words, instead=instead, settings={EVIL: EVIL})
    write_page([evil, made[1]], tmp_path / "evil.html", title=EVIL, summary=[(EVIL, EVIL)])
    assert "<img src=x" not in re.sub(r"&lt;img", "", (tmp_path / "evil.html").read_text("utf-8"))
    browser.open(tmp_path / "evil.html")
    assert browser.run("document.title") == EVIL
    assert browser.text("#title") == EVIL
    assert browser.run("document.querySelector('#cards .text').title") == EVIL  # a word is cut
    browser.run("location.hash = document.querySelector('#cards a').hash, 1")
    browser.wait("!document.querySelector('#photo').hidden")
    for place in range(len(words)):
        browser.run(f"document.querySelectorAll('.word')[{place}].click()")
    assert EVIL in browser.text("#panel")
    assert browser.run("window.hit") is None
    assert browser.run("document.querySelectorAll('img').length") == 3  # two thumbnails, the photo
    blocked = "fetch('data:,x').then(() => 'open', () => 'closed')"
    assert browser.run(blocked) == "closed"
    browser.wait("true")
    assert all("Content Security Policy" in error for error in browser.errors)
    browser.errors.clear()  # the two complaints about our own attempt


def test_everything_is_reached_by_the_tab_key_in_reading_order(browser, page, made):
    browser.open(page, address(made, photo=1, word=2))
    reached = []
    for _ in range(30):
        browser.press("Tab")
        one = browser.run(
            "(({id, name, className, textContent}) => id || name || (className.includes('word') ? "
            "'word' : textContent.trim()))(document.activeElement)"
        )
        if browser.run("document.activeElement === document.body"):
            break
        reached.append(one)
        style = "getComputedStyle({}).outlineStyle".format(
            "document.activeElement.matches('[type=radio]') ? "
            "document.activeElement.nextElementSibling : document.activeElement"
        )
        assert browser.run(style) == "solid", f"no visible focus on {one}"
    assert reached == [
        *("back", "previous", "next", "stage", "word", "play", "map", "beam", "Look"),
        *("opacity", "blur", "scale", "colours", "PNG", "SVG", "GIF", "JSON"),
        *("Keys", "How to read this", "How it was measured"),
    ]
    browser.run("document.querySelector('.word[tabindex=\"0\"]').focus()")
    browser.press("ArrowRight")
    assert (
        browser.run("document.activeElement.querySelector('b').firstChild.data")
        == made[1].words[2].word
    )
    browser.run("document.querySelector('[name=map]:checked').focus()")
    browser.press("ArrowRight")  # a radio group's own key: another map, the same word
    assert browser.run("document.querySelector('input[name=map]:checked').value") == "gradient"
    assert chosen(browser) == made[1].words[2].word


def test_nothing_sticks_out_of_a_phone(browser, made, tmp_path):
    long = replace(made[0].words[0], word="w" * 60, reason="x" * 90, runners_up=(("y" * 60, -2.0),))
    caption = replace(
        made[0].caption, words=("w" * 60, *made[0].caption.words[1:]), photo=Path("n" * 70 + ".png")
    )
    rival = (replace(made[0].instead[0], place=0, said=long, other=long),)
    wide = replace(made[0], caption=caption, words=(long, *made[0].words[1:]), instead=rival)
    write_page(
        [wide, *made[1:]], tmp_path / "narrow.html", title="t" * 80, summary=[("s" * 70, "1")]
    )
    for dark in (False, True):
        browser.look(360, 740, phone=True, dark=dark)
        for place in ("", address(made, photo=1, word=2), "#" + "n" * 70 + ".png/1"):
            browser.open(tmp_path / "narrow.html", place)
            assert browser.run("document.documentElement.scrollWidth") == 360, place
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", paper))) < 60
