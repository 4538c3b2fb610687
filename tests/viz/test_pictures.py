"""Overlays land on the right pixels, figures keep the photo's aspect, curves show the log."""

import json
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saccade.errors import PictureError
from saccade.photos.fitting import to_input
from saccade.values.captions import Caption
from saccade.values.places import Grid
from saccade.viz.attention import figure, layout, save_gif, save_png
from saccade.viz.curves import loss_curve, save_loss_curve, smooth
from saccade.viz.overlay import blend, heats
from saccade.viz.report import ReportSample, write_report
from saccade.viz.scale import times_uniform


def placed(width: int, height: int, fit: str, grid: tuple[int, int]) -> Grid:
    return to_input(Image.new("RGB", (width, height)), (64, 64), fit, grid)[1]


def one_hot(grid: tuple[int, int], row: int, column: int) -> np.ndarray:
    alpha = np.zeros(grid)
    alpha[row, column] = 1
    return alpha


def caption(words="a red kite over the sea", size=(120, 80), grid=(4, 6), seed=0) -> Caption:
    rng = np.random.default_rng(seed)
    words = tuple(words.split())
    count = len(words)
    alphas = rng.dirichlet(np.ones(grid[0] * grid[1]) / 3, count).reshape(count, *grid)
    return Caption(
        text=" ".join(words),
        words=words,
        ids=tuple(range(4, 4 + count)),
        logprobs=tuple(np.log(rng.uniform(0.1, 1, count)).tolist()),
        alphas=alphas.astype(np.float32),
        betas=rng.uniform(size=count),
        where=Grid(*size, (0.0, 0.0, float(size[0]), float(size[1])), grid),
        score=-3.0,
        image=Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)),
    )


def width_of(path) -> int:
    with Image.open(path) as picture:
        return picture.width


@settings(max_examples=80, deadline=None)
@given(
    width=st.integers(8, 400),
    height=st.integers(8, 400),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    grid=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    data=st.data(),
)
def test_a_cell_lights_its_own_place_on_the_photo(width, height, fit, grid, data):
    where = placed(width, height, fit, grid)
    row, column = data.draw(st.integers(0, grid[0] - 1)), data.draw(st.integers(0, grid[1] - 1))
    heat = where.heat(one_hot(grid, row, column), sigma=0)
    assert heat.shape == (height, width)
    x0, y0, x1, y1 = where.cell_box(row, column)
    inside = x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height
    if inside and x1 - x0 >= 3 and y1 - y0 >= 3:
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        assert x0 - 1 <= x <= x1
        assert y0 - 1 <= y <= y1
    left, top, right, bottom = where.box
    ys, xs = np.nonzero(heat > 1e-6)
    if len(xs):
        assert xs.min() >= np.floor(max(left, 0)) - 1e-6
        assert xs.max() < np.ceil(min(right, width)) + 1e-6
        assert ys.min() >= np.floor(max(top, 0)) - 1e-6
        assert ys.max() < np.ceil(min(bottom, height)) + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    fit=st.sampled_from(["stretch", "crop"]),
    sigma=st.sampled_from([0.0, 3.0, 25.0]),
    seed=st.integers(0, 99),
)
def test_no_attention_is_lost_or_made_and_uniform_stays_uniform(grid, fit, sigma, seed):
    where = placed(210, 90, fit, grid)
    alpha = np.random.default_rng(seed).dirichlet(np.ones(grid[0] * grid[1])).reshape(grid)
    heat = where.heat(alpha, sigma=sigma)
    x0, y0, x1, y1 = where.box
    per_cell = (x1 - x0) * (y1 - y0) / alpha.size
    assert heat.sum() / per_cell == pytest.approx(1, rel=0.02)
    flat = where.heat(np.full(grid, 1 / alpha.size), sigma=sigma)
    middle = flat[int(y0) + 2 : int(y1) - 2, int(x0) + 2 : int(x1) - 2]
    np.testing.assert_allclose(middle, 1 / alpha.size, rtol=1e-3)


def test_the_upsampling_is_bilinear_between_cell_centres():
    where = Grid(40, 10, (0.0, 0.0, 40.0, 10.0), (1, 4))
    heat = where.heat(np.array([[0.0, 1.0, 0.0, 0.0]]), sigma=0)[5]
    centres = np.array([5, 15, 25, 35]) - 0.5
    expected = np.interp(np.arange(40), centres, [0, 1, 0, 0])
    np.testing.assert_allclose(heat, expected, atol=0.03)


