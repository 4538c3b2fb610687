"""Small decoders of every kind in the table, for tests that run over all of them."""

import torch

from saccade.models.build import DECODERS, build_decoder
from saccade.models.contract import Decoder

V, F = 23, 11

SMALL = {
    "soft_attention": {"hidden": 10, "embedding": 9, "attention": 7, "features": 8},
    "show_tell": {"hidden": 10, "embedding": 9},
    "transformer": {
        "hidden": 12,
        "heads": 3,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "feedforward": 16,
    },
}
KINDS = sorted(DECODERS)


def small_decoder(kind: str, seed: int = 0, dropout: float = 0.0, **changes) -> Decoder:
    """One with new weights, in evaluation mode."""
    torch.manual_seed(seed)
    settings = DECODERS[kind].settings(**{**SMALL[kind], "dropout": dropout, **changes})
    return build_decoder(settings, V, F).eval()
