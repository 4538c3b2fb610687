"""One door for captioning a batch of grids, greedy or with beams, as the settings say."""

from typing import Any, Protocol

import torch
from torch import Tensor

from saccade.config import DecodeConfig
from saccade.decoding.beam import beam_search
from saccade.decoding.greedy import greedy
from saccade.decoding.protocol import Hypothesis, StepModel, Tokens
from saccade.text import Vocabulary


class Decoder(StepModel, Protocol):
    """A model that can also begin."""

    def start(self, grid: Tensor) -> Any: ...


@torch.no_grad()
def search(
    decoder: Decoder, grid: Tensor, vocabulary: Vocabulary, config: DecodeConfig, keep: int = 1
) -> list[list[Hypothesis]]:
    """grid (B, L, F) -> for each picture its hypotheses, best first."""
    banned = (vocabulary.pad, vocabulary.bos, *(() if config.allow_unk else (vocabulary.unk,)))
    tokens = Tokens(vocabulary.bos, vocabulary.eos, banned)
    state = decoder.start(grid)
    if config.beams == 1:
        best = greedy(decoder, state, grid.size(0), tokens, config.max_words, config.length_power)
        return [[hypothesis] for hypothesis in best]
    return beam_search(
        decoder,
        state,
        grid.size(0),
        tokens,
        config.beams,
        config.max_words,
        config.length_power,
        keep,
    )
