"""Self-critical training: captions that the model draws itself, judged by a reward.

Rennie et al. 2017, "Self-critical sequence training for image captioning" (arXiv 1612.00563), where
the reward of the greedy caption is the baseline; and with the mean reward of the other samples of
the picture as the baseline (Kool et al. 2019, "Buy 4 REINFORCE samples, get a baseline for free!";
`new_self_critical` of ImageCaptioning.pytorch, Luo 2020, arXiv 2003.09971). The losses over sets of
samples are those of Edunov et al. 2018, "Classical structured prediction losses for sequence to
sequence learning" (arXiv 1711.04956).

The policy is the model as it decodes: without dropout, and without the words that no caption has
(PAD, BOS, UNK), so that log-probabilities are exactly those of the samples.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from saccade.config import TrainConfig, check_ranges, ranged
from saccade.data.dataset import padded
from saccade.decoding import GreedySettings, Hypothesis, SampleSettings, search
from saccade.errors import UsageError
from saccade.metrics.mixed_reward import MixedReward
from saccade.models.captioner import CaptionModel, Forward
from saccade.text import Vocabulary, join, tokenize
from saccade.training.endings import bad_endings
from saccade.training.tasks.contract import Context, Loss, Materials, Reward, reward_name
from saccade.values.batch import Batch
from saccade.values.examples import Example


@dataclass(frozen=True)
class SelfCriticalSettings:
    """The model's own captions, judged by a reward."""

    samples: int = ranged(5, 1, 1000)  # captions drawn of each picture
    baseline: Literal["leave_one_out", "greedy"] = "leave_one_out"  # what a reward is compared with
    loss: Literal["reinforce", "risk", "max_margin"] = "reinforce"
    cider: float = ranged(1.0, 0.0, 1e6)  # weight of CIDEr-D, 10 for a perfect caption
    bleu: float = ranged(0.0, 0.0, 1e6)  # of BLEU-4, up to 1
    rouge: float = ranged(0.0, 0.0, 1e6)  # of ROUGE-L, up to 1
    own: float = ranged(1.0, 0.0, 1e6)  # of the reward passed from Python, where there is one
    entropy: float = ranged(0.0, 0.0, 1e6)  # weight of the words' entropy, which is kept up
    kl: float = ranged(0.0, 0.0, 1e6)  # weight of the divergence from the starting model
    max_words: int = ranged(20, 1, 10_000)  # of a sample
    dropout: bool = False  # also where log-probabilities are taken: then they are not the policy's
    kind: Literal["self_critical"] = "self_critical"

    def __post_init__(self) -> None:
        check_ranges(self, "train.task")
        if self.samples < 2 and not (self.baseline == "greedy" and self.loss == "reinforce"):
            raise UsageError(
                "train.task.samples is 2 or more, not 1: one sample has no others to be compared "
                "with (one is enough with train.task.baseline = greedy)."
            )


class Drawn(NamedTuple):
    """The samples of B pictures as a batch for teacher forcing, and what they earned."""

    batch: Batch  # K samples each, longer ones first
    rewards: Tensor  # (B, K)
    baseline: Tensor | None  # (B,) the reward of the greedy caption, where it is the baseline
    figures: dict[str, float]


