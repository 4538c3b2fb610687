"""Weight averages of several checkpoints of one kind (Wortsman et al. 2022, "Model soups", arXiv
2203.05482): one checkpoint, as fast as each of its parents.

Averages help where the parents lie in one valley of the loss: checkpoints of one run, or several
trained on from one checkpoint. Of runs that began from different weights the average is no
captioner at all; evaluate it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from saccade.checkpoint import Checkpoint, is_checkpoint, load, read_config, save
from saccade.config import to_dict
from saccade.errors import UsageError

# Of settings what does not change what weights mean.
_FREE_DECODER = ("dropout",)
_FREE_ENCODER = ("backbone", "revision", "include", "freeze")


def soup(checkpoints: Sequence[Path | str], out: Path | str) -> Path:
    """Write the checkpoint whose weights are the mean of those of two or more checkpoints (or runs:
    their best); returns its folder. It records its parents, under `training`.

    Raises UsageError for checkpoints that do not go together and for a folder that is there
    already, CheckpointError for one that can't be read."""
    out = Path(out)
    if out.exists():
        raise UsageError(f"{out} exists already; name a new folder.")
    if len(checkpoints) < 2:
        raise UsageError("an average is of two checkpoints or more; name another.")
    folders = [_checkpoint(Path(folder)) for folder in checkpoints]
    mixed = mean_of_weights([load(folder) for folder in folders], list(map(str, checkpoints)))
    parents = [
        {
            "checkpoint": str(name),
            "weights_sha256": read_config(folder).get("weights_sha256"),
            "step": read_config(folder)["training"].get("step"),
        }
        for name, folder in zip(checkpoints, folders, strict=True)
    ]
    mixed.training["parents"] = parents
    save(out, mixed)
    return out


def mean_of_weights(checkpoints: Sequence[Checkpoint], names: Sequence[str]) -> Checkpoint:
    """The checkpoint with the mean of all weights; decoding settings are those of the first. Mean
    features are kept where all have one encoder and theirs. Raises UsageError, with the names,
    where kind, sizes, vocabulary or encoder differ."""
    first = checkpoints[0]
    for other, name in zip(checkpoints[1:], names[1:], strict=True):
        _check_alike(first, names[0], other, name)
    model = copy.deepcopy(first.model)
    states = [checkpoint.model.state_dict() for checkpoint in checkpoints]
    model.load_state_dict({name: _mean([s[name] for s in states]) for name in states[0]})
    digests = {checkpoint.model.encoder.digest() for checkpoint in checkpoints}
    means = [c.mean_grid for c in checkpoints if c.mean_grid is not None]
    kept = len(means) == len(checkpoints) and len(digests) == 1
    pictures = {checkpoint.training.get("pictures") for checkpoint in checkpoints}
    return Checkpoint(
        model.eval(),
        first.vocabulary,
        first.decode,
        {"pictures": pictures.pop()} if len(pictures) == 1 else {},
        _mean(means) if kept else None,
    )


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    """The mean in double precision; of whole numbers (batches counted) the first, and of equal
    tensors these very ones."""
    first = tensors[0]
    if not first.is_floating_point() or all(torch.equal(first, other) for other in tensors[1:]):
        return first
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(first.dtype)


def _checkpoint(folder: Path) -> Path:
    """The folder, or a run's best."""
    best = folder / "best"
    return best if not is_checkpoint(folder) and is_checkpoint(best) else folder


def _check_alike(first: Checkpoint, name: str, other: Checkpoint, its_name: str) -> None:
    pair = f"{name} and {its_name}"
    ours, theirs = first.model, other.model
    if first.vocabulary.words != other.vocabulary.words:
        sizes = f"{len(first.vocabulary)} and {len(other.vocabulary)} words"
        raise UsageError(
            f"{pair} have two vocabularies ({sizes}): weights of other words have no mean."
        )
    for section, a, b, free in (
        ("decoder", ours.decoder.settings, theirs.decoder.settings, _FREE_DECODER),
        ("encoder", ours.encoder.config, theirs.encoder.config, _FREE_ENCODER),
    ):
        left, right = to_dict(a), to_dict(b)
        for key in sorted((left.keys() | right.keys()) - set(free)):
            if left.get(key) != right.get(key):
                raise UsageError(
                    f"{pair} differ in {section}.{key} ({left.get(key)} and {right.get(key)}): "
                    "only checkpoints of one kind and size have a mean."
                )
    shapes = [
        {key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)
    ]
    digests = [model.encoder.digest() for model in (ours, theirs)]
    tuned = not (ours.encoder.config.frozen or theirs.encoder.config.frozen)
    if shapes[0] != shapes[1] or (digests[0] != digests[1] and not tuned):
        one, two = (model.encoder.config.backbone for model in (ours, theirs))
        what = f"{one}, and it with other weights" if one == two else f"{one} and {two}"
        raise UsageError(
            f"{pair} have two encoders ({what}): their weights have no mean; try an ensemble."
        )
