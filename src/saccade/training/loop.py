"""The training loop: batch, loss, backward, clip, step; validate, save, go on where one stopped."""

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader

from saccade.checkpoint import Checkpoint
from saccade.config import Config, to_dict
from saccade.data.dataset import CaptionSet, Collate, EpochBatches
from saccade.errors import CheckpointError, TrainingError
from saccade.metrics import score
from saccade.metrics.perplexity import perplexity
from saccade.models.captioner import CaptionModel
from saccade.progress import progress
from saccade.training.averages import averaged, moving
from saccade.training.endings import bad_endings
from saccade.training.logs import RunLog
from saccade.training.monitor import Log, Monitor, Say
from saccade.training.run import Run
from saccade.training.saved import Progress, check_tensors, flatten_optimizer, restore_optimizer
from saccade.training.setup import Setup
from saccade.training.steps import learning_rate, parameter_groups, step_seed
from saccade.training.stopping import Stopped, stop_flag
from saccade.training.tasks import Context, Materials, Reward, build_task
from saccade.training.validation import (
    greedy_captions,
    mean_grid,
    validation_batches,
    validation_box_mass,
    validation_loss,
)
from saccade.values.batch import Batch


@dataclass
class Trainer:
    """One run's moving parts. `train` makes it and runs it."""

    config: Config
    prepared: Setup
    run: Run
    accelerator: Accelerator
    show: bool = True
    reward: Reward | None = None  # of captions, for a task that takes one

    def __post_init__(self) -> None:
        settings = self.config.train
        vocabulary = self.prepared.vocabulary
        self.plain: CaptionModel = self.prepared.model
        self.state = Progress(epochs=settings.epochs)
        about = self.run.about()
        self.id: str = about.get("id", "")
        self.continues = about.get("start") is not None
        self.mean: Tensor | None = None  # grid features of training pictures, at step `mean_of`
        self.mean_of = -1
        kind = torch.optim.AdamW if settings.weight_decay else torch.optim.Adam
        self.adam = kind(
            parameter_groups(self.plain, settings.encoder_rate),
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.average = averaged(self.plain, settings.average) if settings.average else None
        collate = Collate(vocabulary.pad, vocabulary.bos, vocabulary.eos, settings.max_words)
        self.batches = EpochBatches(len(self.prepared.train), settings.batch, settings.seed)
        loader = DataLoader(self.prepared.train, batch_sampler=self.batches, collate_fn=collate)
        self.model, self.optimizer, self.loader = self.accelerator.prepare(
            self.plain, self.adam, loader
        )
        held = self.prepared.validation
        self.validation = (
            validation_batches(held, collate, self.accelerator) if held is not None else None
        )
        self.monitor = None  # the main process looks alone: no other waits for it
        if held and settings.monitor and self.accelerator.is_main_process:
            grid, device = self.plain.encoder.grid, self.accelerator.device
            self.monitor = Monitor(held, vocabulary, grid, settings.monitor, device)
        examples = self.prepared.train_examples
        self.task = build_task(
            settings.task, Materials(self.plain, vocabulary, examples, self.reward)
        )
        self.per_epoch = len(self.loader)
        self.total = settings.epochs * self.per_epoch
        if settings.max_steps:
            self.total = min(self.total, settings.max_steps)

    # One step ---------------------------------------------------------------------------------

    def _step(self, batch: Any) -> dict[str, Any]:
        """One update; returns what is logged of it."""
        settings, step = self.config.train, self.state.step
        rate = learning_rate(settings, step, self.total)
        for group in self.adam.param_groups:
            group["lr"] = rate * group["scale"]
        # Dropout of step n is a function of (seed, process, n): a resumed run draws the same.
        torch.manual_seed(step_seed(settings.seed, self.accelerator.process_index, step))
        prepared = self.prepared
        context = Context(
            prepared.vocabulary, prepared.train_examples, step, self.total, prepared.shares
        )
        loss = self.task(self.model, batch, context)
        value = loss.total.item()
        if self._anywhere(not math.isfinite(value)):
            raise TrainingError(self._cause(f"the loss is {value}", batch))
        self.accelerator.backward(loss.total)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), settings.clip)
        if not math.isfinite(float(norm or 0)) and self.accelerator.scaler is None:
            raise TrainingError(self._cause(f"the gradient's norm is {float(norm or 0)}", batch))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()
        self.state.step += 1
        sums = {name: value.item() for name, value in loss.sums.items()}
        words = sums.pop("words")
        nll = sums.pop("nll") / words
        return {
            "event": "train",
            "step": self.state.step,
            "epoch": self.state.step / self.per_epoch,
            "loss": nll,
            "objective": value,
            **{name: value / words for name, value in sums.items()},  # a task's own, per word
            **loss.figures,
            "lr": rate,
            "gradient_norm": float(norm) if norm is not None else None,
        }

    def _anywhere(self, here: bool) -> bool:
        """Whether something happened in any process; all of them ask at once."""
        if self.accelerator.num_processes == 1:
            return here
        if here:
            self.accelerator.set_trigger()
        return self.accelerator.check_trigger()

    def _cause(self, what: str, batch: Batch) -> str:
        """The message for a step that gave a value that is not finite."""
        settings, step = self.config.train, self.state.step
        saved = f"the last good checkpoint is {self.run.last}" if self.run.last.exists() else ""
        start = f"{what} at step {step + 1}; {saved or 'nothing was saved yet'}. "
        pictures = batch.pictures
        finite = torch.isfinite(pictures.float().flatten(1)).all(1)
        if not finite.all():
            names = [self.prepared.train_examples[i].id for i in batch.indices[~finite].tolist()]
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

    # Validation and saving --------------------------------------------------------------------

    def _evaluated(self) -> CaptionModel:
        """The weights that are validated and kept: the moving average when there is one."""
        return self.average.model if self.average is not None else self.plain

    def _validate(self, batches: DataLoader, pictures: CaptionSet) -> dict[str, Any]:
        """Measure, remember the best, and return what is logged."""
        began = time.monotonic()
        settings, state = self.config.train, self.state
        loss = validation_loss(self._evaluated(), batches, self.accelerator)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the validation loss is {loss} at step {state.step}, and that of training is not: "
                "check the validation pictures and captions (saccade check), or lower the learning "
                f"rate (--set train.learning_rate={settings.learning_rate / 4:g})."
            )
        record: dict[str, Any] = {
            "event": "validation",
            "step": state.step,
            "epoch": state.step / self.per_epoch,
            "loss": loss,
            "perplexity": perplexity(loss),
        }
        record |= validation_box_mass(self._evaluated(), batches, self.accelerator, self.prepared)
        figure = -loss
        if settings.select != "loss":
            examples = self.prepared.validation_examples
            captions = greedy_captions(
                self._evaluated(),
                pictures,
                examples,
                self.prepared.vocabulary,
                self.accelerator,
            )
            with warnings.catch_warnings():  # evaluate prints these notes
                warnings.simplefilter("ignore", UserWarning)
                scores = score({e.id: e.captions for e in examples}, captions).values
            endings = bad_endings([caption.split() for caption in captions.values()])
            record |= {
                "BLEU-4": scores["BLEU-4"],
                "CIDEr": scores["CIDEr"],
                "bad_endings": endings,
            }
            figure = scores[settings.select]
        record["best"] = state.best is None or figure > state.best
        if record["best"]:
            state.best, state.best_step, state.since_best = figure, state.step, 0
        else:
            state.since_best += 1
        record["seconds"] = time.monotonic() - began
        return record

    def _checkpoint(self, record: Mapping[str, Any]) -> Checkpoint:
        training = {
            "step": self.state.step,
            "epoch": round(self.state.step / self.per_epoch, 4),
            "pictures": len(self.prepared.train),
            "settings": to_dict(self.config.train),
            "validation": {k: v for k, v in record.items() if k in ("loss", "BLEU-4", "CIDEr")},
        }
        frozen = self.config.encoder.frozen
        if self.mean is None or not (frozen or self.mean_of == self.state.step):
            self.mean = mean_grid(self._evaluated(), self.prepared.train, self.accelerator)
            self.mean_of = self.state.step
        return Checkpoint(
            self._evaluated(), self.prepared.vocabulary, self.config.decode, training, self.mean
        )

    def _tensors(self) -> dict[str, Tensor]:
        """What an exact resume needs beside the step: weights, their average, the optimizer."""
        return self._weights() | flatten_optimizer(self.adam)

    def _weights(self) -> dict[str, Tensor]:
        tensors = {f"model.{k}": v for k, v in moving(self.plain).items()}
        if self.average is not None:
            tensors |= {f"average.{k}": v for k, v in moving(self.average.model).items()}
            tensors["averaged"] = self.average.count
        return tensors

    def _save(self, record: Mapping[str, Any]) -> None:
        if self.accelerator.is_main_process:
            checkpoint, tensors = self._checkpoint(record), self._tensors()
            self.run.save_last(checkpoint, self.id, self.state, tensors)
        self.accelerator.wait_for_everyone()

    def resume(self, saved: tuple[Progress, dict[str, Tensor]] | None) -> None:
        """Take up what `Run.load_last` found. Raises CheckpointError where it does not fit."""
        if saved is not None:
            state, tensors = saved
            own = self._weights()
            shapes = [p.shape for group in self.adam.param_groups for p in group["params"]]
            cure = f"start a new run, or use the checkpoint {self.run.best} as it is"
            try:
                check_tensors(tensors, own, shapes)
            except CheckpointError as error:
                raise CheckpointError(
                    f"{self.run.last} does not fit its run ({error}); {cure}."
                ) from error
            if state.step > self.total:
                raise CheckpointError(
                    f"{self.run.last} is of step {state.step}, and the run has {self.total} steps; "
                    f"{cure}."
                )
            if 0 < state.epochs < self.config.train.epochs:  # extended: it goes on
                state.finished, state.since_best = False, 0
            self.state = state
            with torch.no_grad():
                for name, value in own.items():
                    value.copy_(tensors[name])
            restore_optimizer(self.adam, tensors)
        self.state.epochs = self.config.train.epochs
        if self.accelerator.is_main_process:
            self.run.rewind_log(self.state)

    # The loop ---------------------------------------------------------------------------------

    def fit(self) -> Progress:
        """Train to the end, or raise Stopped when asked to stop."""
        settings, state = self.config.train, self.state
        log = RunLog(self.run, state.step, self.accelerator.is_main_process)
        shown = self.show and self.accelerator.is_main_process
        self.model.train()
        with (
            log,
            stop_flag() as stop,
            progress("Training", self.total, shown, done=state.step) as task,
        ):
            note = ""
            if self._before_training():
                self._after(log, task.say)
            if self._due() and state.validated < state.step:  # killed during a validation
                self._after(log, task.say)
            while state.step < self.total and not state.finished:
                for batch in self._rest_of_epoch():
                    began = time.monotonic()
                    record = self._step(batch)
                    record["seconds"] = time.monotonic() - began
                    log(record)
                    step = state.step
                    due = self._due()
                    if due:
                        self._save(record)  # whatever happens in the validation
                        validation = self._after(log, task.say)
                        if "perplexity" in validation:
                            note = f"  validation {validation['loss']:.3f}"
                    elif settings.save_every and step % settings.save_every == 0:
                        self._save(record)
                    task.advance(1, f"epoch {record['epoch']:.1f}  loss {record['loss']:.3f}{note}")
                    stopping = self._anywhere(stop.asked)
                    if stopping and step < self.total and not state.finished:
                        if not due:
                            self._save(record)
                        raise Stopped(
                            f"stopped at step {step} of {self.total}; all is saved. "
                            f"Go on with: saccade train --resume {self.run.folder}",
                            stop.number,
                        )
                    if state.finished or step >= self.total:
                        break
        return state

    def _before_training(self) -> bool:
        """Whether the weights that training starts from are still to be measured: they may stay
        the best."""
        state = self.state
        return self.continues and state.step == 0 and state.best is None

    def _due(self) -> bool:
        """Whether a validation belongs after the step just done."""
        step = self.state.step
        every = self.config.train.validate_every or self.per_epoch
        return step > 0 and (step % every == 0 or step >= self.total)

    def _after(self, log: Log, say: Say) -> dict[str, Any]:
        """What is due at a validation: measure, keep the best, save, perhaps stop early."""
        state, settings = self.state, self.config.train
        record: dict[str, Any]
        if self.validation is None or self.prepared.validation is None:
            record = {"step": state.step, "epoch": state.step / self.per_epoch, "loss": math.nan}
            best = True
        else:
            record = self._validate(self.validation, self.prepared.validation)
            log(record)
            if self.monitor is not None:
                self.monitor.check(self._evaluated(), state.step, log, say)
            best = record["best"]
        state.validated = state.step
        over = state.step >= self.total
        state.finished = over or 0 < settings.patience <= state.since_best
        if best and self.accelerator.is_main_process:
            self.run.save_best(self._checkpoint(record))
        self._save(record)
        return record

    def _rest_of_epoch(self) -> Iterator[Any]:
        """The batches of the current epoch that are still to come."""
        epoch, done = divmod(self.state.step, self.per_epoch)
        self.batches.epoch = self.prepared.train.epoch = epoch
        loader = self.loader
        if done:
            loader = self.accelerator.skip_first_batches(loader, done)
        yield from loader
