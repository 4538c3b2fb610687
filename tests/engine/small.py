"""Engines of small decoders of every kind, with new weights."""

from saccade.checkpoint import Checkpoint
from saccade.config import EncoderConfig
from saccade.engine import ModelEngine
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.small_conv import SmallConv
from saccade.text import SPECIALS, Vocabulary
from tests.models.kinds import F, V, small_decoder

WORDS = tuple(f"w{i}" for i in range(V - len(SPECIALS)))


def small_engine(kind: str, seed: int = 0) -> ModelEngine:
    """One whose encoder gives cells of width F: 4 x 4 of them for pictures of 8 x 8."""
    config = EncoderConfig(
        backbone="small-conv",
        image_size=(8, 8),
        freeze="none",
        widths=(F,),
        halvings=1,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    encoder = Encoder(config, SmallConv(config.widths, config.halvings))
    model = CaptionModel(encoder, small_decoder(kind, seed))
    return ModelEngine(Checkpoint(model, Vocabulary(SPECIALS + WORDS)), "cpu")
