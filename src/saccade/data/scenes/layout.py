"""What is in a scene and where: deterministic by (seed, index)."""

import numpy as np

from saccade.data.scenes.draw import BACKGROUNDS, COLOURS, KINDS
from saccade.types import Box, Scene, Thing

SIZES = {"small": 0.17, "medium": 0.26, "large": 0.38}  # square root of the area, of the side
_JITTER = 0.06  # relative; sizes stay clearly apart
_GAP = 0.02  # between boxes, of the side
_FAR = 70.0  # least distance in RGB between a thing's colour and what lies behind it


def _contrasting(background: str) -> list[str]:
    """The colours that stand out from a background."""
    tones = np.float64(BACKGROUNDS[background][:2])
    return [
        name
        for name, colour in COLOURS.items()
        if np.sqrt(((tones - np.float64(colour)) ** 2).sum(1)).min() > _FAR
    ]


_CHOICE = {background: _contrasting(background) for background in BACKGROUNDS}


def relation(one: Box, other: Box) -> str | None:
    """How `one` lies to `other` when there is no doubt: "left of", "right of", "above", "below";
    None when it is neither clearly beside nor clearly above or below."""
    for said in ("left of", "right of", "above", "below"):
        if holds(said, one, other, margin=0.6):
            return said
    return None


def holds(said: str, one: Box, other: Box, size: float = 1.0, margin: float = 1.0) -> bool:
    """Whether a relation is true of two boxes.

    Left and right, above and below: the boxes do not overlap along that axis, and the centres lie
    further apart along it than across it (times `margin`, below 1 where doubt is to be left out).
    Next to: the gap between the boxes is at most a tenth of the side `size`. Far from: the centres
    lie at least 0.6 of the side apart."""
    dx = (other[0] + other[2] - one[0] - one[2]) / 2
    dy = (other[1] + other[3] - one[1] - one[3]) / 2
    if said == "left of":
        return one[2] <= other[0] and abs(dy) <= margin * dx
    if said == "right of":
        return one[0] >= other[2] and abs(dy) <= margin * -dx
    if said == "above":
        return one[3] <= other[1] and abs(dx) <= margin * dy
    if said == "below":
        return one[1] >= other[3] and abs(dx) <= margin * -dy
    if said == "next to":
        gap_x = max(other[0] - one[2], one[0] - other[2], 0)
        gap_y = max(other[1] - one[3], one[1] - other[3], 0)
        return float(np.hypot(gap_x, gap_y)) <= 0.1 * size * (1 if margin == 1 else 0.8)
    if said == "far from":
        return float(np.hypot(dx, dy)) >= 0.6 * size * (1 if margin == 1 else 1.05)
    raise ValueError(f"unknown relation {said!r}")


def _place(
    rng: np.random.Generator, kind: str, size: str, taken: list[Box], side: int
) -> Box | None:
    """A free place, whole pixels; None after too many tries. The middle is left free mostly: a
    look that always goes to the centre must not pass for sight."""
    for _ in range(30):
        scale = SIZES[size] * (1 + _JITTER * rng.uniform(-1, 1)) * side
        ratio = KINDS[kind][1]
        width, height = round(scale * ratio**0.5), round(scale / ratio**0.5)
        x, y = rng.integers(1, side - width), rng.integers(1, side - height)
        box = (float(x), float(y), float(x + width), float(y + height))
        gap = _GAP * side
        free = all(
            box[2] + gap <= b[0]
            or b[2] + gap <= box[0]
            or box[3] + gap <= b[1]
            or b[3] + gap <= box[1]
            for b in taken
        )
        middle = side / 2
        central = box[0] <= middle < box[2] and box[1] <= middle < box[3]
        if free and not (central and rng.random() < 0.8):
            return box
    return None


def make_scene(seed: int, index: int, side: int = 96) -> Scene:
    """Scene `index` of a seed: one to four things, sometimes two or three of the same."""
    rng = np.random.default_rng([seed, index])
    background = str(rng.choice(list(BACKGROUNDS)))
    colours = _CHOICE[background]
    count = int(rng.choice([1, 2, 3, 4], p=[0.12, 0.48, 0.28, 0.12]))
    kinds = rng.permutation(list(KINDS))[:count]
    sizes = ["large", "medium", "small", "small"] if count > 2 else ["large", "medium"]
    wanted: list[tuple[str, str, str]] = []
    group = count > 1 and rng.random() < 0.22
    for position, kind in enumerate(kinds):
        size = sizes[position]
        if count == 1 or rng.random() < 0.25:
            size = str(rng.choice(list(SIZES)))
        colour = str(rng.choice(colours))
        repeat = int(rng.integers(2, 4)) if group and position == 0 else 1
        if repeat > 1:
            size = "medium" if repeat == 2 else "small"
        wanted += [(str(kind), colour, size)] * repeat
    wanted.sort(key=lambda item: -SIZES[item[2]])  # large ones first, while there is room
    things: list[Thing] = []
    for kind, colour, size in wanted[:5]:
        box = _place(rng, kind, size, [t.box for t in things], side)
        if box is not None:
            things.append(Thing(kind, colour, size, box))
    return Scene(side, side, background, tuple(things))
