"""Start-up times in fresh processes, relative to `import torch`:

    python benchmarks/start.py

The first caption is of one 640x480 JPEG by a checkpoint with a ResNet-101 of random weights at
448x448 (made in a temporary folder, encoder included: 250 MB to read), from the program's start
to its end, with 5 beams.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, ResNetConfig

from saccade.checkpoint import Checkpoint, save
from saccade.config import EncoderConfig
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.loading import load_encoder
from saccade.text import Vocabulary


def seconds(command: list[str], times: int) -> float:
    """The fastest of some runs, after one that fills the disk's cache."""
    fastest = float("inf")
    for run in range(times + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if run:
            fastest = min(fastest, time.perf_counter() - start)
    return fastest


def checkpoint(folder: Path) -> Path:
    """A captioner with ResNet-101, a vocabulary of 9,488 words, and random weights."""
    torch.manual_seed(0)
    backbone = folder / "resnet-101"
    AutoModel.from_config(ResNetConfig(depths=[3, 4, 23, 3])).save_pretrained(backbone)
    encoder = load_encoder(EncoderConfig(backbone=str(backbone), image_size=(448, 448)))
    words = Vocabulary.build([f"word{n}" for n in range(9484)], 1)
    decoder = build_decoder(DECODERS["soft_attention"].settings(), len(words), encoder.features)
    save(folder / "model", Checkpoint(CaptionModel(encoder, decoder), words))
    return folder / "model"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    python = sys.executable
    program = [python, "-m", "saccade"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photo.jpg")
        model = checkpoint(folder)
        caption = ["caption", str(folder / "photo.jpg"), "--model", str(model), "--beams", "5"]
        base = seconds([python, "-c", "import torch"], times)
        print(f"{'import torch':34} {base:6.2f} s")
        for name, command in (
            ("python itself", [python, "-c", "pass"]),
            ("import saccade", [python, "-c", "import saccade"]),
            ("saccade --help", [*program, "--help"]),
            ("first caption, ResNet-101, --cpu", [*program, *caption, "--cpu"]),
        ):
            taken = seconds(command, times)
            print(f"{name:34} {taken:6.2f} s {taken / base:6.2f} of import torch")


if __name__ == "__main__":
    main()
