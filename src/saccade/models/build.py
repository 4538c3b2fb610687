"""The decoders there are: kind -> its settings and its builder. The only place that names them all.

A new decoder is one file in `saccade.models.decoders` and one row here (CONTRIBUTING.md).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from saccade.config import Tag
from saccade.models.contract import Decoder
from saccade.models.decoders.show_tell import ShowTellDecoder, ShowTellSettings
from saccade.models.decoders.soft_attention.decoder import (
    SoftAttentionDecoder,
    SoftAttentionSettings,
)
from saccade.models.decoders.transformer import TransformerDecoder, TransformerSettings


class Kind(NamedTuple):
    """One row of the table."""

    settings: type  # a frozen dataclass with a field `kind`
    build: Callable[[Any, int, int], Decoder]  # (settings, vocabulary V, features F)


DECODERS: Mapping[str, Kind] = {
    "soft_attention": Kind(SoftAttentionSettings, SoftAttentionDecoder),
    "show_tell": Kind(ShowTellSettings, ShowTellDecoder),
    "transformer": Kind(TransformerSettings, TransformerDecoder),
}
DEFAULT = "soft_attention"  # where settings name no kind, as those of format 1
TAG = Tag("kind", DEFAULT, {kind: row.settings for kind, row in DECODERS.items()})


def build_decoder(settings: Any, vocabulary: int, features: int) -> Decoder:
    """A decoder with new weights from its settings: V words, cells of width F."""
    return DECODERS[settings.kind].build(settings, vocabulary, features)
