"""`Explainer`: the evidence for and against every word of a caption."""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.api import Captioner, Photo
from saccade.config import DecodeConfig
from saccade.errors import DataError, PictureError, UsageError
from saccade.explain import judging
from saccade.explain.covering import Coverings, first_covered
from saccade.explain.maps import agreement, descending, gradient_times_input, shown, tiles
from saccade.explain.pixels import cover_pixels
from saccade.explain.sentences import (
    Reading,
    likeliest_place,
    read,
    runners_up,
    teacher_forced,
    to_ids,
    word_id,
)
from saccade.explain.settings import Settings
from saccade.values.captions import Caption
from saccade.values.evidence import MAPS, Counterfactual, Curves, Explanation, WordEvidence
from saccade.values.examples import evenly

GREY = (128, 128, 128)  # the blank picture


class Explainer:
    """A captioner, and what stands for "no picture": its training set's mean features, and a blank.

    >>> explainer = Explainer(Captioner.from_pretrained("runs/mine/best"))
    >>> explanation = explainer.explain("photo.jpg")
    >>> [(word.word, word.seen, word.verdict) for word in explanation.words]
    """

    def __init__(
        self,
        captioner: Captioner,
        mean_grid: Tensor | None = None,
        settings: Settings | None = None,
        mean_of_what: str = "the mean features given",
    ) -> None:
        """mean_grid (L, F): in the place of the checkpoint's, which older checkpoints lack, and
        whose mean it is, in words. Without either, the blank picture's features stand in. The
        `settings` of an explanation say which."""
        self.captioner = captioner
        self.settings = settings or Settings()
        h, w = captioner.checkpoint.model.encoder.config.image_size
        self.blank = captioner.encode([Image.new("RGB", (w, h), GREY)]).grid[0]
        mean = captioner.checkpoint.mean_grid if mean_grid is None else mean_grid
        if mean_grid is not None:
            self.covered_with = mean_of_what
        else:
            self.covered_with = "a blank" if mean is None else "the training set's mean features"
        self.mean = self.blank if mean is None else mean.to(self.blank)
        if self.mean.shape != self.blank.shape:
            raise UsageError(
                f"the mean features are {tuple(self.mean.shape)}, "
                f"the grid {tuple(self.blank.shape)}."
            )

    def explain(
        self,
        photo: Photo,
        caption: str | None = None,
        instead: Sequence[str] = (),
        at: int | None = None,
        all_beams: bool = False,
        pixels: bool = False,
        config: DecodeConfig | None = None,
    ) -> Explanation:
        """The photo's caption, or the sentence `caption`, with the evidence for each word.

        instead: words to ask "why not?" of, each at place `at` (from 0) of the sentence, or where
        it came nearest. all_beams: measure the other beams as well. pixels: also cover pixels
        instead of cells. Raises PictureError for a photo that can't be opened, UsageError for words
        that the model does not know."""
        prepared = self.captioner.model.encoder.prepare(photo)
        encoded = self.captioner.encode_prepared([prepared], [photo])
        if caption is None:
            config = config or self.captioner.checkpoint.decode
            said = self.captioner.decode(encoded, config, keep=config.beams)[0]
        else:
            ids = to_ids(caption, self.captioner.vocabulary)
            said = teacher_forced(self.captioner, encoded, ids)
        found = self.evidence(said, encoded.grid[0], caption is not None, instead, at, all_beams)
        if pixels:
            check = cover_pixels(self.captioner, prepared[0], found, self.settings)
            found = replace(found, pixels=check)
        return found

    def evidence(
        self,
        caption: Caption,
        grid: Tensor,
        typed: bool = False,
        instead: Sequence[str] = (),
        at: int | None = None,
        all_beams: bool = False,
        maps: np.ndarray | None = None,
    ) -> Explanation:
        """The same for a caption of a photo whose grid (L, F) is at hand.

        maps (T, h, w), if given, are put to the test in the place of the model's attention: maps of
        another method, say, or of people's eyes."""
        picture = _Picture(self, grid, caption)
        claimed = None if maps is None else maps.reshape(len(caption.ids), -1)
        words = picture.words(caption.ids, range(len(caption.ids)), claimed)
        logprobs = picture.read(caption.ids).logprobs if instead else None
        return Explanation(
            caption,
            words,
            typed=typed,
            instead=tuple(
                self._instead(picture, caption, words, logprobs, word, at)
                for word in dict.fromkeys(instead)
            ),
            beams=tuple(self.evidence(o, grid) for o in caption.others) if all_beams else (),
            settings=self.record(),
        )

    def _instead(
        self,
        picture: "_Picture",
        caption: Caption,
        words: tuple[WordEvidence, ...],
        logprobs: np.ndarray,
        word: str,
        at: int | None,
    ) -> Counterfactual:
        """logprobs (T + 1, V) of the caption's places."""
        index = word_id(word, self.captioner.vocabulary)
        place = likeliest_place(logprobs, caption, index, word, at)
        (other,) = picture.words((*caption.ids[:place], index), (place,))
        return Counterfactual(place, words[place], other)

    def record(self) -> dict[str, object]:
        """What an explanation says of how it was made."""
        return {
            **asdict(self.settings),
            "covered with": self.covered_with,
            "supported": f"effect from {judging.SUPPORT} nats on, its interval above 0",
            "contradicted": f"effect to -{judging.SUPPORT} nats, its interval below 0, in a word "
            "that needs the picture",
            "seen": f"loses {judging.SEEN} nats or more both ways",
            "guessed": f"loses under {judging.GUESSED} nats one way or the other",
        }


