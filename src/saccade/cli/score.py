"""`saccade score`: metrics of one file of captions against another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.options import MOST, path_option, some_path, some_text
from saccade.cli.reading import CaptionColumn, ImageColumn, KeepRejected
from saccade.errors import UsageError

if TYPE_CHECKING:
    from saccade.data.columns import Choices
    from saccade.metrics.scores import Scores
    from saccade.text.printing import Screen

_Option = typer.Option
Characters = Annotated[
    bool,
    _Option("--characters", help="Score characters where a script has no spaces (Chinese...)."),
]
Split = Annotated[
    str | None,
    _Option(callback=some_text, help='Only the references of this split, such as "test".'),
]
_ALONE = {
    *("resamples", "seed", "training", "against", "per_picture", "meteor", "spice"),
    *("instances", "synonyms"),
}
_NEED_HYPOTHESES = {*_ALONE, "several", "subset", "frequencies", "json_file"}


def score(
    context: typer.Context,
    references: Annotated[
        list[Path],
        _Option(
            "--references",
            "-r",
            parser=some_path,
            metavar="PATH",
            help="What people wrote: any file that `check` reads, or text files of one caption "
            "per line, one file per person.",
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=some_path,
            metavar="[MORE REFERENCES]...",
            help="Further reference files, so that --references ref*.txt works.",
        ),
    ] = None,
    hypotheses: Annotated[
        Path | None,
        path_option("--hypotheses", "-H", help="What the model wrote, in any of these formats."),
    ] = None,
    against: Annotated[
        Path | None,
        path_option(
            "--against", help="Another model's captions of the same pictures: adds a paired test."
        ),
    ] = None,
    several: Annotated[
        bool,
        _Option("--several", help="Several captions per picture: oracle, average and diversity."),
    ] = False,
    split: Split = None,
    subset: Annotated[
        bool,
        _Option(
            "--subset", help="Score only the pictures that every file has, and count the others."
        ),
    ] = False,
    characters: Characters = False,
    keep_rejected: KeepRejected = False,
    image_column: ImageColumn = None,
    caption_column: CaptionColumn = None,
    training: Annotated[
        Path | None,
        path_option(
            "--training",
            help="Captions that the model learned from: adds the share of novel captions.",
        ),
    ] = None,
    frequencies: Annotated[
        Path | None,
        path_option(
            "--frequencies",
            help="Document frequencies for CIDEr, saved before; else the references' own.",
        ),
    ] = None,
    save_frequencies: Annotated[
        Path | None,
        path_option(
            "--save-frequencies", help="Save the references' document frequencies here (.npz)."
        ),
    ] = None,
    meteor: Annotated[bool, _Option("--meteor", help="Add METEOR (needs Java).")] = False,
    spice: Annotated[
        bool, _Option("--spice", help="Add SPICE (needs Java and its models).")
    ] = False,
    instances: Annotated[
        Path | None,
        path_option(
            "--instances",
            help="COCO's instances_*.json: adds CHAIR, the objects named that are not there.",
        ),
    ] = None,
    synonyms: Annotated[
        Path | None,
        path_option(
            "--synonyms", help="For CHAIR: lines of a category and the words for it, by commas."
        ),
    ] = None,
    resamples: Annotated[
        int, _Option(min=0, max=MOST, help="Bootstrap resamples for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, _Option(min=0, help="Seed of the bootstrap.")] = 0,
    json_file: Annotated[
        Path | None, path_option("--json", help="Write all figures to this file.")
    ] = None,
    per_picture: Annotated[
        Path | None, path_option("--per-picture", help="Write each picture's scores to this CSV.")
    ] = None,
) -> None:
    """Score captions: BLEU, ROUGE-L and CIDEr as coco-caption has them, without Java.

    [bold]saccade score --references captions_val.json --hypotheses results.json[/bold]

    saccade score -r ref0.txt ref1.txt -H model.txt --against baseline.txt --json scores.json
    """
    files = [*references, *(more or [])]
    _check_usage(context, hypotheses, several, characters, meteor or spice)
    captions = [path for path in (*files, hypotheses, against, training) if path is not None]
    outputs = {"--json": json_file, "--per-picture": per_picture}
    from saccade.cli.inputs import check_outputs

    check_outputs(
        {**outputs, "--save-frequencies": save_frequencies},
        [*captions, *(p for p in (frequencies, instances, synonyms) if p is not None)],
    )

    from saccade.cli import score_chair, score_show
    from saccade.cli.reading import choices as chosen
    from saccade.data.hypotheses import match_ids, read_hypotheses
    from saccade.data.references import read_references
    from saccade.files import write_json
    from saccade.metrics import frequencies as counting
    from saccade.metrics import scores
    from saccade.metrics.diversity import variety
    from saccade.metrics.tokenizer import tokenize_all
    from saccade.text.printing import Screen

    screen = Screen()
    choices = _choices(chosen(image_column, caption_column, keep_rejected), captions)
    people = read_references(files, split, choices(files[0]))
    score_show.notes(screen, people.notes)
    groups = people.captions
    if save_frequencies is not None:
        tokens = [tokenize_all(group, characters=characters) for group in groups.values()]
        counted = counting.Frequencies.of(tokens, characters=characters)
        counted.save(save_frequencies)
        screen.line(f"Document frequencies of {counted.pictures} pictures: {save_frequencies}")
    if hypotheses is None:
        return
    known = None if frequencies is None else counting.Frequencies.load(frequencies)
    learned = None if training is None else _training(screen, training, choices)
    systems: dict[Path, dict[str, tuple[str, ...]]] = {}
    for path in (hypotheses, against):
        if path is not None:
            written = match_ids(read_hypotheses(path, choices(path)), people)
            score_show.notes(screen, written.notes)
            systems[path] = written.captions if several else _one_each(written.single())
    groups = _same_pictures(screen, groups, people.left_out, people.elsewhere, systems, subset)
    if several:
        from saccade.metrics.several import score_several

        with _noted(screen):
            result = score_several(
                groups, systems[hypotheses], frequencies=known, characters=characters
            )
        score_show.several(screen, result)
        if json_file is not None:
            about = {"characters": characters, "hypotheses": str(hypotheses)}
            write_json(json_file, about | result.to_json())
        return

    texts = {key: caption for key, (caption,) in systems[hypotheses].items()}
    with _noted(screen):
        scored = scores.score(groups, texts, frequencies=known, characters=characters)
    scored = _add_java(scored, groups, texts, meteor, spice)
    other = None
    if against is not None:
        others = {key: caption for key, (caption,) in systems[against].items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # reported for the first already
            other = scores.score(groups, others, frequencies=known, characters=characters)
        other = _add_java(other, groups, others, meteor, spice)
    report = score_show.figures(screen, scored, other, hypotheses, against, resamples, seed)
    captioned = variety([*texts.values()], learned, characters=characters)
    score_show.variety(screen, captioned, characters)
    report["captions"] = captioned.to_json()
    if instances is not None:
        report["chair"] = score_chair.chair(
            screen, people, groups, systems, instances, synonyms, subset, resamples, seed
        )
    report |= {
        "characters": characters,
        "references": [str(path) for path in files],
        "hypotheses": str(hypotheses),
    }
    if json_file is not None:
        write_json(json_file, report)
    if per_picture is not None:
        _write_pictures(per_picture, scored, texts)


def _check_usage(
    context: typer.Context, hypotheses: Path | None, several: bool, characters: bool, java: bool
) -> None:
    """Raises UsageError for options that would do nothing."""
    sources = {p: context.get_parameter_source(p.name or "") for p in context.command.params}
    typed = {
        parameter.name: max(parameter.opts, key=len)
        for parameter, source in sources.items()
        if source is not None and source.name != "DEFAULT"
    }
    if hypotheses is None:
        useless = [option for name, option in typed.items() if name in _NEED_HYPOTHESES]
        if useless or "save_frequencies" not in typed:
            what = f"{', '.join(useless)} without hypotheses" if useless else "nothing to score"
            raise UsageError(
                f"{what}: add --hypotheses FILE (or --save-frequencies FILE to count only)."
            )
    if "synonyms" in typed and "instances" not in typed:
        raise UsageError("--synonyms is for CHAIR: add --instances FILE.")
    if several:
        useless = [option for name, option in typed.items() if name in _ALONE]
        if useless:
            raise UsageError(f"--several has no use for {', '.join(useless)}; leave that out.")
    if characters and java:
        raise UsageError("--meteor and --spice know English words only; leave out --characters.")


def _choices(choices: Choices, files: list[Path]) -> Any:
    """For a file, the choices that it can follow. Raises UsageError for a column in none."""
    from saccade.data.hypotheses import fitting

    fits = {path: fitting(path, choices) for path in files}
    for option, column, there in (
        ("--image-column", choices.image_column, [c.image_column for c in fits.values()]),
        ("--caption-column", choices.caption_column, [c.caption_column for c in fits.values()]),
    ):
        if column is not None and not any(there):
            raise UsageError(f"{option} {column!r}: no file has such a column.")
    return lambda path: fits.get(path, choices)


def _one_each(texts: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {key: (text,) for key, text in texts.items()}


@contextmanager
def _noted(screen: Screen) -> Iterator[None]:
    """Show warnings as notes."""
    from saccade.cli import score_show

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    score_show.notes(screen, [str(warning.message) for warning in caught])


def _same_pictures(
    screen: Screen,
    groups: dict[str, tuple[str, ...]],
    left_out: frozenset[str],
    elsewhere: frozenset[str],
    systems: dict[Path, dict[str, tuple[str, ...]]],
    subset: bool,
) -> dict[str, tuple[str, ...]]:
    """The references of the pictures that all `systems` have, which lose the others. What has no
    caption that counts (`left_out`) or is of another split (`elsewhere`) is not a mistake.

    Raises DataError where they are others, unless `subset`."""
    from saccade.errors import DataError
    from saccade.metrics.inputs import mismatch

    kept = set(groups)
    for path, texts in systems.items():
        missing = [key for key in groups if key not in texts]
        unscored = [key for key in texts if key in left_out]
        of_others = [key for key in texts if key in elsewhere]
        extra = [key for key in texts if key not in {*groups, *unscored, *of_others}]
        cure = " Add --subset to score only the pictures that both have."
        if len(missing) == len(groups):
            cure = (
                f" No id is in both: the references say {next(iter(groups))!r}, the hypotheses "
                f"{next(iter(texts))!r}; write them alike."
            )
        if (missing or extra) and (not subset or len(missing) == len(groups)):
            raise DataError(f"{path}: {mismatch(missing, extra)}{cure}")
        kept -= set(missing)
        for count, what in (
            (len(missing), "without a hypothesis"),
            (len(extra), "without references"),
            (len(unscored), "without a reference caption that counts"),
            (len(of_others), "of another split"),
        ):
            if count:
                pictures = "1 picture" if count == 1 else f"{count:,} pictures"
                screen.line(f"{path.name}: {pictures} {what} left out.")
    if not kept:
        raise DataError(f"no picture is in all of {', '.join(map(str, systems))}.")
    for path, texts in systems.items():
        systems[path] = {key: text for key, text in texts.items() if key in kept}
    return {key: group for key, group in groups.items() if key in kept}


def _add_java(
    scored: Scores,
    groups: dict[str, tuple[str, ...]],
    texts: dict[str, str],
    meteor: bool,
    spice: bool,
) -> Scores:
    """The scores with METEOR and SPICE, where they are chosen."""
    if not meteor and not spice:
        return scored
    from dataclasses import replace

    from saccade.metrics import java
    from saccade.metrics.tokenizer import tokenize_all

    tokens = [tokenize_all(group) for group in groups.values()]
    written = tokenize_all(texts[key] for key in groups)
    for name, scorer, chosen in (
        ("METEOR", java.meteor, meteor),
        ("SPICE", java.spice, spice),
    ):
        if chosen:
            value, rows = scorer(tokens, written)
            scored = replace(
                scored,
                values={**scored.values, name: value},
                per_picture={**scored.per_picture, name: rows},
            )
    return scored


def _training(screen: Screen, path: Path, choices: Any) -> list[str]:
    """The captions that a model learned from: of the split "train" where a file has splits."""
    from saccade.cli import score_show
    from saccade.data.references import read_references

    captions = read_references([path], choices=choices(path))
    if "train" in captions.splits and len(captions.splits) > 1:
        captions = read_references([path], "train", choices(path))
        score_show.notes(screen, [f'{path.name}: only its split "train" counts as training.'])
    return [text for group in captions.captions.values() for text in group]


def _write_pictures(path: Path, scored: Scores, texts: dict[str, str]) -> None:
    import csv
    import io

    from saccade.files import write_text

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "caption", *scored.per_picture])
    for i, key in enumerate(scored.ids):
        figures = [f"{values[i]:.10g}" for values in scored.per_picture.values()]
        writer.writerow([key, texts[str(key)], *figures])
    write_text(path, buffer.getvalue())
