"""One colour scale: a flat map looks flat, in the PNG, the GIF, the report and the explorer alike, and
a cell has one colour in all of them."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saccade.values.places import Regions
from saccade.viz import scale
from saccade.viz.attention import figure, save_gif, save_png
from saccade.viz.explorer import write_page
from saccade.viz.overlay import heats
from saccade.viz.report import ReportSample, write_report
from tests.viz.made_up import explain

GRID, SIDES = (8, 8), (420, 280)
HOT, FLAT = (2, 5), 1.3  # the sharp map's cell; the flat map's peak, times uniform


def flat_map(grid=GRID, seed=0) -> np.ndarray:
    """A nearly uniform map, whose highest weight is `FLAT` times uniform."""
    values = np.random.default_rng(seed).uniform(0.9, 1.05, grid)
    values.flat[7] = 0
    values.flat[7] = FLAT * values.sum() / (values.size - FLAT)
    return values / values.sum()


def sharp_map(grid=GRID, cell=HOT) -> np.ndarray:
    values = np.full(grid, 0.2 / (grid[0] * grid[1]))
    values[cell] += 0.8
    return values


@pytest.fixture(scope="module")
def made():
    """Two words about a grey photo: a flat map, then a sharp one."""
    photo = Image.new("RGB", SIDES, (128, 128, 128))
    told = explain("flat sharp", photo, grid=GRID, beams=1)
    maps = (flat_map(), sharp_map())
    words = tuple(
        replace(word, maps={"attention": values})
        for word, values in zip(told.words, maps, strict=True)
    )
    alphas = np.stack(maps).astype(np.float32)
    return replace(told, caption=replace(told.caption, alphas=alphas), words=words, instead=())


# The rule -----------------------------------------------------------------------------------------


def test_a_map_is_scaled_to_its_own_peak_but_to_at_least_four_times_uniform():
    assert scale.top(0.5, 49) == 0.5
    assert scale.top(1.3 / 49, 49) == pytest.approx(4 / 49)
    assert scale.top(0.2, 3) == 1  # over three regions none can weigh four times uniform


@given(count=st.integers(1, 300), share=st.floats(0.05, 1), seed=st.integers(0, 99))
def test_weights_on_no_cell_are_not_renormalised_away(count, share, seed):
    values = np.random.default_rng(seed).dirichlet(np.ones(count)) * share
    assert scale.times_uniform(values[None])[0] == pytest.approx(values.max() * count)
    whole = scale.nearly_uniform(values[None] / share)
    np.testing.assert_array_equal(scale.nearly_uniform(values[None]), whole)


@pytest.mark.parametrize("grid", [(7, 7), (14, 14), (36,)])
def test_nearly_uniform_is_a_peak_below_twice_the_mean(grid):
    count = int(np.prod(grid))
    one_hot = np.zeros(grid)
    one_hot.flat[3] = 1
    for times, flat in ((1.0, True), (1.3, True), (1.95, True), (2.05, False), (8.0, False)):
        part = (times - 1) / (count - 1)  # uniform and one-hot mixed to that peak
        mixed = (1 - part) / count + part * one_hot
        assert scale.times_uniform(mixed[None])[0] == pytest.approx(times)
        assert scale.nearly_uniform(mixed[None])[0] == flat
    assert not scale.nearly_uniform(np.zeros((1, *grid)))[0]  # it says nothing
    # Over two or three regions a one-hot map is sharp, too.
    for few in (2, 3):
        assert not scale.nearly_uniform(np.eye(few)).any()
        assert scale.nearly_uniform(np.full((1, few), 1 / few)).all()


def test_uniform_weights_over_regions_are_flat_wherever_regions_lie(made):
    boxes = ((0.0, 0.0, 210.0, 280.0), (210.0, 0.0, 420.0, 280.0), (40.0, 40.0, 100.0, 90.0))
    boxes += tuple((10.0 * i, 5.0 * i, 10.0 * i + 50, 5.0 * i + 60) for i in range(17))
    where = Regions(*SIDES, boxes)
    alphas = np.full((2, 20), 1 / 20, dtype=np.float32)
    alphas[1] = np.eye(20)[2]
    told = replace(made.caption, where=where, alphas=alphas, others=())
    flat, sharp = heats(told, 0)
    assert flat.max() == pytest.approx(1 / 4, rel=1e-5)  # once uniform, of four: not by area
    assert flat.min() == pytest.approx(1 / 4, rel=1e-5)
    assert sharp.max() == pytest.approx(1)
    height, width = sharp.shape
    y, x = np.unravel_index(sharp.argmax(), sharp.shape)
    assert 40 < x / width * 420 < 100
    assert 40 < y / height * 280 < 90
    texts = [text.get_text() for text in figure(told).texts]
    assert "1.0× uniform" in texts  # of 20 regions, not of the grid they are drawn on
    assert "20.0× uniform" in texts
    assert texts.count("nearly uniform") == 1
    assert "20 regions" in " ".join(texts)


# The pictures -------------------------------------------------------------------------------------


def crop(picture: Image.Image, box) -> np.ndarray:
    return np.asarray(picture.convert("RGB").crop(box).resize(SIDES), dtype=float)


def axes_boxes(told, width: int):
    """Where on a picture of the figure, `width` pixels wide, each tile lies."""
    drawn = figure(told)
    _, tall = drawn.get_size_inches() / drawn.get_size_inches()[0] * width
    for axes in drawn.axes:
        x0, y0, x1, y1 = axes.get_position().extents
        yield (round(x0 * width), round((1 - y1) * tall), round(x1 * width), round((1 - y0) * tall))


@pytest.fixture(scope="module")
def tiles(made, tmp_path_factory):
    """The two words' overlays (280, 420, 3), as each kind of file shows them."""
    folder = tmp_path_factory.mktemp("tiles")
    told, shown = made.caption, {}
    save_png(told, folder / "a.png")
    sample = ReportSample(told, (), None, "", None, "good")
    write_report(folder / "r.html", title="", recipe=[], parameters={}, records=[], scores={},
                 samples=[sample])  # fmt: skip
    jpeg = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", (folder / "r.html").read_text())[0]
    for name, source in (
        ("png", folder / "a.png"),
        ("report", io.BytesIO(base64.b64decode(jpeg))),
    ):
        with Image.open(source) as picture:
            boxes = list(axes_boxes(told, picture.width))[1:3]
            shown[name] = [crop(picture, box) for box in boxes]
    save_gif(told, folder / "a.gif")
    with Image.open(folder / "a.gif") as film:
        shown["gif"] = []
        for index in (1, 2):
            film.seek(index)
            # Centred in the frame; the caption lies beneath.
            left, high = (film.width - 420) // 2, 280
            shown["gif"].append(crop(film, (left, 0, left + 420, high)))
    return shown


