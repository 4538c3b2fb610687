"""Captioners as everything else sees them: encode, write, read, cover."""

from saccade.engine.contract import (
    Coverings,
    Encoded,
    Engine,
    Prepared,
    Read,
    Reading,
    Words,
    encode,
    encode_prepared,
    prepare_ahead,
)
from saccade.engine.ensemble import EnsembleEngine
from saccade.engine.foreign import ForeignEngine
from saccade.engine.model import ModelEngine, default_device

__all__ = [
    "Coverings",
    "Encoded",
    "Engine",
    "EnsembleEngine",
    "ForeignEngine",
    "ModelEngine",
    "Prepared",
    "Read",
    "Reading",
    "Words",
    "default_device",
    "encode",
    "encode_prepared",
    "prepare_ahead",
]
