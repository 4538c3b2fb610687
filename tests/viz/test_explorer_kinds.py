"""The explorer of a model without attention and gate, and of one that looks at regions, in a browser."""

from dataclasses import replace

import numpy as np
import pytest

from saccade.values.places import Regions
from saccade.viz.explorer import write_page
from tests.viz.made_up import LABELS, scenes


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
        labels={name: label for name, label in LABELS.items() if name != "attention"},
        absent={"attention": "this model has no attention"},
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
    choices = "[...document.querySelectorAll('input[name=map]')].map((e) => [e.value, e.disabled])"
    assert browser.run(choices) == [["gradient", False], ["occlusion", False]]
    assert browser.text("#absent") == "No map “attention”: this model has no attention."
    shown = browser.run("document.body.innerText")
    assert "Gate" not in shown
    assert "; Gradient × input: " in shown  # the verdict is about this map
    assert browser.run("document.querySelector('#verdict-on').textContent") == "Gradient × input"


def test_maps_over_regions_are_drawn(browser, tmp_path):
    path = tmp_path / "regions.html"
    made = over_regions(scenes(1)[0])
    write_page([made], path)
    browser.open(path)
    assert browser.run("document.querySelector('input[name=map]:checked').value") == "attention"
    shown = browser.run("document.body.innerText").replace("\xa0", " ")
    assert "Attention for" in shown
    best = made.caption.alphas[0].argmax() + 1
    assert f"(region {best} of 3), {3 * made.caption.alphas[0].max():.1f} × uniform" in shown
    browser.point("#stage", 0.1, 0.1)  # in the first region only
    first = made.caption.alphas[:, 0].max() * 3
    assert f"{first:.1f} ×" in browser.text("#here").replace("\xa0", " ")


def test_the_share_on_no_cell_stands_beside_each_word(browser, tmp_path):
    made = scenes(1)[0]
    shares = np.linspace(0.1, 0.8, len(made.words))
    caption = replace(made.caption, elsewhere=shares, others=())
    write_page([replace(made, caption=caption, beams=())], tmp_path / "else.html")
    for place in (0, len(made.words) - 1):
        browser.open(tmp_path / "else.html", f"#{caption.photo.name}/{place + 1}")
        said = f"{100 * shares[place]:.0f}% of the attention is on no cell."
        assert said in browser.text("#described")
        assert f"{100 * shares[place]:.0f}%" in browser.text("#panel table")
        browser.press("2")  # a gradient is not attention
        assert "on no cell" not in browser.text("#described")
        assert "Attention on no cell" in browser.text("#panel table")


def test_maps_and_their_names_come_from_the_file(browser, tmp_path):
    """A map that no program ever heard of is chosen, drawn and named; many maps become a list."""
    made = scenes(1)[0]
    for count in (1, 9):
        new = {f"new.{i}": f"New map {i}" for i in range(count)}

        def more(word, new=new):
            return replace(word, maps={**word.maps, **dict.fromkeys(new, word.maps["occlusion"])})

        labels = {**made.labels, **new}
        one = replace(made, labels=labels, words=tuple(map(more, made.words)))
        write_page([one], tmp_path / "more.html")
        browser.open(tmp_path / "more.html")
        items = "[...document.querySelectorAll('#maps :is(input, option)')]"
        names = browser.run(f"{items}.map((e) => e.value)")
        assert names == list(labels)
        browser.press("4")
        assert browser.text("#described").startswith("New map 0 for")
        assert "New map 0" in browser.text("#panel")
        last = list(labels.values())[-1]
        browser.run(
            f"last = {items}.at(-1), last.matches('option') ? (last.parentElement.value = "
            "last.value, last.parentElement.dispatchEvent(new Event('change'))) : last.click(), 1"
        )
        assert browser.text("#described").startswith(f"{last} for")


def test_regions_spread_over_a_grid_keep_their_sum():
    where = Regions(
        60, 40, ((0.0, 0.0, 30.0, 40.0), (10.0, 5.0, 59.0, 39.0), (-9.0, -9.0, 9.0, 9.0))
    )
    grid, spread = where.on_grid()
    assert (grid.width, grid.height, len(where)) == (60, 40, 3)
    np.testing.assert_allclose(spread.sum(1), 1)
    left = spread[0].reshape(grid.shape)
    assert left[:, grid.shape[1] // 2 :].sum() == pytest.approx(0, abs=1e-9)