@dataclass(frozen=True)
class SelfCritical:
    """See the module. `start` is the model as it was, where there is a divergence to measure."""

    settings: SelfCriticalSettings
    model: CaptionModel
    vocabulary: Vocabulary
    judge: Judge
    start: CaptionModel | None = None

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        settings, vocabulary, B = self.settings, self.vocabulary, len(batch.indices)
        evaluate(self.model)
        drawn = self._draw(batch)
        if settings.dropout:
            self.model.train()
        forward: Forward = model(drawn.batch)
        logprobs = policy(forward, vocabulary)  # (M, V)
        targets = drawn.batch.targets[drawn.batch.live]
        own = logprobs.gather(1, targets.unsqueeze(1)).squeeze(1)  # (M,)
        placed = own.new_zeros(drawn.batch.live.shape).masked_scatter(drawn.batch.live, own)
        total = _LOSSES[settings.loss](placed.sum(2), drawn)
        words = torch.tensor(targets.numel(), device=targets.device)
        figures = drawn.figures
        probabilities = logprobs.exp()
        if settings.entropy:
            # -inf times 0 of the words that never come would be no number
            entropy = -(probabilities * logprobs.clamp(min=-1e4)).sum() / words
            total = total - settings.entropy * entropy
            figures["entropy"] = entropy.item()
        if self.start is not None:
            with torch.no_grad():
                before = policy(self.start(drawn.batch), vocabulary)
            apart = logprobs.clamp(min=-1e4) - before.clamp(min=-1e4)
            divergence = (probabilities * apart).sum() / words
            total = total + settings.kl * divergence
            figures["kl"] = divergence.item()
        self.model.train()
        parts, sums = {"pictures": total * B}, {"nll": -own.detach().sum(), "words": words}
        return Loss(parts, {"pictures": B}, sums, figures)

    def counts(self, batch: Batch, context: Context) -> Mapping[str, float]:
        """See `Task`. Entropy and divergence are means over the words of a batch."""
        return {"pictures": len(batch.indices)}

    def _draw(self, batch: Batch) -> Drawn:
        """Samples and baseline, by the stepper. Randomness is the default generator's."""
        settings, vocabulary = self.settings, self.vocabulary
        B, K = len(batch.indices), settings.samples
        pictures = batch.indices.tolist()
        seeds = torch.randint(2**62, (B,)).tolist()
        sampling = SampleSettings(samples=K, max_words=settings.max_words)
        with torch.no_grad():
            features = self.model.features(batch.pictures)
            stepper = self.model.decoder.stepper()
            samples = search(stepper, features, vocabulary, sampling, K, seeds)
            best = []
            if settings.baseline == "greedy" and settings.loss == "reinforce":
                greedy = GreedySettings(max_words=settings.max_words)
                best = [entries[0] for entries in search(stepper, features, vocabulary, greedy)]
        ids = [sorted(map(self._ended, entries), key=len, reverse=True) for entries in samples]
        flat = [row for entries in ids for row in entries]
        owners = [picture for picture in pictures for _ in range(K)]
        earned = self.judge(flat + [self._ended(h) for h in best], owners + pictures[: len(best)])
        device = batch.inputs.device
        rewards = torch.from_numpy(earned).to(device, torch.float32)
        inputs, targets, lengths = (
            x.to(device) for x in padded(ids, vocabulary.pad, vocabulary.bos)
        )
        live = torch.arange(inputs.size(2), device=device) < lengths.unsqueeze(-1)
        numbers = torch.full((B, K), -1, device=device)
        sampled = batch._replace(
            inputs=inputs, targets=targets, lengths=lengths, live=live, captions=numbers
        )
        figures = {
            "reward": float(earned[: B * K].mean()),
            "reward_std": float(earned[: B * K].reshape(B, K).std(1).mean()),
            "length": sum(map(len, flat)) / len(flat),
            "cut": sum(row[-1] != vocabulary.eos for row in flat) / len(flat),
            "bad_endings": bad_endings([vocabulary.decode(row) for row in flat]),
            "different": sum(len(set(map(tuple, entries))) for entries in ids) / len(flat),
        }
        if best:
            figures["baseline"] = float(earned[B * K :].mean())
            figures["baseline_bad_endings"] = bad_endings([vocabulary.decode(h.ids) for h in best])
        baseline = rewards[B * K :] if best else None
        return Drawn(sampled, rewards[: B * K].view(B, K), baseline, figures)

    def _ended(self, hypothesis: Hypothesis) -> list[int]:
        """Its words and its end, where it has one."""
        return [*hypothesis.ids, *([self.vocabulary.eos] if hypothesis.finished else [])]


def evaluate(model: nn.Module) -> None:
    """Without dropout, and with statistics of batch normalisation at rest."""
    model.eval()
    for part in model.modules():
        if isinstance(part, nn.RNNBase) and not part.dropout:
            part.train()  # the same, but cuDNN can't differentiate it in evaluation mode


def policy(forward: Forward, vocabulary: Vocabulary) -> Tensor:
    """Log-probabilities (M, V) of the words that a caption may have."""
    logits = forward.predictions.logits.float()
    never = torch.zeros(logits.size(1), dtype=torch.bool, device=logits.device)
    never[[vocabulary.pad, vocabulary.bos, vocabulary.unk]] = True
    return logits.masked_fill(never, -torch.inf).log_softmax(1)


def _reinforce(logprobs: Tensor, drawn: Drawn) -> Tensor:
    """-(r - b) log p(caption), averaged; logprobs (B, K). b: the greedy caption's reward, or the
    mean of the picture's other samples."""
    rewards, K = drawn.rewards, drawn.rewards.size(1)
    if drawn.baseline is not None:
        advantages = rewards - drawn.baseline.unsqueeze(1)
    else:
        advantages = rewards - (rewards.sum(1, keepdim=True) - rewards) / (K - 1)
    return -(advantages * logprobs).mean()


def _risk(logprobs: Tensor, drawn: Drawn) -> Tensor:
    """The expected loss of reward over the picture's samples, as likely as the model finds each of
    them among these: sum_k -r_k softmax_k(log p_k)."""
    return -(drawn.rewards * logprobs.softmax(1)).sum(1).mean()


