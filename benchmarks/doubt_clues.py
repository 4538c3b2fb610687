"""What else could tell a wrong word, and whether it is worth its time:

    python benchmarks/doubt_clues.py --model MODEL --data DATA --limit 400 --cache features

Beside the clues that the doubt goes by: where the word stands, the caption's mean log-probability,
agreement of the other beams, the exact entropy, the gate, the map's sharpness, and what only an
explanation knows: the effect of covering the map's cells and how far attention, gradient and
occlusion agree. For each the gain of the area under the ROC curve when it joins the others, with a
95% interval by bootstrap over pictures, every word judged by a model of the other half of them.
Explaining a photo of 49 cells takes about half a second; --no-look leaves it out.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from saccade.api import Captioner
from saccade.data.sources import read
from saccade.engine import encode
from saccade.evaluation.doubt import judged_words, left_out_doubts
from saccade.evaluation.split import Captioned, evaluate
from saccade.evaluation.truth import truth_of
from saccade.explain.chance import clues as clues_of_map
from saccade.explain.doubt import clues_of, content_places
from saccade.explain.explainer import Explainer
from saccade.metrics.calibration import area_gain, with_intervals
from saccade.progress import progress
from saccade.text.english import stem
from saccade.values.captions import Caption
from saccade.values.doubt import DIRECTIONS as DOUBT
from saccade.values.evidence import Interval, WordEvidence
from saccade.values.examples import evenly

# Which way a clue may move the doubt; 0: either.
DIRECTIONS: Mapping[str, int] = {
    "the place in the caption": 0,
    "the caption's mean log-probability": -1,
    "agreement of the other beams": -1,
    "the exact entropy": 1,
    "the gate": 0,
    "the map's entropy": 0,
    "the map's peak over uniform": 0,
    "the effect of the look": -1,
    "agreement of attention with gradient": -1,
    "agreement of attention with occlusion": -1,
}
OF_MAPS = {
    "the map's entropy": "entropy",
    "the map's peak over uniform": "log of peak over uniform",
    "the effect of the look": "effect",
    "agreement of attention with gradient": "rank correlation with gradient",
    "agreement of attention with occlusion": "rank correlation with occlusion",
}


def known_of(caption: Caption, place: int, word: WordEvidence | None) -> dict[str, float]:
    """What could also be a clue about one word."""
    key = stem(caption.words[place])
    others = [{stem(w) for w in other.words} for other in caption.others]
    known = {
        "the place in the caption": place / max(1, len(caption.words) - 1),
        "the caption's mean log-probability": float(np.mean(caption.logprobs)),
        "agreement of the other beams": sum(key in o for o in others) / max(1, len(others)),
    }
    if word is None:
        return known
    about = clues_of_map(word, "attention")
    gate = {} if word.beta is None else {"the gate": word.beta}
    return (
        known
        | gate
        | {"the exact entropy": word.entropy}
        | {ours: about[theirs] for ours, theirs in OF_MAPS.items() if theirs in about}
    )


def extra_clues(
    captioned: Sequence[Captioned], explainer: Explainer | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The names (C,) and (N, C) of all words that `judged_words` has, in its order."""
    rows = []
    with progress("Looking", len(captioned)) as task:
        for item in captioned:
            truth = truth_of(item.example, item.caption)
            places = [t for t in content_places(item.caption) if truth and truth[t] is not None]
            words: Sequence[WordEvidence | None] = [None] * len(places)
            if explainer is not None and places:
                features = encode(explainer.engine, [item.example.image]).features
                words, _ = explainer.words(item.caption, features, places)
            rows += [
                known_of(item.caption, place, word)
                for place, word in zip(places, words, strict=True)
            ]
            task.advance(1)
    names = tuple(name for name in DIRECTIONS if all(name in row for row in rows))
    return names, np.array([[row[name] for name in names] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=400, help="photos, at even distances")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--no-look", action="store_true")
    chosen = parser.parse_args()
    captioner = Captioner.from_pretrained(chosen.model, device="cpu")
    examples = [e for e in read(chosen.data).examples if e.split == chosen.split]
    examples = evenly(examples, chosen.limit)
    if chosen.cache is not None:
        captioner.engine.use_cache([e.image for e in examples], chosen.cache)
    explainer = captioner.explainer().measuring(curves=("attention",))
    keep = captioner.engine.decoding.beams
    captioned = evaluate(captioner.engine, examples, chosen.split, keep=keep).captioned
    words = judged_words(clues_of(explainer), captioned)
    names, extra = extra_clues(captioned, None if chosen.no_look else explainer)
    assert len(extra) == len(words.wrong)
    print(
        f"{len(extra)} content words of {words.of.max() + 1} photos, {words.wrong.mean():.1%} wrong"
    )
    joint = replace(
        words, clues=(*words.clues, *names), known=np.concatenate((words.known, extra), 1)
    )

    def doubts(*added: str) -> np.ndarray:
        return left_out_doubts(joint, (*words.clues, *added), directions={**DOUBT, **DIRECTIONS})

    without = doubts()
    area, _ = with_intervals(without, words.wrong, words.of)
    print(f"the doubt as it is: {told(area)}")
    for what, added in (*((name, (name,)) for name in names), ("all", names)):
        gain = area_gain(doubts(*added), without, words.wrong, words.of)
        print(f"with {what}: {told(gain, sign='+')}")


def told(value: Interval, sign: str = "") -> str:
    return f"{value.value:{sign}.3f} ({value.low:{sign}.3f} to {value.high:{sign}.3f})"


if __name__ == "__main__":
    main()
