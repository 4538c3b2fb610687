"""Validates the verdicts on captioners of transformers with known behaviour, on drawn scenes:

    python benchmarks/foreign_proof.py runs/foreign/ved --pictures 60

FOLDER and FOLDER-shuffled are made by `benchmarks/foreign_scenes.py`. Three captioners: good; the
same with its attention replaced by uniform weights after training (of the cross-attention; where
there is none, of all attention of the text model); and the one trained on captions shuffled between
images. The good one's captions are also explained with false maps. Prints the share of true
captions (the model's own beam search) and the rows of `benchmarks/explain_proof.py`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from explain_proof import prove

from saccade.api import Captioner
from saccade.data.scenes import check
from saccade.data.sources import read
from saccade.engine import ForeignEngine, encode
from saccade.values.examples import evenly

# Projections of queries, without which all scores are equal: cross-attention, else all of GIT's.
QUERIES = ("crossattention.q_attn.", "crossattention.self.query.", "git.encoder.layer")


def uniform(captioner: Captioner) -> Captioner:
    """Every place is attended to equally."""
    engine = captioner.engine
    assert isinstance(engine, ForeignEngine)
    changed = 0
    with torch.no_grad():
        for name, weights in engine.foreign.model.named_parameters():
            if any(part in name for part in QUERIES) and ("query." in name or "q_attn." in name):
                weights.zero_()
                changed += 1
    assert changed
    return captioner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path("runs/foreign/scenes"))
    parser.add_argument("--pictures", type=int, default=150)
    asked = parser.parse_args()

    def load(folder: Path) -> Captioner:
        return Captioner.from_pretrained(folder, device="cpu")

    captioners = {
        "good": load(asked.folder),
        "uniform attention": uniform(load(asked.folder)),
        "language only": load(Path(f"{asked.folder}-shuffled")),
    }
    test = [e for e in read(asked.data).examples if e.split == "test"]
    for name, captioner in captioners.items():
        captions = [captioner.decode(encode(captioner.engine, [e.image]))[0] for e in test]
        true = [check(c.text, e.scene).true for c, e in zip(captions, test, strict=True) if e.scene]
        print(f"{name}: {100 * np.mean(true):.1f}% of {len(true)} captions are true", flush=True)
    prove(captioners, evenly(test, asked.pictures), asked.data)


if __name__ == "__main__":
    main()
