"""How decode time grows with beams, pictures, cells and vocabulary, as one figure:

    python benchmarks/growth.py docs/growth.png

Each curve changes one number and leaves the others: 5 beams, 16 pictures, 196 cells, 9,488 words;
captions of 16 words, features encoded beforehand. Each time is printed with what the formula of
decode.py predicts, as a multiple of the first point: nothing should grow faster than that.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from timing import best

from saccade.cli.allocator import keep_memory
from saccade.decoding import Tokens, ban, beam_search
from saccade.models.build import DECODERS, build_decoder
from saccade.models.contract import Features

F, WORDS = 2048, 16
USUAL = {"beams": 5, "pictures": 16, "cells": 196, "words in the vocabulary": 9488}
POINTS = {
    "beams": (1, 2, 3, 5, 10, 20),
    "pictures": (1, 4, 16, 64, 256, 512),
    "cells": (49, 196, 576),
    "words in the vocabulary": (1000, 4000, 9488, 20000, 50000),
}


def operations(beams: int, pictures: int, cells: int, vocabulary: int) -> float:
    """As in decode.py, D = E = A = C = 512."""
    D = 512
    picture = 2 * cells * (F * D + D * D)
    products = D * (D + 4 * D + D + 1) + D * 5 * D + 4 * D * D + D * vocabulary
    return pictures * (picture + beams * WORDS * (2 * products + 4 * cells * D))


def seconds(beams: int, pictures: int, cells: int, vocabulary: int, times: int) -> float:
    torch.manual_seed(0)
    stepper = build_decoder(DECODERS["soft_attention"].settings(), vocabulary, F).eval().stepper()
    features = Features(torch.randn(pictures, cells, F).relu())
    rules = [ban((0, 1, 2, 3))]  # no end: all captions are as long

    def run() -> None:
        beam_search(stepper, stepper.start(features), Tokens(1, 2), rules, beams, WORDS)

    return best(run, times=times)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("figure", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_memory()
    mpl.rcParams["svg.hashsalt"] = "saccade"
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    for axis, (name, points) in zip(axes, POINTS.items(), strict=True):
        taken, counted = [], []
        for point in points:
            setting = tuple((USUAL | {name: point}).values())
            taken.append(seconds(*setting, times=3 if point < 200 else 2))
            counted.append(operations(*setting))
            print(
                f"{name} {point}: {taken[-1] * 1e3:.0f} ms, {taken[-1] / taken[0]:.1f} times the "
                f"first; the formula says {counted[-1] / counted[0]:.1f}",
                flush=True,
            )
        axis.plot(points, taken, "o-", color="#b5400a", label="measured")
        expected = [taken[-1] * count / counted[-1] for count in counted]
        axis.plot(points, expected, "--", color="#666666", label="operations, through the last")
        axis.set_xlabel(name)
        axis.set_ylim(0)
        axis.set_xticks(points[-3:], [f"{p:,}" for p in points[-3:]], fontsize=8)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("seconds")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(given.figure, dpi=120)


if __name__ == "__main__":
    main()
