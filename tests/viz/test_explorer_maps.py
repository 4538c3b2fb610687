"""The explorer in a real browser: maps on the photo, beams, cells, and why not another word."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.viz.explorer import write_page
from tests.viz.browser import chosen
from tests.viz.made_up import LABELS, address, explain

CENTRES = """(async () => {
  const picture = document.querySelector('#picture'), map = document.querySelector('#map');
  await picture.decode();
  const centre = (source, weigh) => {
    const canvas = new OffscreenCanvas(map.width, map.height), c = canvas.getContext('2d');
    c.drawImage(source, 0, 0, canvas.width, canvas.height);
    const {data} = c.getImageData(0, 0, canvas.width, canvas.height);
    let [sum, x, y] = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) {
      const weight = weigh(data[i], data[i + 1], data[i + 2], data[i + 3]), p = i / 4;
      sum += weight; x += weight * (p % canvas.width + .5); y += weight * (Math.floor(p / canvas.width) + .5);
    }
    return [x / sum / canvas.width, y / sum / canvas.height];
  };
  return {
    marker: centre(picture, (r, g, b) => Math.max(0, r - Math.max(g, b) - 100)),
    map: centre(map, (r, g, b, a) => (r > 235 && g > 150 && b < 200 ? 1 : 0)),
    aspect: map.width / map.height,
  };
})()"""


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(480, 200), (200, 480)], ids=["wide", "tall"])
def test_a_map_lights_the_pixels_that_its_cell_stands_for(browser, size, fit, tmp_path):
    """A red marker where a cell lies on the photo; the page's map must glow on the marker."""
    photo = Image.new("RGB", size, (40, 40, 40))
    told = explain("one marker", photo, fit=fit, grid=(9, 7), photo=Path("marker.png"))
    row, column = 3, 4
    x0, y0, x1, y1 = told.caption.where.cell_box(row, column)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    photo.paste((250, 0, 0), (round(x) - 9, round(y) - 9, round(x) + 9, round(y) + 9))
    hot = np.zeros((9, 7))
    hot[row, column] = 1
    words = tuple(replace(word, maps={"attention": hot}) for word in told.words)
    write_page([replace(told, words=words)], tmp_path / "marker.html")
    browser.open(tmp_path / "marker.html")
    found = browser.run(CENTRES)
    assert found["aspect"] == pytest.approx(size[0] / size[1], rel=0.01)
    for axis, side in enumerate(size):
        assert found["map"][axis] * side == pytest.approx(found["marker"][axis] * side, abs=3)
    assert found["marker"][0] * size[0] == pytest.approx(x, abs=2)
    seen_all = fit != "crop"
    assert browser.run("document.querySelector('#outside').hidden") == seen_all
    assert f"row {row + 1}, column {column + 1}" in browser.text("#described")


def test_maps_opacity_blur_scale_and_colours_change_what_is_drawn(browser, page, made):
    # The flattest word, so that the sentence's highest peak is another's.
    flat = int(np.argmin([word.maps["occlusion"].max() for word in made[0].words]))
    browser.open(page, address(made, word=flat + 1))
    pixels = "document.querySelector('#map').toDataURL()"
    pictures = [browser.run(pixels)]
    for kind in ("gradient", "occlusion"):
        browser.click(f"input[value={kind}]")
        pictures.append(browser.run(pixels))
        assert LABELS[kind] in browser.text("#evidence")
        assert browser.text("#described").startswith(f"{LABELS[kind]} for ")
    for name, value in (
        ("opacity", 30),
        ("blur", 120),
        ("colours", "viridis"),
        ("scale", "shared"),
    ):
        browser.run(
            f"{name} = document.querySelector('#{name}'), {name}.value = '{value}', "
            f"{name}.dispatchEvent(new Event('input')), 1"
        )
        pictures.append(browser.run(pixels))
    assert len(set(pictures)) == len(pictures)
    browser.press("1")
    assert browser.run("document.querySelector('input[name=map]:checked').value") == "attention"


def test_beams_have_their_own_words_and_say_when_nothing_was_measured(browser, page, made):
    browser.open(page, address(made, word=2, beam=1))
    others = made[0].caption.others
    browser.press("b")
    assert browser.run(
        "[...document.querySelectorAll('.word b')].map((e) => e.firstChild.data)"
    ) == list(others[0].words)
    assert made[0].beams[0].words[1].reason in browser.text("#panel")
    browser.press("3")
    browser.press("b")
    assert "not measured" in browser.text("#panel")
    assert "not measured" in browser.text(".word")
    assert f"{others[1].betas[1]:.2f}" in browser.text("#panel")
    assert browser.run(
        "[...document.querySelectorAll('input[name=map]')].map((e) => e.disabled)"
    ) == [
        False,
        True,
        True,
    ]
    assert "Attention" in browser.text("#described")  # occlusion was shown, and is not known here
    assert browser.text("#evidence") == ""


def test_a_cell_shows_which_words_looked_there(browser, page, made):
    browser.open(page, address(made))
    maps = [word.maps["attention"] for word in made[0].words]
    place = next(i for i, word in enumerate(made[0].words) if word.seen == "seen")
    row, column = np.unravel_index(maps[place].argmax(), maps[place].shape)
    h, w = maps[place].shape
    browser.point("#stage", (column + 0.5) / w, (row + 0.5) / h)
    bars = browser.run(
        "[...document.querySelectorAll('.weight i')].map((e) => parseFloat(e.style.width))"
    )
    here = np.array([m[row, column] for m in maps])
    highest = max(m.max() for m in maps)
    np.testing.assert_allclose(bars, 100 * here / highest, atol=0.5)
    assert f"Row {row + 1}, column {column + 1}" in browser.text("#here")
    best = made[0].words[int(here.argmax())].word
    assert f"{best} {here.max() * h * w:.1f}"[:6] in browser.text("#here").replace("\xa0", " ")
    # The same by keys: the stage takes the focus, arrows walk over cells and leave the word alone.
    browser.point("#name")
    browser.run("document.querySelector('#stage').focus()")
    before = chosen(browser)
    browser.press("ArrowDown")
    assert f"Row {h // 2 + 1}, column {w // 2 + 1}" in browser.text("#here")
    browser.press("ArrowRight")
    assert f"column {w // 2 + 2}" in browser.text("#here")
    assert chosen(browser) == before


def test_why_not_another_word_stands_side_by_side(browser, page, made):
    asked = made[0].instead[0]
    browser.open(page, address(made, word=asked.place + 1))
    text = browser.text("#instead")
    assert f"Why “{asked.said.word}” and not “{asked.other.word}”?" in text
    assert asked.said.verdict in text
    assert asked.other.verdict in text
    assert f"{asked.other.logprob:.2f}".replace("-", "−") in text
    sides = browser.run(
        "[...document.querySelectorAll('.side-map')].map((e) => e.toDataURL().length)"
    )
    assert len(sides) == 2
    assert min(sides) > 1000
    browser.click("#panel .pick button")
    assert browser.run("document.activeElement.textContent").startswith("Why “")
    browser.press("End" if asked.place + 1 < len(made[0].words) else "Home")
    assert browser.text("#instead") == ""
