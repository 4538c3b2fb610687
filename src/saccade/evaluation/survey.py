"""A checkpoint's attention on a whole split: health, grounding, verdicts, and what went wrong."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from saccade.data.boxes import Boxes
from saccade.data.features import Skipped
from saccade.data.scenes import absent_words, ground
from saccade.decoding import Decoding
from saccade.engine import Engine, encode
from saccade.errors import PictureError, UsageError
from saccade.evaluation.boxed import BoxedWord, boxed_words, named_words, reference_captions
from saccade.evaluation.boxfigures import BoxFigures, box_figures
from saccade.evaluation.chances import ChanceFigures, measure_chances
from saccade.evaluation.split import Captioned, Evaluation, evaluate
from saccade.explain.explainer import Explainer
from saccade.explain.judging import EFFECT_SHARES
from saccade.explain.maps import OF_CAPTIONS
from saccade.explain.record import plain, to_json
from saccade.metrics import grounding as boxes_of_words
from saccade.metrics import health as attention_health
from saccade.metrics.grounding import Grounding, grounding
from saccade.metrics.hallucination import (
    Hallucination,
    content_stems,
    hallucinated,
    is_content,
    known_stems,
    ranked,
)
from saccade.metrics.health import Health, health
from saccade.metrics.resample import mean_interval
from saccade.progress import progress
from saccade.values.evidence import Explanation, Interval, WordEvidence
from saccade.values.examples import Example, evenly
from saccade.values.places import Box

METRICS = ("CIDEr", "BLEU-4", "ROUGE-L")  # of each picture, where it has references
FAITHFULNESS, GUESSED = "faithfulness", "guessed"
RANKS = (FAITHFULNESS, GUESSED, "log-probability", "named in a reference", *METRICS)
STATES = ("supported", "weak", "contradicted", "seen", "partly", "guessed")


@dataclass(frozen=True)
class Explained:
    """One picture of the survey that was measured word by word."""

    captioned: Captioned
    explanation: Explanation
    scores: Mapping[str, float]  # by RANKS, those that are known


@dataclass(frozen=True)
class Survey:
    """What `survey` found. Shares are of words, with intervals over pictures."""

    evaluation: Evaluation
    health: Health | None  # None when no caption has a word
    grounding: Grounding | None  # where boxes exist
    boxed: tuple[BoxedWord, ...] = field(repr=False)  # words with boxes, under every map
    figures: BoxFigures | None = field(repr=False)  # of these words
    chances: ChanceFigures | None = field(repr=False)  # of pointing right, where they were measured
    hallucinated: tuple[Hallucination, ...]  # in no reference
    absent: tuple[Hallucination, ...]  # on scenes: not in the picture
    explained: tuple[Explained, ...]
    chosen: str  # by which rule those were chosen
    shares: Mapping[str, Interval]  # by STATES, of all their words
    content: Mapping[str, Interval]  # ... of their content words
    scores: Mapping[str, Mapping[str, float]] = field(repr=False)  # id -> scores, of all pictures

    def ranked(self, by: str) -> list[tuple[float, Captioned]]:
        """Pictures by one of RANKS, the worst first: the lowest, or for guessed words the most."""
        sign = -1 if by == GUESSED else 1
        found = [
            (values[by], item)
            for item in self.evaluation.captioned
            if by in (values := self.scores[item.example.id])
        ]
        return sorted(found, key=lambda entry: sign * entry[0])

    def rows(self) -> list[tuple[str, str]]:
        """Everything but the pictures, as rows of a table."""
        pictures = f"{len(self.explained)} of {self.evaluation.pictures} pictures ({self.chosen})"
        rows = [("measured word by word", pictures)]
        for state in STATES if self.shares else ():
            text = f"{_percent(self.shares[state])} of words"
            if self.content:
                text += f"; {_percent(self.content[state])} of content words"
            rows.append((state, text))
        if self.health is not None:
            rows += attention_health.rows(self.health)
        if self.grounding is not None:
            rows += boxes_of_words.rows(self.grounding)
        if self.absent:
            rows.append(("named, but not in the picture", _told(self.absent)))
        elif self.hallucinated and self.evaluation.truth is None:  # of scenes the truth is known
            rows.append(("named, but in no reference", _told(self.hallucinated)))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Everything but pixels, as plain JSON values."""
        return {
            "evaluation": self.evaluation.to_json(),
            "health": None if self.health is None else plain(asdict(self.health)),
            "grounding": None if self.grounding is None else plain(asdict(self.grounding)),
            "boxes": None if self.figures is None else plain(self.figures.to_json()),
            "chances": None if self.chances is None else self.chances.to_json(),
            "boxed words": [word.to_json() for word in self.boxed],
            "hallucinated": [plain(asdict(item)) for item in self.hallucinated],
            "absent": [plain(asdict(item)) for item in self.absent],
            "chosen": self.chosen,
            "shares": {name: plain(asdict(value)) for name, value in self.shares.items()},
            "content": {name: plain(asdict(value)) for name, value in self.content.items()},
            "scores": plain({key: dict(value) for key, value in self.scores.items()}),
            "explained": [
                {"id": item.captioned.example.id, **to_json(item.explanation)}
                for item in self.explained
            ],
        }


