"""Attention over time as an animation: the photo, then one frame per word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from saccade.files import atomic_file
from saccade.text import join
from saccade.values.captions import Caption
from saccade.viz import lettering
from saccade.viz.overlay import Normalise, blend, heats, photo_of, render_photo
from saccade.viz.scale import CMAP, STRENGTH, nearly_uniform, peak_text, times_uniform

_PAPER, _INK, _SOFT, _MARK = "#ffffff", "#16181d", "#a3a9b4", "#ffe08a"
_FAINT = "#5c6370"
_DPI = 144  # two pixels a point
_SIZE, _SMALL = 15.0, 9.0  # points
_NARROWEST = 480  # pixels: tall photos stand in the middle of a frame this wide


def _tokens(caption: Caption) -> list[str]:
    """The words with the space that `join` puts in front of each."""
    tokens: list[str] = []
    for count in range(1, len(caption.words) + 1):
        before = join(caption.words[: count - 1])
        tokens.append(join(caption.words[:count])[len(before) :])
    return tokens


def _small_print(caption: Caption, t: int) -> str:
    """One word's probability, and the peak of its map."""
    parts = [lettering.percent(caption.logprobs[t])]
    if caption.alphas is not None:
        one = caption.alphas[t : t + 1]
        parts.append(f"peak {peak_text(times_uniform(one)[0], nearly_uniform(one)[0])}")
    if caption.elsewhere is not None:
        parts.append(f"{float(caption.elsewhere[t]):.0%} on no cell")
    return " · ".join(parts)


def _notes(text: str, room: float) -> list[str]:
    """Lines about characters that no font has."""
    note = lettering.lacking(text)
    words = [f" {word}" for word in note.split()] if note else []
    lines = lettering.wrap(words, room, _SMALL) if words else []
    return ["".join(words[index] for index in line).strip() for line in lines]


def _strip(caption: Caption, current: int | None, width: int) -> np.ndarray:
    """The caption under a frame, `width` pixels wide, with one word marked: (H, W, 3) uint8.

    Words not yet said are pale, as in reading along; below them a line about the marked one's map,
    and what is to be said of characters that no font has."""
    scale = _DPI / 72
    margin, leading = 16.0, _SIZE * 1.55
    tokens = _tokens(caption) or ["(no words)"]
    room = width / scale - 2 * margin
    lines = lettering.wrap(tokens, room, _SIZE)
    notes = _notes("".join(tokens), room)
    height = margin * 1.5 + leading * len(lines) + _SMALL * 1.6 * (1 + len(notes))
    pixels = width, round(height * scale)
    drawn = Figure(figsize=(pixels[0] / _DPI, pixels[1] / _DPI), dpi=_DPI, facecolor=_PAPER)
    canvas = FigureCanvasAgg(drawn)
    for number, line in enumerate(lines):
        x, y = margin, margin * 0.75 + leading * (number + 0.72)
        for place, index in enumerate(line):
            token = tokens[index].strip()
            if place > 0:
                x += lettering.advance(tokens[index], _SIZE) - lettering.width(token, _SIZE)
            now, said = index == current, current is None or index <= current
            token, size = lettering.whole(token, room, _SIZE)
            text = lettering.drawable(token)
            drawn.text(
                x * scale / pixels[0],
                1 - y * scale / pixels[1],
                text,
                fontproperties=lettering.font(text, size),
                color=_INK if said else _SOFT,
                parse_math=False,
                va="baseline",
                bbox={"boxstyle": "round,pad=0.18", "fc": _MARK, "ec": "none"} if now else None,
            )
            x += lettering.width(token, size)
    small = [lettering.fit(note, room, _SMALL, 6.0) for note in reversed(notes)]
    if current is not None:
        small.append(lettering.fit(_small_print(caption, current), room, _SMALL, 6.0))
    for number, (text, size) in enumerate(small):
        drawn.text(
            margin * scale / pixels[0],
            (margin * 0.75 + _SMALL * 1.6 * number) * scale / pixels[1],
            text,
            fontproperties=lettering.font(text, size),
            color=_FAINT,
            va="baseline",
        )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def frames(
    caption: Caption,
    *,
    photo: Image.Image | Path | str | None = None,
    sigma: float | None = None,
    cmap: str = CMAP,
    strength: float = STRENGTH,
    normalise: Normalise = "each",
    size: int = 560,
) -> list[Image.Image]:
    """The photo, then one RGB picture per word, all of one size; the photo's long side: `size`."""
    plain = render_photo(photo_of(caption, photo), caption.where, size)
    maps = heats(caption, sigma, normalise=normalise, size=size)
    pictures = [plain, *(blend(plain, heat, cmap, strength) for heat in maps)]
    if caption.alphas is None:  # the words over time, without a map
        pictures += [plain] * len(caption.words)
    width = max(plain.width, min(_NARROWEST, size))
    result = []
    for number, picture in enumerate(pictures):
        strip = Image.fromarray(_strip(caption, number - 1 if number else None, width))
        frame = Image.new("RGB", (width, picture.height + strip.height), _PAPER)
        frame.paste(picture, ((width - picture.width) // 2, 0))
        frame.paste(strip, (0, picture.height))
        result.append(frame)
    return result


def _palette(pictures: list[Image.Image]) -> Image.Image:
    """256 colours for all frames together, so that nothing flickers between them."""
    small = [
        picture.resize((160, max(1, 160 * picture.height // picture.width))) for picture in pictures
    ]
    sheet = Image.new("RGB", (160, sum(picture.height for picture in small)))
    top = 0
    for picture in small:
        sheet.paste(picture, (0, top))
        top += picture.height
    # Flat colours of our own are kept exact: dithered paper would look dirty.
    own = [ImageColor.getrgb(colour) for colour in (_PAPER, _INK, _SOFT, _MARK, _FAINT)]
    colours = sheet.quantize(256 - len(own), method=Image.Quantize.MEDIANCUT).getpalette() or []
    chosen = Image.new("P", (1, 1))
    chosen.putpalette(
        [value for colour in own for value in colour] + colours[: 3 * (256 - len(own))]
    )
    return chosen


def save_gif(
    caption: Caption,
    path: Path | str,
    *,
    photo: Image.Image | Path | str | None = None,
    sigma: float | None = None,
    cmap: str = CMAP,
    strength: float = STRENGTH,
    normalise: Normalise = "each",
    size: int = 560,
    word_ms: int = 800,
    photo_ms: int = 1600,
    end_ms: int = 2000,
) -> None:
    """Write the animation, atomically: the photo for `photo_ms`, each word for `word_ms`, the last
    one for `end_ms` milliseconds, over and over."""
    pictures = frames(
        caption,
        photo=photo,
        sigma=sigma,
        cmap=cmap,
        strength=strength,
        normalise=normalise,
        size=size,
    )
    palette = _palette(pictures)
    flat = [
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for picture in pictures
    ]
    times = [photo_ms] + [word_ms] * (len(flat) - 1)
    if len(flat) > 1:
        times[-1] = end_ms
    with atomic_file(path) as temporary:
        flat[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=flat[1:],
            duration=times,
            loop=0,
            optimize=False,
        )
