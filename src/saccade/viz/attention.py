"""Attention over time: the photo, then one tile per word with where the model looked.

Everything is laid out by hand in whole pixels, so that every tile has exactly the photo's shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from saccade.files import atomic_file
from saccade.text import join
from saccade.values.captions import Caption
from saccade.values.doubt import Doubt
from saccade.values.places import Grid
from saccade.viz import lettering
from saccade.viz.gif import save_gif
from saccade.viz.overlay import (
    Normalise,
    blend,
    heats,
    photo_of,
    render_photo,
)
from saccade.viz.scale import (
    CMAP,
    LEAST,
    STRENGTH,
    nearly_uniform,
    times_uniform,
)

__all__ = ["figure", "save_gif", "save_png"]

PAPER, INK, SOFT, FAINT, ACCENT = "#ffffff", "#16181d", "#5c6370", "#e7e9ee", "#c2410c"
DPI = 160

# In points (1/72 inch).
_MARGIN, _GAP, _ROW_GAP = 28.0, 13.0, 17.0
_LABEL = 31.0  # under each tile: the word and its probability, then the small print
_REMARK = 10.0  # one more line of small print
_NARROWEST, _WIDEST, _TALLEST = 92.0, 232.0, 330.0
_TITLE, _WORD, _SMALL = 16.0, 10.5, 7.2
_LEAST_WORD = 7.0  # of the words under tiles, which are smaller only where nothing else helps
_BESIDE_ROOM = 112.0  # narrower tiles have room for a short peak beside the gate


@dataclass(frozen=True)
class _Layout:
    """Sizes in points."""

    columns: int
    rows: int
    width: float
    tile: tuple[float, float]  # width, height


def layout(tiles: int, aspect: float, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns of a sheet of `tiles` pictures of that aspect ratio (width over height)."""
    plan = _layout(tiles, aspect, 72 * 11.0, columns)
    return plan.rows, plan.columns


def _word_room(caption: Caption) -> float:
    """How wide a tile must be for every word to be readable beside its probability."""
    words = (lettering.shortened(word) for word in caption.words)
    longest = max((lettering.width(word, _LEAST_WORD, bold=True) for word in words), default=0.0)
    return longest + lettering.width("100%", _WORD) + 6


def _layout(
    tiles: int, aspect: float, width: float, columns: int | None, narrowest: float = 0.0
) -> _Layout:
    """The number of columns whose sheet is nearest to a pleasing shape, with few empty places and
    no tile narrower than `narrowest` points where that can be."""
    narrowest = max(_NARROWEST, narrowest)

    def sheet(n: int) -> _Layout:
        room = (width - 2 * _MARGIN - (n - 1) * _GAP) / n
        tile = max(24.0, min(room, _WIDEST if aspect <= 2 else 1.4 * _WIDEST, _TALLEST * aspect))
        return _Layout(n, math.ceil(tiles / n), width, (tile, tile / aspect))

    if columns is not None:
        if columns < 1:
            raise ValueError(f"columns must be 1 or more, not {columns}")
        return sheet(min(columns, tiles))

    def cost(layout: _Layout) -> float:
        tile_width, tile_height = layout.tile
        height = layout.rows * (tile_height + _LABEL + _ROW_GAP)
        empty = layout.rows * layout.columns - tiles
        cramped = max(0.0, narrowest - tile_width) / 10
        unused = layout.width - layout.columns * (tile_width + _GAP)
        return (
            abs(math.log(height / (0.66 * layout.width)))
            + 0.9 * empty / tiles
            + cramped
            + 0.4 * max(0.0, unused) / layout.width
        )

    return min((sheet(n) for n in range(1, min(tiles, 10) + 1)), key=cost)


