"""Characters that no installed font has: boxes, and a sentence on the figure that says so. A font
that stands in for every character has none."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from saccade.values.captions import Caption
from saccade.values.places import Grid
from saccade.viz import lettering, report
from saccade.viz.attention import figure
from saccade.viz.gif import frames

SENTENCE = "no installed font has the character U+4E00 (CJK UNIFIED IDEOGRAPH-4E00)"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture
def installed(monkeypatch):
    """Beside DejaVu there is Last Resort only, under another name."""
    manager = lettering.font_manager.fontManager
    stand_in = lettering.font_manager.FontEntry(
        fname=str(FONTS / "LastResortHE-Regular.ttf"),
        name="Some Font",
        style="normal",
        variant="normal",
        weight=400,
        stretch="normal",
        size="scalable",
    )
    base = [entry for entry in manager.ttflist if entry.name == lettering.SANS]
    monkeypatch.setattr(manager, "ttflist", [*base, stand_in])
    lettering._family_for.cache_clear()
    lettering.width.cache_clear()
    yield
    lettering._family_for.cache_clear()
    lettering.width.cache_clear()


@pytest.fixture
def chinese():
    words, maps = ("一", "只", "狗"), np.full((3, 2, 3), 1 / 6, np.float32)
    where = Grid(64, 48, (0.0, 0.0, 64.0, 48.0), (2, 3))
    photo = Image.new("RGB", (64, 48))
    return Caption("一只狗", words, (4, 5, 6), (-0.1,) * 3, where, -0.3, maps, image=photo)


def texts(drawn: Figure) -> str:
    lines = sorted(drawn.texts, key=lambda text: -text.get_position()[1])
    return " ".join(text.get_text() for text in lines)


def test_a_font_of_boxes_is_no_font_of_the_character(installed):
    assert lettering.drawable("一只狗") == "▯▯▯"
    assert lettering.lacking("a 一").startswith(SENTENCE)
    assert "fonts-noto-cjk" in lettering.lacking("a 一")
    assert lettering.lacking("a cat, Ω, Я") is None
    assert not lettering._characters(str(FONTS / "LastResortHE-Regular.ttf"))


def test_real_fonts_are_fonts():
    for name in ("DejaVuSans", "DejaVuSansMono", "STIXGeneral"):
        assert len(lettering._characters(str(FONTS / f"{name}.ttf"))) > 3000


def test_the_sentence_stands_on_every_kind_of_picture(installed, chinese, monkeypatch):
    drawn = []
    real = Figure.__init__

    def kept(self, *arguments, **options):
        drawn.append(self)
        real(self, *arguments, **options)

    monkeypatch.setattr(Figure, "__init__", kept)
    assert SENTENCE in texts(figure(chinese))
    drawn.clear()
    made = frames(chinese)
    assert len({frame.size for frame in made}) == 1
    assert len(drawn) == 4
    assert all(SENTENCE in texts(strip) for strip in drawn)
    drawn.clear()
    report._attention(chinese)
    assert SENTENCE in texts(drawn[-1])
