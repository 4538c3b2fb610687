"""Ranks the maps of explain's table on checkpoints, by two questions that are kept apart:

    python benchmarks/rank_maps.py MODEL... --data scenes --split test --pictures 150
    python benchmarks/rank_maps.py MODEL --data flickr8k --split val --boxes entities --pictures 100

Does the map name what the word depends on: the share of words supported and the mean effect (nats
beyond random coverings of as many cells). Does it name the thing: the peak in its box, beside
uniform weights and the image centre. Words with boxes of the model's own captions of unseen
pictures (of drawn scenes also colours and sizes), with 95% bootstrap intervals over pictures. Of
"heads", which makes a map for each head of each layer, the best by effect is shown, chosen on the
first half of the pictures and measured on the second.
"""

import argparse
from pathlib import Path

import numpy as np

from saccade.api import Captioner
from saccade.data.boxes import read_boxes
from saccade.data.sources import read
from saccade.engine import encode
from saccade.evaluation.boxed import BASELINES, BoxedWord, boxed_words
from saccade.explain.judging import supports
from saccade.explain.maps import MAPS
from saccade.metrics.resample import mean_interval
from saccade.values.evidence import Interval
from saccade.values.examples import evenly

COLUMNS = ("supported, %", "effect, nats", "peak in the box, %")


def words_of(model: str, asked: argparse.Namespace) -> tuple[BoxedWord, ...]:
    """Every word with a box in the model's captions, under all maps."""
    captioner = Captioner.from_pretrained(model, device="cpu")
    explainer = captioner.explainer().measuring(
        shares=(0.05, 0.1, 0.2, 0.5), maps=tuple(asked.maps.split(","))
    )
    examples = [e for e in read(asked.data).examples if e.split == asked.split]
    examples = evenly(examples, asked.pictures)
    boxes = None if asked.boxes is None else read_boxes(asked.boxes, [e.image for e in examples])
    captions = []
    for example in examples:
        (caption,) = captioner.decode(encode(captioner.engine, [example.image]))
        captions.append((example, caption))
    return boxed_words(captions, boxes, captioner.engine, explainer)


def figures(words: list[BoxedWord], name: str) -> tuple[Interval | None, ...]:
    """By COLUMNS; the first two are None for the baselines, which are not tested."""

    def interval(values: list[float]) -> Interval:
        pictures = sorted({word.picture for word in words})
        rows = [[v for w, v in zip(words, values, strict=True) if w.picture == p] for p in pictures]
        return mean_interval(
            np.array([sum(row) for row in rows]), np.array([len(row) for row in rows], dtype=float)
        )

    peak = interval([100 * word.peak[name] for word in words])
    if name in BASELINES:
        return None, None, peak
    effects = [word.evidence.curves[name].effect for word in words]  # type: ignore[union-attr]
    supported = [100.0 * supports(effect) for effect in effects]
    return interval(supported), interval([e.value for e in effects]), peak


def shown(interval: Interval | None, digits: int) -> str:
    if interval is None:
        return "-"
    value, low, high = (f"{x:.{digits}f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--maps", default=",".join(MAPS))
    asked = parser.parse_args()
    for model in asked.models:
        words = words_of(model, asked)
        names = list(words[0].peak)
        heads = [name for name in names if name.startswith("heads.")]
        middle = sorted({word.picture for word in words})
        middle = middle[len(middle) // 2]
        print(f"\n{model}: {len(words)} words of {len({w.picture for w in words})} pictures")
        print("| map | " + " | ".join(COLUMNS) + " |\n" + "|---" * 4 + "|")
        rows = []
        for name in names:
            if name not in heads:
                rows.append((name, figures(list(words), name)))
        if heads:
            first = [word for word in words if word.picture < middle]
            best = max(heads, key=lambda name: figures(first, name)[1].value)  # type: ignore
            rest = [word for word in words if word.picture >= middle]
            rows.append((f"{best}, the best of {len(heads)} heads", figures(rest, best)))
        rows.sort(key=lambda row: -(row[1][1].value if row[1][1] else -np.inf))
        for name, (supported, effect, peak) in rows:
            print(f"| {name} | {shown(supported, 1)} | {shown(effect, 2)} | {shown(peak, 1)} |")


if __name__ == "__main__":
    main()
