"""Drawing scenes: 14 kinds of objects in 9 colours on 11 backgrounds, with Pillow.

Everything is drawn at twice the size and averaged down. An object fills its box: the box in the
scene is exactly the box of its pixels.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from saccade.values.examples import Scene

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
    "floor": ((182, 190, 196), (158, 142, 128), 0.7),
    "dusk": ((150, 134, 168), (206, 164, 150), 1.0),
    "night": ((70, 80, 128), (46, 54, 96), 1.0),
    "lawn": ((166, 194, 140), (132, 170, 112), 1.0),
    "stone": ((168, 168, 166), (146, 146, 144), 1.0),
    "wall": ((206, 196, 180), (190, 178, 160), 1.0),
    "snow": ((224, 232, 240), (236, 238, 240), 1.0),
    "mint": ((186, 222, 208), (168, 208, 196), 1.0),
}

_DARK, _LIGHT = (52, 48, 50), (226, 222, 214)


class Pen:
    """Draws in a unit square laid on a box of the canvas.

    `fill` is the object's colour and `shade` a darker one for its lines; `ink` is for its thin
    parts, such as a mast or a string, and contrasts with the background."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, box: tuple[float, ...], fill: Colour, ink: Colour
    ) -> None:
        self.draw = draw
        self.x, self.y = box[0], box[1]
        self.w, self.h = box[2] - box[0] - 1, box[3] - box[1] - 1
        self.fill, self.ink = fill, ink
        self.dark = sum(fill) < 300
        self.shade: Colour = (int(fill[0] * 0.72), int(fill[1] * 0.72), int(fill[2] * 0.72))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.w, self.y + y * self.h

    def thick(self, share: float) -> int:
        """A line's width, as a share of the object's width."""
        return max(2, round(share * self.w))

    def shape(self, *points: tuple[float, float], fill: Colour | None = None) -> None:
        self.draw.polygon([self.at(*point) for point in points], fill or self.fill)

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None = None) -> None:
        self.draw.ellipse([self.at(x0, y0), self.at(x1, y1)], fill or self.fill)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None = None) -> None:
        self.draw.rectangle([self.at(x0, y0), self.at(x1, y1)], fill or self.fill)

    def slice(self, x0: float, y0: float, x1: float, y1: float, start: int, end: int) -> None:
        self.draw.pieslice([self.at(x0, y0), self.at(x1, y1)], start, end, self.fill)

    def line(self, *points: tuple[float, float], width: float, fill: Colour) -> None:
        self.draw.line([self.at(*point) for point in points], fill, self.thick(width), "curve")

    def arc(self, box: tuple[float, ...], start: int, end: int, width: float, fill: Colour) -> None:
        """Part of an ellipse's edge, drawn inside its box; degrees clockwise from the right."""
        corners = [self.at(*box[:2]), self.at(*box[2:])]
        self.draw.arc(corners, start, end, fill, self.thick(width))


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
    p.arc((-0.5, 0, 0.5, 1), 300, 60, 0.06, p.shade)
    p.arc((0.5, 0, 1.5, 1), 120, 240, 0.06, p.shade)


def _boat(p: Pen) -> None:
    p.shape((0, 0.7), (1, 0.7), (0.82, 1), (0.18, 1))
    p.rect(0.47, 0, 0.52, 0.7, p.ink)
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
    p.arc((0.4, 0.34, 1, 1), 290, 90, 0.11, p.fill)
    p.oval(0.02, 0.42, 0.76, 1)
    p.shape((0, 1), (0.04, 0.84), (0.72, 0.84), (0.76, 1))
    p.oval(0.07, 0.12, 0.71, 0.58)
    p.shape((0.09, 0.34), (0.12, 0), (0.36, 0.16))
    p.shape((0.42, 0.16), (0.66, 0), (0.69, 0.34))
    mark = _LIGHT if p.dark else _DARK
    p.oval(0.21, 0.29, 0.31, 0.4, mark)
    p.oval(0.47, 0.29, 0.57, 0.4, mark)
    p.shape((0.35, 0.43), (0.43, 0.43), (0.39, 0.48), fill=mark)
    p.line((0.39, 0.74), (0.39, 1), width=0.04, fill=p.shade)