class _Picture:
    """One encoded photo under an explainer's measurements."""

    def __init__(self, explainer: Explainer, grid: Tensor, caption: Caption) -> None:
        self.settings, self.captioner = explainer.settings, explainer.captioner
        self.grid, self.shape = grid, caption.where.shape
        self.bos = self.captioner.vocabulary.bos
        self.stepper = self.captioner.stepper()
        fillers = torch.stack((explainer.mean, explainer.blank))
        self.coverings = Coverings(self.stepper, grid, fillers, self.bos)
        self.masks, self.index = tiles(*self.shape)
        # Other orders for every picture: else their luck would be common to a whole split.
        name = caption.text if caption.photo is None else caption.photo.name
        generator = np.random.default_rng([self.settings.seed, zlib.crc32(name.encode())])
        self.ties = generator  # after the orders, for equal cells
        L = len(self.index)
        orders = [generator.permutation(L) for _ in range(self.settings.repeats)]
        self.shares = tuple(sorted(set(self.settings.shares)))
        self.rests = tuple(round(1 - share, 9) for share in self.shares)  # covered by insertion
        # Uncovering a random share is covering a random rest: one set of runs serves both.
        self.covered = tuple(sorted({*self.shares, *self.rests}))
        self.random = np.stack(
            [first_covered(order, self.covered) for order in orders]
        )  # (R, U, L)

    def read(self, ids: tuple[int, ...]) -> Reading:
        return read(self.stepper, self.grid, ids, self.bos)

    def words(
        self, ids: tuple[int, ...], places: Sequence[int], claimed: np.ndarray | None = None
    ) -> tuple[WordEvidence, ...]:
        """The evidence for the words at some places of a sentence (T,), or, with claimed (T, L),
        for these maps."""
        places = list(places)
        if not places:
            return ()
        L, T = len(self.index), len(ids)
        logprobs, alphas, betas = self.read(ids)
        full = logprobs[np.arange(T), list(ids)]
        asked = np.zeros(T, dtype=bool)
        asked[places] = True

        # Runs that all words share: nothing seen, windows covered, random orders.
        R, U = self.random.shape[:2]
        everything = np.ones((1, L), dtype=bool)
        masks = np.concatenate((everything, self.masks, self.random.reshape(-1, L)))
        found = self.coverings.logprobs(masks, ids, np.tile(asked, (len(masks), 1)))
        mean, windows = found[0], found[1 : 1 + len(self.masks)]
        random = found[1 + len(self.masks) :].reshape(R, U, T)
        blank = self.coverings.logprobs(everything, ids, asked[None], filler=1)[0]

        gradient = gradient_times_input(
            self.captioner.model.decoder, self.grid, ids, places, self.bos
        )
        scores = {  # (P, L) each
            "attention": (alphas if claimed is None else claimed)[places],
            "gradient": gradient,
            "occlusion": (full - windows)[:, places].T[:, self.index],
        }
        curves = self._curves(ids, places, scores, full, mean, random)
        return tuple(
            self._word(
                place,
                ids[place],
                logprobs[place],
                float(betas[place]),
                (float(mean[place]), float(blank[place])),
                {name: rows[i] for name, rows in scores.items()},
                curves[i],
            )
            for i, place in enumerate(places)
        )

    def _curves(
        self,
        ids: tuple[int, ...],
        places: list[int],
        scores: dict[str, np.ndarray],
        full: np.ndarray,
        mean: np.ndarray,
        random: np.ndarray,
    ) -> list[dict[str, Curves]]:
        """Per place and map: its deletion and insertion runs, all in one batch."""
        names = self.settings.curves
        S, T = len(self.shares), len(ids)
        masks, wanted = [], np.zeros((len(places) * len(names) * 2 * S, T), dtype=bool)
        for i, place in enumerate(places):
            for name in names:
                order = descending(scores[name][i], self.ties)
                wanted[len(masks) * S : (len(masks) + 2) * S, place] = True
                # Uncovering the highest first leaves the lowest covered.
                masks += [first_covered(order, self.shares), first_covered(order[::-1], self.rests)]
        found = self.coverings.logprobs(np.concatenate(masks), ids, wanted)
        runs = np.nanmax(found, 1).reshape(len(places), len(names), 2, S)  # one is not nan
        deletion, insertion = (
            [self.covered.index(share) for share in shares] for shares in (self.shares, self.rests)
        )

        def between(inner: np.ndarray, first: float, last: float) -> np.ndarray:
            """Curves (..., S) with their ends at shares 0 and 1."""
            ends = [np.full((*inner.shape[:-1], 1), value) for value in (first, last)]
            return np.concatenate((ends[0], inner, ends[1]), -1)

        def curves(i: int, j: int) -> Curves:
            picture, nothing = full[places[i]], mean[places[i]]
            chance = random[:, :, places[i]]
            return judging.curves(
                (0.0, *self.shares, 1.0),
                between(runs[i, j, 0], picture, nothing),
                between(runs[i, j, 1], nothing, picture),
                between(chance[:, deletion], picture, nothing),
                between(chance[:, insertion], nothing, picture),
            )

        return [{name: curves(i, j) for j, name in enumerate(names)} for i in range(len(places))]

    def _word(
        self,
        place: int,
        index: int,
        logprobs: np.ndarray,
        beta: float,
        without: tuple[float, float],
        scores: dict[str, np.ndarray],
        curves: dict[str, Curves],
    ) -> WordEvidence:
        """Word `index` at a place: logprobs (V,) there, its own without the picture both ways, and
        the maps' scores (L,) and curves."""
        vocabulary = self.captioner.vocabulary
        logprob = float(logprobs[index])
        loss = judging.loss(logprob, *without)
        found, reason = judging.verdict(curves["attention"].effect, loss)
        return WordEvidence(
            word=vocabulary.words[index],
            place=place,
            logprob=logprob,
            entropy=float(-(np.exp(logprobs) * logprobs).sum()),
            runners_up=tuple(
                (vocabulary.words[i], value) for i, value in runners_up(logprobs, vocabulary)
            ),
            beta=beta,
            without_mean=without[0],
            without_blank=without[1],
            seen=judging.seen(loss),
            verdict=found,
            reason=reason,
            maps={name: shown(values, self.shape) for name, values in scores.items()},
            curves=curves,
            agreement={
                f"{a}-{b}": agreement(scores[a], scores[b]) for a, b in combinations(MAPS, 2)
            },
        )


def mean_of(captioner: Captioner, photos: Sequence[Photo], count: int = 256) -> Tensor:
    """(L, F) the mean grid features of photos, of `count` at even distances where there are more,
    cell by cell; a photo that can't be opened is left out. Raises DataError when none can."""
    sums: Tensor | None = None
    seen = 0
    for group in captioner.encoded(evenly(photos, count), 32):
        good = [entry for entry in group if not isinstance(entry[1], PictureError)]
        if good:
            encoded = captioner.encode_prepared([item for _, item in good], [p for p, _ in good])
            found = encoded.grid.double().sum(0)
            sums = found if sums is None else sums + found
            seen += len(good)
    if sums is None:
        raise DataError("none of the pictures for the mean features can be opened.")
    return (sums / seen).float()
