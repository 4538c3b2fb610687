"""`Explainer`: the evidence for and against every word of a caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.sources import read
from saccade.decoding import Decoding
from saccade.engine import Encoded, Engine, encode, encode_prepared, prepare_ahead
from saccade.errors import DataError, PictureError, UsageError
from saccade.explain import judging
from saccade.explain.frames import Frame
from saccade.explain.judge import claims
from saccade.explain.mapfiles import GivenMaps
from saccade.explain.mapfiles import given as given_maps
from saccade.explain.maps import NamedMaps
from saccade.explain.picture import Picture
from saccade.explain.pixels import cover_pixels
from saccade.explain.sentences import ReadSentence, likeliest_place, teacher_forced
from saccade.explain.settings import Settings
from saccade.models.contract import Features
from saccade.photos.opening import Photo
from saccade.values.captions import Caption
from saccade.values.evidence import Counterfactual, Explanation, WordEvidence
from saccade.values.examples import evenly

GREY = (128, 128, 128)  # the blank picture


class Explainer:
    """An engine, and what stands for "no picture": its training set's mean features, and a blank.

    >>> explainer = Captioner.from_pretrained("runs/mine/best").explainer()
    >>> explanation = explainer.explain("photo.jpg")
    >>> [(word.word, word.seen, word.verdict) for word in explanation.words]
    """

    def __init__(
        self,
        engine: Engine,
        mean: Tensor | None = None,
        settings: Settings | None = None,
        mean_of_what: str = "the mean features given",
    ) -> None:
        """mean (X + L, F), as `mean_of` gives it: in the place of the engine's, which older
        checkpoints lack, and whose mean it is, in words. Without either, the blank picture's
        features stand in. The `settings` of an explanation say which. Raises UsageError for mean
        features of another shape."""
        self.engine = engine
        self.settings = settings or Settings()
        h, w = engine.input_size
        blank = encode(engine, [Image.new("RGB", (w, h), GREY)]).features.rows()[0]
        known = engine.mean if mean is None else mean
        if mean is not None:
            self.covered_with = mean_of_what
        else:
            self.covered_with = "a blank" if known is None else "the training set's mean features"
        filler = blank if known is None else known.to(blank)
        if filler.shape != blank.shape:
            raise UsageError(
                f"the mean features are {tuple(filler.shape)}, the cells {tuple(blank.shape)}."
            )
        self.fillers = torch.stack((filler, blank))  # (2, X + L, F)

    def measuring(self, **changes: Any) -> Explainer:
        """The same with other settings (`Settings`): `measuring(maps=("rollout", "gradcam"))`.
        Raises UsageError for those that can't be."""
        other = copy(self)
        other.settings = replace(self.settings, **changes)
        return other

    @classmethod
    def of_data(
        cls,
        engine: Engine,
        data: Path | str,
        images: Path | str | None = None,
        choices: Choices = NO_CHOICES,
    ) -> Explainer:
        """With the mean features of the training pictures of `data`, as `saccade train` reads it
        (of all its pictures where none is of the split train)."""
        examples = read(Path(data), images, choices=choices).examples
        photos = [e.image for e in examples if e.split == "train"] or [e.image for e in examples]
        return cls(engine, mean_of(engine, photos), None, f"the mean features of {data}")

    def explain(
        self,
        photo: Photo,
        caption: str | None = None,
        instead: Sequence[str] = (),
        at: int | None = None,
        all_beams: bool = False,
        pixels: bool = False,
        decoding: Decoding | None = None,
    ) -> Explanation:
        """The photo's caption, or the sentence `caption`, with the evidence for each word.

        instead: words to ask "why not?" of, each at place `at` (from 0) of the sentence, or where
        it came nearest. all_beams: measure the other beams as well. pixels: also cover pixels
        instead of cells. Raises PictureError for a photo that can't be opened, UsageError for words
        that the model does not know."""
        prepared = self.engine.prepare(photo, keep=True)
        encoded = encode_prepared(self.engine, [prepared])
        written = self._caption(encoded, caption, decoding)
        explanation = self.evidence(
            written, encoded.features, caption is not None, instead, at, all_beams
        )
        if pixels:
            check = cover_pixels(self.engine, prepared.pixels, explanation, self.settings)
            explanation = replace(explanation, pixels=check)
        return explanation

    def _caption(self, encoded: Encoded, caption: str | None, decoding: Decoding | None) -> Caption:
        """An encoded photo's caption with the other beams, or a sentence."""
        if caption is not None:
            return teacher_forced(self.engine, encoded, self.engine.words.ids(caption))
        decoding = decoding or self.engine.decoding
        return self.engine.write(encoded, decoding, keep=decoding.beams)[0]

    def judge(
        self,
        photo: Photo,
        maps: GivenMaps | np.ndarray | Mapping[str, np.ndarray] | Sequence[np.ndarray],
        caption: str | None = None,
        frame: Frame = "auto",
        decoding: Decoding | None = None,
    ) -> Explanation:
        """Maps from elsewhere (another tool, people's eyes) put to the test that a model's own maps
        take, beside these: the evidence for the words that have a map, the verdicts about it
        (`curves["judged"]`).

        maps: an array (T, h, w) for the T words of the photo's caption or of the sentence
        `caption`, or (h, w) for all of them, a list of maps, maps by word, or files
        (`saccade.explain.read_maps`); any resolution, not negative. frame: what the maps lie on
        (`saccade.explain.frames`), from which they are averaged over the area of each cell. The
        explanation's `settings` name words with a flat map, which points nowhere. Raises DataError
        for what is not a map, UsageError for maps that do not fit the photo or its caption."""
        # So many that a random map is supported once in 40, and a true one seldom missed.
        settings = replace(
            self.settings,
            repeats=max(self.settings.repeats, judging.JUDGE_ORDERS),
            effect=judging.JUDGE_SHARES,
        )
        given = maps if isinstance(maps, GivenMaps) else given_maps(maps)
        encoded = encode_prepared(self.engine, [self.engine.prepare(photo, keep=True)])
        written = self._caption(encoded, caption, decoding)
        scores, places, flat = claims(given, written, frame)
        picture = Picture(self.engine, settings, encoded.features, self.fillers, written)
        words, tested, made = picture.words(picture.read(written.ids), places, scores)
        return Explanation(
            written,
            words,
            verdict_on=tested,
            labels=made.labels,
            absent=made.absent,
            typed=caption is not None,
            settings={
                **self.record(),
                "repeats": settings.repeats,
                "effect": settings.effect,
                "frame": frame,
                "flat maps": list(flat),
            },
        )

    def evidence(
        self,
        caption: Caption,
        features: Features,
        typed: bool = False,
        instead: Sequence[str] = (),
        at: int | None = None,
        all_beams: bool = False,
        maps: np.ndarray | None = None,
    ) -> Explanation:
        """The same for a caption of an encoded photo.

        maps (T, *where.shape), if given, are put to the test beside the model's own: maps of
        another method, say, or of people's eyes. Verdicts are then about them."""
        picture = Picture(self.engine, self.settings, features, self.fillers, caption)
        sentence = picture.read(caption.ids)
        T = len(sentence.words)
        claimed = None if maps is None else maps.reshape(T, -1)
        words: tuple[WordEvidence, ...] = ()
        tested, maps_made = self.settings.tested[0], NamedMaps()
        if T:
            words, tested, maps_made = picture.words(sentence, range(T), claimed)
        return Explanation(
            caption,
            words,
            verdict_on=tested,
            labels=maps_made.labels,
            absent=maps_made.absent,
            typed=typed,
            instead=tuple(
                self._instead(picture, sentence, words, word, at) for word in dict.fromkeys(instead)
            ),
            beams=tuple(self.evidence(o, features) for o in caption.others) if all_beams else (),
            settings=self.record(),
        )

    def words(
        self, caption: Caption, features: Features, places: Sequence[int]
    ) -> tuple[tuple[WordEvidence, ...], str]:
        """Only the evidence for the words at some places of a caption, and the map that the
        verdicts are about."""
        picture = Picture(self.engine, self.settings, features, self.fillers, caption)
        words, tested, _ = picture.words(picture.read(caption.ids), places)
        return words, tested

    def _instead(
        self,
        picture: Picture,
        sentence: ReadSentence,
        words: tuple[WordEvidence, ...],
        word: str,
        at: int | None,
    ) -> Counterfactual:
        ids = self.engine.words.one(word)
        place = likeliest_place(sentence, ids, word, at)
        changed = picture.read((*sentence.ids[: sentence.spans[place][0]], *ids))
        (other,), *_ = picture.words(changed, (len(changed.words) - 1,))
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


def mean_of(engine: Engine, photos: Sequence[Photo], count: int = 256) -> Tensor:
    """(X + L, F) the mean features of photos, of `count` at even distances where there are more,
    row by row; a photo that can't be opened is left out. Raises DataError when none can."""
    total: Tensor | None = None
    seen = 0
    for group in prepare_ahead(engine, evenly(photos, count), 32):
        good = [item for _, item in group if not isinstance(item, PictureError)]
        if good:
            encoded: Encoded = encode_prepared(engine, good)
            part = encoded.features.rows().double().sum(0)
            total = part if total is None else total + part
            seen += len(good)
    if total is None:
        raise DataError("none of the pictures for the mean features can be opened.")
    return (total / seen).float()
