"""The explorer of a model without attention and gate, and of one that looks at regions, in a browser."""

from dataclasses import replace

import numpy as np
import pytest

from saccade.values.places import Regions
from saccade.viz.explorer import write_page
from tests.viz.browser import CURE, Browser, program
from tests.viz.made_up import scenes


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if program() is None:
        pytest.skip(CURE)
    chromium = Browser(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


def without_attention(made):
    """The same evidence for a model that has neither attention nor a gate."""

    def bare(word):
        maps = {name: values for name, values in word.maps.items() if name != "attention"}
        curves = {name: values for name, values in word.curves.items() if name != "attention"}
        return replace(word, beta=None, maps=maps, curves=curves)

    caption = replace(made.caption, alphas=None, betas=None)
    others = tuple(replace(other, alphas=None, betas=None) for other in caption.others)
    return replace(
        made,
        caption=replace(caption, others=others),
        words=tuple(map(bare, made.words)),
        verdict_on="gradient",
        instead=(),
        beams=(),
    )


def over_regions(made):
    """The same words with maps over three regions of the photo."""
    caption, rng = made.caption, np.random.default_rng(0)
    w, h = caption.where.width, caption.where.height
    boxes = ((0.0, 0.0, w / 2, h / 2), (w / 2, h / 2, w, h), (w / 4, h / 4, w / 2, h / 2))
    where = Regions(w, h, boxes)

    def bare(word):
        return replace(word, maps={name: rng.dirichlet(np.ones(3)) for name in word.maps})

    words = tuple(map(bare, made.words))
    alphas = np.stack([word.maps["attention"] for word in words]).astype(np.float32)
    caption = replace(caption, where=where, alphas=alphas, others=())
    return replace(made, caption=caption, words=words, instead=(), beams=())


def test_without_attention_the_gradient_is_shown_and_no_gate(browser, tmp_path):
    path = tmp_path / "none.html"
    write_page([without_attention(scenes(1)[0])], path)
    browser.open(path)
    assert browser.run("document.querySelector('input[name=map]:checked').value") == "gradient"
    disabled = "[...document.querySelectorAll('input[name=map]')].map((e) => e.disabled)"
    assert browser.run(disabled) == [True, False, False]
    shown = browser.run("document.body.innerText")
    assert "Gate" not in shown
    assert "the gradient map is" in shown
    assert browser.errors == []


def test_maps_over_regions_are_drawn(browser, tmp_path):
    path = tmp_path / "regions.html"
    write_page([over_regions(scenes(1)[0])], path)
    browser.open(path)
    assert browser.run("document.querySelector('input[name=map]:checked').value") == "attention"
    assert "Attention for" in browser.run("document.body.innerText")
    assert browser.errors == []


def test_regions_spread_over_a_grid_keep_their_sum():
    where = Regions(
        60, 40, ((0.0, 0.0, 30.0, 40.0), (10.0, 5.0, 59.0, 39.0), (-9.0, -9.0, 9.0, 9.0))
    )
    grid, spread = where.on_grid()
    assert (grid.width, grid.height, len(where)) == (60, 40, 3)
    np.testing.assert_allclose(spread.sum(1), 1)
    left = spread[0].reshape(grid.shape)
    assert left[:, grid.shape[1] // 2 :].sum() == pytest.approx(0, abs=1e-9)
