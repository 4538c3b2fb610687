"""Validates the verdicts on models with known behaviour:

    python benchmarks/explain_proof.py --out runs/proof            # trains two models: 10 minutes
    python benchmarks/explain_proof.py --model runs/mine --data captions.jsonl    # any checkpoint

Three captioners of drawn scenes: a good one (the demo's); the same with its attention replaced by
uniform weights after training; and one trained on captions shuffled between the pictures, which can
only learn the language. Each explains its own captions of unseen scenes, and, so that all three are
tested on the same words, each scene's first reference. The good one's captions are also explained
with false maps, for which verdicts must be worse: its own mirrored left to right, and those of the
next scene's caption. Shares of words over all words, over nouns and colours, and over the others,
with 95% bootstrap intervals over pictures.
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from saccade.api import Captioner
from saccade.data.scenes import ground, write
from saccade.data.sources import read
from saccade.engine import encode
from saccade.errors import UsageError
from saccade.evaluation.survey import STATES, shares
from saccade.explain import Explainer
from saccade.metrics.hallucination import is_content
from saccade.metrics.health import health
from saccade.training.train import train
from saccade.values.evidence import Explanation, WordEvidence
from saccade.values.examples import Example, evenly


def models(out: Path) -> dict[str, Captioner]:
    """The three, trained unless they are there."""
    scenes, shuffled = out / "scenes", out / "shuffled"
    if not (scenes / "captions.jsonl").exists():
        write(scenes, 7500, 0, val=200, test=300)
    if not (out / "good" / "best").exists():
        train(scenes, out / "good", "scenes", cpu=True)
    if not (out / "language" / "best").exists():
        lines = [json.loads(x) for x in (scenes / "captions.jsonl").read_text().splitlines()]
        known = [line for line in lines if line["split"] != "test"]
        captions = [line["captions"] for line in known]
        random.Random(0).shuffle(captions)
        shuffled.mkdir(exist_ok=True)
        with (shuffled / "captions.jsonl").open("w") as file:
            for line, other in zip(known, captions, strict=True):
                image = f"../scenes/{line['image']}"
                line_of = {"image": image, "split": line["split"], "captions": other}
                file.write(json.dumps(line_of) + "\n")
        train(shuffled, out / "language", "scenes", cpu=True)
    found = {
        "good": Captioner.from_pretrained(out / "good", device="cpu"),
        "uniform attention": Captioner.from_pretrained(out / "good", device="cpu"),
        "language only": Captioner.from_pretrained(out / "language", device="cpu"),
    }
    with torch.no_grad():
        found["uniform attention"].model.decoder.attention.energy.weight.zero_()
    return found


def mirrored(explainer: Explainer, own: list[Explanation]) -> list[Explanation]:
    return [_claimed(explainer, item, item.caption.alphas[:, :, ::-1]) for item in own]


def of_another(explainer: Explainer, own: list[Explanation]) -> list[Explanation]:
    """Word t gets the map of word t (or the last) of the next picture's caption."""
    found = []
    for item, other in zip(own, [*own[1:], own[0]], strict=True):
        places = np.minimum(np.arange(len(item.words)), len(other.words) - 1)
        found.append(_claimed(explainer, item, other.caption.alphas[places]))
    return found


def _claimed(explainer: Explainer, item: Explanation, maps: np.ndarray) -> Explanation:
    features = encode(explainer.engine, [item.caption.photo]).features
    return explainer.evidence(item.caption, features, maps=np.ascontiguousarray(maps))


def report_row(name: str, explanations: list[Explanation], examples: list[Example]) -> None:
    grounded = [
        {place for place, _ in ground(e.caption.text, example.scene)} if example.scene else None
        for e, example in zip(explanations, examples, strict=True)
    ]

    def content(picture: int, word: WordEvidence) -> bool:
        known = grounded[picture]
        return is_content(word.word) if known is None else word.place in known

    groups: dict[str, Callable[[int, WordEvidence], bool]] = {
        "all words": lambda *_: True,
        "content": content,
        "others": lambda *word: not content(*word),
    }
    print(f"\n{name}: {sum(len(e.words) for e in explanations)} words")
    print(f"  {'':10}" + "".join(f"{state:>22}" for state in STATES))
    for group, chosen in groups.items():
        row = shares(explanations, chosen)
        cells = (
            f"{100 * x.value:.1f} [{100 * x.low:.1f}, {100 * x.high:.1f}]" for x in row.values()
        )
        print(f"  {group:10}" + "".join(f"{cell:>22}" for cell in cells))
    for measured in (explanations[0].verdict_on, "gradient", "occlusion"):
        effects = [w.curves[measured].effect.value for e in explanations for w in e.words]
        areas = [
            (c.deletion_area, c.random_deletion_area, c.insertion_area, c.random_insertion_area)
            for e in explanations
            for w in e.words
            for c in (w.curves[measured],)
        ]
        d, rd, i, ri = np.mean(areas, 0)
        print(
            f"  {measured:10} mean effect {np.mean(effects):+.2f} nats; areas: deletion {d:.3f} "
            f"(random {rd:.3f}), insertion {i:.3f} (random {ri:.3f})"
        )
    for pair in ("attention-gradient", "attention-occlusion", "gradient-occlusion"):
        found = [w.agreement[pair] for e in explanations for w in e.words]
        rank, overlap = np.mean([a.rank for a in found]), np.mean([a.overlap for a in found])
        print(f"  {pair:22} rank correlation {rank:+.2f}, top tenth in common {overlap:.2f}")
    captions = [e.caption for e in explanations]
    away = [c.elsewhere for c in captions]
    flags = health([c.alphas for c in captions], [c.where for c in captions], away).flags
    print("  attention: " + (" ".join(flags) or "no flag"))


def prove(captioners: dict[str, Captioner], examples: list[Example], data: Path) -> None:
    """Prints the rows of all captioners."""
    for name, captioner in captioners.items():
        explainer = captioner.explainer(data)
        own = [explainer.explain(e.image) for e in examples]
        report_row(f"{name}, own captions", own, examples)
        if name == "good":
            for what, falsify in (("mirrored", mirrored), ("of another scene", of_another)):
                report_row(f"{name}, its maps {what}", falsify(explainer, own), examples)
        kept, given = [], []
        for example in examples:
            try:
                given.append(explainer.explain(example.image, example.captions[0]))
                kept.append(example)
            except UsageError:  # a word that it does not know
                continue
        report_row(f"{name}, the first reference of {len(kept)}", given, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/proof"))
    parser.add_argument("--model")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--pictures", type=int, default=150)
    asked = parser.parse_args()
    if asked.model is None:
        captioners, data = models(asked.out), asked.out / "scenes"
    else:
        captioners, data = {asked.model: Captioner.from_pretrained(asked.model)}, asked.data
    examples = [e for e in read(data).examples if e.split == asked.split]
    prove(captioners, evenly(examples, asked.pictures), data)


if __name__ == "__main__":
    main()
