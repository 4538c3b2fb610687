"""How doubtful the words of captions are: what is known of them, and the fitted model at work.

Beside what the search says of a word (its probability, its runners-up), each caption is read twice
without its picture: about mean features and about a blank. Both readings of a whole batch are one
pass of the decoder (`Engine.read_all`). The model is fitted by `saccade survey --doubt`
(`saccade.evaluation.doubt`) and kept in the checkpoint.

Letters: B pictures with a caption each, W content words of a caption, C clues.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from saccade.data.broader import broader
from saccade.decoding import Decoding, changed
from saccade.engine import Encoded, Engine, EnsembleEngine, ModelEngine
from saccade.errors import UsageError
from saccade.explain.explainer import Explainer
from saccade.explain.sentences import teacher_forced
from saccade.models.contract import Features
from saccade.text import Vocabulary
from saccade.text.english import is_content, stem
from saccade.values.captions import Caption
from saccade.values.doubt import (
    DIRECTIONS,
    DOUBTFUL,
    ENTROPY,
    LOGPROB,
    LOST_BLANK,
    LOST_MEAN,
    RARITY,
    SAMPLES,
    Doubt,
    DoubtModel,
)
from saccade.values.evidence import Explanation


def content_places(caption: Caption) -> list[int]:
    """The places of a caption's content words, which alone are judged."""
    return [place for place, word in enumerate(caption.words) if is_content(word)]


def rarities(vocabulary: Vocabulary) -> dict[str, float]:
    """Stem -> the logarithm of its place in the vocabulary, which lists words by their falling
    frequency in the training captions: by Zipf's law, the frequency's negative logarithm."""
    known: dict[str, float] = {}
    for place, word in enumerate(vocabulary.words):
        known.setdefault(stem(word), math.log(place + 1))
    return known


def entropy_of(runners_up: Sequence[tuple[str, float]]) -> float:
    """The entropy in nats of a word's place, from the likeliest words that the search kept, all
    others counted as one."""
    shares = np.exp([value for _, value in runners_up])
    shares = np.append(shares, max(0.0, 1.0 - shares.sum()))
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


@dataclass(frozen=True)
class Clues:
    """What measures words: an engine, what stands for "no picture", and how rare words are."""

    engine: Engine
    fillers: Tensor  # (2, X + L, F) mean features and a blank's, as `Explainer` has them
    rare: Mapping[str, float]  # by stem, `rarities`
    samples: int = 0  # captions drawn of each photo, for the clue about them

    @property
    def names(self) -> tuple[str, ...]:
        """The C clues that are measured, in order."""
        return tuple(name for name in DIRECTIONS if name != SAMPLES or self.samples)

    def of(self, captions: Sequence[Caption], encoded: Encoded) -> list[np.ndarray]:
        """Of B captions, one of each picture: (W, C) each, C as `names`."""
        return self.along(captions, self.without(captions, encoded), self.drawn(encoded))

    def along(
        self,
        captions: Sequence[Caption],
        without: Sequence[np.ndarray],
        drawn: Sequence[Sequence[frozenset[str]]],
    ) -> list[np.ndarray]:
        """The clues from `without` the picture and from samples `drawn` of it."""
        unknown = math.log(len(self.rare) + 1)
        tables = []
        for caption, (mean, blank), samples in zip(captions, without, drawn, strict=True):
            rows = []
            for place in content_places(caption):
                key = stem(caption.words[place])
                logprob = caption.logprobs[place]
                known = {
                    LOGPROB: logprob,
                    ENTROPY: entropy_of(caption.runners_up[place]),
                    LOST_MEAN: float(np.arcsinh(logprob - mean[place])),
                    LOST_BLANK: float(np.arcsinh(logprob - blank[place])),
                    RARITY: self.rare.get(key, unknown),
                    SAMPLES: sum(key in stems for stems in samples) / max(1, len(samples)),
                }
                rows.append([known[name] for name in self.names])
            tables.append(np.array(rows, dtype=np.float64).reshape(-1, len(self.names)))
        return tables

    def without(self, captions: Sequence[Caption], encoded: Encoded) -> list[np.ndarray]:
        """(2, T) each: the log-probabilities of a caption's words with mean features and with a
        blank in the place of its picture."""
        ids = [caption.ids for caption in captions]
        if encoded.features.mask is None:  # what is without the picture is the same for all
            blind = self._blind(encoded.features.pictures(torch.tensor([0])))
            read = list(zip(*self.engine.read_all(blind, [ids, ids]), strict=True))
        else:
            read = []
            for i, one in enumerate(ids):
                blind = self._blind(encoded.features.pictures(torch.tensor([i])))
                (mean,), (blank,) = self.engine.read_all(blind, [[one], [one]])
                read.append((mean, blank))
        return [
            np.array(
                [[way.logprobs[first:last].sum() for first, last in caption.spans] for way in both]
            ).reshape(2, -1)
            for caption, both in zip(captions, read, strict=True)
        ]

    def _blind(self, picture: Features) -> Features:
        """One picture -> two without anything of it."""
        everything = torch.ones(1, picture.cells.size(1), dtype=torch.bool)
        ways = [self.engine.cover(picture, everything, filler) for filler in self.fillers]
        extras = [way.extra for way in ways if way.extra is not None]
        masks = [way.mask for way in ways if way.mask is not None]
        return Features(
            torch.cat([way.cells for way in ways]),
            torch.cat(masks) if masks else None,
            torch.cat(extras) if extras else None,
        )

    def drawn(self, encoded: Encoded) -> list[list[frozenset[str]]]:
        """The stems of each of the captions drawn of every picture; nothing where none are."""
        if not self.samples:
            return [[] for _ in encoded.prepared]
        decoding = changed(self.engine.decoding, strategy="sample", samples=self.samples)
        return [
            [frozenset(map(stem, one.words)) for one in (caption, *caption.others)]
            for caption in self.engine.write(encoded, decoding, self.samples)
        ]


