"""`read_hypotheses`: what a model wrote, from results files of any kind that references come in.

Beside these: `saccade evaluate --json`, `saccade caption --json`, and results whose captions stand
under a usual name such as "prediction". Ids are text, as the references' (42 and 42.0 are one).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.data import records, tables
from saccade.data.columns import NO_CHOICES, Choices, choose, compared
from saccade.data.reading import (
    Entry,
    Found,
    Note,
    Problem,
    place,
    read_lines,
    spell_lines,
    writable,
)
from saccade.data.references import References, entries, text_or_kind
from saccade.data.sources import raise_first
from saccade.errors import DataError
from saccade.files import parse_json, read_json, require_file

# Columns of results that hold what a model wrote, in their compared form.
_WRITTEN = (
    *("prediction", "predictions", "predictedcaption", "predictedcaptions", "pred", "preds"),
    *("hypothesis", "hypotheses", "generated", "generatedcaption", "generatedtext", "output"),
    *("result", "answer", "response", "modeloutput"),
)
_CURE = "correct it there, or write the results again"
_LINE_CURE = "write one complete object on each line"
_Object = tuple[str, Any]  # where it stands, and what


@dataclass(frozen=True)
class Hypotheses:
    """A model's captions of each picture."""

    captions: dict[str, tuple[str, ...]]  # by the picture's id as text
    names: dict[str, str]  # the picture's file as written there, by its id
    sources: dict[str, str]  # where they stand, "results.json: [17]", by the picture's id
    notes: tuple[str, ...]  # what was decided

    def single(self) -> dict[str, str]:
        """The one caption of each picture. Raises DataError where a picture has several."""
        for key, captions in self.captions.items():
            if len(captions) > 1:
                raise DataError(
                    f"{self.sources[key]}: picture {key!r} has more than one caption; keep one, or "
                    "score them together with --several."
                )
        return {key: captions[0] for key, captions in self.captions.items()}


def read_hypotheses(path: Path | str, choices: Choices = NO_CHOICES) -> Hypotheses:
    """The captions of each picture of a results file. Raises DataError that names file and line and
    how to fix it."""
    path = Path(path)
    require_file(path, DataError)
    captions: dict[str, tuple[str, ...]] = {}
    names: dict[str, str] = {}
    places: dict[str, list[str]] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    for item in _found(path, choices):
        if isinstance(item, Problem):
            problems.append(item)
        elif isinstance(item, Note):
            about = "" if item.text.startswith(f"{path.name}: ") else f"{path.name}: "
            notes.append(about + item.text)
        else:
            captions[item.id] = captions.get(item.id, ()) + tuple(item.captions)
            places.setdefault(item.id, []).extend(item.places)
            names[item.id] = item.name
    raise_first(problems, path)
    bare = [key for key, texts in captions.items() if not texts]
    for key in bare:
        del captions[key]
    if not captions:
        raise DataError(
            f"{path} has no captions in it; results are files of the kinds that references are, "
            'such as [{"image_id": 42, "caption": "a dog"}].'
        )
    if bare:
        first = f"{len(bare):,} without a caption left out, the first at "
        notes.append(f"{path.name}: {first}{place(path, places[bare[0]][0])}.")
    sources = {key: place(path, _spell(places[key])) for key in captions}
    return Hypotheses(captions, names, sources, tuple(notes))


def _spell(places: list[str]) -> str:
    if all(one.isdigit() for one in places):
        return spell_lines([int(line) for line in places])
    return " and".join(places[:3])


def fitting(path: Path, choices: Choices) -> Choices:
    """The choices that a file can follow: a column is chosen only where it is there."""
    if path.is_dir() or (choices.image_column is None and choices.caption_column is None):
        return choices
    there = {compared(name) for name in _names_in(path)}

    def kept(column: str | None) -> str | None:
        return column if column is not None and compared(column) in there else None

    return replace(
        choices,
        image_column=kept(choices.image_column),
        caption_column=kept(choices.caption_column),
    )


def match_ids(hypotheses: Hypotheses, references: References) -> Hypotheses:
    """The hypotheses under the references' ids, where none of the ids is equal but file names are:
    up to folders, extension, case, Unicode form and leading zeros. As they are where any id is
    equal, and where it would not be certain which picture is meant."""
    if any(key in references.names for key in hypotheses.captions):
        return hypotheses
    for form, what in (
        (_file_name, "file names"),
        (_stem, "file names without extension"),
        (_number, "the numbers in them"),
    ):
        known: dict[str, set[str]] = {}
        for key, name in references.names.items():
            for text in {key, name}:
                known.setdefault(form(text), set()).add(key)
        known.pop("", None)
        matched: dict[str, str] = {}
        for key in hypotheses.captions:
            for text in (key, hypotheses.names[key]):
                if len(meant := known.get(form(text), set())) == 1:
                    matched.setdefault(key, next(iter(meant)))
        if matched and len(set(matched.values())) == len(matched):
            first = next(iter(matched))
            note = (
                f"No id of the hypotheses is one of the references'; pictures are matched by "
                f"{what}: {first!r} is {matched[first]!r}."
            )
            return Hypotheses(
                {matched.get(key, key): texts for key, texts in hypotheses.captions.items()},
                {matched.get(key, key): name for key, name in hypotheses.names.items()},
                {matched.get(key, key): text for key, text in hypotheses.sources.items()},
                (*hypotheses.notes, note),
            )
    return hypotheses


