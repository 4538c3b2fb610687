"""What `saccade score` prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.metrics.diversity import Variety
    from saccade.metrics.resample import Comparison
    from saccade.metrics.scores import Scores
    from saccade.metrics.several import SeveralScores
    from saccade.text.printing import Screen
    from saccade.values.evidence import Interval


def notes(screen: Screen, texts: Iterable[str]) -> None:
    """What was decided for the user, or what a figure does not say."""
    for text in texts:
        screen.line(f"Note: {text}", "yellow")


def figures(
    screen: Screen,
    scored: Scores,
    other: Scores | None,
    path: Path,
    against: Path | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Print the table; returns all of it as JSON values."""
    from dataclasses import asdict

    from rich.table import Table

    from saccade.metrics import resample
    from saccade.text.printing import printable, row

    report: dict[str, Any] = scored.to_json()
    bounds: dict[str, Interval] = {}
    compared: dict[str, Comparison] = {}
    if resamples:
        report |= {"resamples": resamples, "seed": seed}
        bounds = resample.intervals(scored, resamples=resamples, seed=seed)
        report["intervals"] = {name: asdict(one) for name, one in bounds.items()}
        if other is not None:
            compared = resample.compare(scored, other, resamples=resamples, seed=seed)
            report["comparison"] = {name: asdict(one) for name, one in compared.items()}
    if other is not None:
        report["against"] = {"hypotheses": str(against), **other.to_json()}

    a, b = ("A", "B") if other is not None else (printable(path.name).replace("[", r"\["), "")
    counted = "1 picture" if scored.pictures == 1 else f"{scored.pictures} pictures"
    screen.line(f"{counted}, figures times 100")
    table = Table()
    table.add_column("metric")
    table.add_column(a, justify="right")
    if bounds:
        table.add_column("95% interval", justify="right")
    if other is not None:
        table.add_column(b, justify="right")
        table.add_column(f"{a} - {b}", justify="right")
    if compared:
        table.add_column("95% interval", justify="right")
        table.add_column("p", justify="right")
    for name, value in scored.values.items():
        cells = [name, f"{100 * value:.1f}"]
        if bounds:
            cells.append(f"{100 * bounds[name].low:.1f} to {100 * bounds[name].high:.1f}")
        if other is not None:
            theirs = other.values[name]
            cells += [f"{100 * theirs:.1f}", f"{100 * (value - theirs):+.1f}"]
        if compared:
            one = compared[name]
            cells += [f"{100 * one.low:+.1f} to {100 * one.high:+.1f}", f"{one.p:.3f}"]
        row(table, *cells)
    screen.table(table)
    if other is not None:
        screen.line(f"A: {path}")
        screen.line(f"B: {against}")
    if compared:
        screen.line(compared["CIDEr"].sentence(), "bold")
    screen.line("CIDEr is CIDEr-D, as in coco-caption and in papers.", "dim")
    return report


def variety(screen: Screen, about: Variety, characters: bool = False) -> None:
    """Print what captions are like."""
    tokens = "characters" if characters else "words"
    novel = "" if about.novel is None else f"{100 * about.novel:.1f}% novel, "
    unknown = f", {100 * about.unknown_words:.1f}% unknown words" if about.unknown_words else ""
    empty = f", {100 * about.empty:.1f}% empty" if about.empty else ""
    screen.line(
        f"The captions: {about.vocabulary} different {tokens}, distinct-1 {about.distinct_1:.3f}, "
        f"distinct-2 {about.distinct_2:.3f}, {novel}{100 * about.unique:.1f}% unique, "
        f"{about.mean_length:.1f} {tokens} ({about.shortest} to {about.longest}), "
        f"{100 * about.bad_endings:.1f}% bad endings{empty}{unknown}."
    )


def several(screen: Screen, result: SeveralScores) -> None:
    """Print oracle and average of several captions per picture, and their diversity."""
    from rich.table import Table

    from saccade.text.printing import row

    screen.line(f"{result.captions} captions of {result.pictures} pictures, figures times 100")
    table = Table("metric")
    table.add_column("oracle", justify="right")
    table.add_column("average", justify="right")
    for name in result.oracle:
        row(table, name, f"{100 * result.oracle[name]:.1f}", f"{100 * result.average[name]:.1f}")
    screen.table(table)
    screen.line(
        f"self-CIDEr {result.self_cider:.3f}, div-1 {result.div_1:.3f}, div-2 {result.div_2:.3f} "
        "(0: all alike, 1: nothing in common). BLEU is that of single pictures, averaged."
    )