def test_a_blur_spreads_by_sigma_photo_pixels():
    where = Grid(300, 300, (0.0, 0.0, 300.0, 300.0), (60, 60))
    heat = where.heat(one_hot((60, 60), 30, 30), sigma=20).astype(float)
    x = np.arange(300)
    weights = heat.sum(0) / heat.sum()
    mean = (weights * x).sum()
    spread = np.sqrt((weights * (x - mean) ** 2).sum())
    assert spread == pytest.approx(20, rel=0.05)


def test_a_marker_is_lit_by_the_attention_that_saw_it():
    """End to end: a white square on a photo, attention where the encoder's input is bright."""
    for size in ((300, 100), (100, 300), (200, 200)):
        for fit in ("stretch", "crop", "pad"):
            photo = Image.new("RGB", size)
            x, y = int(size[0] * 0.45), int(size[1] * 0.55)
            photo.paste((255, 0, 0), (x - 6, y - 6, x + 7, y + 7))
            pixels, where = to_input(photo, (96, 96), fit, (12, 12))
            red = (pixels[0].float() - pixels[2].float()).clamp(min=0)
            alpha = red.unfold(0, 8, 8).unfold(1, 8, 8).mean((-1, -2)).numpy()
            heat = where.heat(alpha / alpha.sum(), sigma=0)
            row, column = np.unravel_index(heat.argmax(), heat.shape)
            assert abs(column - x) <= size[0] / 12 + 6
            assert abs(row - y) <= size[1] / 12 + 6


def test_each_or_shared_peaks():
    told = caption()
    each, shared = heats(told, 0), heats(told, 0, normalise="shared")
    peaks = [told.where.heat(alpha, sigma=0).max() for alpha in told.alphas]
    expected = np.minimum(1, np.array(peaks) / (4 / 24))  # to its own peak, at least 4 x uniform
    np.testing.assert_allclose(each.max((1, 2)), expected, rtol=1e-5)
    assert shared.max() == pytest.approx(1)
    assert shared.max((1, 2)).min() < 0.95


def test_where_nothing_is_looked_at_the_photo_is_dimmed_but_there():
    photo = Image.new("RGB", (10, 10), (200, 100, 50))
    dark = np.asarray(blend(photo, np.zeros((10, 10)))).astype(int)
    light = np.asarray(blend(photo, np.ones((10, 10)))).astype(int)
    assert 20 < dark.mean() < 80
    assert light.mean() > 2 * dark.mean()


@pytest.mark.parametrize(
    ("size", "words"), [((400, 100), 5), ((100, 400), 9), ((120, 80), 22), ((80, 80), 1)]
)
def test_tiles_keep_the_photos_aspect(size, words):
    drawn = figure(caption(" ".join(["word"] * words), size))
    inches = np.array(drawn.get_size_inches())
    assert len(drawn.axes) == words + 2  # the photo, the words, and the colour scale
    for axes in drawn.axes[:-1]:
        w, h = np.array([axes.get_position().width, axes.get_position().height]) * inches
        assert w / h == pytest.approx(size[0] / size[1], rel=0.01)
    boxes = [axes.get_position() for axes in drawn.axes]
    assert all(b.x0 >= 0 and b.x1 <= 1 and b.y0 >= 0 and b.y1 <= 1 for b in boxes)
    texts = [t.get_text() for t in drawn.texts]
    assert texts.count("word") >= words


def test_the_word_its_probability_and_its_baseline_are_on_the_tile():
    told = caption("one")
    texts = " ".join(t.get_text() for t in figure(told).texts)
    assert f"{100 * np.exp(told.logprobs[0]):.0f}%" in texts
    assert f"{times_uniform(told.alphas)[0]:.1f}×" in texts
    assert "attention spread evenly (1/24)" in texts
    assert "β" not in " ".join(t.get_text() for t in figure(told, show_beta=False).texts)


