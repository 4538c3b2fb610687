"""How many random orders the verdict on a map needs, on drawn scenes:

    python benchmarks/judge_orders.py --model runs/good --data scenes --pictures 75

For the nouns and colours of the model's own captions of unseen scenes, as in
`benchmarks/judge_proof.py`: maps of the true boxes, of another scene's, random ones, and random
orders of the cells, against 8 random orders with Student's t and against 39 and 119 with order
statistics (`saccade.explain.judging.effect`), by coverings of 5 to 50% of the cells and of 5 to
20%. Shares supported with 95% bootstrap intervals over pictures.
"""

import argparse
from pathlib import Path

import numpy as np
from judge_proof import auc, drawn, smooth

from saccade.api import Captioner
from saccade.data.scenes import ground
from saccade.data.sources import read
from saccade.engine import encode
from saccade.explain.comparing import descending
from saccade.explain.covering import first_covered
from saccade.explain.judging import (
    EFFECT_SHARES,
    EXACT,
    JUDGE_ORDERS,
    JUDGE_SHARES,
    effect,
    supports,
)
from saccade.metrics.resample import mean_interval
from saccade.values.examples import evenly

SHARES = (0.05, 0.1, 0.2, 0.5)
TESTS = (  # as `explain` has it; as many orders as an exact level needs; ...; as `judge` has it
    (8, EFFECT_SHARES),
    (EXACT, EFFECT_SHARES),
    (EXACT, JUDGE_SHARES),
    (JUDGE_ORDERS, JUDGE_SHARES),
)
OVERLAPS = ("apart", "touching", "half covered")
DRAWS = 24  # random orders for each word that stand for maps


def over_cells(values: np.ndarray, side: int) -> np.ndarray:
    """A map over a square photo -> (side * side,) the mean over each cell."""
    step = values.shape[0] // side
    cut = values[: side * step, : side * step].reshape(side, step, side, step)
    return cut.mean((1, 3)).ravel()


def overlap(true: np.ndarray, other: np.ndarray) -> str:
    """How much of a thing another scene's box covers, in words."""
    share = (true * other).sum() / true.sum()
    return OVERLAPS[0] if not share else OVERLAPS[1] if share < 0.5 else OVERLAPS[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=75)
    asked = parser.parse_args()
    captioner = Captioner.from_pretrained(asked.model, device="cpu")
    engine, fillers = captioner.engine, captioner.explainer().fillers
    test = [e for e in read(asked.data).examples if e.split == "test"]
    captions = []
    for example in evenly(test, asked.pictures):
        encoded = encode(engine, [example.image])
        (caption,) = captioner.decode(encoded)
        named = [(place, boxes) for place, boxes in ground(caption.text, example.scene) if boxes]
        if named:
            captions.append((encoded.features, caption, named))
    rng = np.random.default_rng(0)
    supported: dict[tuple[float, int, str], list[list[float]]] = {}
    values: dict[str, list[float]] = {}
    for i, (features, caption, named) in enumerate(captions):
        size = (caption.where.width, caption.where.height)
        side, T = caption.where.shape[0], len(caption.ids)
        others = captions[(i + 1) % len(captions)][2]
        orders = [rng.permutation(side * side) for _ in range(JUDGE_ORDERS + DRAWS)]
        of_all = np.zeros(T, dtype=bool)
        of_all[[place for place, _ in named]] = True
        kinds, wanted = ["order"] * len(orders), [of_all] * len(orders)
        for k, (place, boxes) in enumerate(named):
            true, other = drawn(boxes, size), drawn(others[k % len(others)][1], size)
            maps = {
                "true boxes": true,
                overlap(true, other): other,
                "random": rng.random((size[1], size[0])),
                "random blobs": smooth(rng, size),
            }
            for kind, drawing in maps.items():
                kinds.append(kind)
                wanted.append(np.arange(T) == place)
                orders.append(descending(over_cells(drawing, side), rng))
        masks = np.concatenate([first_covered(order, SHARES) for order in orders])
        places = np.repeat(np.stack(wanted), len(SHARES), 0)
        runs = engine.coverings(features, fillers).logprobs(masks, caption.ids, places)
        runs = runs.reshape(len(orders), len(SHARES), T)
        for repeats, between in TESTS:
            rows: dict[str, list[float]] = {}
            for place, _ in named:
                for j in range(JUDGE_ORDERS, len(orders)):
                    if wanted[j][place]:
                        own, control = runs[j, :, place], runs[:repeats, :, place]
                        found = effect(SHARES, own, control, between)
                        rows.setdefault(kinds[j], []).append(100.0 * supports(found))
                        if (repeats, between) == TESTS[-1]:
                            values.setdefault(kinds[j], []).append(found.value)
            another = [value for kind in OVERLAPS for value in rows.get(kind, [])]
            for kind, row in (*rows.items(), ("another scene's", another)):
                supported.setdefault((between[1], repeats, kind), []).append(row)
    for (most, repeats, kind), every in sorted(supported.items()):
        sums, counts = np.array([sum(x) for x in every]), np.array([len(x) for x in every], float)
        share = mean_interval(sums, counts)
        print(
            f"5 to {100 * most:g}%, {repeats:2} orders  {kind:16} {share.value:5.1f}% "
            f"({share.low:.1f} to {share.high:.1f}) of {int(counts.sum())}"
        )
    for kind in ("random", "random blobs"):
        print(f"AUC of true boxes against {kind}: {auc(values['true boxes'], values[kind]):.3f}")


if __name__ == "__main__":
    main()
