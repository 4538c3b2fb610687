"""Rewards of sampled captions as word ids: a weighted sum of CIDEr-D, BLEU-4 and ROUGE-L."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from saccade.metrics.rewards import CiderD
from saccade.metrics.rouge import common_length, f_measure, word_masks

Rows = Sequence[Sequence[int]]


def rouge_rewards(
    captions: Rows, references: Mapping[int, Rows], pictures: Sequence[int]
) -> np.ndarray:
    """ROUGE-L of each caption: (N,), as `rouge.rouge_l` on the same words; 0 for an empty one.
    references: by the numbers that `pictures` (N,) has."""
    rewards = np.zeros(len(captions))
    for row, (caption, picture) in enumerate(zip(captions, pictures, strict=True)):
        masks, length = word_masks(caption), len(caption)
        common = [common_length(masks, length, other) for other in references[picture]]
        if length:
            recall = max(
                n / max(len(o), 1) for n, o in zip(common, references[picture], strict=True)
            )
            rewards[row] = f_measure(max(common) / length, recall)
    return rewards


class MixedReward:
    """`cider` times CIDEr-D (10 for a perfect caption) plus `bleu` times BLEU-4 plus `rouge` times
    ROUGE-L (both up to 1), of sampled captions as word ids.

    references[p]: the captions of picture p. `end` ends a sampled caption and counts as a word, of
    references too (see `CiderD`). Document frequencies are the references' own. Raises DataError
    where a picture has no reference."""

    def __init__(
        self,
        references: Sequence[Rows],
        end: int,
        cider: float = 1.0,
        bleu: float = 0.0,
        rouge: float = 0.0,
    ) -> None:
        self.end, self.cider, self.bleu, self.rouge = end, cider, bleu, rouge
        self.scorer = CiderD(references, end=end, count_end=True)
        self.references = references

    def __call__(self, captions: Rows, pictures: Sequence[int]) -> np.ndarray:
        """(N,) of N captions; pictures (N,): whose references each is scored against."""
        total = np.zeros(len(captions))
        if self.cider:
            total += self.cider * self.scorer.rewards(captions, pictures)
        if self.bleu:
            total += self.bleu * self.scorer.bleu(captions, pictures)
        if self.rouge:
            theirs = {p: [[*row, self.end] for row in self.references[p]] for p in set(pictures)}
            total += self.rouge * rouge_rewards(captions, theirs, pictures)
        return total
