"""What a validation measures: loss per word, and greedy captions."""

import warnings
from collections.abc import Iterator, Sequence

import torch
from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader

from saccade.data.dataset import CaptionSet, Collate, EpochBatches
from saccade.decoding import GreedySettings, Hypothesis, search
from saccade.metrics import score
from saccade.metrics.perplexity import perplexity
from saccade.models.captioner import CaptionModel
from saccade.text import Vocabulary, join
from saccade.training.endings import bad_endings
from saccade.training.look import box_loss
from saccade.training.setup import Setup
from saccade.training.tasks import cross_entropy
from saccade.values.examples import Example, evenly


def validation_batches(
    pictures: CaptionSet, collate: Collate, accelerator: Accelerator, batch: int = 32
) -> DataLoader:
    """This process's share of the pictures in batches, on its device: each picture is in exactly
    one process, so that processes may have different numbers of batches."""
    return prepare_data_loader(
        DataLoader(
            pictures,
            batch_sampler=EpochBatches(len(pictures), batch, None),
            collate_fn=collate,
        ),
        accelerator.device,
        accelerator.num_processes,
        accelerator.process_index,
        put_on_device=True,
        even_batches=False,
    )


def measure(
    model: CaptionModel,
    batches: DataLoader,
    pictures: CaptionSet,
    accelerator: Accelerator,
    prepared: Setup,
    select: str,
) -> dict[str, float]:
    """What a validation logs: "loss" and "perplexity", "box_mass" where there are boxes, and where
    `select` is a score of captions "BLEU-4", "CIDEr" and "bad_endings" of greedy ones. batches:
    this process's share of the pictures."""
    figures = teacher_forced(model, batches, accelerator, prepared)
    figures["perplexity"] = perplexity(figures["loss"])
    if select != "loss":
        examples, vocabulary = prepared.validation_examples, prepared.vocabulary
        captions = greedy_captions(model, pictures, examples, vocabulary, accelerator)
        with warnings.catch_warnings():  # evaluate prints these notes
            warnings.simplefilter("ignore", UserWarning)
            scores = score({e.id: e.captions for e in examples}, captions).values
        endings = bad_endings([caption.split() for caption in captions.values()])
        figures |= {name: scores[name] for name in ("BLEU-4", "CIDEr")}
        figures["bad_endings"] = endings
    return figures


@torch.no_grad()
def teacher_forced(
    model: nn.Module, loader: DataLoader, accelerator: Accelerator, prepared: Setup
) -> dict[str, float]:
    """Over all captions of the loaders of all processes: "loss", the negative log-likelihood per
    word (natural logarithm), and where the task has boxes "box_mass", the mean attention in the box
    over all words that have one (absent where none has). The model is not a distributed one:
    processes may have more batches than others."""
    model.eval()
    totals = torch.zeros(4, dtype=torch.float64, device=accelerator.device)
    for batch in loader:
        forward = model(batch)
        _, sums = cross_entropy(forward, batch)
        entries = [sums["nll"].double(), sums["words"].double()]
        if prepared.shares is not None:
            where, cells = prepared.shares.of(batch, prepared.validation_examples)
            entries.append(box_loss(forward.predictions.attention, where, cells)[1].double())
            entries.append(totals.new_tensor(len(cells)))
        totals[: len(entries)] += torch.stack(entries)
    nll, words, mass, boxed = accelerator.reduce(totals, "sum").tolist()
    model.train()
    return {"loss": nll / words} | ({"box_mass": mass / boxed} if boxed else {})


@torch.no_grad()
def greedy_captions(
    model: CaptionModel,
    pictures: CaptionSet,
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    accelerator: Accelerator,
    batch: int = 64,
) -> dict[str, str]:
    """Example id -> caption, each process captioning its share."""
    model.eval()
    with accelerator.split_between_processes(list(range(len(examples)))) as mine:
        hypotheses = greedy_hypotheses(model, pictures, vocabulary, mine, accelerator.device, batch)
        captions = {examples[i].id: join(vocabulary.decode(h.ids)) for i, h in hypotheses}
    model.train()
    gathered: dict[str, str] = {}
    for part in gather_object([captions]):
        gathered |= part
    return gathered


def greedy_hypotheses(
    model: CaptionModel,
    pictures: CaptionSet,
    vocabulary: Vocabulary,
    indices: Sequence[int],
    device: torch.device,
    batch: int = 64,
) -> Iterator[tuple[int, Hypothesis]]:
    """(index, greedy caption) of some of the pictures, by this process alone. The model is in
    evaluation mode already."""
    config = GreedySettings()
    stepper = model.decoder.stepper()
    for start in range(0, len(indices), batch):
        chosen = indices[start : start + batch]
        stacked = torch.stack([pictures.pictures(i, False) for i in chosen])
        features = model.features(stacked.to(device))
        hypotheses = search(stepper, features, vocabulary, config)
        for index, (hypothesis, *_) in zip(chosen, hypotheses, strict=True):
            yield index, hypothesis


@torch.no_grad()
def mean_grid(
    model: CaptionModel, pictures: CaptionSet, accelerator: Accelerator, count: int = 256
) -> Tensor:
    """(L, F) the mean grid features of pictures at even distances in the set, at most `count`, cell
    by cell: what the model knows of a picture before it has seen it."""
    model.eval()
    chosen = evenly(range(len(pictures)), count)
    sums: Tensor | None = None
    for start in range(0, len(chosen), 32):
        stacked = torch.stack([pictures.pictures(i, False) for i in chosen[start : start + 32]])
        part = model.features(stacked.to(accelerator.device)).cells.double().sum(0)
        sums = part if sums is None else sums + part
    assert sums is not None
    model.train()
    return (sums / len(chosen)).float().cpu()
