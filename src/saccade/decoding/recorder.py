"""What happened in a search, kept small, and sentences read back from it: for all strategies."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from saccade.decoding.hypothesis import RUNNERS_UP, Hypothesis
from saccade.models.contract import Attention


@dataclass(frozen=True)
class _Record:
    """One step, of the b pictures still searched then; K hypotheses each before it, K' after it."""

    position: np.ndarray  # (B,) picture -> its row here, -1 when it was done
    parents: np.ndarray  # (b, K') slot of the step before
    ids: np.ndarray  # (b, K')
    logprobs: np.ndarray  # (b, K')
    top_ids: np.ndarray  # (b, K, R) runners-up, by the parent's slot
    top_values: np.ndarray
    # weights (b, K, L), heads (b, K, H, L), others (b, K), by parent
    attention: dict[str, np.ndarray]


@dataclass(frozen=True)
class End:
    """A hypothesis that left a search: where to start reading back."""

    step: int
    slot: int
    score: float
    finished: bool


@dataclass
class Recorder:
    """Of B pictures' search."""

    pictures: int  # B
    steps: list[_Record] = field(default_factory=list)

    def record(
        self,
        active: np.ndarray,
        parents: Tensor,
        ids: Tensor,
        logprobs: Tensor,
        top: tuple[Tensor, Tensor],
        attention: Attention | None,
    ) -> None:
        """One step. active (b,) which pictures its rows are; parents, ids, logprobs (b, K') the
        words chosen and whose they follow; top: log-probabilities and ids (b, K, R) of the
        likeliest words, best first; attention of N = b * K hypotheses."""
        position = np.full(self.pictures, -1)
        position[active] = np.arange(len(active))
        kept = {}
        if attention is not None:
            parts = {"alphas": attention.weights, "betas": attention.gate,
                     "elsewhere": attention.elsewhere, "heads": attention.heads}  # fmt: skip
            kept = {
                name: value.float().cpu().unflatten(0, (len(active), -1)).numpy()
                for name, value in parts.items()
                if value is not None
            }
        values, words = top
        self.steps.append(
            _Record(
                position,
                parents.numpy(),
                ids.numpy(),
                logprobs.numpy(),
                words[..., :RUNNERS_UP].numpy(),
                values[..., :RUNNERS_UP].numpy(),
                kept,
            )
        )

    def hypothesis(
        self, picture: int, step: int, slot: int, score: float, finished: bool
    ) -> Hypothesis:
        """The sentence whose last word (its end, where `finished`) was chosen at `step` into
        `slot`, read back along the parents."""
        path = []
        for record in reversed(self.steps[: step + 1]):
            row = record.position[picture]
            parent = int(record.parents[row, slot])
            path.append((record, row, slot, parent))
            slot = parent
        path.reverse()
        logprobs = [float(record.logprobs[row, slot]) for record, row, slot, _ in path]
        end_logprob = logprobs.pop() if finished else 0.0
        places = path[: len(logprobs)]
        kept = {
            name: np.array(
                [record.attention[name][row, parent] for record, row, _, parent in places]
            ).reshape(-1, *first.shape[2:])
            for name, first in self.steps[0].attention.items()
        }
        return Hypothesis(
            ids=tuple(int(record.ids[row, slot]) for record, row, slot, _ in places),
            logprobs=tuple(logprobs),
            score=score,
            end_logprob=end_logprob,
            finished=finished,
            runners_up=tuple(
                tuple(
                    (int(i), float(v))
                    for i, v in zip(
                        record.top_ids[row, parent], record.top_values[row, parent], strict=True
                    )
                    if v > -np.inf
                )
                for record, row, _, parent in places
            ),
            **kept,
        )

    def best_first(
        self, ends: Sequence[Sequence[End]], most: int | None = None
    ) -> list[list[Hypothesis]]:
        """The sentences that left the search of each picture, at most `keep`."""
        return [
            [
                self.hypothesis(picture, end.step, end.slot, end.score, end.finished)
                for end in sorted(entries, key=lambda end: -end.score)[:most]
            ]
            for picture, entries in enumerate(ends)
        ]


def going_on(
    scores: Tensor,
    active: np.ndarray,
    ends: Sequence[Sequence[End]],
    keep: int,
    max_words: int,
    length_power: float,
) -> Tensor:
    """scores (b, K), -inf where nothing is alive, of the pictures active (b,) -> (b,) whether
    anything could still enter the best `keep` of its picture.

    A log-probability only falls, and dividing it by a larger length raises it at most to that of
    the longest sentence."""
    best = scores.amax(1)
    bound = best / max_words**length_power
    floor = torch.full_like(bound, -torch.inf)
    for row, picture in enumerate(active):
        reached = sorted((end.score for end in ends[picture]), reverse=True)
        if len(reached) >= keep:
            floor[row] = reached[keep - 1]
    return (best > -torch.inf) & (bound > floor)
