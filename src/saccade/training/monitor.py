"""Attention during training: a few validation pictures at each validation, and what is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from saccade.data.dataset import CaptionSet
from saccade.errors import DataError
from saccade.metrics.health import health
from saccade.models.captioner import CaptionModel
from saccade.text import Vocabulary
from saccade.training.validation import greedy_hypotheses
from saccade.values.examples import evenly

Log = Callable[[dict[str, Any]], None]
Say = Callable[[str], None]

_LOGGED = (
    "entropy",
    "distance",
    "between_words",
    "between_pictures",
    "centre",
    "border",
    "favourite",
)


@dataclass
class Monitor:
    """Looks at the same few pictures each time and says what is wrong with attention, once.

    Draws no random number and changes no weight, so that training is the same without it."""

    pictures: CaptionSet
    vocabulary: Vocabulary
    grid: tuple[int, int]  # (h, w)
    count: int  # pictures, at even distances in the set
    device: torch.device
    told: set[str] = field(default_factory=set)  # names of the warnings said

    def check(self, model: CaptionModel, step: int, log: Log, say: Say) -> None:
        """Log what the model's attention is like after `step`, and say what was not said yet."""
        maps, elsewhere = self.maps(model)
        if not maps:  # a decoder without attention
            return
        record = attention_record(maps, elsewhere)
        log({"event": "attention", "step": step} | record)
        for name, sentence in record["warnings"].items():
            if name not in self.told:
                self.told.add(name)
                say(f"Warning, at step {step}: {sentence}")

    @torch.no_grad()
    def maps(self, model: CaptionModel) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Where the pictures' greedy captions looked, (T, h, w) each, and (T,) each the share of
        attention on no cell, where a decoder has such."""
        model.eval()
        chosen = evenly(range(len(self.pictures)), self.count)
        hypotheses = greedy_hypotheses(model, self.pictures, self.vocabulary, chosen, self.device)
        attended = [
            (hypothesis.alphas.reshape(-1, *self.grid), hypothesis.elsewhere)
            for _, hypothesis in hypotheses
            if hypothesis.alphas is not None
        ]
        model.train()
        return [alphas for alphas, _ in attended], [elsewhere for _, elsewhere in attended]


def attention_record(
    maps: Sequence[np.ndarray], elsewhere: Sequence[np.ndarray | None] | None = None
) -> dict[str, Any]:
    """The log's line about maps (T, h, w) each, with the share of attention on no cell (T,) each:
    figures of `saccade.metrics.health` beside what uniform attention would have. Maps that can't be
    measured (no caption has a word, or weights are not finite) are a warning, too: monitoring must
    not end a run."""
    about: dict[str, Any] = {"pictures": len(maps), "words": sum(len(m) for m in maps)}
    try:
        measured = health(maps, elsewhere=elsewhere)
    except DataError as error:
        return about | {"warnings": {"unmeasured": f"attention can't be measured: {error}"}}
    figures = {name: getattr(measured, name) for name in _LOGGED}
    known = {name: interval for name, interval in figures.items() if interval is not None}
    uniform = measured.baselines["uniform"]
    share = measured.elsewhere.value
    return {
        **about,
        **({"elsewhere": share} if share else {}),
        **{name: interval.value for name, interval in known.items()},
        "uniform": {name: round(uniform[name], 6) for name in known},
        "warnings": dict(measured.warnings),
    }
