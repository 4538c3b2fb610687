"""Evaluate a captioner on a split: loss, perplexity, scores, and on scenes truth and pointing."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from saccade.config import to_dict
from saccade.data.features import Skipped
from saccade.data.scenes import check, ground
from saccade.data.sources import read
from saccade.decoding import Decoding
from saccade.engine import Encoded, Engine, encode_prepared, prepare_ahead
from saccade.errors import DataError, PictureError
from saccade.evaluation.truth import share_of_wrong_words
from saccade.metrics import Scores, score
from saccade.metrics.diversity import Variety, variety
from saccade.metrics.grounding import Pointing, WordPointing, pointing, word_pointing
from saccade.metrics.perplexity import perplexity
from saccade.metrics.several import SeveralScores, score_several
from saccade.progress import progress
from saccade.text import has_words
from saccade.values.captions import Caption
from saccade.values.examples import Example

T = TypeVar("T")


@dataclass(frozen=True)
class Captioned:
    """One picture's caption and what is known of it."""

    example: Example
    caption: Caption
    truth: bool | None = None  # on scenes: is every word of it true?
    faults: tuple[str, ...] = ()
    looks: tuple[WordPointing, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    pictures: int
    loss: float  # natural logarithm per word, ends included; words unknown to the model count
    perplexity: float
    scores: dict[str, float]  # BLEU-1..4, ROUGE-L, CIDEr, ... as papers print them (times 100)
    truth: float | None  # share of captions that are true of their scene
    pointing: Pointing | None
    decode: Decoding
    captioned: tuple[Captioned, ...] = field(repr=False)
    skipped: tuple[Skipped, ...] = field(repr=False)
    scored: Scores | None = field(repr=False, default=None)  # by picture; None without references
    notes: tuple[str, ...] = ()  # what to know about the scores
    several: SeveralScores | None = None  # of all captions, where several of each were kept
    variety: Variety | None = None  # of the captions alone, the best of each picture
    wrong: float | None = None  # share of content words in no reference; on scenes, of untrue words
    seconds: float = 0.0  # that searching took, encoding not counted
    complete: bool = True  # False: it was stopped before all pictures were captioned

    def to_json(self) -> dict[str, Any]:
        """The figures and every caption, as plain JSON values (alphas not among them)."""
        return {
            "pictures": self.pictures,
            "several": None if self.several is None else self.several.to_json(),
            "variety": None if self.variety is None else self.variety.to_json(),
            "wrong_words": None if self.wrong is None else round(self.wrong, 4),
            "search_seconds": round(self.seconds, 3),
            "complete": self.complete,
            "loss": round(self.loss, 6),
            "perplexity": round(self.perplexity, 4),
            "scores": {name: round(value, 4) for name, value in self.scores.items()},
            "truth": self.truth,
            "pointing": None if self.pointing is None else asdict(self.pointing),
            "decode": to_dict(self.decode),
            "skipped": [{"path": str(s.path), "reason": s.reason} for s in self.skipped],
            "captions": [
                {
                    "id": item.example.id,
                    "caption": item.caption.text,
                    "logprob": round(item.caption.logprob, 4),
                    **_others(item.caption),
                    "references": list(item.example.captions),
                    **({} if item.truth is None else {"true": item.truth, "faults": item.faults}),
                }
                for item in self.captioned
            ],
        }


def evaluate(
    engine: Engine,
    data: Path | str | Sequence[Example],
    split: str = "val",
    images: Path | str | None = None,
    decoding: Decoding | None = None,
    batch: int = 32,
    limit: int = 0,
    show: bool = True,
    stop: Callable[[], bool] = lambda: False,
    keep: int = 1,
) -> Evaluation:
    """Caption every picture of a split and measure. `data` is a source for `read`, or examples.

    split "all" takes every picture; limit > 0 only the first `limit`. A picture that can't be
    decoded is listed in `skipped`. stop: called after each batch; when it returns true, the figures
    are of the pictures captioned until then. keep: captions of each picture; `scores` are of the
    best of each, `several` of all. Raises DataError when nothing is left."""
    examples = _examples(data, split, images)
    if limit:
        examples = examples[:limit]
    decoding = decoding or engine.decoding
    captioned: list[Captioned] = []
    skipped: list[Skipped] = []
    totals = [0.0, 0]
    seconds = 0.0
    with progress("Captioning", len(examples), show) as task:
        for kept, encoded in encoded_batches(
            engine,
            examples,
            lambda example: example.image,
            batch,
            task.advance,
            lambda example, error: skipped.append(Skipped(example.image, str(error))),
        ):
            nll, words = _likelihood(engine, kept, encoded)
            totals[0] += nll
            totals[1] += words
            began = perf_counter()
            captions = engine.write(encoded, decoding, keep)
            seconds += perf_counter() - began
            captioned += [_judge(e, c) for e, c in zip(kept, captions, strict=True)]
            if stop():
                break
    if not captioned:
        raise DataError(f"no picture of the split '{split}' can be decoded: {skipped[0].reason}")
    scored = [item for item in captioned if any(map(has_words, item.example.captions))]
    references = _references(item.example for item in scored)
    scores = several = None
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", UserWarning)
        if scored:
            scores = score(references, {item.example.id: item.caption.text for item in scored})
            if keep > 1:
                several = score_several(
                    references,
                    {item.example.id: _texts(item.caption) for item in scored},
                )
    loss = totals[0] / totals[1] if totals[1] else float("nan")
    truths = [item.truth for item in captioned if item.truth is not None]
    done = len(captioned) + len(skipped)
    notes = list(dict.fromkeys(str(note.message) for note in noted))
    if done < len(examples):
        notes.append(
            f"stopped after {done:,} of {len(examples):,} pictures, whose figures these are."
        )
    return Evaluation(
        len(captioned),
        loss,
        perplexity(loss),
        {} if scores is None else {name: 100 * value for name, value in scores.values.items()},
        sum(truths) / len(truths) if truths else None,
        pointing(looks) if (looks := [x for item in captioned for x in item.looks]) else None,
        decoding,
        tuple(captioned),
        tuple(skipped),
        scores,
        tuple(notes),
        several,
        variety([item.caption.text for item in captioned]),
        share_of_wrong_words(
            (replace(one.example, captions=references.get(one.example.id, ())), one.caption)
            for one in captioned
        ),
        seconds,
        done == len(examples),
    )


def _texts(caption: Caption) -> list[str]:
    """A caption and its others."""
    return [one.text for one in (caption, *caption.others)]


def _others(caption: Caption) -> dict[str, list[str]]:
    return {"others": _texts(caption)[1:]} if caption.others else {}


def _references(examples: Iterable[Example]) -> dict[str, tuple[str, ...]]:
    """The captions of each picture; one that comes twice has the captions of both places."""
    references: dict[str, tuple[str, ...]] = {}
    for example in examples:
        references[example.id] = references.get(example.id, ()) + example.captions
    return references


def _examples(
    data: Path | str | Sequence[Example], split: str, images: Path | str | None
) -> list[Example]:
    if isinstance(data, Path | str):
        examples = read(Path(data), images=None if images is None else Path(images)).examples
        name = str(data)
    else:
        examples, name = tuple(data), "the data"
    chosen = [e for e in examples if split in ("all", e.split)]
    if not chosen:
        found = ", ".join(sorted({e.split for e in examples})) or "none"
        raise DataError(f"{name} has no split '{split}' (found: {found}); name one with --split.")
    return chosen


def encoded_batches(
    engine: Engine,
    items: Sequence[T],
    photo: Callable[[T], Path],
    batch: int,
    advance: Callable[[int], object],
    failed: Callable[[T, PictureError], object] = lambda item, error: None,
) -> Iterator[tuple[list[T], Encoded]]:
    """Batches of items whose photo can be decoded, encoded once; failed is called for the others,
    advance with the size of each batch once it is used."""
    waiting = iter(items)
    for group in prepare_ahead(engine, [photo(item) for item in items], batch):
        kept, prepared = [], []
        for (_, opened), item in zip(group, waiting, strict=False):
            if isinstance(opened, PictureError):
                failed(item, opened)
            else:
                kept.append(item)
                prepared.append(opened)
        if kept:
            yield kept, encode_prepared(engine, prepared)
        advance(len(group))


def _likelihood(engine: Engine, examples: Sequence[Example], encoded: Encoded) -> tuple[float, int]:
    """Summed negative log-likelihood of the references, and how many words they have; words unknown
    to the model count as such."""
    captions = [[engine.words.reference(c) for c in e.captions if has_words(c)] for e in examples]
    chosen = [i for i, entry in enumerate(captions) if entry]
    if not chosen:
        return 0.0, 0
    features = encoded.pictures(chosen).features
    return engine.likelihood(features, [captions[i] for i in chosen])


def _judge(example: Example, caption: Caption) -> Captioned:
    """On a scene, whether the caption is true and whether its words looked where they should."""
    if example.scene is None:
        return Captioned(example, caption)
    verdict = check(caption.text, example.scene)
    alphas = caption.alphas
    looks = (
        ()
        if alphas is None
        else tuple(
            word_pointing(caption.words[index], alphas[index], caption.where, boxes)
            for index, boxes in ground(caption.text, example.scene)
        )
    )
    return Captioned(example, caption, verdict.true, verdict.faults, looks)
