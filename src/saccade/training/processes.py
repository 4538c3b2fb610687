"""Training in several processes (torchrun, accelerate launch): what each takes, and what happens
when another ends."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from saccade.config import Config
from saccade.errors import SaccadeError, TrainingError, UsageError
from saccade.models.encoders.encoder import Encoder

# How long a process may wait for the others: the first may encode pictures for hours. One that has
# ended is noticed at once, by its closed connection.
_PATIENCE = timedelta(days=2)


def accelerator_for(config: Config, cpu: bool) -> Accelerator:
    """What training runs on: devices, processes and precision. Raises UsageError for a precision
    that there is no device for."""
    precision = config.train.precision
    if precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise UsageError(
            "train.precision fp16 needs a GPU, and none is used here; choose bf16 or no."
        )
    gpu = not cpu and torch.cuda.is_available()
    if precision == "bf16" and gpu and not torch.cuda.is_bf16_supported(False):
        raise UsageError("train.precision bf16 is more than this GPU can; choose fp16 or no.")
    AcceleratorState._reset_state()  # of a training before this one, in the same program
    patient = InitProcessGroupKwargs(timeout=_PATIENCE)
    return Accelerator(cpu=cpu, mixed_precision=precision, kwargs_handlers=[patient])


def expect_unused(encoder: Encoder, accelerator: Accelerator) -> None:
    """Tell what averages gradients over processes where a trained backbone has weights that its
    features do not depend on: the next `accelerator.prepare` heeds it."""
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    if accelerator.num_processes == 1 or not trained:
        return
    encoder.eval()
    pixels = torch.zeros(1, 3, *encoder.config.image_size, device=encoder.mean.device)
    found = torch.autograd.grad(encoder(pixels).sum(), trained, allow_unused=True)
    encoder.train()
    if any(gradient is None for gradient in found):
        accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=True)


class Share(NamedTuple):
    """What one process does in one step."""

    batches: list[list[int]]  # indices of pictures, one batch after the other
    counts: bool = True  # False: there were too few pictures; this one is another's, and counts 0


def own_share(pictures: Sequence[int], process: int, processes: int, batch: int) -> Share:
    """The part of a step's pictures that one of several processes takes, in batches."""
    size, more = divmod(len(pictures), processes)
    start = process * size + min(process, more)
    own = list(pictures[start : start + size + (process < more)])
    if not own:  # all processes must compute something
        return Share([list(pictures[:1])], False)
    return Share([own[i : i + batch] for i in range(0, len(own), batch)])


def summed(values: Mapping[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Each value summed over all processes, which have the same names."""
    if accelerator.num_processes == 1:
        return dict(values)
    here = torch.tensor(list(values.values()), dtype=torch.float64, device=accelerator.device)
    return dict(zip(values, accelerator.reduce(here, "sum").tolist(), strict=True))


def anywhere(here: bool, accelerator: Accelerator) -> bool:
    """Whether something happened in any process; all of them ask at once."""
    return summed({"happened": float(here)}, accelerator)["happened"] > 0


@contextmanager
def with_others(accelerator: Accelerator, run: Path) -> Iterator[None]:
    """Raise a TrainingError where one of several processes has ended, as torch's collectives
    notice it."""
    try:
        yield
    except SaccadeError:
        raise
    except RuntimeError as error:
        if accelerator.num_processes == 1 or not _of_others(error):
            raise
        saved = (
            f"go on from the last save with: saccade train --resume {run}"
            if (run / "last").exists()
            else "nothing was saved yet"
        )
        raise TrainingError(
            f"process {accelerator.process_index} of {accelerator.num_processes} stops, because "
            f"another one ended (killed, or with a message of its own); {saved}."
        ) from error


def _of_others(error: RuntimeError) -> bool:
    distributed = isinstance(error, torch.distributed.DistError)
    return distributed or any(part in str(error) for part in ("gloo", "by peer", "NCCL"))
