"""`saccade report`: the values of a run's lab report, gathered for `saccade.viz.report`.

Samples are chosen by fixed rules: the best and the worst scored pictures of the
validation split, and others at even distances.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from saccade.checkpoint import load
from saccade.data.sources import read
from saccade.engine import ModelEngine
from saccade.evaluation.split import Captioned, Evaluation, evaluate
from saccade.files import check_writable, refuse_inputs
from saccade.training.run import Run, choices_of
from saccade.values.examples import evenly
from saccade.values.places import Grid
from saccade.viz.report import ReportSample, write_report

Group = Literal["good", "bad", "fixed rule"]

_MEANING = {
    "backbone": "encoder",
    "image_size": "encoder's input (height, width)",
    "stage": "hidden states taken (-1: the last)",
    "fit": "how photos are made to fit",
    "trainable": "encoder trained",
    "freeze": "encoder frozen",
    "hidden": "LSTM width",
    "embedding": "word embedding width",
    "attention": "attention width",
    "features": "features projected to (0: as they are)",
}
# Of these sections some; of the others, which a kind or a strategy brings, all.
_SHOWN = {
    "encoder": ("backbone", "image_size", "stage", "fit", "freeze", "trainable"),
    "train": (
        "epochs",
        "batch",
        "captions",
        "learning_rate",
        "schedule",
        "clip",
        "flip",
        "average",
        "select",
        "seed",
    ),
}


def report(
    folder: Path | str,
    out: Path | str | None = None,
    limit: int = 500,
    samples: int = 4,
    cpu: bool = False,
    show: bool = True,
    split: str | None = None,
) -> tuple[Path, Evaluation]:
    """Write a run's report as one HTML file (`RUN/report.html`); returns its path and the
    evaluation in it: the best checkpoint on one split of the run's data, its first `limit`
    pictures (0: all). split: by default val, or test or train where there is none."""
    run = Run(Path(folder))
    about = run.about()
    path = Path(out) if out is not None else run.folder / "report.html"
    check_writable(path)
    records = run.records()
    images = None if about["images"] is None else Path(about["images"])
    dataset = read(Path(about["data"]), images=images, choices=choices_of(about))
    examples = dataset.examples
    refuse_inputs({"--out": path}, [dataset.path, *(e.image for e in examples)])
    engine = ModelEngine(load(run.best), "cpu" if cpu else None)
    splits = {e.split for e in examples}
    split = split or next((s for s in ("val", "test", "train") if s in splits), "val")
    result = evaluate(engine, examples, split, limit=limit, show=show)
    write_report(
        path,
        title=f"Training run {Path(*run.folder.resolve().parts[-2:])}",
        recipe=_recipe(about, result, split),
        parameters=about["parameters"],
        records=records,
        scores=_scores(result),
        yardsticks=[],
        samples=_samples(result, samples),
        attention_rows=_attention(result),
    )
    return path, result


def _recipe(
    about: dict[str, Any], result: Evaluation, split: str
) -> list[tuple[str, list[tuple[str, str]]]]:
    config = about["config"]
    task = config["train"].get("task", {})
    sections = {**config, "task": task}
    groups = []
    for name in ("encoder", "decoder", "train", "task", "decode"):
        section = sections[name]
        keys = [key for key in _SHOWN.get(name, section) if key in section]
        rows = [
            (_MEANING.get(key, key.replace("_", " ")), _text(key, section[key])) for key in keys
        ]
        groups.append((name, rows))
    counts = ", ".join(f"{count} {name}" for name, count in about["pictures"].items())
    data = [
        ("source", Path(about["data"]).name),
        ("pictures", counts),
        ("vocabulary", f"{about['vocabulary']} words"),
        ("grid", f"{about['grid'][0]}x{about['grid'][1]} cells of {about['features']} features"),
        ("scored here", f"{result.pictures} pictures of the split '{split}'"),
        ("Saccade", about["saccade_version"]),
    ]
    return [("data", data), *groups]


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):  # settings of settings: those that are not the default
        return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in value.items() if v) or "none"
    if isinstance(value, list):
        between = " x " if key == "image_size" else ", "
        return between.join(str(item) for item in value) or "none"
    return str(value)


def _scores(result: Evaluation) -> dict[str, float]:
    scores = {"loss per word": result.loss, "perplexity": result.perplexity, **result.scores}
    if result.truth is not None:
        scores["true captions (%)"] = 100 * result.truth
    return scores


def _attention(result: Evaluation) -> list[tuple[str, str, str, str]]:
    """(what, attention, uniform, centre): no claim without its baselines."""
    where = result.captioned[0].caption.where
    kept = [c.alphas for item in result.captioned if (c := item.caption).alphas is not None]
    maps = [alpha for alphas in kept for alpha in alphas]
    if not maps or not isinstance(where, Grid):
        return []
    h, w = where.shape
    alphas = np.stack(maps).reshape(len(maps), -1).astype(np.float64)
    entropy = -(alphas * np.log2(np.maximum(alphas, 1e-12))).sum(1)
    rows = np.arange(h)[:, None] - (h - 1) / 2
    columns = np.arange(w)[None] - (w - 1) / 2
    central = ((abs(rows) <= h / 4) & (abs(columns) <= w / 4)).ravel()
    table = [
        (
            "entropy of a map, bits (fewer: more pointed)",
            f"{entropy.mean():.2f}",
            f"{np.log2(h * w):.2f}",
            "0.00",
        ),
        (
            "largest weight of a map",
            f"{alphas.max(1).mean():.3f}",
            f"{1 / (h * w):.3f}",
            "1.000",
        ),
        (
            "share of weight in the central quarter",
            f"{alphas[:, central].sum(1).mean():.1%}",
            f"{central.mean():.1%}",
            "100.0%",
        ),
    ]
    if result.pointing is not None:
        p = result.pointing
        table.append(
            (
                f"peak in the right box ({p.looks} nouns and colours)",
                f"{p.peak:.1%}",
                f"{p.uniform:.1%}",
                f"{p.centre:.1%}",
            )
        )
    return table


def _samples(result: Evaluation, count: int) -> list[ReportSample]:
    """Good, bad and evenly spaced pictures."""
    captioned = [item for item in result.captioned if any(c.strip() for c in item.example.captions)]
    if not captioned:
        return [_sample(item, None, "fixed rule") for item in result.captioned[:count]]
    assert result.scored is not None  # of these pictures, in this order
    values = result.scored.per_picture["CIDEr"]
    order = np.argsort(-np.asarray(values), kind="stable")
    chosen: list[tuple[int, Group]] = [(int(i), "good") for i in order[:count]]
    chosen += [(int(i), "bad") for i in order[::-1][:count] if int(i) not in dict(chosen)]
    taken = dict(chosen)
    spaced = evenly(range(len(captioned)), count)
    chosen += [(i, "fixed rule") for i in spaced if i not in taken]
    return [_sample(captioned[i], 100 * float(values[i]), group) for i, group in chosen]


def _sample(item: Captioned, value: float | None, group: Group) -> ReportSample:
    verdict = None
    if item.truth is not None:
        verdict = "true" if item.truth else "; ".join(item.faults)
    return ReportSample(
        caption=item.caption,
        references=item.example.captions,
        score=value,
        score_name="CIDEr",
        verdict=verdict,
        group=group,
    )
