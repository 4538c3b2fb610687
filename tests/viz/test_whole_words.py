"""Words are never broken inside: not in the explorer, nor in the report's page, nor on pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.viz import lettering
from saccade.viz.attention import figure
from saccade.viz.explorer import write_page
from saccade.viz.report import ReportSample, write_report
from tests.viz.made_up import caption, explain

LONG = ("restaurant", "skateboarding", "supercalifragilisticexpialidocious", "w" * 40)
ABSURD = "donaudampfschiff" * 6

# Words of the page that stand on more than one line, or that reach past the window although
# nothing scrolls them; a word of more than 40 letters that is not cut. Names of files aside.
BROKEN = """(() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest('#name, script, style, svg, .unseen, option, noscript')) continue;
    if (!parent.checkVisibility()) continue;
    for (const { 0: word, index } of node.data.matchAll(/[^\\s“”?·:;,\\-−×]+/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
      if (!boxes.length) continue;
      const lines = new Set(boxes.map((box) => Math.round(box.top))).size;
      const out = Math.max(...boxes.map((box) => box.right)) > innerWidth + 1;
      if (lines > 1) found.push(`${word} on ${lines} lines of ${parent.outerHTML.slice(0, 60)}`);
      if (out && !parent.closest('.scroll')) found.push(`${word} sticks out of ${parent.outerHTML.slice(0, 60)}`);
      if (word.length > 41) found.push(`${word} is not cut`);
    }
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """An explorer and a report, all of whose words are long."""
    folder = tmp_path_factory.mktemp("long")
    photo = Image.new("RGB", (160, 120), (90, 120, 90))
    made = []
    for number in range(2):
        one = explain(" ".join((*LONG, ABSURD, "a")), photo, number, grid=(3, 4),
                      photo=Path(f"{number}.png"))  # fmt: skip
        runners = tuple((word, -1.0 - i) for i, word in enumerate((*LONG, ABSURD)))
        words = tuple(replace(word, runners_up=runners) for word in one.words)
        rivals = tuple(
            replace(one.instead[0], place=place, said=words[place], other=words[2])
            for place in (0, 1, 3, 4)
        )
        made.append(replace(one, words=words, instead=rivals))
    write_page(made, folder / "explorer.html", "Looks", [("restaurant words", "1")])
    told = caption(list(made[0].words), made[0].caption.where, image=photo)
    rows = [("mass of nouns in the annotated restaurants", "60%", "8%", "5%")]
    write_report(
        folder / "report.html",
        title="Run of supercalifragilisticexpialidocious",
        recipe=[
            ("encoder", [("backbone", "a/b/mobilenet_v2_1.0_224")]),
            ("train", [("scheduled_sampling_probability", "0.25"), ("accumulation", "1")]),
        ],
        parameters={"encoder": 1234567},
        records=[],
        scores={"BLEU-4": 19.2, "hallucinated objects (CHAIRi)": 3.0},
        yardsticks=[("people, one left out", {"BLEU-4": 21.7}), ("retrieval", {"BLEU-4": 9.1})],
        samples=[ReportSample(told, LONG, 1.0, "CIDEr", "there is no restaurant", "good")],
        attention_rows=rows,
    )
    return folder


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_no_word_of_the_explorer_is_broken(browser, pages, width):
    browser.look(width, 800, phone=width < 600)
    browser.open(pages / "explorer.html")
    assert browser.run(BROKEN) == []
    for place in ("#0.png/1", "#0.png/4", "#0.png/5"):
        browser.open(pages / "explorer.html", place)
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; }), 1")
        assert browser.run(BROKEN) == []
        assert browser.run("document.documentElement.scrollWidth") == width
    cut = "[...document.querySelectorAll('#photo [title]')].map((e) => [e.title, e.textContent])"
    titles = [text for title, text in browser.run(cut) if title == ABSURD]
    assert len(titles) >= 3  # the word itself, said, and among the runners-up
    assert all("…" in text for text in titles)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_no_word_of_the_report_is_broken(browser, pages, width):
    browser.look(width, 800, phone=width < 600)
    browser.open(pages / "report.html", shows="document.readyState === 'complete'")
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; }), 1")
    assert browser.run(BROKEN) == []
    assert browser.run("document.documentElement.scrollWidth") == width


def test_no_word_of_a_picture_is_broken_or_sticks_out():
    photo = Image.new("RGB", (160, 120), (90, 120, 90))
    told = explain(" ".join(LONG), photo, grid=(3, 4)).caption
    drawn = figure(told)
    texts = [text.get_text() for text in drawn.texts]
    for word in LONG:
        assert any(word in text.split() for text in texts[:4])  # in the title
        assert word in texts  # beneath its tile
    one = explain("supercalifragilisticexpialidocious", photo, grid=(3, 4)).caption
    assert figure(one).texts[0].get_text() == one.text
    sizes = drawn.get_size_inches() * 72
    for text in drawn.texts:
        size = text.get_fontsize()
        wide = lettering.width(text.get_text(), size, text.get_fontweight() == "bold")
        left = text.get_position()[0] * sizes[0] - (wide if text.get_ha() == "right" else 0)
        assert left >= 0
        assert left + wide <= sizes[0] + 1


def test_long_words_fit_an_animation():
    from saccade.viz.gif import _strip

    photo = Image.new("RGB", (160, 120), (90, 120, 90))
    strip = _strip(explain(f"{LONG[2]} {LONG[3]}", photo, grid=(3, 4)).caption, 1, 480)
    dark = (strip.min(2) < 200).any(0)
    assert not dark[:8].any()
    assert not dark[-8:].any()
    assert np.flatnonzero(dark).max() > 240