def _cup(p: Pen) -> None:
    p.draw.ellipse([p.at(0.55, 0.2), p.at(1, 0.72)], outline=p.fill, width=p.thick(0.1))
    p.shape((0, 0), (0.78, 0), (0.68, 1), (0.1, 1))
    p.oval(0.06, 0.02, 0.72, 0.16, p.shade)


def _fish(p: Pen) -> None:
    p.oval(0, 0.08, 0.76, 0.92)
    p.shape((0.66, 0.5), (1, 0), (1, 1))
    p.shape((0.3, 0.2), (0.42, 0), (0.58, 0.22), fill=p.shade)
    p.arc((-0.08, 0.14, 0.34, 0.86), 310, 50, 0.03, p.shade)
    p.oval(0.14, 0.34, 0.24, 0.48, _LIGHT if p.dark else _DARK)


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
    p.line((0.5, 0), (0.5, 0.78), width=0.06, fill=p.shade)
    p.line((0, 0.34), (1, 0.34), width=0.06, fill=p.shade)
    p.line((0.5, 0.78), (0.62, 0.85), (0.44, 0.92), (0.56, 1), width=0.06, fill=p.ink)


def _mushroom(p: Pen) -> None:
    p.rect(0.34, 0.5, 0.66, 1, (236, 226, 204))
    p.slice(0, 0, 1, 1.16, 180, 360)
    spot = (244, 240, 228) if sum(p.fill) < 600 else _DARK
    p.oval(0.2, 0.24, 0.36, 0.4, spot)
    p.oval(0.56, 0.14, 0.74, 0.32, spot)


def _star_shape(p: Pen) -> None:
    p.shape(*_STAR)


def _sun(p: Pen) -> None:
    p.shape(*_RAYS)
    ring = [p.at(0.26, 0.26), p.at(0.74, 0.74)]
    p.draw.ellipse(ring, outline=p.shade, width=p.thick(0.06))


def _tree(p: Pen) -> None:
    p.rect(0.42, 0.7, 0.58, 1, (104, 72, 46))
    p.shape((0.5, 0), (0.86, 0.38), (0.14, 0.38))
    p.shape((0.5, 0.2), (0.94, 0.6), (0.06, 0.6))
    p.shape((0.5, 0.4), (1, 0.8), (0, 0.8))


def _umbrella(p: Pen) -> None:
    p.rect(0.47, 0.4, 0.53, 0.92, p.ink)
    p.arc((0.47, 0.8, 0.75, 1), 0, 180, 0.06, p.ink)
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
    "star": (_star_shape, 1.0),
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
    tones = np.array((top, bottom), np.float32)
    column = tones[0] * (1 - share) + tones[1] * share
    return np.repeat(column[:, None, :], size, 1)


@lru_cache(maxsize=4)
def _grain(size: int) -> np.ndarray:
    """Eight soft textures (8, size, size, 1), a few grey levels deep, that wrap around without a
    seam."""
    rng = np.random.default_rng(7)
    fine = rng.normal(0, 4, (8, size, size, 1))
    # Noise on an 8x8 grid; two more cells on each side make it periodic.
    coarse = [
        Image.fromarray(np.pad(rng.normal(0, 6, (8, 8)).astype(np.float32), 2, "wrap")).resize(
            (size, size), Image.Resampling.BICUBIC, box=(2, 2, 10, 10)
        )
        for _ in range(8)
    ]
    return (fine + np.stack([np.asarray(blots) for blots in coarse])[..., None]).astype(np.float32)


def render(scene: Scene, texture: int = 0) -> Image.Image:
    """The picture of a scene, RGB. `texture` picks the grain of its background."""
    width, height = scene.width, scene.height
    size = max(width, height)
    grain = np.roll(_grain(size)[texture % 8], texture // 8 % size, 1)
    ground = np.clip(_backdrop(scene.background, size) + grain, 0, 255).astype(np.uint8)
    canvas = Image.fromarray(np.ascontiguousarray(ground[:height, :width]))
    canvas = canvas.resize((2 * width, 2 * height), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    ink = _LIGHT if sum(BACKGROUNDS[scene.background][1]) < 300 else _DARK
    for thing in scene.things:
        box = tuple(2 * edge for edge in thing.box)
        KINDS[thing.kind][0](Pen(draw, box, COLOURS[thing.colour], ink))
    return canvas.reduce(2)