def _max_margin(logprobs: Tensor, drawn: Drawn) -> Tensor:
    """The best sample is to be likelier per word than the one that offends most, by the difference
    of their rewards: max_k(r* - r_k + s_k) - s*, s the log-probability per word."""
    scores = logprobs / drawn.batch.lengths.clamp(min=1)
    best = drawn.rewards.argmax(1, keepdim=True)
    gap = drawn.rewards.gather(1, best) - drawn.rewards
    return ((gap + scores).amax(1) - scores.gather(1, best).squeeze(1)).mean()


_LOSSES = {"reinforce": _reinforce, "risk": _risk, "max_margin": _max_margin}


@dataclass(frozen=True)
class Judge:
    """Word ids (N) of pictures (N) to rewards (N,): the mix of the settings, and what Python
    passed."""

    mix: MixedReward | None
    own: Reward | None
    weight: float  # of `own`
    vocabulary: Vocabulary
    examples: tuple[Example, ...]

    def __call__(self, captions: Sequence[Sequence[int]], pictures: Sequence[int]) -> np.ndarray:
        total = np.zeros(len(captions))
        if self.mix is not None:
            total += self.mix(captions, pictures)
        if self.own is not None:
            texts = [join(self.vocabulary.decode(row)) for row in captions]
            references = [list(self.examples[picture].captions) for picture in pictures]
            total += self.weight * checked(self.own, texts, references)
        return total


def checked(reward: Reward, captions: list[str], references: list[list[str]]) -> np.ndarray:
    """The rewards (N,). Raises UsageError unless there is a finite number for each caption."""
    name = reward_name(reward)
    given = reward(captions, references)
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the reward {name} returned something else than numbers ({error}); it must return one "
            "for each caption."
        ) from error
    if values.shape != (len(captions),):
        raise UsageError(
            f"the reward {name} returned values of the shape {values.shape} for {len(captions)} "
            "captions; it must return one number for each."
        )
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UsageError(
            f"the reward {name} returned {values[place]} for the caption {captions[place]!r:.100}; "
            "it must return finite numbers."
        )
    return values


def reference_ids(examples: Sequence[Example], vocabulary: Vocabulary) -> list[list[list[int]]]:
    """The words of every reference, those that the model does not know with numbers of their own:
    n-grams and their frequencies are those of the texts."""
    numbers = dict(vocabulary.ids)

    def ids(caption: str) -> list[int]:
        return [numbers.setdefault(word, len(numbers)) for word in tokenize(caption)]

    return [[ids(caption) for caption in example.captions] for example in examples]


def check_self_critical(settings: TrainConfig, started: bool, reward: Reward | None) -> None:
    """Raises UsageError for new weights, for a choice of the best by the references' loss, and
    where nothing is rewarded."""
    task = settings.task
    if not started:
        raise UsageError(
            "train.task.kind self_critical goes on from a trained captioner, and new weights would "
            "earn nothing: train one with cross_entropy first, then add --from RUN/best."
        )
    if settings.select == "loss":
        raise UsageError(
            "train.task.kind self_critical makes captions better and the loss of the references "
            "worse, so that train.select = loss would keep the first checkpoint: choose CIDEr or "
            "BLEU-4 (--set train.select=CIDEr)."
        )
    if task.baseline == "greedy" and task.loss != "reinforce":
        raise UsageError(
            f"train.task.baseline is for train.task.loss reinforce, and {task.loss} compares a "
            "picture's samples with each other: leave one of them out."
        )
    if not (task.cider or task.bleu or task.rouge or (reward is not None and task.own)):
        raise UsageError(
            "train.task rewards nothing: set its cider, bleu or rouge above 0, or pass a reward of "
            "your own from Python."
        )


def try_reward(reward: Reward, examples: Sequence[Example]) -> None:
    """Raises UsageError unless the reward gives a finite number for each of a few captions."""
    references = [list(example.captions) for example in examples[:4]]
    checked(reward, [captions[0] for captions in references], references)


def build_self_critical(
    settings: SelfCriticalSettings, materials: Materials | None
) -> SelfCritical:
    """The task with its references counted, and a copy of the model where it is to stay near."""
    assert materials is not None
    vocabulary, examples = materials.vocabulary, materials.examples
    own = materials.reward if settings.own else None
    mix = None
    if settings.cider or settings.bleu or settings.rouge:
        mix = MixedReward(
            reference_ids(examples, vocabulary),
            vocabulary.eos,
            settings.cider,
            settings.bleu,
            settings.rouge,
        )
    start = None
    if settings.kl:
        shared = {id(t): t for t in frozen(materials.model)}
        start = copy.deepcopy(materials.model, shared).eval().requires_grad_(False)
    judge = Judge(mix, own, settings.own, vocabulary, examples)
    return SelfCritical(settings, materials.model, vocabulary, judge, start)


def frozen(model: CaptionModel) -> list[Tensor]:
    """The tensors that training does not change: copies may share them."""
    if model.encoder.config.frozen:
        return [*model.encoder.parameters(), *model.encoder.buffers()]
    return []
