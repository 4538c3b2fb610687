"""What each decoding strategy gives: quality, diversity and time, of one model on one split.

    python benchmarks/strategies.py flickr8k/captions.jsonl runs/mine features --split val

Scores are of the likeliest caption of each picture; oracle, average, self-CIDEr and div-n of all
that a strategy returns. Time is the processor's, of searching alone on one thread, as a multiple of
that of greedy search in the same run.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from saccade import Captioner
from saccade.cli.inputs import use_cache
from saccade.data.sources import read
from saccade.decoding import BAD_ENDINGS
from saccade.evaluation.split import evaluate

# name -> settings, and how many captions of each picture are kept
STRATEGIES: dict[str, tuple[dict[str, object], int]] = {
    "greedy": ({"strategy": "greedy"}, 1),
    "beam, 3": ({"strategy": "beam", "beams": 3}, 1),
    "beam, 5": ({"strategy": "beam", "beams": 5}, 1),
    "beam, 10, best ten": ({"strategy": "beam", "beams": 10}, 10),
    "beam, 5, no repeated trigram": ({"strategy": "beam", "beams": 5, "no_repeated_ngram": 3}, 1),
    "beam, 5, trigram penalty 2": ({"strategy": "beam", "beams": 5, "trigram_penalty": 2.0}, 1),
    "beam, 5, no bad endings": ({"strategy": "beam", "beams": 5, "bad_endings": BAD_ENDINGS}, 1),
    "beam, 5, no length normalisation": (
        {"strategy": "beam", "beams": 5, "length_power": 0.0},
        1,
    ),
    "diverse beam, 10 in 5 groups, 0.5": (
        {"strategy": "diverse_beam", "beams": 10, "groups": 5, "diversity": 0.5},
        10,
    ),
    "diverse beam, 10 in 10 groups, 1": (
        {"strategy": "diverse_beam", "beams": 10, "groups": 10, "diversity": 1.0},
        10,
    ),
    "sample, 10": ({"strategy": "sample", "samples": 10}, 10),
    "sample, 10, temperature 0.5": ({"strategy": "sample", "samples": 10, "temperature": 0.5}, 10),
    "sample, 10, top-k 10": ({"strategy": "sample", "samples": 10, "top_k": 10}, 10),
    "sample, 10, top-p 0.9": ({"strategy": "sample", "samples": 10, "top_p": 0.9}, 10),
    "sample, 10, min-p 0.1": ({"strategy": "sample", "samples": 10, "min_p": 0.1}, 10),
}
COLUMNS = ("BLEU-4", "METEOR", "ROUGE-L", "CIDEr")


class Timed:
    """An engine, and the processor time that its searches take."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.seconds = engine, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def write(self, *arguments: Any) -> Any:
        """`Engine.write`."""
        began = time.process_time()
        captions = self.engine.write(*arguments)
        self.seconds += time.process_time() - began
        return captions


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    captioner = Captioner.from_pretrained(options.model, "cpu")
    examples = [e for e in read(options.data).examples if e.split == options.split]
    use_cache(captioner, examples, options.limit, options.cache)

    shown: tuple[str, ...] = ()
    first = 0.0
    for name, (settings, keep) in STRATEGIES.items():
        engine = Timed(captioner.engine)
        result = evaluate(
            engine,
            examples,
            options.split,
            decoding=captioner.settings(**settings),
            limit=options.limit,
            show=False,
            keep=keep,
        )
        first = first or engine.seconds
        if not shown:
            shown = tuple(c for c in COLUMNS if c in result.scores)
            several = ("oracle CIDEr", "mean CIDEr", "self-CIDEr", "div-1", "div-2")
            heads = ("strategy", *shown, "unique", "bad endings", *several, "time")
            print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        of_one = [f"{result.scores[c]:.1f}" for c in shown]
        variety = result.variety
        of_one += ["", ""] if variety is None else [_share(variety.unique)]
        if variety is not None:
            of_one.append(_share(variety.bad_endings))
        of_all = [""] * 5
        if (all_of := result.several) is not None:
            of_all = [
                f"{100 * all_of.oracle['CIDEr']:.1f}",
                f"{100 * all_of.average['CIDEr']:.1f}",
                f"{all_of.self_cider:.2f}",
                f"{all_of.div_1:.2f}",
                f"{all_of.div_2:.2f}",
            ]
        row = (name, *of_one, *of_all, f"{engine.seconds / first:.1f}")
        print("| " + " | ".join(row) + " |", flush=True)


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


if __name__ == "__main__":
    main()
