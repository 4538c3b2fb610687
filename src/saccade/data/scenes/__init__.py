"""Drawn scenes: built-in training data, and ground truth for attention.

Pictures of 14 kinds of objects in 9 colours and 3 sizes on 11 backgrounds, each with five correct
English references and the box of every noun, colour and size in them. Everything is a function of
(seed, index). `check` decides whether a caption is true of its scene, and `ground` gives the boxes
that its words refer to.

Simplified: objects are flat and seen from the front, none hides another, and any kind may have any
colour and be anywhere, so that none of these can be guessed from the others.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from saccade.data.scenes.captions import captions
from saccade.data.scenes.draw import BACKGROUNDS, COLOURS, KINDS, render
from saccade.data.scenes.language import (
    Claims,
    NounPhrase,
    Verdict,
    absent_words,
    check,
    ground,
    parse,
)
from saccade.data.scenes.layout import RELATIONS, SIZES, SMALLEST, holds, make_scene
from saccade.data.scenes.words import wrong_words
from saccade.errors import SaccadeError, UsageError
from saccade.files import atomic_file, write_text
from saccade.values.examples import Region, Scene

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "KINDS",
    "RELATIONS",
    "SIZES",
    "Claims",
    "NounPhrase",
    "Verdict",
    "absent_words",
    "captions",
    "check",
    "draw",
    "ground",
    "holds",
    "make_scene",
    "parse",
    "render",
    "write",
    "wrong_words",
]


def draw(
    seed: int, index: int, size: int = 96
) -> tuple[Image.Image, Scene, tuple[str, ...], tuple[Region, ...]]:
    """Scene `index` of a seed: its picture, its contents, five references and their regions."""
    scene = make_scene(seed, index, size)
    return render(scene, texture=index), scene, *captions(scene, seed, index)


def write(
    folder: Path | str,
    count: int,
    seed: int = 0,
    size: int = 96,
    val: int = 0,
    test: int = 0,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Draw `count` scenes into a folder: images/*.png and captions.jsonl, which the records reader
    reads. The last `test` of them, and the `val` before those, are the splits of these names; no
    two scenes are the same. `progress(1)` is called after each.

    captions.jsonl is written last, whole or not at all; an earlier one is removed first, so that it
    never describes other pictures than those beside it. Raises SaccadeError on sizes or numbers out
    of range, or when the folder can't be written to."""
    if size < SMALLEST:
        raise UsageError(f"a drawn scene is at least {SMALLEST} pixels wide, not {size}.")
    if seed < 0 or min(count, val, test) < 0 or val + test > count:
        raise UsageError("seed and numbers of scenes are 0 or more, and val + test within count.")
    folder = Path(folder)
    try:
        (folder / "captions.jsonl").unlink(missing_ok=True)
    except OSError as error:
        raise SaccadeError(f"{folder}: can't draw scenes there ({error.strerror}).") from error
    lines: list[str] = []
    seen: set[Scene] = set()
    index = 0
    while len(lines) < count:
        picture, scene, sentences, regions = draw(seed, index, size)
        index += 1
        if scene in seen:  # so that no test scene is also a training scene
            continue
        seen.add(scene)
        number = len(lines)
        left = count - number
        split = "test" if left <= test else "val" if left <= test + val else "train"
        name = f"images/{number:06d}.png"
        with atomic_file(folder / name) as temporary:
            picture.save(temporary, "PNG", compress_level=1)
        entry = {
            "image": name,
            "split": split,
            "captions": sentences,
            "regions": [[r.caption, r.word, *r.box] for r in regions],
            "scene": asdict(scene),
        }
        lines.append(json.dumps(entry) + "\n")
        if progress is not None:
            progress(1)
    write_text(folder / "captions.jsonl", "".join(lines))
