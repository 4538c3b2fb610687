"""The training loop: batch, loss, backward, clip, step; validate, save, go on where one stopped."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader

from saccade.checkpoint import Checkpoint
from saccade.config import Config, to_dict
from saccade.data.dataset import CaptionSet, Collate, EpochBatches
from saccade.errors import CheckpointError, TrainingError
from saccade.models.captioner import CaptionModel, Forward
from saccade.progress import progress
from saccade.text.printing import echo
from saccade.training.averages import averaged, moving
from saccade.training.causes import cause
from saccade.training.logs import RunLog
from saccade.training.monitor import Log, Monitor, Say
from saccade.training.optimizers import (
    build_optimizer,
    check_state,
    flatten_optimizer,
    restore_optimizer,
)
from saccade.training.processes import anywhere, expect_unused, own_share, summed
from saccade.training.run import Run
from saccade.training.saved import Progress, check_tensors
from saccade.training.schedules import Moment, learning_rate
from saccade.training.setup import Setup
from saccade.training.steps import parameter_groups, step_seed
from saccade.training.stopping import Stopped, stop_flag
from saccade.training.tasks import Context, Materials, Reward, build_task, divided
from saccade.training.validation import mean_grid, measure, validation_batches
from saccade.values.batch import Batch


@dataclass(frozen=True)
class Window:
    """What this process does in one step."""

    batches: list[Batch]
    counts: bool  # False: it only keeps the others company


class Teaching(nn.Module):
    """The model as accelerate may wrap it: what it changes (autocast, gradients of all processes)
    stays here, and the model itself as it is."""

    def __init__(self, model: CaptionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Forward:
        """See `CaptionModel`."""
        return self.model(batch)


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
        self.base = build_optimizer(parameter_groups(self.plain, settings.encoder_rate), settings)
        self.average = averaged(self.plain, settings.average) if settings.average else None
        self.collate = Collate(vocabulary.pad, vocabulary.bos, vocabulary.eos, settings.max_words)
        self.taken = settings.batch * settings.accumulate * self.accelerator.num_processes
        self.batches = EpochBatches(len(self.prepared.train), self.taken, settings.seed)
        self.state.pictures = self.taken
        expect_unused(self.plain.encoder, self.accelerator)
        self.model, self.optimizer = self.accelerator.prepare(Teaching(self.plain), self.base)
        held = self.prepared.validation
        self.validation = (
            validation_batches(held, self.collate, self.accelerator) if held is not None else None
        )
        self.monitor = None  # the main process looks alone: no other waits for it
        if held and settings.monitor and self.accelerator.is_main_process:
            grid, device = self.plain.encoder.grid, self.accelerator.device
            self.monitor = Monitor(held, vocabulary, grid, settings.monitor, device)
        examples = self.prepared.train_examples
        self.task = build_task(
            settings.task, Materials(self.plain, vocabulary, examples, self.reward)
        )
        self.per_epoch = len(self.batches)
        self.total = settings.epochs * self.per_epoch
        if settings.max_steps:
            self.total = min(self.total, settings.max_steps)

    # One step ---------------------------------------------------------------------------------

    def _step(self, window: Window) -> dict[str, Any]:
        """One update; returns what is logged of it, over all processes."""
        settings, step, prepared = self.config.train, self.state.step, self.prepared
        rate = learning_rate(settings, Moment(step, self.total, self.state.plateaus))
        for group in self.base.param_groups:
            group["lr"] = rate * group["scale"]
        # Dropout of step n is a function of (seed, process, n): a resumed run draws the same.
        torch.manual_seed(step_seed(settings.seed, self.accelerator.process_index, step))
        context = Context(
            prepared.vocabulary, prepared.train_examples, step, self.total, prepared.shares
        )
        processes = self.accelerator.num_processes
        counts = self._counts(window, context)
        totals: dict[str, float] = {}
        bad: Batch | None = None
        for number, batch in enumerate(window.batches, 1):
            last = number == len(window.batches)
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                loss = self.task(self.model, batch, context)
                # Gradients are averaged over processes; the objective is a sum over them.
                total = divided(loss.parts, counts or loss.counts) * (processes * window.counts)
                value = total.item()
                bad = batch if bad is None and not math.isfinite(value) else bad
                if last and anywhere(bad is not None, self.accelerator):
                    what = f"the loss is {value}" if bad is batch else "the loss is no number"
                    raise TrainingError(self._cause(what, bad or batch))
                self.accelerator.backward(total)
            pictures = len(batch.indices)
            figures = {name: v * pictures for name, v in loss.figures.items()}
            sums = {name: v.item() for name, v in loss.sums.items()}
            for name, v in {"objective": value, "": pictures, **sums, **figures}.items():
                totals[name] = totals.get(name, 0.0) + v * window.counts
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), settings.clip)
        if not math.isfinite(float(norm or 0)) and self.accelerator.scaler is None:
            raise TrainingError(self._cause(f"the gradient's norm is {float(norm or 0)}", batch))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()
        self.state.step += 1
        totals = summed(totals, self.accelerator)
        words, seen = totals.pop("words"), totals.pop("")
        return {
            "event": "train",
            "step": self.state.step,
            "epoch": self.state.step / self.per_epoch,
            "loss": totals.pop("nll") / words,
            "objective": totals.pop("objective") / processes,
            # A task's own: figures, averaged over pictures, and sums, per word.
            **{n: v / (seen if n in loss.figures else words) for n, v in totals.items()},
            "lr": rate,
            "gradient_norm": float(norm) if norm is not None else None,
        }

    def _counts(self, window: Window, context: Context) -> Mapping[str, float] | None:
        """What the step's losses are divided by, over all of its batches in all processes; None
        where there is one batch only, which knows."""
        if self.accelerator.num_processes == 1 and len(window.batches) == 1:
            return None
        counts: dict[str, float] = {}
        for batch in window.batches:
            for name, count in self.task.counts(batch, context).items():
                counts[name] = counts.get(name, 0.0) + count * window.counts
        return summed(counts, self.accelerator)

    def _cause(self, what: str, batch: Batch) -> str:
        """The message for a step that gave a value that is not finite."""
        saved = self.run.last if self.run.last.exists() else None
        settings, examples = self.config.train, self.prepared.train_examples
        return cause(what, batch, self.state.step, settings, examples, saved)

    # Validation and saving --------------------------------------------------------------------

    def _evaluated(self) -> CaptionModel:
        """The weights that are validated and kept: the moving average when there is one."""
        return self.average.model if self.average is not None else self.plain

    def _validate(self, batches: DataLoader, pictures: CaptionSet) -> dict[str, Any]:
        """Measure, remember the best, and return what is logged."""
        began = time.monotonic()
        settings, state = self.config.train, self.state
        measured = measure(
            self._evaluated(), batches, pictures, self.accelerator, self.prepared, settings.select
        )
        loss = measured["loss"]
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
            **measured,
        }
        figure = -loss if settings.select == "loss" else measured[settings.select]
        record["best"] = state.best is None or figure > state.best
        if record["best"]:
            state.best, state.best_step, state.since_best = figure, state.step, 0
            state.since_plateau = 0
        else:
            state.since_best += 1
            state.since_plateau += 1
        if state.since_plateau > settings.plateau_patience:
            state.plateaus, state.since_plateau = state.plateaus + 1, 0
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
        return self._weights() | flatten_optimizer(self.base)

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
            cure = f"start a new run, or use the checkpoint {self.run.best} as it is"
            try:
                check_tensors(tensors, own)
                if state.step:
                    check_state(tensors, self.config.train, self.base)
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
            restore_optimizer(self.base, tensors)
        before, self.state.pictures = self.state.pictures, self.taken
        self.state.epochs = self.config.train.epochs
        if self.accelerator.is_main_process:
            self.run.rewind_log(self.state)
            if before not in (0, self.taken):
                echo(
                    f"Note: a step is of {self.taken} pictures now, and was of {before} (other "
                    "train.batch, train.accumulate or number of processes); the run goes on as "
                    "another one.",
                    err=True,
                )

    # The loop ---------------------------------------------------------------------------------

    def fit(self) -> Progress:
        """Train to the end, or raise Stopped when asked to stop."""
        settings, state = self.config.train, self.state
        main = self.accelerator.is_main_process
        log = RunLog(self.run, state.step, main, settings.tracking)
        shown = self.show and main
        self.model.train()
        with (
            log,
            stop_flag(self.accelerator.num_processes > 1) as stop,
            progress("Training", self.total, shown, done=state.step) as task,
        ):
            note = ""
            if self._before_training():
                self._after(log, task.say)
            if self._due() and state.validated < state.step:  # killed during a validation
                self._after(log, task.say)
            while state.step < self.total and not state.finished:
                for window in self._rest_of_epoch():
                    began = time.monotonic()
                    record = self._step(window)
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
                    stopping = anywhere(stop.asked, self.accelerator)
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

    def _rest_of_epoch(self) -> Iterator[Window]:
        """The steps of the current epoch that are still to come."""
        epoch, done = divmod(self.state.step, self.per_epoch)
        self.batches.epoch = self.prepared.train.epoch = epoch
        process, processes = self.accelerator.process_index, self.accelerator.num_processes
        size = self.config.train.batch
        shares = [own_share(i, process, processes, size) for i in list(self.batches)[done:]]
        order = [indices for share in shares for indices in share.batches]
        loader = DataLoader(self.prepared.train, batch_sampler=order, collate_fn=self.collate)
        batches = (send_to_device(batch, self.accelerator.device) for batch in loader)
        for share in shares:
            yield Window([next(batches) for _ in share.batches], share.counts)
