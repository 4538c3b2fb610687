"""`saccade score`: metrics of one file of captions against another."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from saccade.metrics.resample import Comparison, Interval
    from saccade.metrics.scores import Scores

_Option = typer.Option


def score(
    references: Annotated[
        list[Path],
        _Option(
            "--references",
            "-r",
            help="What people wrote: COCO annotations (.json), .jsonl, .csv, .tsv, or text files "
            "of one caption per line, one file per person.",
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MORE REFERENCES]...",
            help="Further reference files, so that --references ref*.txt works.",
        ),
    ] = None,
    hypotheses: Annotated[
        Path | None,
        _Option("--hypotheses", "-H", help="What the model wrote, in any of these formats."),
    ] = None,
    against: Annotated[
        Path | None,
        _Option(help="Another model's captions of the same pictures: adds a paired test."),
    ] = None,
    several: Annotated[
        bool,
        _Option("--several", help="Several captions per picture: oracle, average and diversity."),
    ] = False,
    split: Annotated[
        str | None, _Option(help='Only the references of this split, such as "test".')
    ] = None,
    subset: Annotated[
        bool, _Option("--subset", help="Score only the pictures that have a hypothesis.")
    ] = False,
    training: Annotated[
        Path | None,
        _Option(help="Captions the model learnt from: adds the share of novel captions."),
    ] = None,
    frequencies: Annotated[
        Path | None,
        _Option(help="Document frequencies for CIDEr, saved before; else the references' own."),
    ] = None,
    save_frequencies: Annotated[
        Path | None, _Option(help="Save the references' document frequencies here (.npz).")
    ] = None,
    meteor: Annotated[bool, _Option("--meteor", help="Add METEOR (needs Java).")] = False,
    spice: Annotated[
        bool, _Option("--spice", help="Add SPICE (needs Java and its models).")
    ] = False,
    resamples: Annotated[
        int, _Option(min=0, help="Bootstrap resamples for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, _Option(help="Seed of the bootstrap.")] = 0,
    json_file: Annotated[
        Path | None, _Option("--json", help="Write all figures to this file.")
    ] = None,
    per_picture: Annotated[
        Path | None, _Option(help="Write each picture's scores to this CSV file.")
    ] = None,
) -> None:
    """Score captions: BLEU, ROUGE-L and CIDEr as coco-caption has them, without Java.

    [bold]saccade score --references captions_val.json --hypotheses results.json[/bold]

    saccade score -r ref0.txt ref1.txt -H model.txt --against baseline.txt --json scores.json
    """
    from rich.console import Console

    from saccade.files import write_json
    from saccade.metrics import frequencies as counting
    from saccade.metrics import reading, scores
    from saccade.metrics.tokenizer import tokenize_all

    if hypotheses is None and save_frequencies is None:
        raise UsageError(
            "nothing to score: add --hypotheses FILE (or --save-frequencies FILE to count only)."
        )
    console = Console()
    groups = reading.read_references([*references, *(more or [])], split)
    if save_frequencies is not None:
        counted = counting.Frequencies.of([tokenize_all(group) for group in groups.values()])
        counted.save(save_frequencies)
        console.print(
            f"Document frequencies of {counted.pictures} pictures: {save_frequencies}",
            soft_wrap=True,
        )
    if hypotheses is None:
        return
    known = None if frequencies is None else counting.Frequencies.load(frequencies)
    if several:
        if against or per_picture or meteor or spice:
            raise UsageError(
                "--several stands alone: leave out --against, --per-picture, --meteor and --spice."
            )
        _score_several(console, groups, hypotheses, subset, known, json_file)
        return

    texts = reading.read_hypotheses(hypotheses)
    groups = _same_pictures(console, groups, texts, hypotheses, subset)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        result = scores.score(groups, texts, frequencies=known)
    result = _add_java(result, groups, texts, meteor, spice)
    other = None
    if against is not None:
        others = reading.read_hypotheses(against)
        _same_pictures(console, groups, others, against, subset=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # said once already
            other = scores.score(groups, others, frequencies=known)
        other = _add_java(other, groups, others, meteor, spice)
    report = _show(console, result, other, hypotheses, against, resamples, seed)
    for note in notes:
        console.print(f"Note: {note.message}", style="yellow")
    report["captions"] = _show_variety(console, list(texts.values()), training)
    report |= {
        "references": [str(path) for path in [*references, *(more or [])]],
        "hypotheses": str(hypotheses),
    }
    if json_file is not None:
        write_json(json_file, report)
    if per_picture is not None:
        _write_pictures(per_picture, result, texts)


def _same_pictures(
    console: Console,
    groups: dict[str, tuple[str, ...]],
    texts: dict[str, Any],
    path: Path,
    subset: bool,
) -> dict[str, tuple[str, ...]]:
    """The references of the pictures in `texts`; DataError when they are others."""
    from saccade.errors import DataError
    from saccade.metrics.inputs import mismatch

    missing = [key for key in groups if key not in texts]
    extra = [key for key in texts if key not in groups]
    if subset and not extra:
        if missing:
            console.print(f"{len(missing)} pictures without a hypothesis left out.")
        return {key: group for key, group in groups.items() if key in texts}
    if not missing and not extra:
        return groups
    cure = ""
    if len(extra) == len(texts):
        cure = (
            f" No id is in both: the references say {next(iter(groups))!r}, the hypotheses "
            f"{next(iter(texts))!r}; write them alike."
        )
    elif not extra:
        cure = " Add --subset to score only those that have one."
    raise DataError(f"{path}: {mismatch(missing, extra)}{cure}")


def _add_java(
    result: Scores, groups: dict[str, tuple[str, ...]], texts: dict[str, str], *wanted: bool
) -> Scores:
    """The scores with METEOR and SPICE, where they are wanted."""
    if not any(wanted):
        return result
    from dataclasses import replace

    from saccade.metrics import java
    from saccade.metrics.tokenizer import tokenize_all

    tokens = [tokenize_all(group) for group in groups.values()]
    given = tokenize_all(texts[key] for key in groups)
    for name, scorer, want in zip(
        ("METEOR", "SPICE"), (java.meteor, java.spice), wanted, strict=True
    ):
        if want:
            value, rows = scorer(tokens, given)
            result = replace(
                result,
                values={**result.values, name: value},
                per_picture={**result.per_picture, name: rows},
            )
    return result


def _show(
    console: Console,
    result: Scores,
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

    report: dict[str, Any] = result.to_json()
    bounds: dict[str, Interval] = {}
    compared: dict[str, Comparison] = {}
    if resamples:
        report |= {"resamples": resamples, "seed": seed}
        bounds = resample.intervals(result, resamples=resamples, seed=seed)
        report["intervals"] = {name: asdict(one) for name, one in bounds.items()}
        if other is not None:
            compared = resample.compare(result, other, resamples=resamples, seed=seed)
            report["comparison"] = {name: asdict(one) for name, one in compared.items()}
    if other is not None:
        report["against"] = {"hypotheses": str(against), **other.to_json()}

    a, b = ("A", "B") if other is not None else (path.name, "")
    console.print(f"{result.pictures} pictures, figures times 100")
    table = Table()
    table.add_column("metric")
    table.add_column(a, justify="right")
    if bounds:
        table.add_column("95 % interval", justify="right")
    if other is not None:
        table.add_column(b, justify="right")
        table.add_column(f"{a} - {b}", justify="right")
    if compared:
        table.add_column("95 % interval", justify="right")
        table.add_column("p", justify="right")
    for name, value in result.values.items():
        if name == "CIDEr-D":  # the same figure: see docs/metrics.md
            continue
        cells = [name, f"{100 * value:.1f}"]
        if bounds:
            cells.append(f"{100 * bounds[name].low:.1f} to {100 * bounds[name].high:.1f}")
        if other is not None:
            theirs = other.values[name]
            cells += [f"{100 * theirs:.1f}", f"{100 * (value - theirs):+.1f}"]
        if compared:
            one = compared[name]
            cells += [f"{100 * one.low:+.1f} to {100 * one.high:+.1f}", f"{one.p:.3f}"]
        table.add_row(*cells)
    console.print(table)
    if other is not None:
        console.print(f"A: {path}\nB: {against}", soft_wrap=True)
    if compared:
        console.print(compared["CIDEr"].sentence(), style="bold", soft_wrap=True)
    console.print("CIDEr as coco-caption computes it, which is CIDEr-D.", style="dim")
    return report


def _show_variety(console: Console, texts: list[str], training: Path | None) -> dict[str, Any]:
    from saccade.metrics import reading
    from saccade.metrics.diversity import variety

    known = None
    if training is not None:
        groups = reading.read_references([training])
        known = [text for group in groups.values() for text in group]
    about = variety(texts, known)
    novel = "" if about.novel is None else f"{100 * about.novel:.1f} % novel, "
    unknown = f", {100 * about.unknown_words:.1f} % unknown words" if about.unknown_words else ""
    empty = f", {100 * about.empty:.1f} % empty" if about.empty else ""
    console.print(
        f"The captions: {about.vocabulary} different words, distinct-1 {about.distinct_1:.3f}, "
        f"distinct-2 {about.distinct_2:.3f}, {novel}{100 * about.unique:.1f} % unique, "
        f"{about.mean_length:.1f} words ({about.shortest} to {about.longest}), "
        f"{100 * about.bad_endings:.1f} % bad endings{empty}{unknown}."
    )
    return about.to_json()


def _score_several(
    console: Console,
    groups: dict[str, tuple[str, ...]],
    hypotheses: Path,
    subset: bool,
    known: Any,
    json_file: Path | None,
) -> None:
    from rich.table import Table

    from saccade.files import write_json
    from saccade.metrics import reading
    from saccade.metrics.several import score_several

    candidates = reading.read_references([hypotheses])
    groups = _same_pictures(console, groups, candidates, hypotheses, subset)
    result = score_several(groups, candidates, frequencies=known)
    console.print(f"{result.captions} captions of {result.pictures} pictures, figures times 100")
    table = Table("metric")
    table.add_column("oracle", justify="right")
    table.add_column("average", justify="right")
    for name in result.oracle:
        if name != "CIDEr-D":
            best, usual = 100 * result.oracle[name], 100 * result.average[name]
            table.add_row(name, f"{best:.1f}", f"{usual:.1f}")
    console.print(table)
    console.print(
        f"self-CIDEr {result.self_cider:.3f}, div-1 {result.div_1:.3f}, div-2 {result.div_2:.3f} "
        "(0: all alike, 1: nothing in common). BLEU is that of single pictures, averaged."
    )
    if json_file is not None:
        write_json(json_file, {"hypotheses": str(hypotheses), **result.to_json()})


def _write_pictures(path: Path, result: Scores, texts: dict[str, str]) -> None:
    import csv
    import io

    from saccade.files import write_text

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "caption", *result.per_picture])
    for i, key in enumerate(result.ids):
        figures = [f"{values[i]:.10g}" for values in result.per_picture.values()]
        writer.writerow([key, texts[str(key)], *figures])
    write_text(path, buffer.getvalue())
