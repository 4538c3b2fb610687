"""Attention over time: the photo, then one tile per word with its look laid over it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredText
from PIL import Image

from saccade.files import atomic_file
from saccade.types import Caption
from saccade.viz.overlay import (
    CMAP,
    STRENGTH,
    Normalise,
    blend,
    heats,
    photo_of,
    render_photo,
    times_uniform,
)

INK, FAINT, PAPER = "#1b1b1f", "#77777f", "#ffffff"
# Asked for in turn; a glyph that none of them has is drawn as a box, without a warning.
FONTS = [
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans Devanagari",
    "Noto Sans Arabic",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "Hiragino Sans",
]


@contextmanager
def any_script() -> Iterator[None]:
    """Words of any script: missing fonts and glyphs must not stop or litter a run."""
    import logging

    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*[Gg]lyph .* missing from font")
        warnings.filterwarnings("ignore", message=r".*does not support .* natively")
        try:
            yield
        finally:
            logger.setLevel(level)


def _plain(text: str) -> str:
    """Text for matplotlib, to which a dollar sign would begin a formula."""
    return text.replace("$", r"\$")


def layout(tiles: int, aspect: float, columns: int | None = None) -> tuple[int, int]:
    """Rows and columns for `tiles` pictures of width / height `aspect`: a page a little wider than
    tall, without a near-empty last row where another number of columns avoids it."""
    if columns is not None:
        if columns < 1:
            raise ValueError(f"columns is 1 or more, not {columns}")
        return -(-tiles // columns), min(columns, tiles)
    best = min(
        range(1, min(tiles, 8) + 1),
        key=lambda c: (
            abs(np.log(c * aspect / (-(-tiles // c)) / 1.9))
            + 0.35 * (-(-tiles // c) * c - tiles) / c
        ),
    )
    return -(-tiles // best), best


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
    width: float = 12.0,
) -> Figure:
    """Attention over time as a matplotlib figure, `width` inches wide.

    The first tile is the photo; then one per word: its attention map on the photo's own pixels
    (bilinear, blurred by `sigma` photo pixels), the word, its probability, how many times uniform
    attention its highest cell is, and the gate beta. `normalise` "each" scales every map to its own
    peak, "shared" all to the highest. `photo` replaces the one that the caption names. Raises
    PictureError when there is no photo to draw."""
    picture = render_photo(photo_of(caption, photo), caption.geometry)
    looks = [
        blend(picture, heat, cmap, strength) for heat in heats(caption, sigma, normalise=normalise)
    ]
    aspect = picture.width / picture.height
    rows, columns = layout(1 + len(looks), aspect, columns)
    gap, label, margin = 0.14, 0.5, 0.25  # inches
    tile_w = (width - 2 * margin - (columns - 1) * gap) / columns
    tile_h = tile_w / aspect
    tallest = 6.5
    if tile_h > tallest:  # a very tall photo: narrower tiles, so that one still fits a screen
        tile_w, tile_h = tile_w * tallest / tile_h, tallest
    used = columns * tile_w + (columns - 1) * gap
    left = (width - used) / 2
    title = wrap(caption.text, max(20, int(width * 6.2))) or ["(no words)"]
    head = margin + 0.34 * len(title) + 0.12
    foot = 0.42
    height = head + rows * (tile_h + label) + (rows - 1) * gap + foot
    with any_script():
        canvas = Figure(figsize=(width, height), facecolor=PAPER, dpi=100)
        FigureCanvasAgg(canvas)
        for number, line in enumerate(title):
            canvas.text(
                left / width,
                1 - (margin + 0.34 * number) / height,
                _plain(line),
                fontsize=17,
                color=INK,
                family=FONTS,
                va="top",
            )
        peaks = times_uniform(caption.alphas)
        for number, tile in enumerate([picture, *looks]):
            row, column = divmod(number, columns)
            x = left + column * (tile_w + gap)
            y = height - head - row * (tile_h + label + gap) - tile_h
            axes = canvas.add_axes((x / width, y / height, tile_w / width, tile_h / height))
            axes.imshow(np.asarray(tile), interpolation="lanczos", aspect="auto")
            axes.set_axis_off()
            if number == 0:
                texts = "photo", f"{caption.geometry.width} x {caption.geometry.height}"
            else:
                texts = _labels(caption, number - 1, float(peaks[number - 1]), show_beta)
            size = float(np.clip(tile_w * 6.4, 7.5, 13))
            _label(canvas, x / width, (y - 0.07) / height, *texts, size, tile_w)
        grid_h, grid_w = caption.geometry.grid
        scaled = "to its own peak" if normalise == "each" else "to the highest peak of all"
        note = (
            f"{grid_h} x {grid_w} cells; each map scaled {scaled}. "
            f"x: its highest weight against uniform attention (1/{grid_h * grid_w}). "
            "A map shows what was weighed, not why."
        )
        canvas.text(
            left / width, 0.14 / height, note, fontsize=7.5, color=FAINT, family=FONTS, va="bottom"
        )
    return canvas


def _labels(caption: Caption, t: int, peak: float, show_beta: bool) -> tuple[str, str]:
    """The word with its probability, and the line beneath it."""
    probability = f"{100 * np.exp(caption.logprobs[t]):.0f} %"
    beneath = f"{probability}   {peak:.1f}x"
    if show_beta:
        beneath += f"   \u03b2 {float(caption.betas[t]):.2f}"
    return caption.words[t], beneath


def _label(
    canvas: Figure, x: float, y: float, word: str, beneath: str, size: float, tile: float
) -> None:
    room = max(4, int(tile * 72 / size / 0.58))  # characters that fit the tile's width
    shown = word if len(word) <= room else word[: room - 1] + "\u2026"
    height = canvas.get_figheight()
    canvas.text(
        x, y, _plain(shown), fontsize=size, color=INK, family=FONTS, va="top", weight="bold"
    )
    small = min(8.5, size * 0.72)
    canvas.text(
        x,
        y - (size * 1.32) / 72 / height,
        beneath,
        fontsize=small,
        color=FAINT,
        family=FONTS,
        va="top",
    )


def save_png(caption: Caption, path: Path | str, *, dpi: int = 110, **options: object) -> None:
    """Write `figure(caption, **options)` as PNG, atomically."""
    drawn = figure(caption, **options)  # type: ignore[arg-type]
    with any_script(), atomic_file(path) as temporary:
        drawn.savefig(temporary, dpi=dpi, format="png")


def frame(caption: Caption, tile: Image.Image, word: int | None, width: float = 6.0) -> Image.Image:
    """One picture of the animation: a tile with the caption beneath, `word` standing out."""
    height = width * tile.height / tile.width
    lines = _lines(caption.words, int(width * 7.6))
    band = 0.34 * len(lines) + 0.3
    with any_script():
        canvas = Figure(figsize=(width, height + band), facecolor=PAPER, dpi=96)
        FigureCanvasAgg(canvas)
        total = height + band
        axes = canvas.add_axes((0, band / total, 1, height / total))
        axes.imshow(np.asarray(tile), interpolation="lanczos", aspect="auto")
        axes.set_axis_off()
        renderer = canvas.canvas.get_renderer()  # type: ignore[attr-defined]
        for number, line in enumerate(lines):
            x = 0.16
            y = band - 0.2 - 0.34 * number
            for index, text in line:
                here = index == word
                drawn = canvas.text(
                    x / width,
                    y / total,
                    _plain(text),
                    fontsize=14,
                    family=FONTS,
                    va="top",
                    color=INK if here or word is None else FAINT,
                    weight="bold" if here else "normal",
                )
                x += drawn.get_window_extent(renderer).width / 96 + 0.09
        if word is not None:
            told = AnchoredText(
                f"{100 * np.exp(caption.logprobs[word]):.0f} %",
                loc="upper right",
                prop={"size": 10, "color": "white", "family": FONTS},
                frameon=True,
                borderpad=0.3,
            )
            told.patch.set(facecolor="black", alpha=0.45, linewidth=0)
            axes.add_artist(told)
        canvas.canvas.draw()
        return Image.fromarray(np.asarray(canvas.canvas.buffer_rgba())).convert("RGB")  # type: ignore[attr-defined]


def _lines(words: tuple[str, ...], room: int) -> list[list[tuple[int, str]]]:
    """Words with their numbers, in lines of at most `room` characters."""
    lines: list[list[tuple[int, str]]] = [[]]
    used = 0
    for index, word in enumerate(words):
        if lines[-1] and used + len(word) + 1 > room:
            lines.append([])
            used = 0
        lines[-1].append((index, word))
        used += len(word) + 1
    return lines


def save_gif(
    caption: Caption,
    path: Path | str,
    *,
    photo: Image.Image | Path | str | None = None,
    sigma: float | None = None,
    cmap: str = CMAP,
    strength: float = STRENGTH,
    normalise: Normalise = "each",
    seconds: float = 0.8,
) -> None:
    """Write an animated GIF, atomically: the photo with the caption, then a frame per word."""
    picture = render_photo(photo_of(caption, photo), caption.geometry)
    looks = [blend(picture, h, cmap, strength) for h in heats(caption, sigma, normalise=normalise)]
    frames = [frame(caption, picture, None)]
    frames += [frame(caption, tile, index) for index, tile in enumerate(looks)]
    # One palette for all, or colours flicker from word to word.
    strip = Image.new("RGB", (frames[0].width, frames[0].height * len(frames)))
    for index, item in enumerate(frames):
        strip.paste(item, (0, index * frames[0].height))
    palette = strip.quantize(255, method=Image.Quantize.MEDIANCUT)
    drawn = [item.quantize(palette=palette) for item in frames]
    step = round(1000 * seconds)
    durations = [round(1.8 * step), *([step] * (len(drawn) - 1))]
    with atomic_file(path) as temporary:
        drawn[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=drawn[1:],
            duration=durations,
            loop=0,
            disposal=1,
            optimize=False,
        )
