"""What is fitted on a finished checkpoint and kept in its config.json; weights stay untouched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from saccade.checkpoint import CONFIG, DOUBT, read_config
from saccade.errors import CheckpointError
from saccade.files import surviving_folder, write_text
from saccade.values.doubt import DoubtModel


def store_doubt(folder: Path | str, doubt: DoubtModel) -> DoubtModel:
    """Write a fitted doubt into a checkpoint folder's config.json, in the place of an older one;
    returns it as stored, tied to the folder's weights. Every other key and file stays as it is.

    Raises CheckpointError for a folder that is no checkpoint, or of format 1, which does not say
    what its weights are; SaccadeError when the disk refuses."""
    folder = surviving_folder(folder)
    config = read_config(folder)
    weights = config.get("weights_sha256")
    if not isinstance(weights, str):
        raise CheckpointError(
            f"{folder} is of an old format, which can't hold a fitted doubt; save it again first: "
            "Captioner.from_pretrained(OLD).save_pretrained(NEW)."
        )
    if doubt.weights and doubt.weights != weights:
        raise CheckpointError(f"{folder} holds other weights now; fit the doubt again.")
    stored = replace(doubt, weights=weights)
    config[DOUBT] = stored.to_json()
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    write_text(folder / CONFIG, text)
    return stored
