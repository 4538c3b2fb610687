"""The loss of a run over its steps, from its log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from saccade.files import atomic_file, read_bytes

TRAIN, VALIDATION, FAINT = "#9db4d6", "#c2410c", "#77777f"
SMOOTH = "#2b5c9e"


def smooth(values: Sequence[float], share: float = 0.02) -> np.ndarray:
    """A running mean over about `share` of the values, of what has been seen so far."""
    array = np.asarray(values, dtype=np.float64)
    window = max(1, round(share * len(array)))
    sums = np.cumsum(np.concatenate(([0.0], array)))
    ends = np.arange(1, len(array) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_curve(records: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Train and validation loss (nats per word) over steps; epochs along the top, the best
    validation marked. `records`: lines of a run's log.jsonl."""
    train = [r for r in records if r.get("event") == "train" and np.isfinite(r["loss"])]
    held = [r for r in records if r.get("event") == "validation" and np.isfinite(r["loss"])]
    canvas = Figure(figsize=(8, 4.5), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.add_subplot()
    if train:
        steps = [r["step"] for r in train]
        losses = [r["loss"] for r in train]
        axes.plot(steps, losses, color=TRAIN, linewidth=0.7, alpha=0.7, label="train, each step")
        axes.plot(steps, smooth(losses), color=SMOOTH, linewidth=1.8, label="train, running mean")
    if held:
        steps = [r["step"] for r in held]
        losses = [r["loss"] for r in held]
        axes.plot(
            steps, losses, "o-", color=VALIDATION, linewidth=1.6, markersize=5, label="validation"
        )
        best = next((r for r in reversed(held) if r.get("best")), None)
        if best is not None:
            axes.plot(
                best["step"],
                best["loss"],
                "o",
                color=VALIDATION,
                markersize=11,
                markerfacecolor="none",
                label=f"best kept: {best['loss']:.3f} at step {best['step']}",
            )
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per word)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e8e8ec", linewidth=0.8)
    axes.set_axisbelow(True)
    last = next((r for r in reversed(records) if r.get("epoch")), None)
    if last is not None:
        per_epoch = last["step"] / last["epoch"]
        above = axes.secondary_xaxis(
            "top", functions=(lambda x: x / per_epoch, lambda x: x * per_epoch)
        )
        above.set_xlabel("epoch", color=FAINT)
        above.tick_params(colors=FAINT)
        above.spines["top"].set_color("#d8d8de")
    if train or held:
        axes.legend(frameon=False)
    else:
        axes.text(
            0.5, 0.5, "nothing logged yet", transform=axes.transAxes, ha="center", color=FAINT
        )
    if title:
        canvas.suptitle(title.replace("$", r"\$"), fontsize=12)
    return canvas


def read_records(path: Path | str) -> list[dict[str, Any]]:
    """The lines of a log.jsonl; a torn last one (the run was killed, or still writes) is left.
    Raises DataError for a file that can't be read."""
    records = []
    for line in read_bytes(path).split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict):
            break
        records.append(record)
    return records


def save_loss_curve(log_path: Path | str, png_path: Path | str, title: str = "") -> None:
    """Draw a run's log.jsonl as PNG, atomically."""
    drawn = loss_curve(read_records(log_path), title)
    with atomic_file(png_path) as temporary:
        drawn.savefig(temporary, format="png")
