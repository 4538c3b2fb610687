"""Text on figures: any script, no missing-glyph warnings, wrapped and fitted by true widths.

DejaVu comes with matplotlib, so Latin, Greek and Cyrillic look the same everywhere. Characters it
lacks are looked up in the fonts installed on the machine; what no font has is drawn as an empty
box here, rather than left to warn when the figure is saved later.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.ft2font import FT2Font

SANS = "DejaVu Sans"
_MISSING = "▯"
_MEASURING = Lock()
# Characters that may share one glyph in a font that draws them: more, and it is a stand-in, such as
# the box that Last Resort has for every character of a block.
_SHARED = 8
_STAND_INS = ("unicodebmpfallback",)  # a box of its own for every character: its code
_ELLIPSIS = "…"
LONGEST = 40  # letters of a word


def percent(logprob: float) -> str:
    """A probability for people: "97%", "<1%"."""
    value = 100 * math.exp(min(0.0, logprob))
    return "<1%" if value < 1 else f"{value:.0f}%"


@lru_cache(maxsize=8)
def _characters(path: str) -> frozenset[int]:
    """The characters that a font draws, each with a glyph that is not a stand-in for many."""
    try:
        glyphs = FT2Font(path).get_charmap()
        uses = Counter(glyphs.values())
        drawn = frozenset(code for code, glyph in glyphs.items() if uses[glyph] <= _SHARED)
        return drawn if 2 * len(drawn) >= len(glyphs) else frozenset()
    except (OSError, RuntimeError):
        return frozenset()  # a font that can't be read has nothing to offer


@lru_cache(maxsize=4096)
def _family_for(char: str) -> str | None:
    """The font that draws `char`: DejaVu if it can, else the first installed one, else None."""
    base = font_manager.findfont(SANS)
    if ord(char) in _characters(base):
        return SANS
    entries = sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.fname))
    for entry in entries:
        # Matplotlib's own symbol fonts (STIX, cm...) hold private code points, no scripts.
        if entry.name.lower().replace(" ", "").replace(".", "").startswith(_STAND_INS):
            continue
        upright = entry.style == "normal" and str(entry.weight) in ("400", "normal", "regular")
        if upright and ord(char) in _characters(entry.fname):
            return str(entry.name)
    return None


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs", "Cn") or char == " "


def drawable(text: str) -> str:
    """`text` on one line, control characters left out, unknown glyphs as empty boxes."""
    text = " ".join(text.split())
    kept = (char for char in text if _visible(char))
    return "".join(char if _family_for(char) else _MISSING for char in kept)


def lacking(text: str) -> str | None:
    """One sentence about characters of `text` that no installed font has, or None."""
    missing = [char for char in dict.fromkeys(text) if _visible(char) and not char.isspace()]
    missing = [char for char in missing if _family_for(char) is None]
    if not missing:
        return None
    name = unicodedata.name(missing[0], "no name")
    return (  # by its code: on a figure the character itself would be a box here, too
        f"no installed font has the character U+{ord(missing[0]):04X} ({name}), so it is drawn as "
        "a box; install a font of its script, such as Debian's fonts-noto-cjk or "
        "fonts-noto, then delete matplotlib's font cache."
    )


def families(text: str) -> list[str]:
    """The font families that `drawable(text)` needs, DejaVu first."""
    families = {_family_for(char) for char in drawable(text)}
    return [SANS, *sorted(family for family in families if family and family != SANS)]


def font(text: str, size: float, bold: bool = False) -> font_manager.FontProperties:
    """Font properties that can draw every character of `drawable(text)`; size in points."""
    return font_manager.FontProperties(
        family=families(text), size=size, weight="bold" if bold else "normal"
    )


@lru_cache(maxsize=1)
def _ruler() -> RendererAgg:
    return RendererAgg(1, 1, 720)  # ten pixels a point: widths free of pixel rounding


@lru_cache(maxsize=8192)
def width(text: str, size: float, bold: bool = False) -> float:
    """How wide `text` is drawn, in points."""
    text = drawable(text)
    if not text:
        return 0.0
    with _MEASURING:  # one ruler for all threads
        pixels, _, _ = _ruler().get_text_width_height_descent(text, font(text, size, bold), False)
    return float(pixels) / 10


def fit(text: str, room: float, size: float, smallest: float, bold: bool = False) -> tuple:
    """`(text, size)` to fit in `room` points: smaller letters first, then an ellipsis."""
    wide = width(text, size, bold)
    if wide <= room:
        return text, size
    if width(text, smallest, bold) <= room:
        return text, max(smallest, size * room / wide * 0.99)
    low, high = 0, len(text)  # letters that fit with the ellipsis, and one more than that do not
    while high - low > 1:
        middle = (low + high) // 2
        if width(text[:middle] + _ELLIPSIS, smallest, bold) <= room:
            low = middle
        else:
            high = middle
    return text[:low] + _ELLIPSIS, smallest


def shortened(word: str) -> str:
    """The word, cut where it has more than `LONGEST` letters."""
    return word if len(word) <= LONGEST else word[: LONGEST - 1] + _ELLIPSIS


def whole(word: str, room: float, size: float, bold: bool = False) -> tuple[str, float]:
    """`(word, size)` to fit in `room` points: never broken, in smaller letters where it must be;
    cut only as `shortened` says."""
    word = shortened(word)
    wide = width(word, size, bold)
    return (word, size) if wide <= room else (word, 0.98 * size * max(room, 1.0) / wide)


def wrap(tokens: Sequence[str], room: float, size: float, bold: bool = False) -> list[list[int]]:
    """Lines of token indices, each line at most `room` points wide where a token allows it.

    Spaces, where wanted, are part of the tokens, in front ("a", " red", " car")."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for index, token in enumerate(tokens):
        wide = advance(token, size, bold)
        if lines[-1] and used + wide > room:
            lines.append([])
            used = 0.0
        if not lines[-1]:
            wide = advance(token.lstrip(), size, bold)
        lines[-1].append(index)
        used += wide
    return [line for line in lines if line]


def advance(token: str, size: float, bold: bool = False) -> float:
    """Width in points of a token with the space in front of it, if it has one."""
    space = width("x x", size, bold) - 2 * width("x", size, bold) if token[:1] == " " else 0.0
    return space + width(token.strip(), size, bold)
