"""From a folder of JPEGs to published captions: rates, shares, what each form costs, memory:

    python benchmarks/publish.py --model runs/flickr8k
    python benchmarks/publish.py --model runs/flickr8k --memory 10000
    python benchmarks/publish.py --model runs/flickr8k --ray     # needs saccade-captioner[ray]

Photos are drawn: 640x480, different, about 60 kB each. Beside seconds stand the processor's own
(of all threads), which other work on the machine changes little. The forms are written after the
captions are known, so that their cost stands alone: finding that a photo is not done, writing, and
synchronising with the disk every 64 photos; the share is of captioning."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from feeding import stages
from PIL import Image

from saccade.api import Captioner
from saccade.cli.allocator import keep_memory
from saccade.publish import FORMS, AltText, open_form

EVERY = 64


def draw(folder: Path, count: int) -> list[Path]:
    """JPEGs of soft colours with some detail, no two alike."""
    folder.mkdir()
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        soft = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        soft = soft.resize((640, 480), Image.Resampling.BICUBIC)
        pixels = np.asarray(soft).astype(np.int16) + rng.integers(-9, 10, (480, 640, 1))
        paths.append(folder / f"{number:05}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=85)
    return paths


class Clock:
    """Seconds on the wall and of the processor."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu

    def told(self, count: int) -> str:
        rate = count / self.wall
        return f"{rate:.1f} photos/s ({1e3 * self.cpu / count:.2f} ms of the processor a photo)"


def forms(paths: list[Path], texts: list[str], folder: Path, captioning: Clock) -> None:
    """What each form costs beside captioning."""
    for name in FORMS:
        clock = Clock()
        place, _ = open_form(name, folder, "model")
        with clock.running():
            for number, (path, text) in enumerate(zip(paths, texts, strict=True), 1):
                if not place.done(path):
                    place.write(path, AltText(text, "model"))
                if number % EVERY == 0:
                    place.flush()
            place.flush()
        each = 1e3 * clock.cpu / len(paths)
        share = clock.cpu / captioning.cpu
        print(f"{name:8} {each:.2f} ms of the processor a photo, {share:.1%} of captioning")


def memory(model: str, folder: Path, count: int) -> None:
    """MiB that the program holds while it captions and writes, from 512 photos on."""
    held: list[tuple[int, float]] = []
    table = folder.parent / "memory.jsonl"
    command = [sys.executable, "-m", "saccade", "caption", str(folder), "--model", model, "--cpu"]
    command += ["--write", f"jsonl={table}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        time.sleep(1)
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            break
        done = table.read_bytes().count(b"\n") if table.exists() else 0
        held.append((done, pages * resource.getpagesize() / 2**20))
    for least in (512, count // 2, count - 512):
        at, size = next((entry for entry in held if entry[0] >= least), held[-1])
        print(f"memory after {at:,} photos: {size:.0f} MiB")


def with_ray(model: str, folder: Path, count: int) -> None:
    """The same folder through a local cluster, its start included and told apart."""
    table = folder.parent / "ray.jsonl"
    command = [sys.executable, "-m", "saccade", "caption", str(folder), "--model", model, "--cpu"]
    command += ["--write", f"jsonl={table}", "--ray"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    first = (0, began)
    while process.poll() is None:
        time.sleep(0.05)
        done = table.read_bytes().count(b"\n") if table.exists() else 0
        if done and not first[0]:
            first = (done, time.perf_counter())
        if done == count:
            break
    end = time.perf_counter()
    process.wait()
    rate = (count - first[0]) / max(end - first[1], 1e-9)
    print(f"Ray: {first[1] - began:.0f} s to the first batch, then {rate:.1f} photos/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, help="only memory, over so many photos")
    parser.add_argument("--ray", action="store_true", help="only Ray, on this machine")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_memory()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        paths = draw(folder, given.memory or given.count)
        size = sum(path.stat().st_size for path in paths) / len(paths) / 1e3
        print(f"{len(paths):,} JPEGs of {size:.0f} kB; load {os.getloadavg()[0]:.1f}", flush=True)
        if given.memory:
            memory(given.model, folder, given.memory)
            return
        if given.ray:
            with_ray(given.model, folder, given.count)
            return
        captioner = Captioner.from_pretrained(given.model, device="cpu")
        captioner.caption(paths[:16])
        taken = stages(captioner, paths[:160])
        for name, seconds in taken.items():
            print(
                f"{name}: {seconds * 1e3:.1f} ms, {seconds / sum(taken.values()):.0%}", flush=True
            )
        clock = Clock()
        with clock.running():
            texts = [caption.text for _, caption in captioner.stream(paths)]  # type: ignore[union-attr]
        print(f"captioning: {clock.told(len(paths))}", flush=True)
        forms(paths, texts, folder, clock)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
