"""JSON objects of a picture and its caption or captions: JSONL, and JSON of many shapes.

{"image": "images/1.jpg", "captions": ["A dog runs.", "A dog on grass."], "split": "train"}

Which keys hold what is decided as for the columns of tables (`saccade.data.columns`). Objects with
one caption each are merged by picture. Drawn scenes add "scene" (what is truly there) and
"regions" (the box of what each word names), users what phrases name and where
(`saccade.data.labelled`); other keys are ignored:

{"image": "1.jpg", "captions": ["A dog runs."], "boxes": [{"phrase": "dog", "box": [8, 9, 50, 40]}]}
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saccade.data.columns import (
    NO_CHOICES,
    Choices,
    Columns,
    choose,
    compared,
    list_cell,
    picture_id,
    picture_names,
    rejected_by,
    texts,
)
from saccade.data.drawn import read_regions, read_scene
from saccade.data.labelled import read_phrase_boxes, regions_of
from saccade.data.reading import (
    Entry,
    Found,
    LeftOut,
    Note,
    Problem,
    is_split,
    keys_of,
    read_lines,
    short,
    split_name,
)
from saccade.errors import DataError
from saccade.files import parse_json, read_json

CURE = "correct it there, or copy the file again if it was cut off"
_LISTS = ("annotations", "data", "rows", "records", "items", "results", "samples", "images")


def read_jsonl(path: Path, choices: Choices) -> Iterator[Found]:
    """One JSON object a line."""
    rows = Rows(path, choices)
    for number, line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            try:
                cure = "correct that line, which must be one complete object"
                value = parse_json(line, "line", DataError, cure, number)
            except DataError as error:  # "line:17: ..."
                yield Problem(path, str(number), str(error).partition(": ")[2])
                continue
            yield from rows.take_object(value, str(number))
    yield from rows.found()


def read_document(path: Path, choices: Choices) -> Iterator[Found]:
    """A JSON file of such objects, whatever lists, splits or ids they are under."""
    value = read_json(path, DataError, CURE)
    rows = Rows(path, choices)
    for where, record, split in objects(value, choices) or ():
        yield from rows.take_object(record, where, split)
    yield from rows.found()


def is_record(value: Any, choices: Choices = NO_CHOICES) -> bool:
    """Whether a JSON value is an object that names a picture."""
    if not isinstance(value, dict):
        return False
    columns = _columns(value, choices)
    return columns.picture is not None and (
        bool(columns.captions) or compared(columns.picture) not in ("path", "file", "id")
    )


def objects(
    value: Any, choices: Choices = NO_CHOICES, split: str = "", where: str = ""
) -> Iterator[tuple[str, Any, str]] | None:
    """The (place, object, split) that a JSON document holds; None when it is none of captions.

    Understood are lists of objects, such lists under a key ("annotations", "data", ...) or under
    the names of splits, columns ({"image": [...], "caption": [...]}, and as pandas writes them),
    and objects, texts or lists of texts by picture ({"1.jpg": ["a dog"]})."""
    if isinstance(value, list):
        if not value or not any(is_record(item, choices) for item in value[:5]):
            return None
        return ((f"{where} [{index}]", item, split) for index, item in enumerate(value))
    if not isinstance(value, dict) or not value:
        return None
    for key in _LISTS:
        if isinstance(value.get(key), list):
            rows = value[key]
            if isinstance(value.get("columns"), list) and all(isinstance(r, list) for r in rows):
                rows = [dict(zip(map(str, value["columns"]), row, strict=False)) for row in rows]
            inside = objects(rows, choices, split, f"{where} {key}")
            if inside is not None:
                return inside
    if all(is_split(key) for key in value):
        parts = {key: objects(v, choices, split_name(key), f" {key}") for key, v in value.items()}
        if any(part is not None for part in parts.values()) and all(
            part is not None or not value[key] for key, part in parts.items()
        ):
            return (item for part in parts.values() for item in part or ())
    if is_record(value, choices):
        columns = _by_column(value, choices)
        if columns is None:
            return iter([(where, value, split)])
        return ((f"{where} [{short(row)}]", record, split) for row, record in columns)
    return _by_picture(value, split, where)


def _by_column(value: Mapping[str, Any], choices: Choices) -> list[tuple[str, Any]] | None:
    """The rows of columns that are lists, or objects by row as pandas writes them."""
    columns = _columns(value, choices)
    parts = [value[columns.picture or ""], *(value[name] for name in columns.captions)]
    if all(isinstance(part, dict) for part in parts) and "path" not in parts[0]:
        return [
            (row, {k: v.get(row) for k, v in value.items() if isinstance(v, dict)})
            for row in parts[0]
        ]
    if len(parts) > 1 and all(isinstance(part, list) for part in parts):
        length = len(parts[0])
        lists = {k: v for k, v in value.items() if isinstance(v, list) and len(v) == length}
        if all(name in lists for name in columns.captions):
            return [
                (str(row), {name: column[row] for name, column in lists.items()})
                for row in range(length)
            ]
    return None


def _by_picture(
    value: Mapping[str, Any], split: str, where: str
) -> Iterator[tuple[str, Any, str]] | None:
    """Captions by picture: texts, lists of texts, or objects with captions."""
    for item in value.values():
        parts = item if isinstance(item, list) else [item]
        if not all(isinstance(part, str | dict) for part in parts):
            return None
        if any(isinstance(part, dict) and not choose(tuple(part)).captions for part in parts):
            return None
    if not any(value.values()):
        return None

    def under(name: str, item: Any) -> Any:
        if isinstance(item, dict):
            columns = choose(tuple(item))
            return item if columns.picture else {**item, "image": name}
        return {"image": name, "captions": item}

    return (
        (f"{where} {short(repr(name))}", under(name, item), split) for name, item in value.items()
    )


def _columns(value: Mapping[str, Any], choices: Choices) -> Columns:
    return choose(tuple(key for key, item in value.items() if item is not None), choices)


class Rows:
    """Collects rows, from JSON or a table, into pictures."""

    def __init__(self, path: Path, choices: Choices) -> None:
        self.path, self.choices = path, choices
        self.entries: list[Entry] = []
        self.known: dict[tuple[str, str], Entry] = {}  # the first, by id and split
        self.left_out = LeftOut()
        self.notes: dict[str, None] = {}
        self.views = 0

    def take_object(self, value: Any, where: str, split: str = "") -> Iterator[Problem]:
        """A JSON object; `split` is its split where it names none itself."""
        try:
            self._take_object(value, where, split)
        except DataError as error:
            yield Problem(self.path, where, str(error))

    def take_cells(
        self, cells: Sequence[str], header: Sequence[str], columns: Columns, where: str
    ) -> Iterator[Problem]:
        """A table's row."""
        try:
            self._take_cells(dict(zip(header, cells, strict=True)), columns, where)
        except DataError as error:
            yield Problem(self.path, where, str(error))

    def found(self) -> Iterator[Found]:
        """All pictures, and notes of what was decided."""
        yield from (Note(text) for text in list(self.notes)[:3])
        if self.views:
            counted = "1 record names" if self.views == 1 else f"{self.views:,} records name"
            yield Note(f"{counted} several pictures; each of these has the record's captions.")
        yield from self.left_out.notes()
        yield from self.entries

    def _take_object(self, value: Any, where: str, split: str) -> None:
        if not isinstance(value, dict):
            raise DataError('is not an object; write {"image": ..., "captions": [...]}.')
        columns = _columns(value, self.choices)
        names = None if columns.picture is None else picture_names(value[columns.picture])
        if not names:
            which = self.choices.image_column
            cure = (
                f"{which!r} (--image-column) names none there"
                if which is not None
                else 'give its path as "image", or name its key: --image-column'
            )
            raise DataError(f"names no image; it is {keys_of(value)}; {cure}.")
        if columns.split is not None:
            if not isinstance(value[columns.split], str):
                raise DataError(
                    'has a split (train, val or test) that is not text; write "split": "train".'
                )
            split = split_name(value[columns.split]) or split
        if not columns.captions:
            which = self.choices.caption_column
            cure = (
                f"{which!r} (--caption-column) is not among them"
                if which is not None
                else 'give them as "captions": ["...", "..."], or name their key: --caption-column'
            )
            raise DataError(f"has no captions; it is {keys_of(value)}; {cure}.")
        captions: list[str] = []
        for column in columns.captions:
            marked = not self.choices.keep_rejected
            inside = texts(self.left_out.kept(value[column]) if marked else value[column])
            if inside is None:
                raise DataError(
                    f'its "{column}" must be text or a list of texts, not {keys_of(value[column])}.'
                )
            # "caption" may be one of "captions"
            captions += [t for t in inside if len(columns.captions) == 1 or t not in captions]
        single = len(columns.captions) == 1 and captions == [value[columns.captions[0]]]
        scene = None if value.get("scene") is None else read_scene(value["scene"])
        regions = value.get("regions")
        boxes = () if regions is None else read_regions(regions, captions)
        labelled = () if value.get("boxes") is None else read_phrase_boxes(value["boxes"])
        boxes += regions_of(labelled, captions)
        merge = single and scene is None and not boxes and not labelled
        self._keep(value, columns, names, captions, split, where, merge, scene, boxes, labelled)

    def _take_cells(self, row: Mapping[str, str], columns: Columns, where: str) -> None:
        names = picture_names(row[columns.picture or ""])
        if not names:
            raise DataError(f"names no image; fill in its column {columns.picture!r}.")
        split = "" if columns.split is None else split_name(row[columns.split])
        captions: list[str] = []
        cells = [row[column].strip() for column in columns.captions]
        if len(cells) > 1:  # caption1, caption2, ...: not every picture has all of them
            cells = [cell for cell in cells if cell] or [""]
        for cell in cells:
            inside = list_cell(cell)
            captions += [cell] if inside is None else [text.strip() for text in inside]
        self._keep(row, columns, names, captions, split, where, merge=True)

    def _keep(
        self,
        row: Mapping[str, Any],
        columns: Columns,
        names: Sequence[str],
        captions: list[str],
        split: str,
        where: str,
        merge: bool,
        scene: Any = None,
        regions: Any = (),
        boxes: Any = (),
    ) -> None:
        if columns.note:
            self.notes[columns.note] = None
        flag = rejected_by(row) if columns.rejected else None
        if flag is not None and not self.choices.keep_rejected:
            self.left_out.add(flag, len(captions))
            captions = []
        self.views += len(names) > 1
        for name in names:
            key = None
            if len(names) == 1 and columns.id is not None and columns.id != columns.picture:
                key = picture_id(row[columns.id])
                if key is None:
                    raise DataError(
                        f"its {columns.id!r} is not an id, which is text or a whole number."
                    )
            entry = Entry(name, key or name, list(captions), split, [where], scene, regions, boxes)
            self._add(entry, merge, columns.repeats)

    def _add(self, entry: Entry, merge: bool, repeats: bool) -> None:
        known = self.known.setdefault((entry.id, entry.split), entry)
        if known.name != entry.name:
            raise DataError(
                f"its id {short(entry.id)} is that of another picture, {short(known.name)} "
                f"({self.path.name}:{known.where()}); a picture needs an id of its own."
            )
        if known is not entry and merge and known.merges:
            known.captions += entry.captions
            known.places += entry.places
        elif known is not entry and repeats:
            known.captions += [text for text in entry.captions if text not in known.captions]
        else:
            entry.merges = merge
            self.entries.append(entry)