@pytest.mark.parametrize("kind", ["png", "gif", "report"])
def test_a_flat_map_looks_flat_and_a_sharp_one_does_not(kind, tiles):
    flat, sharp = (centres(tile).mean(2) for tile in tiles[kind])
    assert np.ptp(flat) < 30
    assert np.ptp(sharp) > 80
    assert flat.std() < 4 < 10 < sharp.std()


def centres(tile: np.ndarray) -> np.ndarray:
    """(8, 8, 3) the mean colour around each cell's centre."""
    h, w = GRID
    ys = ((np.arange(h) + 0.5) * SIDES[1] / h).astype(int)
    xs = ((np.arange(w) + 0.5) * SIDES[0] / w).astype(int)
    return np.stack([[tile[y - 2 : y + 3, x - 2 : x + 3].mean((0, 1)) for x in xs] for y in ys])


@pytest.mark.parametrize("kind", ["gif", "report"])
def test_a_cell_has_the_same_colour_as_in_the_png(kind, tiles):
    for word in (0, 1):
        found, expected = centres(tiles[kind][word]), centres(tiles["png"][word])
        assert np.abs(found - expected).max() < (12 if kind == "gif" else 8)  # of 256 colours


def test_a_cell_has_the_same_colour_in_the_explorer(browser, made, tiles, tmp_path):
    write_page([made], tmp_path / "page.html")
    for word, flat in ((0, True), (1, False)):
        browser.open(tmp_path / "page.html", f"#photo 1/{word + 1}")
        data = browser.run(COMPOSED)
        with Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))) as picture:
            tile = crop(picture, (0, 0, *picture.size))
        assert np.abs(centres(tile) - centres(tiles["png"][word])).max() < 8
        assert ("nearly\xa0uniform" in browser.text("#described")) == flat
        assert ("nearly\xa0uniform" in browser.text("#panel")) == flat


COMPOSED = """(async () => {
  const picture = document.querySelector('#picture'), map = document.querySelector('#map');
  await picture.decode();
  const canvas = document.createElement('canvas'), brush = canvas.getContext('2d');
  [canvas.width, canvas.height] = [map.width, map.height];
  brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
  brush.drawImage(map, 0, 0);
  return canvas.toDataURL();
})()"""


def test_what_stands_under_a_flat_map(made, tmp_path):
    texts = [text.get_text() for text in figure(made.caption).texts]
    assert texts.count("nearly uniform") == 1
    assert f"{FLAT}× uniform" in texts
    assert any("at least 4× uniform" in text for text in texts)
    elsewhere = np.array([0.25, 0.5])
    half = replace(made.caption, betas=None, elsewhere=elsewhere, alphas=made.caption.alphas / 2)
    texts = [text.get_text() for text in figure(half).texts]
    assert {"25% on no cell", "50% on no cell"} <= set(texts)
    assert any(text.startswith(("0.6×", "0.7×")) for text in texts)  # of 1.3, not renormalised
    np.testing.assert_allclose(heats(half, 0)[0].max() * 2, heats(made.caption, 0)[0].max())
