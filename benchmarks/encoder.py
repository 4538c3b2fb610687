"""Photos/s of an encoder, and what each faster variant costs in accuracy, in one run:

    python benchmarks/encoder.py                                         # ResNet-101 at 448x448
    python benchmarks/encoder.py google/mobilenet_v2_1.0_224 --size 224

Without a hub id or a local folder it is a ResNet-101 with random weights (its speed does not depend
on them; its errors do). The error is the relative distance of the features from float32's.
"""

import argparse
import copy
import time
from pathlib import Path

import torch
from timing import best
from torch import nn
from transformers import AutoModel, ResNetConfig
from transformers.utils import logging

from saccade.cli.allocator import keep_memory


def backbone(name: str | None) -> nn.Module:
    if name is not None:
        return AutoModel.from_pretrained(name, dtype=torch.float32).eval()
    torch.manual_seed(0)
    return AutoModel.from_config(ResNetConfig(depths=[3, 4, 23, 3])).eval()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backbone", nargs="?", help="hub id or local folder")
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="takes minutes, needs a compiler")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_memory()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    plain = backbone(given.backbone)
    pixels = torch.randn(given.batch, 3, given.size, given.size)
    last = torch.channels_last
    ways: dict[str, tuple[nn.Module, torch.Tensor]] = {
        "float32, default format": (plain, pixels),
        "float32, channels last": (
            copy.deepcopy(plain).to(memory_format=last),
            pixels.contiguous(memory_format=last),
        ),
        "bfloat16, channels last": (
            copy.deepcopy(plain).to(torch.bfloat16, memory_format=last),
            pixels.to(torch.bfloat16, memory_format=last),
        ),
    }
    if given.compile:
        start = time.perf_counter()
        compiled = torch.compile(copy.deepcopy(plain).to(memory_format=last))
        compiled(pixel_values=pixels.contiguous(memory_format=last))
        print(f"torch.compile took {time.perf_counter() - start:.0f} s")
        ways["float32, compiled"] = (compiled, pixels.contiguous(memory_format=last))
    expected = plain(pixel_values=pixels).last_hidden_state
    name = Path(given.backbone or "resnet-101").name
    print(f"{name}, {given.size}x{given.size}, batches of {given.batch}, {given.threads} threads")
    seconds = best(
        *(lambda m=m, x=x: m(pixel_values=x) for m, x in ways.values()), times=given.times
    )
    for (way, (model, x)), taken in zip(ways.items(), seconds, strict=True):
        found = model(pixel_values=x).last_hidden_state.float()
        error = float((found - expected).norm() / expected.norm())
        print(
            f"{way:26} {given.batch / taken:8.2f} photos/s {seconds[0] / taken:6.2f} x   "
            f"error {error:.1e}"
        )


if __name__ == "__main__":
    main()