def survey(
    engine: Engine,
    data: Path | str | Sequence[Example],
    split: str = "val",
    images: Path | str | None = None,
    decoding: Decoding | None = None,
    boxes: Boxes | None = None,
    explainer: Explainer | None = None,
    measured: int = 50,
    rank: str = FAITHFULNESS,
    limit: int = 0,
    show: bool = True,
    maps: Sequence[str] = ("attention",),
    references: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Survey:
    """Caption a split, look at all maps, and explain `measured` of its captions word by word: those
    worst by `rank` where that is known beforehand, else pictures at even distances.

    boxes: of the pictures, where they aren't drawn scenes, which know theirs. maps: of
    `saccade.explain.maps.MAPS`, those that are compared with boxes; more than attention and its
    density takes the evidence of every word with a box. references: compare over each picture's
    first reference instead of the model's own caption. explainer: one of the engine, if not the
    default. stop: called after each batch and each explanation; when it returns true, the figures
    are of what is done. A picture that can't be read any more is not explained and in
    the evaluation's `skipped`. Raises UsageError for an unknown rank; DataError as `evaluate`."""
    check_rank(rank)
    if measured < 0 or limit < 0:
        raise UsageError("the pictures to measure and the limit are 0 or more.")
    evaluation = evaluate(engine, data, split, images, decoding, limit=limit, show=show, stop=stop)
    captioned = evaluation.captioned
    scores = _scores(evaluation)
    before = rank not in (FAITHFULNESS, GUESSED)
    known = [item for item in captioned if rank in scores[item.example.id]] if before else []
    if before and known:
        chosen = sorted(known, key=lambda item: scores[item.example.id][rank])[:measured]
        rule = f"the lowest {rank}"
    else:
        chosen = evenly(captioned, measured)
        rule = "at even distances"
    explainer = explainer or Explainer(engine)
    explained: list[Explained] = []
    failed: list[Skipped] = []
    with progress("Explaining", len(chosen), show) as task:
        for item in chosen:
            if stop():
                rule += f"; stopped after {len(explained)} of {len(chosen)}"
                break
            try:
                features = encode(engine, [item.example.image]).features
            except PictureError as error:  # gone since it was captioned
                failed.append(Skipped(item.example.image, str(error)))
                continue
            explanation = explainer.evidence(item.caption, features)
            own = scores[item.example.id]
            if explanation.words:
                tested = explanation.verdict_on
                effects = [w.curves[tested].effect.value for w in explanation.words]
                own[FAITHFULNESS] = float(np.mean(effects))
            own[GUESSED] = float(
                sum(w.seen == "guessed" and is_content(w.word) for w in explanation.words)
            )
            explained.append(Explained(item, explanation, own))
            task.advance(1)
    evaluation = replace(evaluation, skipped=(*evaluation.skipped, *failed))
    explanations = [item.explanation for item in explained]
    boxed = boxed_words(
        reference_captions(engine, [item.example for item in captioned], show, stop)
        if references
        else [(item.example, item.caption) for item in captioned],
        boxes,
        engine,
        None if OF_CAPTIONS.keys() >= set(maps) else _lean(explainer, maps),
        show,
        stop,
        maps,
    )
    attended = [c for item in captioned if (c := item.caption).alphas is not None]
    alphas = [c.alphas for c in attended if c.alphas is not None]
    return Survey(
        evaluation,
        health(alphas, [c.where for c in attended], [c.elsewhere for c in attended])
        if any(map(len, alphas))
        else None,
        grounding(
            (weights, item.caption.where, words)
            for item in captioned
            if (weights := item.caption.alphas) is not None and (words := grounded(item, boxes))
        ),
        boxed,
        box_figures(boxed),
        measure_chances(boxed),
        hallucinated(
            {item.example.id: item.caption.words for item in captioned},
            {item.example.id: item.example.captions for item in captioned},
        ),
        _absent(captioned),
        tuple(explained),
        rule,
        shares(explanations, lambda _, word: True),
        shares(explanations, lambda _, word: is_content(word.word)),
        scores,
    )


def _lean(explainer: Explainer, maps: Sequence[str]) -> Explainer:
    """An explainer that makes these maps, and of the coverings only those of verdicts."""
    low, high = EFFECT_SHARES
    settings = replace(
        explainer.settings,
        shares=tuple(share for share in explainer.settings.shares if low <= share <= high),
        maps=tuple(maps),
        curves=tuple(maps[:1]),
    )
    return Explainer(explainer.engine, explainer.fillers[0], settings, explainer.covered_with)


def check_rank(rank: str) -> None:
    """Raises UsageError for a rank that there isn't."""
    if rank not in RANKS:
        raise UsageError(f"there is no rank '{rank}'; choose {', '.join(RANKS)}.")


def grounded(item: Captioned, boxes: Boxes | None) -> list[tuple[int, tuple[Box, ...]]]:
    """The words of a caption that name something with boxes: (index, boxes)."""
    caption, example = item.caption, item.example
    if example.scene is not None:
        return ground(caption.text, example.scene)
    named = named_words(example, caption, boxes)
    return [(word.place, word.boxes) for word in named if word.head]


def _scores(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """What is known of each picture before it is explained, by id."""
    values: dict[str, dict[str, float]] = {
        item.example.id: {"log-probability": item.caption.logprob} for item in evaluation.captioned
    }
    scores = evaluation.scored
    if scores is not None:
        for place, key in enumerate(map(str, scores.ids)):
            values[key] |= {name: float(scores.per_picture[name][place]) for name in METRICS}
    for item in evaluation.captioned:
        known = known_stems(item.example.captions)
        named = content_stems(item.caption.words)
        if known and named:
            values[item.example.id]["named in a reference"] = len(named.keys() & known) / len(named)
    return values


def _absent(captioned: Sequence[Captioned]) -> tuple[Hallucination, ...]:
    """On scenes: the words for what is not there, the commonest first."""
    counts: Counter[str] = Counter()
    wrong: dict[str, list[str]] = {}
    for item in captioned:
        if item.example.scene is None:
            continue
        counts.update(set(item.caption.words))
        for word in dict.fromkeys(absent_words(item.caption.text, item.example.scene)):
            wrong.setdefault(word, []).append(item.example.id)
    return ranked(wrong, counts, {word: word for word in wrong})


def shares(
    explanations: Sequence[Explanation], chosen: Callable[[int, WordEvidence], bool]
) -> dict[str, Interval]:
    """Of the chosen words (picture, word), how many are in each of STATES, with intervals over
    pictures; nothing where no word is chosen."""
    table = np.zeros((len(explanations), len(STATES)))
    counts = np.zeros(len(explanations))
    for i, explanation in enumerate(explanations):
        for word in explanation.words:
            if chosen(i, word):
                counts[i] += 1
                for state in (word.verdict, word.seen):
                    table[i, STATES.index(state)] += 1
    if not counts.sum():
        return {}
    return {state: mean_interval(table[:, j], counts) for j, state in enumerate(STATES)}


def _percent(share: Interval) -> str:
    return f"{100 * share.value:.1f}\u00a0% ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _told(words: Sequence[Hallucination], most: int = 8) -> str:
    """The commonest, with how often of how often, and a picture."""
    return "; ".join(
        f"{item.word} {item.count} of {item.said} (as in {item.examples[0]})"
        for item in words[:most]
    )
