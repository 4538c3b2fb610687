"""The explorer in a real browser: what a reader does, and what the page then shows.

Evidence is made up (`made_up`): these tests are about showing it, not about measuring it."""

import base64
import json
import re
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.errors import PictureError
from saccade.text.english import is_content
from saccade.values.evidence import MAPS
from saccade.values.places import Grid
from saccade.viz.explorer import write_page
from saccade.viz.explorer.packing import MAP_LOSS, pack, pack_map
from tests.viz.browser import CURE, Browser, program
from tests.viz.made_up import explain, scenes

EVIL = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1> &amp; {{script}}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if program() is None:
        pytest.skip(CURE)
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


@pytest.fixture(autouse=True)
def _as_found(request):
    """Every test begins with the same window, no downloads, and ends without a page error."""
    if "browser" not in request.fixturenames:
        yield
        return
    chromium = request.getfixturevalue("browser")
    chromium.look()
    for path in chromium.downloads.iterdir():
        path.unlink()
    yield
    assert chromium.errors == []


@pytest.fixture(scope="module")
def made():
    return scenes(3)


@pytest.fixture(scope="module")
def page(made, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    write_page(made, path, "Looks <b>", [("entropy", "4.1 bits <i>")])
    return path


def address(made, photo=0, word=1, beam=1) -> str:
    return f"#{made[photo].caption.photo.name}/{word}/{beam}"


def chosen(browser) -> str:
    return browser.text('.word[aria-current="true"] b').removesuffix("?")  # "?": see "why not?"


# What is in the file ----------------------------------------------------------------------------


def test_the_file_fetches_nothing_and_says_nothing_of_the_machine(page, tmp_path):
    text = page.read_text("utf-8")
    fetched = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)["']""", text)
    assert [a for a in fetched if a not in ("", "#")] == []
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert "default-src 'none'" in text
    assert str(tmp_path.parent) not in text
    assert not list(page.parent.glob(".*"))  # no temporary file is left


def test_a_map_keeps_its_peak_and_loses_at_most_what_is_said():
    rng = np.random.default_rng(0)
    for grid in ((1, 1), (7, 7), (14, 5)):
        values = rng.dirichlet(np.ones(grid[0] * grid[1]) / 4).reshape(grid)
        packed = pack_map(values, Grid(90, 60, (0.0, 0.0, 90.0, 60.0), grid))
        peak, cells = packed["peak"], base64.b64decode(packed["cells"])
        back = np.frombuffer(cells, np.uint8).reshape(grid) * (peak / 255)
        assert np.abs(back - values).max() <= peak * MAP_LOSS * 1.001
        assert peak == pytest.approx(values.max(), rel=1e-6)
    where = Grid(90, 60, (0.0, 0.0, 90.0, 60.0), (2, 3))
    nothing = pack_map(np.zeros((2, 3)), where)
    assert (nothing["peak"], nothing["at"], nothing["flat"]) == (0.0, None, False)
    assert base64.b64decode(nothing["cells"]) == bytes(6)
    with pytest.raises(ValueError, match="the grid"):
        pack_map(np.zeros((3, 2)), where)


def test_only_the_beams_that_were_measured_carry_evidence(made):
    first, second, third = pack(made[0])["sentences"]
    assert [s["measured"] for s in (first, second, third)] == [True, True, False]
    assert "verdict" not in third["words"][0]
    assert list(third["words"][0]["maps"]) == ["attention"]
    assert list(first["words"][0]["maps"]) == list(MAPS)
    # A beam that was measured is shown even where the caption no longer carries it.
    alone = replace(made[0], caption=replace(made[0].caption, others=()))
    assert [s["measured"] for s in pack(alone)["sentences"]] == [True, True]


def test_words_of_a_script_without_spaces_stand_together(made):
    words = ("一", "隻", "dog", "狗")
    said = tuple(replace(word, word=name) for word, name in zip(made[0].words, words, strict=False))
    alphas = made[0].caption.alphas[:4]
    caption = replace(made[0].caption, words=words, alphas=alphas, others=())
    packed = pack(replace(made[0], caption=caption, words=said, beams=()))["sentences"][0]
    assert [word["glued"] for word in packed["words"]] == [False, True, False, False]


def test_what_is_not_a_number_is_said_not_to_be_known(made):
    words = (replace(made[0].words[0], without_mean=-np.inf, entropy=np.nan), *made[0].words[1:])
    packed = pack(replace(made[0], words=words, settings={"shares": np.array([0.1]), "x": np.nan}))
    assert json.loads(json.dumps(packed, allow_nan=False))["settings"] == {
        "shares": [0.1],
        "x": None,
    }
    assert packed["sentences"][0]["words"][0]["without_mean"] is None


