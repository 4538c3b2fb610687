"""Freezing the first stages of a backbone, from the input side, and computing stages twice."""

from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from saccade.config import EncoderConfig
from saccade.errors import UsageError

# What the families of transformers name their list of stages or blocks.
LISTS = ("stages", "layers", "layer", "blocks")


def freeze_stages(backbone: nn.Module, count: int, name: str) -> None:
    """Freeze the backbone's first `count` stages (transformer blocks of a ViT) and all that comes
    before them. name: of the backbone, for the message. Raises UsageError where there are fewer."""
    listed = _stages(backbone)
    if listed is None:
        raise UsageError(
            f"encoder.freeze: the backbone {name} has no stages that can be frozen one by one; "
            "choose all or none."
        )
    path, stages = listed
    if count > len(stages):
        raise UsageError(
            f"encoder.freeze: the backbone {name} has {len(stages)} stages, not {count}; choose a "
            "smaller number, or all."
        )
    names = [entry for entry, _ in backbone.named_parameters()]
    inside = [at for at, entry in enumerate(names) if _index(entry, path) < count]
    for entry in names[: max(inside) + 1]:
        backbone.get_parameter(entry).requires_grad_(False)


def _stages(backbone: nn.Module) -> tuple[str, nn.ModuleList] | None:
    """The outermost list of stages, with its dotted name."""
    lists = [
        (name, module)
        for name, module in backbone.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) and name.rpartition(".")[2] in LISTS
    ]
    return min(lists, key=lambda entry: entry[0].count("."), default=None)


def _index(parameter: str, path: str) -> float:
    """The stage that a parameter belongs to; infinite for those of none."""
    rest = parameter.removeprefix(f"{path}.")
    return float(rest.partition(".")[0]) if rest != parameter else float("inf")


def evaluate_frozen(module: nn.Module) -> None:
    """Put every part whose parameters are all frozen into evaluation mode: the statistics of its
    batch normalisation and its dropout rest, too."""
    for part in module.modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            part.eval()


def rest_statistics(module: nn.Module) -> None:
    """Put batch normalisation into evaluation mode: its running statistics are used and stay as
    they are; its weights can be trained all the same."""
    for part in _normalised(module):
        part.eval()


def checkpoint_stages(backbone: nn.Module, config: EncoderConfig) -> None:
    """Keep, of each stage's activations, only its input for the backward pass, and compute the rest
    again there (gradient checkpointing: Chen et al. 2016, arXiv 1604.06174). Gradients stay the
    same. Raises UsageError where there are no stages, or statistics that would move twice."""
    listed = _stages(backbone)
    if listed is None:
        raise UsageError(
            f"train.gradient_checkpointing: the backbone {config.backbone} has no stages that can "
            "be computed one by one; leave it out."
        )
    if not config.statistics_rest and _normalised(backbone):
        raise UsageError(
            "train.gradient_checkpointing computes stages twice, and the statistics of batch "
            "normalisation would move twice: set encoder.frozen_statistics = true, or leave it out."
        )
    from torch.utils.checkpoint import checkpoint  # only training needs it

    for stage in listed[1]:
        again = partial(checkpoint, stage.forward, use_reentrant=False)
        stage.forward = again


def _normalised(module: nn.Module) -> list[nn.Module]:
    """The parts that normalise batches."""
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]
