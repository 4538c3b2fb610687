"""Captioning a folder, from files to sentences: the cost of each stage, and memory:

    python benchmarks/feeding.py PHOTOS --model runs/flickr8k
    python benchmarks/feeding.py PHOTOS --model runs/demo/run --count 10000 \\
        --memory docs/memory.png

Stages are timed separately, on the same photos, with all threads; "all" is `Captioner.stream`,
where reading overlaps with the model. The photos are repeated as often as needed. """

import argparse
import itertools
import resource
import time
from pathlib import Path

import torch

from saccade.api import Captioner
from saccade.cli.allocator import keep_memory
from saccade.engine import encode_prepared, prepare_ahead
from saccade.photos.folders import find_photos

BATCH = 16


def resident() -> float:
    """MiB that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def stages(captioner: Captioner, photos: list[Path]) -> dict[str, float]:
    """Seconds per photo of each stage alone."""
    taken = dict.fromkeys(("read and resize", "encode", "beam search"), 0.0)
    for at in range(0, len(photos), BATCH):
        group = photos[at : at + BATCH]
        start = time.perf_counter()
        (pairs,) = prepare_ahead(captioner.engine, group, BATCH)
        read = time.perf_counter()
        encoded = encode_prepared(captioner.engine, [prepared for _, prepared in pairs])
        seen = time.perf_counter()
        captioner.decode(encoded)
        taken["read and resize"] += read - start
        taken["encode"] += seen - read
        taken["beam search"] += time.perf_counter() - seen
    return {name: seconds / len(photos) for name, seconds in taken.items()}


def draw(counts: list[int], held: list[float], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    axis.plot(counts, held, color="#b5400a")
    axis.set_ylim(0, max(held) * 1.2)
    axis.set_xlabel("photos captioned")
    axis.set_ylabel("MiB held")
    axis.grid(alpha=0.25)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=Path, help="where to draw the memory over the photos")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_memory()
    captioner = Captioner.from_pretrained(given.model, device="cpu")
    found = find_photos([given.folder]).paths
    photos = list(itertools.islice(itertools.cycle(found), given.count))
    captioner.caption(photos[:BATCH])
    taken = stages(captioner, photos[:320])
    start = time.perf_counter()
    counts, held = [], []
    for count, _ in enumerate(captioner.stream(photos), 1):
        if count % BATCH == 0:
            counts.append(count)
            held.append(resident())
    together = (time.perf_counter() - start) / len(photos)
    total = sum(taken.values())
    for name, seconds in taken.items():
        print(
            f"{name:18} {seconds * 1e3:7.1f} ms a photo {seconds / total:6.0%} of the stages' sum"
        )
    print(f"{'all':18} {together * 1e3:7.1f} ms a photo, {1 / together:.1f} photos/s")
    later = held[len(held) // 10 :]
    print(f"memory: {held[0]:.0f} MiB after {counts[0]} photos, {held[-1]:.0f} after {counts[-1]}; "
          f"after the first tenth from {min(later):.0f} to {max(later):.0f}")  # fmt: skip
    if given.memory:
        draw(counts, held, given.memory)


if __name__ == "__main__":
    main()
