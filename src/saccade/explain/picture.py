"""One encoded photo under an explainer's measurements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from torch import Tensor

from saccade.engine import Engine
from saccade.errors import UsageError
from saccade.explain import judging
from saccade.explain.comparing import agreement, descending, shown
from saccade.explain.covering import first_covered
from saccade.explain.maps import JUDGED, Measured, NamedMaps, Span, make, windows
from saccade.explain.sentences import ReadSentence, read_sentence, runners_up
from saccade.explain.settings import Settings
from saccade.models.contract import Features
from saccade.values.captions import Caption
from saccade.values.evidence import Curves, WordEvidence

MEAN, BLANK = 0, 1  # the fillers


class Evidence(NamedTuple):
    """For some words of a sentence."""

    words: tuple[WordEvidence, ...]  # W
    tested: str  # the map that verdicts are about
    maps: NamedMaps  # all that were made


class Picture:
    """Evidence for the words of any sentence about one photo.

    engine; settings; features of the photo; fillers (2, X + L, F), the mean features and a blank's;
    caption: of the photo, for its `where` and the seed of its random orders."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        features: Features,
        fillers: Tensor,
        caption: Caption,
    ) -> None:
        self.engine, self.settings = engine, settings
        self.features, self.where = features, caption.where
        self.coverings, self.filler = engine.coverings(features, fillers), fillers[MEAN]
        self.masks, self.window = windows(caption.where)
        generator = np.random.default_rng(settings.seed_of(caption))
        self.ties = generator  # after the orders, for equal cells
        L = len(self.window)
        orders = [generator.permutation(L) for _ in range(settings.repeats)]
        self.shares = tuple(sorted(set(settings.shares)))
        self.rests = tuple(round(1 - share, 9) for share in self.shares)  # covered by insertion
        # Uncovering a random share is covering a random rest: one set of runs serves both.
        self.covered = tuple(sorted({*self.shares, *self.rests}))
        self.random = np.stack(
            [first_covered(order, self.covered) for order in orders]
        )  # (R, U, L)

    def read(self, ids: tuple[int, ...]) -> ReadSentence:
        """The model's opinion of a sentence about this photo."""
        return read_sentence(self.engine, self.features, ids)

    def words(
        self, read: ReadSentence, places: Sequence[int], claimed: np.ndarray | None = None
    ) -> Evidence:
        """The evidence for the words at W places of a sentence of T words. Verdicts are about the
        first of the maps that are put to the test, or about claimed (T, L) where there are such.
        Raises UsageError where the model has none of the maps to be tested."""
        places = list(places)
        spans = tuple(read.spans[place] for place in places)
        L, W = len(self.window), len(places)

        # Runs that all words share: nothing of the picture, windows covered, random orders.
        R, U = self.random.shape[:2]
        everything = np.ones((1, L), dtype=bool)
        masks = np.concatenate((everything, self.masks, self.random.reshape(-1, L)))
        runs = self._logprobs(read.ids, spans, masks, np.ones((len(masks), W), dtype=bool))
        mean, window = runs[0], runs[1 : 1 + len(self.masks)]
        random = runs[1 + len(self.masks) :].reshape(R, U, W)
        blank = self._logprobs(read.ids, spans, everything, np.ones((1, W), dtype=bool), BLANK)[0]

        full = read.logprobs[places]
        measured = Measured(
            self.engine,
            self.where,
            self.features,
            self.filler,
            read.ids,
            spans,
            full,
            None if read.attention is None else read.attention[places],
            window.T,
            self.window,
            self.random,
            random,
        )
        maps = make(measured, self.settings.maps)
        if claimed is not None:
            maps = maps.after(JUDGED, claimed[places])
        tests = (JUDGED, *self.settings.tested)
        names = [name for name in maps.scores if name in tests or name.partition(".")[0] in tests]
        if not names:
            why = "; ".join(f"{name}: {reason}" for name, reason in maps.absent.items())
            raise UsageError(f"there is no map to test ({why}); choose another.")
        scores, tested = maps.scores, names[0]
        curves = self._curves(
            read.ids, spans, {name: scores[name] for name in names}, full, mean, random
        )
        words = tuple(
            self._word(
                read,
                place,
                (float(mean[i]), float(blank[i])),
                {name: rows[i] for name, rows in scores.items()},
                {name: rows[i] for name, rows in curves.items()},
                tested,
            )
            for i, place in enumerate(places)
        )
        return Evidence(words, tested, maps)

    def _logprobs(
        self,
        ids: tuple[int, ...],
        spans: tuple[Span, ...],
        masks: np.ndarray,
        wanted: np.ndarray,
        filler: int = MEAN,
    ) -> np.ndarray:
        """masks (R, L), wanted (R, W) of the words with these spans -> (R, W) log-probabilities,
        nan elsewhere."""
        pieces = np.zeros((len(masks), len(ids)), dtype=bool)
        for i, (first, last) in enumerate(spans):
            pieces[:, first:last] |= wanted[:, i : i + 1]
        read = self.coverings.logprobs(masks, ids, pieces, filler)
        by_word = np.stack([read[:, first:last].sum(1) for first, last in spans], 1)
        return np.where(wanted, by_word, np.nan)

    def _curves(
        self,
        ids: tuple[int, ...],
        spans: tuple[Span, ...],
        scores: dict[str, np.ndarray],
        full: np.ndarray,
        mean: np.ndarray,
        random: np.ndarray,
    ) -> dict[str, list[Curves]]:
        """Per map and word: its deletion and insertion runs, all in one batch."""
        names = list(scores)
        S, W = len(self.shares), len(spans)
        masks: list[np.ndarray] = []
        wanted = np.zeros((W * len(names) * 2 * S, W), dtype=bool)
        for i in range(W):
            for name in names:
                order = descending(scores[name][i], self.ties)
                wanted[len(masks) * S : (len(masks) + 2) * S, i] = True
                # Uncovering the highest first leaves the lowest covered.
                masks += [first_covered(order, self.shares), first_covered(order[::-1], self.rests)]
        read = self._logprobs(ids, spans, np.concatenate(masks), wanted)
        runs = np.nanmax(read, 1).reshape(W, len(names), 2, S)  # one of a run is not nan
        deletion, insertion = (
            [self.covered.index(share) for share in shares] for shares in (self.shares, self.rests)
        )

        def between(inner: np.ndarray, first: float, last: float) -> np.ndarray:
            """Curves (..., S) with their ends at shares 0 and 1."""
            ends = [np.full((*inner.shape[:-1], 1), value) for value in (first, last)]
            return np.concatenate((ends[0], inner, ends[1]), -1)

        def curves(i: int, j: int) -> Curves:
            picture, nothing = float(full[i]), float(mean[i])
            chance = random[:, :, i]
            inner = runs[i, j]
            if np.ptp(scores[names[j]][i]) == 0:  # a flat map is the control, not one draw of it
                inner = np.stack([chance[:, part].mean(0) for part in (deletion, insertion)])
            return judging.curves(
                (0.0, *self.shares, 1.0),
                between(inner[0], picture, nothing),
                between(inner[1], nothing, picture),
                between(chance[:, deletion], picture, nothing),
                between(chance[:, insertion], nothing, picture),
                self.settings.effect,
            )

        return {name: [curves(i, j) for i in range(W)] for j, name in enumerate(names)}

    def _word(
        self,
        read: ReadSentence,
        place: int,
        without: tuple[float, float],
        scores: dict[str, np.ndarray],
        curves: dict[str, Curves],
        tested: str,
    ) -> WordEvidence:
        """The word at a place: its own log-probability without the picture both ways, the maps'
        scores (L,) and curves, and which of them the verdict is about."""
        distribution = read.distribution[read.spans[place][0]]  # (V,) at its first piece
        logprob = float(read.logprobs[place])
        loss = judging.loss(logprob, *without)
        verdict, reason = judging.verdict(curves[tested].effect, loss, tested, self.settings.effect)
        return WordEvidence(
            word=read.words[place],
            place=place,
            logprob=logprob,
            entropy=float(-(np.exp(distribution) * distribution).sum()),
            runners_up=runners_up(distribution, self.engine.words),
            beta=None if read.gate is None else float(read.gate[place]),
            without_mean=without[0],
            without_blank=without[1],
            seen=judging.seen(loss),
            verdict=verdict,
            reason=reason,
            maps={name: shown(values, self.where.shape) for name, values in scores.items()},
            curves=curves,
            agreement={
                f"{a}-{b}": agreement(scores[a], scores[b]) for a, b in combinations(scores, 2)
            },
        )
