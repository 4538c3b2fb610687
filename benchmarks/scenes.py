"""The speed of drawing scenes, on one core.

    python benchmarks/scenes.py [PICTURES] [SIZE]

Prints items per second of processor time, which other load on the machine does not change: the
scene alone, with its references and their regions, with its picture, and written to a folder as
PNG and JSONL.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from saccade.data.scenes import captions, draw, make_scene, render, write


def rate(work: Callable[[int], object], count: int) -> float:
    """Calls a second, the best of three rounds."""
    work(0)  # what is made once and kept is made here
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for index in range(count):
            work(index)
        best = min(best, time.process_time() - began)
    return count / best


def main(count: int = 500, size: int = 96) -> None:
    scenes = [make_scene(0, index, size) for index in range(count)]
    print(f"{count} scenes of {size}x{size} pixels, on one core, a second of processor time:")
    print(f"  scenes made          {rate(lambda i: make_scene(0, i, size), count):8.0f}")
    print(f"  references, regions  {rate(lambda i: captions(scenes[i], 0, i), count):8.0f}")
    print(f"  pictures drawn       {rate(lambda i: render(scenes[i], i), count):8.0f}")
    print(f"  all three            {rate(lambda i: draw(0, i, size), count):8.0f}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        write(Path(folder), count, size=size)
        print(f"  written to a folder  {count / (time.process_time() - began):8.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
