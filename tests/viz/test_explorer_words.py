"""The explorer in a real browser: a photo's words and the evidence for them."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np

from saccade.viz.explorer import write_page
from tests.viz.browser import chosen
from tests.viz.made_up import address


def test_words_are_chosen_by_click_and_keys_and_the_evidence_follows(browser, page, made):
    words = made[0].words
    browser.open(page, address(made, word=2))
    assert chosen(browser) == words[1].word
    panel = browser.text("#panel")
    assert words[1].reason in panel
    assert f"{np.exp(words[1].logprob):.0%}" in panel
    assert all(name in panel for name, _ in words[1].runners_up)
    assert f"{words[1].beta:.2f}" in panel
    browser.press("ArrowRight")
    assert chosen(browser) == words[2].word
    assert words[2].reason in browser.text("#panel")
    browser.press("End")
    assert chosen(browser) == words[-1].word
    browser.press("ArrowRight")  # stays at the last
    assert chosen(browser) == words[-1].word
    browser.press("Home")
    browser.press("ArrowLeft")
    assert chosen(browser) == words[0].word
    browser.click(".word:nth-child(4)")
    assert chosen(browser) == words[3].word
    assert browser.run("location.hash").endswith("/4")
    evidence = browser.text("#evidence")
    assert f"{words[3].curves['attention'].random_deletion_area:.2f}" in evidence
    assert "by chance" in evidence


def test_runners_up_do_not_repeat_the_word_that_was_said(browser, made, tmp_path):
    first = made[0].words[0]
    doubled = replace(first, runners_up=((first.word, first.logprob), *first.runners_up))
    one = replace(made[0], words=(doubled, *made[0].words[1:]))
    write_page([one], tmp_path / "one.html")
    browser.open(tmp_path / "one.html")
    names = browser.run(
        "[...document.querySelectorAll('.runners .name')].map((e) => e.textContent)"
    )
    assert names == [first.word, *(name for name, _ in first.runners_up)]


def test_a_word_under_the_mouse_is_shown_but_not_chosen(browser, page, made):
    words = made[0].words
    browser.open(page, address(made, word=1))
    browser.point(".word:nth-child(3)")
    assert words[2].reason in browser.text("#panel")
    assert chosen(browser) == words[0].word
    browser.point("#name")
    assert words[0].reason in browser.text("#panel")


def test_play_goes_through_the_words_and_stops_at_the_last(browser, page, made):
    browser.open(page, address(made))
    # Time runs faster in this page, so that the test need not wait.
    browser.run(
        "window.later = window.setTimeout, window.setTimeout = (f, t) => later(f, t / 20), 1"
    )
    browser.run(
        "window.heard = [], new MutationObserver(() => heard.push("
        "document.querySelector('.word[aria-current=true] b').firstChild.data)).observe("
        "document.querySelector('#live'), {childList: true}), 1"
    )
    browser.press(" ")
    assert browser.text("#play") == "Pause"
    browser.wait("document.querySelector('#play').textContent === 'Play'")
    heard = [a for a, b in pairwise([*browser.run("heard"), None]) if a != b]
    assert heard[-len(made[0].words) + 1 :] == [word.word for word in made[0].words[1:]]


def test_verdicts_are_text_for_eyes_and_for_screen_readers(browser, page, made):
    browser.open(page, address(made, word=3))
    # The words' names as Chromium hands them to a screen reader.
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    names = [n["name"]["value"] for n in tree if n.get("role", {}).get("value") == "button"]
    spoken = [name for name in names if ", probability " in name]
    assert len(spoken) == len(made[0].words)
    seen = {"seen": "seen", "partly": "partly seen", "guessed": "guessed"}
    for place, word in enumerate(made[0].words):
        button = f".word:nth-child({place + 1})"
        label = spoken[place]
        assert label.startswith(f"{word.word}, probability ")
        assert f", {seen[word.seen]}, {word.verdict}" in label
        assert word.verdict in browser.text(button)
        assert word.seen in browser.text(button)
    live = browser.run("document.querySelector('#live').textContent")
    assert made[0].words[2].reason in live
    described = browser.run("document.querySelector('#map').getAttribute('aria-label')")
    assert re.search(r"peak at the \w+.*\d\s×\suniform", described)
    assert described in live
    assert all(
        browser.run("[...document.querySelectorAll('svg[role=img]')].map((e) => e.ariaLabel)")
    )


FRAMES = """new Promise((done) => {
  // A clock of 60 ms a frame, however busy the machine.
  const frame = window.requestAnimationFrame.bind(window);
  let clock = 0;
  performance.now = () => clock;
  window.requestAnimationFrame = (f) => frame(() => f(clock += 60));
  const seen = new Set(), canvas = document.querySelector('#map');
  const look = () => seen.add(canvas.toDataURL());
  look();
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'End', bubbles: true}));
  const step = () => { look(); clock < 900 ? requestAnimationFrame(step) : done(seen.size); };
  requestAnimationFrame(step);
})"""


def test_the_map_glides_unless_motion_is_unwanted(browser, page, made):
    browser.look(calm=True)
    browser.open(page, address(made))
    assert browser.run(FRAMES) == 2  # before and after
    browser.look(calm=False)
    browser.open(page, address(made))
    assert browser.run(FRAMES) > 3


def test_a_words_chance_of_pointing_right_is_shown_where_it_is_known(browser, made, tmp_path):
    words = (replace(made[0].words[0], chance=0.734), *made[0].words[1:])
    known = [replace(made[0], words=words), *made[1:]]
    page = tmp_path / "chances.html"
    write_page(known, page)
    browser.open(page, address(known, word=1))
    assert "Chance that the map's peak is on the thing: 73%." in browser.text("#panel")
    browser.press("ArrowRight")
    assert "Chance" not in browser.text("#panel")
