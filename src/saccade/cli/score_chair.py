"""`saccade score --instances`: objects that captions name and that are not on the picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.data.references import References
    from saccade.metrics.chair import Chair
    from saccade.text.printing import Screen
    from saccade.values.evidence import Interval

MOST_WORDS = 8  # of the most frequent false ones that are printed


def chair(
    screen: Screen,
    people: References,
    groups: Mapping[str, tuple[str, ...]],
    systems: Mapping[Path, Mapping[str, tuple[str, ...]]],
    instances: Path,
    synonyms: Path | None,
    subset: bool,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Print CHAIR of every system's captions; returns it as JSON values, by the system's file.

    Raises DataError for pictures that the instances do not have, unless `subset`."""
    from saccade.data.boxes import read_boxes
    from saccade.data.synonyms import known_pairs, naming, read_synonyms
    from saccade.errors import DataError
    from saccade.metrics.chair import object_hallucination
    from saccade.text import tokenize

    boxes = read_boxes(instances)
    if not boxes.categories:
        raise DataError(f"{instances} are {boxes.kind}; --instances needs COCO's instances.")
    listed = None if synonyms is None else read_synonyms(synonyms, boxes.categories)
    names = naming(boxes.categories, listed)
    objects: dict[str, frozenset[str]] = {}
    missing = []
    for key in groups:
        entry = boxes.picture(people.names.get(key, key)) or boxes.picture(key)
        if entry is None:
            missing.append(key)
        else:
            objects[key] = entry.categories
    if missing and (not subset or not objects):
        raise DataError(
            f"{instances}: has no picture {people.names.get(missing[0], missing[0])!r} "
            f"({len(missing):,} of {len(groups):,} are missing); pictures are found by the names "
            "of their files. Add --subset to leave these out."
        )
    if missing:
        screen.line(f"{instances.name}: {len(missing):,} pictures without objects left out.")
    references = {key: [tokenize(text) for text in groups[key]] for key in objects}
    report: dict[str, Any] = {"instances": str(instances)}
    report |= {} if synonyms is None else {"synonyms": str(synonyms)}
    for path, texts in systems.items():
        words = {key: tokenize(texts[key][0]) for key in objects}
        result = object_hallucination(
            words,
            references,
            objects,
            names,
            known_pairs(names),
            resamples=max(resamples, 1),
            seed=seed,
        )
        _show(screen, path if len(systems) > 1 else None, result, resamples > 0)
        report[str(path)] = _json(result)
    return report


def _percent(value: Interval, bounds: bool) -> str:
    between = f" ({100 * value.low:.1f} to {100 * value.high:.1f})" if bounds else ""
    return f"{100 * value.value:.1f}%{between}"


def _show(screen: Screen, path: Path | None, result: Chair, bounds: bool) -> None:
    of = "" if path is None else f"{path.name}: "
    each = "no object is named" if result.instance is None else _percent(result.instance, bounds)
    screen.line(
        f"{of}CHAIR-i {each} of {result.mentions:,} objects that the captions name are not there, "
        f"CHAIR-s {_percent(result.sentence, bounds)} of {result.captions:,} captions name one."
    )
    if result.words:
        worst = ", ".join(f"{w.word} {w.count} of {w.said}" for w in result.words[:MOST_WORDS])
        screen.line(f"Most often false: {worst}.")


def _json(result: Chair) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "chair_i": None if result.instance is None else asdict(result.instance),
        "chair_s": asdict(result.sentence),
        "mentions": result.mentions,
        "captions": result.captions,
        "false": {str(key): list(words) for key, words in result.false.items()},
        "words": [asdict(word) for word in result.words],
    }
