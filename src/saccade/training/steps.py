"""What each step is given: its seed, and what is trained at which rate."""

import hashlib
from typing import Any

from saccade.models.captioner import CaptionModel


def step_seed(seed: int, process: int, step: int) -> int:
    """63 bits that a step's dropout is drawn from, another number for each step of each process."""
    if seed < 2**23 and process < 2**8 and step < 2**32:
        return (seed << 40) + (process << 32) + step
    digest = hashlib.sha256(f"{seed} {process} {step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def parameter_groups(model: CaptionModel, encoder_rate: float) -> list[dict[str, Any]]:
    """What is trained, as an optimiser wants it: the encoder's part at `encoder_rate` times the
    learning rate, then the rest."""
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    own = {id(p) for p in encoder}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in own]
    groups = [{"params": encoder, "scale": encoder_rate}, {"params": rest, "scale": 1.0}]
    return [group for group in groups if group["params"]]