@dataclass(frozen=True)
class Doubter:
    """Puts doubts on captions. limit: a word is doubtful from this probability on; act: also
    change captions that have such a word (see `settle`). Raises UsageError for a limit that is not
    above 0 and below 1, or a model with a clue that is not measured."""

    clues: Clues
    model: DoubtModel
    limit: float = DOUBTFUL
    act: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.limit < 1:
            raise UsageError(f"a doubt is a probability above 0 and below 1, not {self.limit:g}.")
        missing = [name for name in self.model.clues if name not in self.clues.names]
        if missing:
            raise UsageError(f"the fitted doubt goes by what is not measured: {missing[0]}.")

    def write(
        self, encoded: Encoded, decoding: Decoding | None = None, keep: int = 1
    ) -> list[Caption]:
        """`Engine.write`, with doubts; acting looks at all beams, whatever `keep`."""
        beams = (decoding or self.clues.engine.decoding).beams if self.act else 1
        captions = self.clues.engine.write(encoded, decoding, max(keep, beams))
        return [
            replace(caption, others=caption.others[: keep - 1])
            for caption in self.judge(captions, encoded)
        ]

    def judge(self, captions: Sequence[Caption], encoded: Encoded) -> list[Caption]:
        """Captions of B pictures with their doubts; changed where this is to act."""
        drawn = self.clues.drawn(encoded)
        judged = self._judged(captions, encoded, drawn)
        if not self.act:
            return judged
        return [
            self._settled(caption, encoded.pictures([i]), drawn[i])
            if caption.doubt is not None and caption.doubt.review
            else caption
            for i, caption in enumerate(judged)
        ]

    def explained(self, explanation: Explanation, encoded: Encoded) -> Explanation:
        """An explanation of a sentence about one encoded photo whose caption has its doubts."""
        drawn = self.clues.drawn(encoded)
        (caption,) = self._judged([explanation.caption], encoded, drawn)
        return replace(explanation, caption=caption)

    def _judged(
        self,
        captions: Sequence[Caption],
        encoded: Encoded,
        drawn: Sequence[Sequence[frozenset[str]]],
    ) -> list[Caption]:
        chosen = [self.clues.names.index(name) for name in self.model.clues]
        tables = self.clues.along(captions, self.clues.without(captions, encoded), drawn)
        judged = []
        for caption, table in zip(captions, tables, strict=True):
            wrong: list[float | None] = [None] * len(caption.words)
            places = content_places(caption)
            stems = [stem(caption.words[place]) for place in places]
            chances = self.model.wrong(table[:, chosen], stems).tolist()
            for place, value in zip(places, chances, strict=True):
                wrong[place] = value
            judged.append(replace(caption, doubt=Doubt(tuple(wrong), self.limit)))
        return judged

    def _settled(
        self, caption: Caption, picture: Encoded, drawn: Sequence[frozenset[str]]
    ) -> Caption:
        """The best of the other beams without a doubtful word; where there is none, the caption
        with its doubtful words replaced by broader ones that are less doubtful."""
        n = len(caption.others)
        beams = self._judged(caption.others, picture.pictures([0] * n), [drawn] * n) if n else []
        caption = replace(caption, others=tuple(beams))
        for place, beam in enumerate(beams):
            doubt = beam.doubt
            if doubt is not None and doubt.content and not doubt.review:
                others = (replace(caption, others=()), *beams[:place], *beams[place + 1 :])
                doubt = replace(doubt, changed=caption.text)
                return replace(beam, others=others, doubt=doubt)
        return self._broadened(caption, picture, drawn)

    def _broadened(
        self, caption: Caption, picture: Encoded, drawn: Sequence[frozenset[str]]
    ) -> Caption:
        best = caption
        assert caption.doubt is not None
        for place in caption.doubt.places:
            ids = self._replaced(best, place)
            if ids is None:
                continue
            read = teacher_forced(self.clues.engine, picture, ids)
            (judged,) = self._judged([read], picture, [drawn])
            old, new = best.doubt, judged.doubt
            assert old is not None
            assert new is not None
            before, after = old.wrong[place], new.wrong[place]
            if before is not None and after is not None and after < before:
                best = replace(judged, doubt=replace(new, changed=caption.text))
        return best if best is caption else replace(best, others=caption.others)

    def _replaced(self, caption: Caption, place: int) -> tuple[int, ...] | None:
        """The caption's pieces with a broader word at a place; None where there is none, or none
        that the model knows."""
        wide = broader(caption.words[place])
        if wide is None:
            return None
        words = list(caption.words)
        words[place] = wide
        if place and words[place - 1] in ("a", "an"):
            words[place - 1] = "an" if wide[0] in "aeiou" else "a"
        known = self.clues.engine.words
        try:
            return known.ids(known.join(words))
        except UsageError:  # the model does not know the word
            return None


