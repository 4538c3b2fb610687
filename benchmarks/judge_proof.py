"""Validates `saccade judge` on drawn scenes, where it is known what a map ought to show:

    python benchmarks/judge_proof.py --model runs/good --data scenes/ --pictures 150

Maps of the nouns and colours of the model's own captions of unseen scenes, drawn at the photo's
resolution: the true boxes of what the word names; the boxes of a word of another scene; uniform
maps; random values for each pixel; and smooth random blobs, which touch a thing more often. Shares
supported with 95% bootstrap intervals over pictures, and the area under the ROC curve (AUC) of true
boxes against the random maps, by effect.
"""

import argparse
from pathlib import Path

import numpy as np

from saccade.api import Captioner
from saccade.data.scenes import ground
from saccade.data.sources import read
from saccade.engine import encode
from saccade.explain.judging import supports
from saccade.metrics.resample import mean_interval
from saccade.values.evidence import Interval
from saccade.values.examples import evenly
from saccade.values.places import Box


def drawn(boxes: tuple[Box, ...], size: tuple[int, int]) -> np.ndarray:
    """Boxes on a photo of size (width, height) as a map (height, width): 1 inside, 0 outside."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    inside = [(x0 <= x) & (x < x1) & (y0 <= y) & (y < y1) for x0, y0, x1, y1 in boxes]
    return np.any(inside, 0).astype(float)


def smooth(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A random map of as many blobs as scenes have things."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    spots = rng.random((3, 3)) * (size[0], size[1], 1)
    return sum(
        weight * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * (size[0] / 8) ** 2))
        for u, v, weight in spots
    )


def auc(positive: list[float], negative: list[float]) -> float:
    """How often a positive is above a negative; ties count half."""
    a, b = np.array(positive)[:, None], np.array(negative)[None]
    return float(((a > b) + 0.5 * (a == b)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--pictures", type=int, default=150)
    asked = parser.parse_args()
    captioner = Captioner.from_pretrained(asked.model, device="cpu")
    explainer = captioner.explainer().measuring(
        maps=("gradient",), curves=("gradient",), shares=(0.05, 0.1, 0.2, 0.5)
    )
    examples = [e for e in read(asked.data).examples if e.split == asked.split]
    captions = []
    for example in evenly(examples, asked.pictures):
        (caption,) = captioner.decode(encode(captioner.engine, [example.image]))
        named = [(place, boxes) for place, boxes in ground(caption.text, example.scene) if boxes]
        if named:
            captions.append((example, caption, named))
    rng = np.random.default_rng(0)
    results: dict[str, list[list[float]]] = {}
    effects: dict[str, list[float]] = {}
    for i, (example, caption, named) in enumerate(captions):
        size = (caption.where.width, caption.where.height)
        others = captions[(i + 1) % len(captions)][2]
        kinds = {
            "true boxes": [drawn(boxes, size) for _, boxes in named],
            "boxes of another scene": [
                drawn(others[k % len(others)][1], size) for k in range(len(named))
            ],
            "uniform": [np.ones((size[1], size[0])) for _ in named],
            "random": [rng.random((size[1], size[0])) for _ in named],
            "random blobs": [smooth(rng, size) for _ in named],
        }
        for kind, maps in kinds.items():
            every = [np.zeros((size[1], size[0])) for _ in caption.words]
            for (place, _), values in zip(named, maps, strict=True):
                every[place] = values
            found = explainer.judge(example.image, every, caption.text)
            own = [found.words[place].curves["judged"].effect for place, _ in named]
            results.setdefault(kind, []).append([100.0 * supports(effect) for effect in own])
            effects.setdefault(kind, []).extend(effect.value for effect in own)
        truth, elsewhere = kinds["true boxes"], kinds["boxes of another scene"]
        apart = [not (a * b).any() for a, b in zip(truth, elsewhere, strict=True)]
        last = results["boxes of another scene"][-1]
        results.setdefault("... that do not touch the true ones", []).append(
            [value for value, far in zip(last, apart, strict=True) if far]
        )
    words = len(effects["uniform"])
    print(f"{asked.model}: {words} nouns and colours of {len(captions)} scenes")
    for kind, rows in results.items():
        share: Interval = mean_interval(
            np.array([sum(row) for row in rows]), np.array([len(row) for row in rows], dtype=float)
        )
        print(f"{kind:38} supported {share.value:5.1f}% ({share.low:.1f} to {share.high:.1f})")
    for kind in ("random", "random blobs"):
        print(f"AUC of true boxes against {kind}: {auc(effects['true boxes'], effects[kind]):.3f}")


if __name__ == "__main__":
    main()
