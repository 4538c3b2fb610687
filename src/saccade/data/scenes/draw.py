"""Drawing scenes: 14 kinds of things in 9 colours on 7 backgrounds, with Pillow.

Everything is drawn at twice the size and averaged down. A thing fills its box: the box in the
scene is the box of its pixels, to the pixel.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from saccade.types import Scene

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (208, 32, 38),
    "orange": (244, 126, 20),
    "yellow": (250, 214, 36),
    "green": (32, 142, 58),
    "blue": (38, 78, 200),
    "purple": (126, 44, 160),
    "pink": (248, 128, 186),
    "white": (252, 252, 252),
    "black": (26, 26, 30),
}

# Background: its colour at the top and at the bottom, and where the horizon is (1: none).
BACKGROUNDS: dict[str, tuple[Colour, Colour, float]] = {
    "meadow": ((176, 208, 228), (160, 190, 132), 0.6),
    "sea": ((196, 216, 226), (122, 168, 186), 0.55),
    "sand": ((188, 214, 226), (222, 204, 164), 0.65),
    "dusk": ((150, 134, 168), (206, 164, 150), 1.0),
    "stone": ((168, 168, 166), (146, 146, 144), 1.0),
    "wall": ((206, 196, 180), (190, 178, 160), 1.0),
    "floor": ((182, 190, 196), (158, 142, 128), 0.7),
}

_DARK = (52, 48, 50)


class Pen:
    """Draws in a unit square laid on a box of the canvas."""

    def __init__(self, draw: ImageDraw.ImageDraw, box: tuple[float, ...], fill: Colour) -> None:
        self.draw = draw
        self.x, self.y = box[0], box[1]
        self.w, self.h = box[2] - box[0] - 1, box[3] - box[1] - 1
        self.fill = fill
        self.shade: Colour = tuple(int(c * 0.72) for c in fill)  # type: ignore[assignment]

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.w, self.y + y * self.h

    def shape(self, *points: tuple[float, float], fill: Colour | None = None) -> None:
        self.draw.polygon([self.at(*point) for point in points], fill or self.fill)

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None = None) -> None:
        self.draw.ellipse([self.at(x0, y0), self.at(x1, y1)], fill or self.fill)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None = None) -> None:
        self.draw.rectangle([self.at(x0, y0), self.at(x1, y1)], fill or self.fill)

    def slice(self, x0: float, y0: float, x1: float, y1: float, start: int, end: int) -> None:
        self.draw.pieslice([self.at(x0, y0), self.at(x1, y1)], start, end, self.fill)


def _star(points: int, inner: float) -> list[tuple[float, float]]:
    """A star that fills the unit square."""
    angles = np.arange(2 * points) * np.pi / points - np.pi / 2
    radii = np.where(np.arange(2 * points) % 2, inner, 1.0)
    xy = np.stack((radii * np.cos(angles), radii * np.sin(angles)), 1)
    xy = (xy - xy.min(0)) / (xy.max(0) - xy.min(0))
    return [(float(x), float(y)) for x, y in xy]


_STAR, _RAYS = _star(5, 0.42), _star(12, 0.68)


def _ball(p: Pen) -> None:
    p.oval(0, 0, 1, 1)
    p.draw.arc([p.at(-0.5, 0), p.at(0.5, 1)], 300, 60, p.shade, 3)
    p.draw.arc([p.at(0.5, 0), p.at(1.5, 1)], 120, 240, p.shade, 3)


def _boat(p: Pen) -> None:
    p.shape((0, 0.7), (1, 0.7), (0.82, 1), (0.18, 1))
    p.rect(0.47, 0, 0.52, 0.7, _DARK)
    p.shape((0.56, 0.04), (0.56, 0.62), (0.96, 0.62))
    p.shape((0.43, 0.16), (0.43, 0.62), (0.1, 0.62))


def _car(p: Pen) -> None:
    p.shape((0.2, 0.42), (0.32, 0), (0.72, 0), (0.86, 0.42))
    p.shape((0.28, 0.4), (0.37, 0.1), (0.5, 0.1), (0.5, 0.4), fill=(214, 232, 240))
    p.shape((0.55, 0.4), (0.55, 0.1), (0.68, 0.1), (0.77, 0.4), fill=(214, 232, 240))
    p.rect(0, 0.4, 1, 0.8)
    p.oval(0.1, 0.6, 0.34, 1, _DARK)
    p.oval(0.66, 0.6, 0.9, 1, _DARK)


def _cat(p: Pen) -> None:
    p.oval(0.1, 0.45, 0.72, 1.0)
    p.oval(0.3, 0.12, 0.9, 0.62)
    p.shape((0.32, 0.36), (0.34, 0), (0.56, 0.18))
    p.shape((0.64, 0.18), (0.86, 0), (0.89, 0.36))
    p.draw.arc([p.at(0, 0.3), p.at(0.4, 0.98)], 90, 270, p.fill, max(3, int(p.w * 0.09)))
    eye = (244, 244, 220) if sum(p.fill) < 300 else _DARK
    p.oval(0.45, 0.3, 0.53, 0.4, eye)
    p.oval(0.67, 0.3, 0.75, 0.4, eye)
    p.shape((0.92, 0.98), (1, 0.98), (0.6, 0.7), (0.5, 0.99))


def _cup(p: Pen) -> None:
    p.draw.ellipse([p.at(0.55, 0.2), p.at(1, 0.72)], outline=p.fill, width=max(3, int(p.w * 0.1)))
    p.shape((0, 0), (0.78, 0), (0.68, 1), (0.1, 1))
    p.oval(0.06, 0.02, 0.72, 0.16, p.shade)


def _fish(p: Pen) -> None:
    p.oval(0, 0.08, 0.76, 0.92)
    p.shape((0.66, 0.5), (1, 0), (1, 1))
    p.shape((0.3, 0.2), (0.42, 0), (0.58, 0.22), fill=p.shade)
    p.oval(0.14, 0.34, 0.24, 0.48, (250, 250, 250) if sum(p.fill) < 300 else _DARK)


def _flower(p: Pen) -> None:
    p.rect(0.47, 0.5, 0.53, 1, (58, 108, 62))
    p.shape((0.5, 0.92), (0.74, 0.72), (0.62, 0.92), fill=(58, 108, 62))
    for x, y in ((0.33, 0), (0, 0.2), (0.66, 0.2), (0.12, 0.42), (0.54, 0.42)):
        p.oval(x, y, x + 0.34, y + 0.26)
    p.oval(0.36, 0.22, 0.64, 0.46, (120, 84, 40))


def _house(p: Pen) -> None:
    p.shape((0, 0.45), (0.5, 0), (1, 0.45), fill=p.shade)
    p.rect(0.1, 0.45, 0.9, 1)
    p.rect(0.42, 0.66, 0.6, 1, _DARK)
    p.rect(0.18, 0.56, 0.34, 0.72, (226, 232, 214))
    p.rect(0.68, 0.56, 0.84, 0.72, (226, 232, 214))


def _kite(p: Pen) -> None:
    p.shape((0.5, 0), (1, 0.34), (0.5, 0.78), (0, 0.34))
    p.draw.line([p.at(0.5, 0), p.at(0.5, 0.78)], p.shade, 3)
    p.draw.line([p.at(0, 0.34), p.at(1, 0.34)], p.shade, 3)
    tail = [p.at(0.5, 0.78), p.at(0.62, 0.85), p.at(0.44, 0.92), p.at(0.56, 1)]
    p.draw.line(tail, _DARK, 3)


def _mushroom(p: Pen) -> None:
    p.rect(0.34, 0.5, 0.66, 1, (236, 226, 204))
    p.slice(0, 0, 1, 1.16, 180, 360)
    spot = (244, 240, 228) if sum(p.fill) < 600 else _DARK
    p.oval(0.2, 0.24, 0.36, 0.4, spot)
    p.oval(0.56, 0.14, 0.74, 0.32, spot)


def _starfish(p: Pen) -> None:
    p.shape(*_STAR)


def _sun(p: Pen) -> None:
    p.shape(*_RAYS)
    p.draw.ellipse([p.at(0.26, 0.26), p.at(0.74, 0.74)], outline=p.shade, width=3)


def _tree(p: Pen) -> None:
    p.rect(0.42, 0.7, 0.58, 1, (104, 72, 46))
    p.shape((0.5, 0), (0.86, 0.38), (0.14, 0.38))
    p.shape((0.5, 0.2), (0.94, 0.6), (0.06, 0.6))
    p.shape((0.5, 0.4), (1, 0.8), (0, 0.8))


def _umbrella(p: Pen) -> None:
    p.rect(0.47, 0.4, 0.53, 0.92, _DARK)
    p.draw.arc([p.at(0.5, 0.82), p.at(0.74, 1)], 0, 180, _DARK, 4)
    p.slice(0, 0, 1, 1.1, 180, 360)
    for x in (0.02, 0.35, 0.68):
        p.slice(x, 0.44, x + 0.3, 0.66, 0, 180)


# kind -> how it is drawn, and its width over its height
KINDS: dict[str, tuple[Callable[[Pen], None], float]] = {
    "ball": (_ball, 1.0),
    "boat": (_boat, 1.15),
    "car": (_car, 1.8),
    "cat": (_cat, 0.95),
    "cup": (_cup, 1.05),
    "fish": (_fish, 1.6),
    "flower": (_flower, 0.7),
    "house": (_house, 1.0),
    "kite": (_kite, 0.75),
    "mushroom": (_mushroom, 1.0),
    "star": (_starfish, 1.0),
    "sun": (_sun, 1.0),
    "tree": (_tree, 0.8),
    "umbrella": (_umbrella, 1.15),
}


@lru_cache(maxsize=32)
def _backdrop(name: str, size: int) -> np.ndarray:
    """(size, size, 3) float32: two flat tones, or one that fades into the other."""
    top, bottom, horizon = BACKGROUNDS[name]
    share = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    if horizon < 1:
        lower = (share >= horizon).astype(np.float32)
        share = lower * 0.9 + 0.1 * share
    column = np.float32(top) * (1 - share) + np.float32(bottom) * share
    return np.repeat(column[:, None, :], size, 1)


@lru_cache(maxsize=4)
def _grain(size: int) -> np.ndarray:
    """Eight soft textures (8, size, size, 1), a few grey levels deep."""
    rng = np.random.default_rng(7)
    fine = rng.normal(0, 4, (8, size, size, 1))
    blots = [Image.fromarray(rng.normal(0, 6, (9, 9)).astype(np.float32)) for _ in range(8)]
    coarse = np.stack([np.asarray(blot.resize((size, size))) for blot in blots])[..., None]
    return (fine + coarse).astype(np.float32)


def render(scene: Scene, texture: int = 0) -> Image.Image:
    """The picture of a scene, RGB. `texture` picks the grain of its background."""
    width, height = scene.width, scene.height
    size = max(width, height)
    ground = _backdrop(scene.background, size) + np.roll(
        _grain(size)[texture % 8], texture // 8 % size, 1
    )
    canvas = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)[:height, :width])
    canvas = canvas.resize((2 * width, 2 * height), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    for thing in scene.things:
        box = tuple(2 * side for side in thing.box)
        KINDS[thing.kind][0](Pen(draw, box, COLOURS[thing.colour]))
    return canvas.reduce(2)