def clues_of(explainer: Explainer, samples: int = 0) -> Clues:
    """What measures the words of an explainer's captioner. Raises UsageError for one that Saccade
    has not trained, and for an ensemble: nothing is fitted on these."""
    engine = explainer.engine
    if not isinstance(engine, ModelEngine):
        what = "an ensemble" if isinstance(engine, EnsembleEngine) else "this captioner"
        raise UsageError(
            f"doubt is fitted on one checkpoint that Saccade has trained, and {what} is none; "
            "saccade explain says of any captioner which words are guessed."
        )
    return Clues(engine, explainer.fillers, rarities(engine.vocabulary), samples)


def doubter_of(explainer: Explainer, limit: float = DOUBTFUL, act: bool = False) -> Doubter:
    """What was fitted on an explainer's checkpoint, at work. Raises UsageError as `clues_of`, and
    where nothing was fitted."""
    clues = clues_of(explainer)
    assert isinstance(clues.engine, ModelEngine)
    fitted = clues.engine.checkpoint.doubt
    if fitted is None:
        raise UsageError(
            "this checkpoint holds no fitted doubt; fit it on validation pictures and store it: "
            "saccade survey DATA --model MODEL --doubt --store-doubt."
        )
    return Doubter(replace(clues, samples=fitted.samples), fitted, limit, act)