def test_a_page_needs_explanations_and_their_photos(made, tmp_path):
    with pytest.raises(ValueError, match="no explanation"):
        write_page([], tmp_path / "a.html")
    gone = replace(made[0].caption, image=None, photo=tmp_path / "gone.png")
    with pytest.raises(PictureError, match=r"gone\.png"):
        write_page([replace(made[0], caption=gone)], tmp_path / "a.html")
    with pytest.raises(ValueError, match="words explained"):
        write_page([replace(made[0], words=made[0].words[:1])], tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


# A photo and its words --------------------------------------------------------------------------


def test_words_are_chosen_by_click_and_keys_and_the_evidence_follows(browser, page, made):
    words = made[0].words
    browser.open(page, address(made, word=2))
    assert chosen(browser) == words[1].word
    panel = browser.text("#panel")
    assert words[1].reason in panel
    assert f"{np.exp(words[1].logprob):.0%}".replace("%", " %") in panel
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


# Maps on the photo ------------------------------------------------------------------------------

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
        assert kind in browser.text("#evidence")
        assert kind in browser.text("#described").lower()
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


# Many photos ------------------------------------------------------------------------------------


def visible(browser) -> list[str]:
    return browser.run(
        "[...document.querySelectorAll('#cards li:not([hidden]) .text')].map((e) => e.textContent)"
    )


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
    assert arrange(first[1].upper(), "given") == [t for t in texts if first[1] in t]
    assert arrange("no such words", "given") == []
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


# Safety, keyboard, narrow windows ---------------------------------------------------------------


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
    assert EVIL in browser.text("#cards")
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


# Saving -----------------------------------------------------------------------------------------


def test_what_is_seen_is_saved_as_png_svg_gif_and_json(browser, page, made):
    browser.open(page, address(made, word=2))
    browser.wait("document.querySelector('#picture').complete")
    for kind in ("png", "svg", "gif", "json"):
        browser.click(f"[data-save={kind}]")
    word = made[0].words[1]

    path = browser.downloaded(".png")
    assert path.name == f"scene-0000-2-{word.word}.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.width) == ("PNG", 640)  # of 320: enlarged
        assert picture.height > 660
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    plain = np.asarray(made[0].caption.image.convert("RGB").resize((640, 640))).astype(int)
    assert np.abs(drawn[:640] - plain).mean() > 10  # the map is on it
    assert drawn[640:].min() < 100  # and letters beneath

    whole = ElementTree.parse(browser.downloaded(".svg")).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert [i.attrib["id"] for i in whole.iter(f"{space}image")] == ["photo", "map"]
    told = [t.text for t in whole.iter(f"{space}text")]
    assert told[: len(made[0].words)] == [w.word for w in made[0].words]
    assert word.verdict in " ".join(told)

    with Image.open(browser.downloaded(".gif")) as film:
        assert (film.n_frames, film.info["loop"]) == (len(made[0].words), 0)
        frames = []
        for index in range(film.n_frames):
            film.seek(index)
            assert film.info["duration"] == (2000 if index == film.n_frames - 1 else 900)
            frame = film.convert("RGB").crop((0, 0, 480, 480))
            frames.append(np.asarray(frame).astype(int))
    assert all(np.abs(a - b).mean() > 1 for a, b in pairwise(frames))
    # The same picture as the PNG, in 256 colours: near it nearly everywhere.
    smaller = Image.fromarray(drawn[:640].astype(np.uint8)).resize((480, 480))
    assert np.abs(frames[1] - np.asarray(smaller)).mean() < 8

    data = json.loads(browser.downloaded(".json").read_text("utf-8"))
    assert data["photo"] == "scene-0000.png"
    assert [w["word"] for w in data["words"]] == list(made[0].caption.words)
    assert data["chosen"] == 1
    assert data["words"][1]["logprob"] == pytest.approx(word.logprob, abs=1e-5)
    saved = np.array(data["words"][1]["maps"]["occlusion"])
    assert np.abs(saved - word.maps["occlusion"]).max() <= word.maps["occlusion"].max() / 500


def test_a_caption_without_words_still_opens(browser, made, tmp_path):
    empty = replace(
        made[0].caption,
        text="",
        words=(),
        ids=(),
        logprobs=(),
        alphas=np.zeros((0, 14, 14), np.float32),
        betas=np.zeros(0),
        others=(),
    )
    write_page(
        [replace(made[0], caption=empty, words=(), instead=(), beams=())], tmp_path / "e.html"
    )
    browser.open(tmp_path / "e.html")
    assert "(no words)" in browser.text("#sentence")
    for key in ("ArrowRight", "End", " ", "2", "b"):
        browser.press(key)
    browser.point("#stage")
    browser.click("[data-save=png]")
    assert browser.downloaded(".png").stat().st_size > 1000
