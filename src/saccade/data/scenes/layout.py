"""The objects of a scene and their places, deterministic by (seed, index), and their relations."""

import numpy as np

from saccade.data.scenes.draw import BACKGROUNDS, COLOURS, KINDS
from saccade.values.examples import Scene, Thing
from saccade.values.places import Box

SIZES = {"small": 0.3, "medium": 0.37, "large": 0.45}  # square root of the area, of the side
RELATIONS = ("left of", "right of", "above", "below", "next to", "far from")
MOST = 4  # objects in a scene
SMALLEST = 48  # pixels: below it a small cat can't be recognised

_JITTER = 0.05  # relative; sizes stay distinguishable
_GAP = 0.02  # least room between boxes, of the side
_CONTRAST = 85.0  # least distance in RGB between an object's colour and its background
_NEAR, _FAR = 0.1, 0.18  # gaps between boxes, of the side


def _contrasting(background: str) -> list[str]:
    """The colours that stand out from a background."""
    tones = np.array(BACKGROUNDS[background][:2], np.float64)
    return [
        name
        for name, colour in COLOURS.items()
        if np.sqrt(((tones - np.array(colour, np.float64)) ** 2).sum(1)).min() > _CONTRAST
    ]


_PLACES = tuple(BACKGROUNDS)
_KINDS = tuple(KINDS)
_CHOICE = {background: _contrasting(background) for background in BACKGROUNDS}


def holds(relation: str, one: Box, other: Box, side: float, clearly: bool = False) -> bool:
    """Whether `one` is in this relation to `other`, in a picture of that side (pixels).

    left of, right of, above, below: the boxes do not overlap along that axis, and the centres lie
    at least as far apart along it as across it. next to: the gap between the boxes is at most a
    tenth of the side. far from: the gap is at least 0.18 of the side. `clearly` is stricter,
    so that there is no doubt; relations in references hold clearly."""
    dx = (other[0] + other[2] - one[0] - one[2]) / 2
    dy = (other[1] + other[3] - one[1] - one[3]) / 2
    slope = 0.6 if clearly else 1.0
    if relation == "left of":
        return one[2] <= other[0] and abs(dy) <= slope * dx
    if relation == "right of":
        return one[0] >= other[2] and abs(dy) <= slope * -dx
    if relation == "above":
        return one[3] <= other[1] and abs(dx) <= slope * dy
    if relation == "below":
        return one[1] >= other[3] and abs(dx) <= slope * -dy
    gap_x = max(other[0] - one[2], one[0] - other[2], 0)
    gap_y = max(other[1] - one[3], one[1] - other[3], 0)
    gap = (gap_x**2 + gap_y**2) ** 0.5 / side
    if relation == "next to":
        return gap <= _NEAR * (0.8 if clearly else 1)
    if relation == "far from":
        return gap >= _FAR * (1.1 if clearly else 1)
    raise ValueError(f"unknown relation {relation!r}")


def relation(ones: tuple[Thing, ...], others: tuple[Thing, ...], side: float) -> str | None:
    """The relation that clearly holds between each of the ones and each of the others, the first of
    RELATIONS to do so; None when none does."""
    for name in RELATIONS:
        if all(holds(name, a.box, b.box, side, clearly=True) for a in ones for b in others):
            return name
    return None


def groups(scene: Scene) -> list[tuple[Thing, ...]]:
    """Objects grouped by kind and colour; the largest, then leftmost, then topmost group first.

    Sentences are about the first group and its relation to the second, so that a model can learn
    what to mention."""
    alike: dict[tuple[str, str], list[Thing]] = {}
    for thing in scene.things:
        alike.setdefault((thing.kind, thing.colour), []).append(thing)

    def salience(group: tuple[Thing, ...]) -> tuple[float, ...]:
        return (-sum(SIZES[thing.size] for thing in group), *min(t.box for t in group))

    return sorted((tuple(group) for group in alike.values()), key=salience)


def _place(
    rng: np.random.Generator, kind: str, size: str, taken: list[Box], side: int
) -> Box | None:
    """A free place, whole pixels; None after too many tries. The middle is mostly left free, so
    that attention that is always at the centre scores badly."""
    gap, middle = _GAP * side, side / 2
    root = KINDS[kind][1] ** 0.5
    for _ in range(30):
        scale = SIZES[size] * (1 + _JITTER * (2 * rng.random() - 1)) * side
        width, height = round(scale * root), round(scale / root)
        x, y = rng.integers(1, (side - width, side - height)).tolist()
        box = (float(x), float(y), float(x + width), float(y + height))
        free = all(
            box[2] + gap <= b[0]
            or b[2] + gap <= box[0]
            or box[3] + gap <= b[1]
            or b[3] + gap <= box[1]
            for b in taken
        )
        central = box[0] <= middle < box[2] and box[1] <= middle < box[3]
        if free and not (central and rng.random() < 0.92):
            return box
    return None


def _choose(rng: np.random.Generator, colours: list[str]) -> list[tuple[str, str, str]]:
    """One to three sorts of objects (kind, colour, size), sometimes two or three alike, sometimes
    two of a kind that differ in colour."""
    count = int(rng.choice([1, 2, 3], p=[0.2, 0.65, 0.15]))
    kinds = [_KINDS[i] for i in rng.permutation(len(_KINDS))[:count]]
    # Sizes differ, so that it is clear which object a sentence starts with.
    sizes = [("small", "medium", "large")[i] for i in sorted(rng.permutation(3)[:count])[::-1]]
    alike = int(rng.integers(2, 4)) if count > 1 and rng.random() < 0.15 else 1
    if alike > 1:
        sizes[:2] = ("medium", "small") if alike == 2 else ("small", "small")
    elif count > 1 and rng.random() < 0.1:
        kinds[1] = kinds[0]
    wanted: list[tuple[str, str, str]] = []
    for position, (kind, size) in enumerate(zip(kinds, sizes, strict=True)):
        colour = colours[rng.integers(len(colours))]
        wanted += [(kind, colour, size)] * (alike if position == 0 else 1)
    return wanted[:MOST]


def make_scene(seed: int, index: int, size: int = 96) -> Scene:
    """Scene `index` of a seed, square, `size` pixels a side."""
    if size < SMALLEST:
        raise ValueError(f"a scene is at least {SMALLEST} pixels wide, not {size}")
    rng = np.random.default_rng([seed, index])
    while True:
        background = _PLACES[rng.integers(len(_PLACES))]
        wanted = _choose(rng, _CHOICE[background])
        wanted.sort(key=lambda item: -SIZES[item[2]])  # large ones first, while there is room
        things: list[Thing] = []
        for kind, colour, how_large in wanted:
            box = _place(rng, kind, how_large, [t.box for t in things], size)
            if box is not None:
                things.append(Thing(kind, colour, how_large, box))
        scene = Scene(size, size, background, tuple(things))
        objects = groups(scene)
        # Most scenes should show a clear relation; some may show none.
        if len(objects) == 1 or (len(objects) > 1 and _kept(objects, size, rng)):
            return scene


def _kept(objects: list[tuple[Thing, ...]], side: float, rng: np.random.Generator) -> bool:
    return relation(objects[0], objects[1], side) is not None or rng.random() < 0.4