def _file_name(text: str) -> str:
    return unicodedata.normalize("NFC", re.split(r"[/\\]", text)[-1]).casefold()


def _stem(text: str) -> str:
    return PurePosixPath(_file_name(text)).stem


def _number(text: str) -> str:
    """42 for COCO_val2014_000000000042.jpg and 0042.jpg; "" for others, such as img_42.jpg."""
    match = re.fullmatch(r"(?:.*[^0-9](?=[0-9]{6}))?0*([0-9]+)", _stem(text), re.DOTALL)
    return match[1] if match else ""


def _found(path: Path, choices: Choices) -> Iterator[Found]:
    if choices.caption_column is None:
        names = _names_in(path)
        there = {compared(name): name for name in names}
        if not choose(names, choices).captions:
            written = next((there[name] for name in _WRITTEN if name in there), None)
            choices = replace(choices, caption_column=written)
    try:
        kind = text_or_kind(path, choices)
    except DataError:
        value = _document(path)
        inside = None if value is None else _only_list(value, choices)
        if inside is None:
            raise
        yield from _results(path, inside, choices)
        return
    if kind == "JSONL":
        yield from _results(path, _lines(path), choices)
    elif kind == "JSON":
        parts = records.objects(read_json(path, DataError, _CURE), choices)
        yield from _results(path, ((where, item) for where, item, _ in parts or ()), choices)
    else:
        yield from entries(path, kind, choices)


def _lines(path: Path) -> Iterator[Problem | _Object]:
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            try:
                yield str(number), parse_json(line, "line", DataError, _LINE_CURE, number)
            except DataError as error:  # "line:17: ..."
                yield Problem(path, str(number), str(error).partition(": ")[2])


def _only_list(value: Any, choices: Choices) -> Iterator[_Object] | None:
    """The objects of the one list that a document holds: `evaluate --json` has "captions"."""
    lists = {
        key: items
        for key, items in (value.items() if isinstance(value, dict) else ())
        if isinstance(items, list) and any(records.is_record(item, choices) for item in items[:5])
    }
    if len(lists) != 1:
        return None
    ((key, items),) = lists.items()
    return ((f" {key}[{index}]", item) for index, item in enumerate(items))


def _results(
    path: Path, objects: Iterator[_Object] | Iterator[Problem | _Object], choices: Choices
) -> Iterator[Found]:
    """Results that are objects. Where `saccade caption` failed, one has an "error" for a caption;
    beside its caption, one may have the references."""
    rows = records.Rows(path, choices)
    failed = 0
    for one in objects:
        if isinstance(one, Problem):
            yield one
            continue
        where, item = one
        if isinstance(item, Mapping):
            columns = choose(tuple(item), choices).captions
            if not columns and "error" in item:
                failed += 1
                continue
            if len(columns) and "references" not in columns:
                item = {key: value for key, value in item.items() if key != "references"}
        yield from rows.take_object(item, where)
    if failed:
        yield Note(f"{path.name}: {failed:,} that could not be captioned left out.")
    for entry in rows.found():
        if isinstance(entry, Entry) and not writable(entry.id, entry.name, *entry.captions):
            message = "holds a character that is not one (half a surrogate pair); correct it."
            yield Problem(path, entry.where(), message)
        else:
            yield entry


def _names_in(path: Path) -> tuple[str, ...]:
    """The columns of a table, or the keys of a JSON file's first object; () for other files."""
    first = next(
        (line for _, line in read_lines(path) if not isinstance(line, str) or line.strip()), ""
    )
    if isinstance(first, Problem):
        return ()
    if first.lstrip()[:1] not in ("{", "["):
        return tuple(tables.split_header(first))
    try:
        value = parse_json(first, str(path))
    except DataError:
        value = _document(path)
    while isinstance(value, list | dict) and value:
        if isinstance(value, dict):
            lists = [
                v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)
            ]
            if not lists:
                return tuple(value)
            value = lists[-1]
        value = value[0]
    return ()


def _document(path: Path) -> Any:
    try:
        return read_json(path, DataError, _CURE)
    except DataError:
        return None
