"""What probably made a training step give a number that is not finite, and what to do."""

from collections.abc import Sequence
from pathlib import Path

import torch

from saccade.config import TrainConfig
from saccade.values.batch import Batch
from saccade.values.examples import Example


def cause(
    what: str,
    batch: Batch,
    step: int,
    settings: TrainConfig,
    examples: Sequence[Example],
    saved: Path | None,
) -> str:
    """The message. what: was seen after `step` steps; examples: by the batch's indices; saved: the
    last good checkpoint."""
    kept = f"the last good checkpoint is {saved}" if saved else "nothing was saved yet"
    start = f"{what} at step {step + 1}; {kept}. "
    finite = torch.isfinite(batch.pictures.float().flatten(1)).all(1)
    if not finite.all():
        names = [examples[i].id for i in batch.indices[~finite].tolist()]
        return (
            f"{start}The features of {', '.join(map(str, names[:3]))} are not finite: check "
            "encoder.mean and encoder.std, or encode the pictures again with --cache NEWFOLDER."
        )
    if step == 0:
        return (
            f"{start}No weight was changed yet, so that a setting of the model or of the task "
            "makes numbers too large: check encoder.mean, encoder.std and train.task."
        )
    return (
        f"{start}Lower the learning rate "
        f"(--set train.learning_rate={settings.learning_rate / 4:g}) or the clipping "
        f"(--set train.clip={settings.clip / 5:g}) and train again."
    )