@settings(deadline=None)
@given(tiles=st.integers(1, 40), aspect=st.floats(0.1, 10))
def test_every_tile_has_a_place(tiles, aspect):
    rows, columns = layout(tiles, aspect)
    assert rows * columns >= tiles > (rows - 1) * columns
    assert layout(tiles, aspect, 3) == (-(-tiles // 3), min(3, tiles))


@pytest.mark.parametrize(
    "words", ["ein $5 Mädchen", "一 隻 狗", "कुत्ता घास", "كلب", "🐶 a_b^c", "w" * 80]
)
def test_words_of_any_script_are_drawn(words, tmp_path):
    told = caption(words)
    save_png(told, tmp_path / "a.png")
    save_gif(told, tmp_path / "a.gif")
    assert width_of(tmp_path / "a.png") > 500


def test_a_caption_without_words_still_draws(tmp_path):
    empty = caption("")
    assert empty.words == ()
    save_png(empty, tmp_path / "a.png")


def test_the_animation_has_a_frame_per_word_after_the_photo(tmp_path):
    told = caption()
    save_gif(told, tmp_path / "a.gif", word_ms=500, photo_ms=900)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 7
        assert animation.info["duration"] == 900
        sizes, last = set(), []
        for index in range(animation.n_frames):
            animation.seek(index)
            sizes.add(animation.size)
            last.append(np.asarray(animation.convert("RGB")).astype(int))
    assert len(sizes) == 1
    assert all(abs(a - b).mean() > 1 for a, b in pairwise(last))


def test_a_figure_needs_its_photo(tmp_path):
    from dataclasses import replace

    with pytest.raises(PictureError, match="photo="):
        figure(replace(caption(), image=None))
    with pytest.raises(PictureError, match=r"gone\.png"):
        figure(replace(caption(), image=None, photo=tmp_path / "gone.png"))
    with pytest.raises(PictureError, match="give the same photo"):
        figure(caption(), photo=Image.new("RGB", (50, 200)))


RECORDS = [{"event": "train", "step": s, "epoch": s / 10, "loss": 5 - s / 10} for s in range(1, 21)]
RECORDS[10:10] = [{"event": "validation", "step": 10, "epoch": 1.0, "loss": 4.2, "best": True}]
RECORDS.append({"event": "validation", "step": 20, "epoch": 2.0, "loss": 4.5, "best": False})


def test_the_curve_shows_the_log():
    raw, mean, held, best = loss_curve(RECORDS).axes[0].lines
    assert list(raw.get_xdata()) == list(range(1, 21))
    np.testing.assert_allclose(raw.get_ydata(), [5 - s / 10 for s in range(1, 21)])
    np.testing.assert_allclose(mean.get_ydata(), smooth(raw.get_ydata()))
    assert list(held.get_ydata()) == [4.2, 4.5]
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([10], [4.2])


def test_a_running_mean_is_one():
    values = np.arange(200.0) ** 2
    expected = [values[max(0, i - 9) : i + 1].mean() for i in range(200)]
    np.testing.assert_allclose(smooth(values, 0.05), expected)


@pytest.mark.parametrize(
    "lines",
    [
        "",
        '{"event": "train", "step": 1, "epoch": 0.1, "loss": 3.0}\n',
        '{"event": "train", "step": 1, "epoch": 0.1, "loss": 3.0}\n{"event": "tra',
    ],
)
def test_a_young_or_torn_log_still_draws(lines, tmp_path):
    (tmp_path / "log.jsonl").write_text(lines)
    save_loss_curve(tmp_path / "log.jsonl", tmp_path / "loss.png")
    assert width_of(tmp_path / "loss.png") > 500


class Page(HTMLParser):
    """Tags that open and close in order, and every address that would be fetched."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.addresses, self.text, self.alts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        told = dict(attrs)
        self.addresses += [told[k] for k in ("src", "href") if k in told]
        if tag == "img":
            self.alts.append(told["alt"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_is_whole_closed_and_needs_no_network(tmp_path):
    evil = caption("<script>alert(1)</script> & kite")
    samples = [
        ReportSample(evil, ('a "kite"', "<b>"), 12.5, "CIDEr", None, "good"),
        ReportSample(caption(seed=1), (), None, "CIDEr", "there is no red car", "bad"),
        ReportSample(caption(seed=2), ("x",), 1.0, "CIDEr", "true", "fixed rule"),
    ]
    write_report(
        tmp_path / "report.html",
        title="Run <1>",
        recipe=[("encoder", [("backbone", "a<b")]), ("train", [("epochs", "5")])],
        parameters={"encoder": 1234567},
        records=RECORDS,
        scores={"BLEU-4": 19.2},
        yardsticks=[("people", {"BLEU-4": 21.7})],
        samples=samples,
        attention_rows=[("peak in the box", "60 %", "8 %", "5 %")],
    )
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert all(a.startswith("data:image/") for a in page.addresses)
    assert len(page.addresses) == 4  # the curve and three samples
    assert all(page.alts)
    shown = " ".join(page.text)
    for part in (
        "<script>alert(1)</script> & kite",
        "1,234,567",
        "19.20",
        "21.70",
        "there is no red car",
        "12.5",
        "60 %",
    ):
        assert part in shown
    assert "<script" not in text
    assert json.dumps(text)
