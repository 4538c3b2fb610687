"""Words predicted from the cells, to train an encoder from scratch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from saccade.text import Vocabulary
from saccade.values.batch import Batch
from saccade.values.examples import Example


def agreed_words(examples: Sequence[Example], vocabulary: Vocabulary, least: float = 0.8) -> Tensor:
    """(W,) ids of the words that captions of one picture agree on: Cohen's kappa of a word's being
    in one and in another of them is at least `least`. All words when none is agreed on so."""
    share, both, count = np.zeros(len(vocabulary)), np.zeros(len(vocabulary)), 0
    for example in examples:
        captions = [set(vocabulary.encode(c)) for c in example.captions]
        if len(captions) < 2:
            continue
        count += 1
        for index in set().union(*captions):
            n, of = sum(index in words for words in captions), len(captions)
            share[index] += n / of
            both[index] += n * (n - 1) / (of * (of - 1))
    p, together = share / max(count, 1), both / max(count, 1)
    kappa = (together - p**2) / np.maximum(p - p**2, 1e-9)
    words = np.flatnonzero(kappa >= least)
    return torch.from_numpy(words if len(words) else np.arange(len(vocabulary)))


def word_detection(scores: Tensor, words: Tensor, batch: Batch) -> Tensor:
    """How badly the cells tell which words the picture's captions hold, summed over those words and
    averaged over pictures. scores (B, L, W) of the words (W,), ids.

    A word's score for a picture is the log-sum-exp over its cells (multiple-instance learning, as
    Fang et al. 2015, arXiv 1411.4952, with another pooling), and the loss a softmax over words with
    the words that are there as targets (Joulin et al. 2016, arXiv 1511.02251, section 3.2)."""
    B = scores.size(0)
    present = torch.zeros(B, int(max(words.max(), batch.targets.max())) + 1, device=scores.device)
    picture = torch.arange(B, device=scores.device).view(B, 1, 1).expand_as(batch.targets)
    present[picture[batch.live], batch.targets[batch.live]] = 1
    return -(present[:, words] * scores.float().logsumexp(1).log_softmax(1)).sum() / B
