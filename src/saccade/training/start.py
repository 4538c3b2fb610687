"""Training that starts from a checkpoint: its vocabulary, its decoder and encoder, its weights."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.checkpoint import WEIGHTS, Checkpoint, is_checkpoint, load
from saccade.config import Config, to_dict
from saccade.errors import DataError, UsageError
from saccade.files import surviving_folder
from saccade.models.build import build_decoder
from saccade.models.contract import Decoder
from saccade.models.encoders.encoder import Encoder

# What of the encoder may be another than in the checkpoint.
_FREE = ("freeze", "frozen_statistics", "include", "image_size", "fit")


@dataclass(frozen=True)
class Start:
    """A checkpoint that training starts from."""

    folder: Path
    checkpoint: Checkpoint
    digest: str  # of its weights' file

    def about(self) -> dict[str, str]:
        """What run.json says of it."""
        return {"checkpoint": str(self.folder.absolute()), "weights": self.digest}


def read_start(folder: Path) -> Start:
    """The checkpoint in a folder, or the best of a run's. Raises CheckpointError."""
    best = folder / "best"
    if not is_checkpoint(folder) and is_checkpoint(best):
        folder = best
    checkpoint = load(folder)
    with (surviving_folder(folder) / WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Start(folder, checkpoint, digest)


def read_start_again(about: Mapping[str, str], run: Path) -> Start:
    """The checkpoint that a run began with. Raises DataError where it is another one now, and
    CheckpointError where it is not there or damaged."""
    start = read_start(Path(about["checkpoint"]))
    if start.digest != about["weights"]:
        raise DataError(
            f"{start.folder} is another checkpoint than the one that {run} began with; put that "
            "one back, or start a new run."
        )
    return start


def started(preset: Mapping[str, Any], settings: Mapping[str, Any], start: Start) -> dict[str, Any]:
    """The preset's settings with the checkpoint's encoder, decoder and decoding in the place of its
    own. settings: those to be laid over them. Raises UsageError for one that the checkpoint
    decides."""
    model = start.checkpoint.model
    encoder, decoder = to_dict(model.encoder.config), to_dict(model.decoder.settings)
    changes = settings.get("encoder", {})
    for name in changes if isinstance(changes, Mapping) else ():
        if name in encoder and name not in _FREE and changes[name] != encoder[name]:
            raise UsageError(
                f"encoder.{name} is the checkpoint's with --from ({encoder[name]!r} in "
                f"{start.folder}); leave it out, or train without --from."
            )
    if isinstance(changes, Mapping) and changes.get("freeze", encoder["freeze"]) != "all":
        encoder["include"] = True
    kind = settings.get("decoder", {})
    kind = kind.get("kind", decoder["kind"]) if isinstance(kind, Mapping) else decoder["kind"]
    if kind != decoder["kind"]:
        raise UsageError(
            f"decoder.kind is {decoder['kind']} in {start.folder}, not {kind}; leave it out, or "
            "train without --from."
        )
    own = {"encoder": encoder, "decoder": decoder, "decode": to_dict(start.checkpoint.decode)}
    return {**preset, **own}


def start_parts(config: Config, start: Start) -> tuple[Encoder, Decoder]:
    """The checkpoint's weights in the encoder and decoder that the settings describe. Raises
    UsageError where they do not fit."""
    old = start.checkpoint.model
    backbone = old.encoder.backbone.requires_grad_(True)
    encoder = Encoder(config.encoder, backbone)
    decoder = build_decoder(config.decoder, len(start.checkpoint.vocabulary), encoder.features)
    shapes = {name: value.shape for name, value in decoder.state_dict().items()}
    if shapes != {name: value.shape for name, value in old.decoder.state_dict().items()}:
        before, now = to_dict(old.decoder.settings), to_dict(config.decoder)
        other = [f"decoder.{name}" for name in now if now[name] != before.get(name)]
        raise UsageError(
            f"the weights in {start.folder} do not fit {' and '.join(other) or 'encoder.stage'}; "
            "leave it out, or train without --from."
        )
    decoder.load_state_dict(old.decoder.state_dict())
    return encoder, decoder