class _Sheet:
    """A figure drawn in points from its top left corner, snapped to whole pixels."""

    def __init__(self, width: float, height: float, dpi: int) -> None:
        self.scale = dpi / 72
        self.pixels = (round(width * self.scale), round(height * self.scale))
        size = (self.pixels[0] / dpi, self.pixels[1] / dpi)
        self.figure = Figure(figsize=size, dpi=dpi, facecolor=PAPER)
        FigureCanvasAgg(self.figure)

    def text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        """Text whose baseline is at `y` points from the top."""
        bold = style.pop("bold", False)
        text = lettering.drawable(text)
        across, down = self.pixels
        self.figure.text(
            x * self.scale / across,
            1 - y * self.scale / down,
            text,
            fontproperties=lettering.font(text, size, bold),
            parse_math=False,  # a caption may hold dollar signs
            va="baseline",
            **style,
        )

    def picture(self, x: float, y: float, pixels: np.ndarray, size: tuple[int, int]) -> None:
        """A picture with its top left corner at `x`, `y` points, `size` pixels wide and high."""
        across, down = self.pixels
        left, top = round(x * self.scale), round(y * self.scale)
        axes = self.figure.add_axes(
            (left / across, 1 - (top + size[1]) / down, size[0] / across, size[1] / down)
        )
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle; in points."""
        from matplotlib.patches import Rectangle

        across, down = self.pixels[0] / self.scale, self.pixels[1] / self.scale
        self.figure.add_artist(
            Rectangle(
                (x / across, 1 - (y + height) / down),
                width / across,
                height / down,
                transform=self.figure.transFigure,
                facecolor=colour,
                edgecolor="none",
            )
        )


NO_ATTENTION = (
    "This model has no attention: there is no map of its own to draw. saccade explain measures "
    "which parts of the photo its words depend on."
)


def _note(caption: Caption, sigma: float | None, normalise: Normalise, beta: bool) -> list[str]:
    told = [] if caption.doubt is None else [_told(caption.doubt)]
    if caption.alphas is None:
        return [*told, NO_ATTENTION]
    where = caption.where
    grid, _ = where.drawn(caption.alphas[:0])
    blur = grid.blur if sigma is None else sigma
    scale = "its own peak" if normalise == "each" else "the highest peak of all words"
    cells = isinstance(where, Grid)
    over = f"{grid.shape[0]}×{grid.shape[1]} grid" if cells else f"{len(where)} regions"
    lines = [
        f"Colour: each map is scaled to {scale}, but to at least {LEAST:g}× uniform; {over}, "
        f"blur σ = {blur:.3g} photo pixels. %: the model's probability of the word.",
        f"× uniform: the most attended {'cell' if cells else 'region'} beside attention spread "
        f"evenly (1/{len(where)}).",
    ]
    if beta:
        lines[1] += " β: the gate, how much of the picture was let in (0 to 1)."
    return [*told, *lines]


def _told(doubt: Doubt) -> str:
    text = f"Words with ? are doubtful (wrong with probability {doubt.limit:g} or more): "
    return f"{text}{doubt.sentence}{'; to review' if doubt.review else ''}."


def _remarks(caption: Caption, t: int, gate: bool) -> list[str]:
    """Lines about a word's map, beneath its peak; gate: the gate stands beside the peak, where the
    share on no cell would else stand."""
    lines = []
    if caption.alphas is not None and nearly_uniform(caption.alphas[t : t + 1])[0]:
        lines.append("nearly uniform")
    if gate and caption.elsewhere is not None:
        lines.append(_elsewhere(caption.elsewhere[t]))
    if caption.doubt is not None and t in caption.doubt.places:
        lines.append(f"doubtful: {caption.doubt.wrong[t]:.0%}")
    return lines


def _signed(caption: Caption, t: int) -> str:
    """A word, with a sign behind it where it is doubtful."""
    word = caption.words[t]
    return f"{word}?" if caption.doubt is not None and t in caption.doubt.places else word


def _title(caption: Caption) -> str:
    if caption.doubt is not None and caption.doubt.review:
        return join([_signed(caption, t) for t in range(len(caption.words))])
    return caption.text or join(caption.words) or "(no words)"


def _elsewhere(share: float) -> str:
    return f"{float(share):.0%} on no cell"


def figure(
    caption: Caption,
    *,
    photo: Image.Image | Path | str | None = None,
    sigma: float | None = None,
    cmap: str = CMAP,
    strength: float = STRENGTH,
    columns: int | None = None,
    normalise: Normalise = "each",
    show_beta: bool = True,
    width: float = 11.0,
    dpi: int = DPI,
) -> Figure:
    """Attention over time as one sheet, `width` inches wide.

    The photo comes from `photo`, else from the caption. `sigma` is the blur in photo pixels
    (default: 0.4 of a grid cell), `columns` the tiles in a row (default: whatever looks best),
    `normalise` "each" (every map to its own peak) or "shared" (all to the highest peak)."""
    where, alphas = caption.where, caption.alphas
    aspect = where.width / where.height
    tiles = 1 if alphas is None else len(caption.words) + 1
    plan = _layout(tiles, aspect, 72 * width, columns, _word_room(caption))
    # One tile in whole pixels; its shape is the photo's within half a pixel.
    scale = dpi / 72
    tile = max(1, round(plan.tile[0] * scale)), max(1, round(plan.tile[1] * scale))
    across, down = tile[0] / scale, tile[1] / scale
    # Sheets of few or small tiles are trimmed, so that the pictures aren't lost in white.
    used = plan.columns * across + (plan.columns - 1) * _GAP
    total = max(min(72 * width, used + 2 * _MARGIN), min(72 * width, 460.0))
    left = _MARGIN

    title = _title(caption)
    tokens = [f" {lettering.shortened(token)}" for token in title.split()]
    if len(tokens) == 1 and title.lower() == title.upper():
        tokens = list(title)  # a script without spaces may break anywhere
    room = total - 2 * _MARGIN
    size = min(lettering.whole(token.strip(), room, _TITLE, bold=True)[1] for token in tokens)
    lines = lettering.wrap(tokens, room, size, bold=True)
    texts = ["".join(tokens[index] for index in line).strip() for line in lines]
    top = _MARGIN + len(texts) * _TITLE * 1.35 + 10

    betas = caption.betas if show_beta and alphas is not None and caption.words else None
    beta = betas is not None
    notes = [
        "".join(words[index] for index in line).strip()
        for note in (*_note(caption, sigma, normalise, beta), lettering.lacking(title) or "")
        for words in [[f" {word}" for word in note.split()]]
        for line in lettering.wrap(words, total - 2 * _MARGIN, _SMALL)
    ]
    remarks = [_remarks(caption, t, beta) for t in range(tiles - 1)]
    judged = caption.doubt is not None  # then only doubtful words are bold
    label = _LABEL + _REMARK * max(map(len, remarks), default=0)
    height = top + plan.rows * (down + label) + (plan.rows - 1) * _ROW_GAP
    foot = height + 20
    height = foot + len(notes) * _SMALL * 1.5 + 16 + _MARGIN * 0.6

    sheet = _Sheet(total, height, dpi)
    for number, text in enumerate(texts):
        sheet.text(left, _MARGIN + _TITLE * (0.85 + 1.35 * number), text, size, bold=True)

    long_side = max(tile)
    pixels = photo_of(caption, photo)
    plain = render_photo(pixels, where, long_side)
    maps = heats(caption, sigma, normalise=normalise, size=long_side)
    peaks = times_uniform(() if alphas is None else alphas)
    for number in range(tiles):
        row, column = divmod(number, plan.columns)
        x = left + column * (across + _GAP)
        y = top + row * (down + label + _ROW_GAP)
        if number == 0:
            sheet.picture(x, y, np.asarray(plain), tile)
            sheet.text(x, y + down + 13.5, "photo", _WORD, color=SOFT)
            sheet.text(x, y + down + 25.5, f"{where.width}×{where.height}", _SMALL, color=SOFT)
            continue
        t = number - 1
        sheet.picture(x, y, np.asarray(blend(plain, maps[t], cmap, strength)), tile)
        chance = lettering.percent(caption.logprobs[t])
        room = across - lettering.width(chance, _WORD) - 6
        marked = _signed(caption, t)
        word, size = lettering.whole(marked, room, _WORD, bold=True)
        colour = INK if marked == caption.words[t] else ACCENT
        sheet.text(
            x, y + down + 13.5, word, size, bold=colour == ACCENT or not judged, color=colour
        )
        sheet.text(x + across, y + down + 13.5, chance, _WORD, color=SOFT, ha="right")
        beside = ""
        if betas is not None:
            beside = f"β {float(betas[t]):.2f}"
        elif caption.elsewhere is not None:
            beside = _elsewhere(caption.elsewhere[t])
        narrow = across < _BESIDE_ROOM and beside
        peak = f"{peaks[t]:.1f}×" if narrow else f"{peaks[t]:.1f}× uniform"
        sheet.text(x, y + down + 25.5, peak, _SMALL, color=SOFT)
        sheet.text(x + across, y + down + 25.5, beside, _SMALL, color=SOFT, ha="right")
        for line, remark in enumerate(remarks[t], 1):
            sheet.text(x, y + down + 25.5 + line * _REMARK, remark, _SMALL, color=ACCENT)

    if alphas is not None:
        _colour_bar(sheet, left, foot, cmap)
    for number, text in enumerate(notes):
        sheet.text(left, foot + 18 + _SMALL * (1.5 * number + 0.9), text, _SMALL, color=SOFT)
    return sheet.figure


def _colour_bar(sheet: _Sheet, x: float, y: float, cmap: str) -> None:
    """The scale of the overlays: from no attention to the peak."""
    wide, high, indent = 92.0, 6.0, 18.0
    ramp = np.linspace(0, 1, 256)
    grey = Image.fromarray(np.full((8, 256, 3), 150, np.uint8))
    bar = blend(grey, np.tile(ramp, (8, 1)), cmap, 0.85)
    size = round(wide * sheet.scale), round(high * sheet.scale)
    sheet.text(x, y + 6, "less", _SMALL, color=SOFT)
    sheet.picture(x + indent + 4, y, np.asarray(bar), size)
    sheet.text(x + indent + wide + 10, y + 6, "more attention", _SMALL, color=SOFT)


def save_png(caption: Caption, path: Path | str, **options: Any) -> None:
    """Write `figure(caption, **options)` as a PNG, atomically; the same bytes every time."""
    drawn = figure(caption, **options)
    with atomic_file(path) as temporary:
        # Not savefig: it reads matplotlib's settings, which all threads share.
        FigureCanvasAgg(drawn).print_png(temporary, metadata={"Software": None})
