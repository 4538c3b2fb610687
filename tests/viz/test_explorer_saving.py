"""The explorer in a real browser: what is saved."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from saccade.viz.explorer import write_page
from tests.viz.made_up import address


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
