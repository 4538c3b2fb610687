"""What lines of drawn scenes hold beside their captions: "scene" and "regions"."""

import math
from typing import Any

from saccade.errors import DataError
from saccade.values.examples import Region, Scene, Thing
from saccade.values.places import Box

_BOX = "a box must be four finite numbers, [x0, y0, x1, y1], with x0 <= x1 and y0 <= y1."


def read_scene(value: Any) -> Scene:
    """The truth about a drawn picture. Raises DataError naming what is malformed."""
    try:
        things = tuple(
            Thing(str(t["kind"]), str(t["colour"]), str(t["size"]), _box(t["box"]))
            for t in value["things"]
        )
        width, height = value["width"], value["height"]
        if type(width) is not int or type(height) is not int or min(width, height) < 1:
            raise ValueError("its width and height are not numbers of pixels")
        return Scene(width, height, str(value["background"]), things)
    except (KeyError, TypeError, ValueError) as error:
        about = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f'its "scene" is malformed ({about}); draw the scenes again.') from error


def read_regions(value: Any, captions: list[str]) -> tuple[Region, ...]:
    """The boxes of what captions' words name. Raises DataError naming what is malformed."""
    words = [len(caption.split()) for caption in captions]
    regions = []
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, list) or len(entry) != 6:
            raise DataError('each of its "regions" must be [caption, word, x0, y0, x1, y1].')
        caption, word, *box = entry
        if type(caption) is not int or type(word) is not int:
            raise DataError(
                'each of its "regions" must start with the indices of caption and word.'
            )
        if not (0 <= caption < len(captions) and 0 <= word < words[caption]):
            raise DataError(
                f'its "regions" name word {word} of caption {caption}, which is not there.'
            )
        regions.append(Region(caption, word, _box(box)))
    return tuple(regions)


def _box(values: Any) -> Box:
    numbers = [v for v in values if type(v) in (int, float)] if isinstance(values, list) else []
    if len(numbers) != 4 or len(values) != 4:
        raise DataError(_BOX)
    try:
        x0, y0, x1, y1 = (float(value) for value in numbers)
    except OverflowError as error:
        raise DataError(_BOX) from error
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x0 > x1 or y0 > y1:
        raise DataError(_BOX)
    return (x0, y0, x1, y1)
