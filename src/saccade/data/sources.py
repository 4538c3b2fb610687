"""`read`: captions from whatever file or folder they come in, the kind found by its content."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from saccade.data import (
    coco,
    conceptual,
    flickr,
    imagefolder,
    karpathy,
    nocaps,
    parquet,
    records,
    sidecars,
    tables,
    textcaps,
    vizwiz,
    webdataset,
)
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.finding import Finder
from saccade.data.reading import (
    Entry,
    Found,
    Note,
    Problem,
    keys_of,
    place,
    split_of,
    writable,
)
from saccade.data.splits import Splits, apply_lists, draw_splits
from saccade.errors import DataError
from saccade.files import read_json, reason, require_file
from saccade.values.examples import Example

ACCEPTED = """accepted are:
  captions.jsonl   {"image": "images/1.jpg", "captions": ["A dog runs."], "split": "train"}
                   {"image": "images/2.jpg", "captions": ["A red kite."], "split": "val"}
  captions.csv     image,caption,split
                   images/1.jpg,A dog runs.,train
  dataset_*.json   Karpathy's splits of COCO, Flickr8k, Flickr30k
  captions_*.json  COCO captions
  *.token(.txt)    Flickr token file, its split lists beside it
or a folder with one of them, or of pictures with a text file beside each (1.jpg, 1.txt)."""

_IN_FOLDERS = (  # a folder's captions file is looked for by these names
    ("captions.jsonl", *imagefolder.NAMES, "captions.csv", "captions.tsv"),
    ("dataset.json", "dataset_*.json", "captions.json"),
    ("*.token", "*.token.txt", "captions.txt", "results.csv"),
)
_SETS = (  # and where there are several of one of these, they are one data set
    ("captions_*.json",),
    ("annotations/captions_*.json",),
    textcaps.PATTERNS,
    nocaps.PATTERNS,
)
_LESS_USUAL = (  # looked for where there is none of the above
    imagefolder.BY_SPLIT,
    vizwiz.PATTERNS,
    tuple(f"{s}.{end}" for s in ("train", "val", "test") for end in ("jsonl", "json", "csv")),
)
_ARCHIVES = (("*.tar", "*/*.tar"), ("*.parquet", "*/*.parquet"))  # at last


class Source(NamedTuple):
    """One row of the table: how a kind of captions file is read."""

    read: Callable[[Path, Choices], Iterator[Found]]
    # the folders beside the file where its pictures usually lie
    near: Callable[[Path], tuple[str, ...]] = lambda path: ("", "images")
    fits: Callable[[Mapping[str, Any]], bool] | None = None  # of a JSON document's own form


_SIDECARS = "text files beside pictures"
_SOURCES: dict[str, Source] = {  # of several JSON documents that fit, the first counts
    "JSONL": Source(records.read_jsonl),
    "JSON": Source(records.read_document),
    "table": Source(tables.read),
    "imagefolder": Source(imagefolder.read),
    "webdataset": Source(webdataset.read),
    "parquet": Source(parquet.read),
    "VizWiz": Source(vizwiz.read, vizwiz.near, vizwiz.fits),
    "nocaps": Source(nocaps.read, nocaps.near, nocaps.fits),
    "COCO captions": Source(coco.read, coco.near, coco.fits),
    "Karpathy": Source(karpathy.read, karpathy.near, karpathy.fits),
    "TextCaps": Source(textcaps.read, textcaps.near, textcaps.fits),
    "Conceptual Captions": Source(conceptual.read, lambda path: conceptual.NEAR),
    "Flickr tokens": Source(flickr.read, lambda path: flickr.NEAR),
    "lines of name and caption": Source(flickr.read_named),
    _SIDECARS: Source(sidecars.read, lambda path: (path.name,)),
}
_OTHER_FILES = (  # how files begin that people have captions in, and what to do with them
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet; unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"SQLite format 3", "a database; export its table as CSV"),
    (b"\x89HDF", "an HDF5 file; export its captions as CSV or JSONL"),
    (b"%PDF", "a PDF"),
    (b"<", "XML or HTML"),
)
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".token", ".txt")
_HEAD = 1 << 16  # bytes that are enough to tell the kinds apart


@dataclass(frozen=True)
class Dataset:
    """What a source holds."""

    examples: tuple[Example, ...]
    kind: str  # "JSONL", "COCO captions", ...
    notes: tuple[str, ...]  # what was decided for the user, such as splits drawn by name
    path: Path  # the captions file (the first, when there are several)


def read(
    path: Path | str | Sequence[Path | str],
    images: Path | str | None = None,
    splits: Splits | None = None,
    choices: Choices = NO_CHOICES,
) -> Dataset:
    """Pictures and captions of a file, a folder with one, or several files.

    images: the folder that picture names are relative to, when it is not near the captions.
    splits: one split's name for all pictures, or split lists {"train": file, "val": file} of
    picture names, in place of the source's own; a picture on no list gets the split "extra".
    choices: which columns hold pictures and captions, where their names do not say it.
    Raises DataError naming file and line at the first thing wrong (`gather` finds all)."""
    dataset, problems = gather(path, images, splits, choices)
    raise_first(problems, dataset.path)
    if not dataset.examples:
        raise DataError(f"{dataset.path} holds no pictures; {ACCEPTED}")
    return dataset


def raise_first(problems: Sequence[Problem], path: Path) -> None:
    """Raises DataError with the first fatal problem, if there is one."""
    fatal = [problem for problem in problems if problem.fatal]
    if fatal:
        error = fatal[0].error()
        if len(fatal) > 1:
            error = DataError(f"{error} ({len(fatal) - 1} more: saccade check {path})")
        raise error


def select(dataset: Dataset, split: str) -> list[Example]:
    """The examples of one split."""
    return [example for example in dataset.examples if example.split == split]


def gather(
    path: Path | str | Sequence[Path | str],
    images: Path | str | None = None,
    splits: Splits | None = None,
    choices: Choices = NO_CHOICES,
) -> tuple[Dataset, tuple[Problem, ...]]:
    """Like `read`, but every malformed line is collected as a Problem instead of raised.

    Raises DataError only when there is no such file, or nothing of it can be understood."""
    listed = [path] if isinstance(path, Path | str) else path
    files = [file for item in listed for file in files_of(Path(item))]
    folder = None if images is None else Path(images)
    if folder is not None and not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the one that holds the pictures.")
    kinds = {file: detect(file, choices) for file in files}
    examples: list[Example] = []
    problems: list[Problem] = []
    notes: list[str] = []
    for file, kind in kinds.items():
        finder = Finder(file, folder, _SOURCES[kind].near(file))
        entered: list[Entry] = []
        for item in entries(file, kind, choices):
            if isinstance(item, Problem):
                problems.append(item)
            elif isinstance(item, Note):
                notes.append(item.text if len(files) == 1 else f"{file.name}: {item.text}")
            else:
                entered.append(item)
        pictures = finder.find([entry.name for entry in entered if not entry.inside])
        if any(entry.optional for entry in entered):
            entered = _there(file, entered, pictures, notes)
        for entry in entered if len(files) > 1 else ():
            entry.split = entry.split or split_of(file) or split_of(file.parent)
        examples += (
            Example(
                file / entry.name if entry.inside else pictures[entry.name],
                tuple(entry.captions),
                entry.split,
                entry.id,
                place(file, entry.where()),
                entry.scene,
                entry.regions,
                entry.boxes,
            )
            for entry in entered
        )
        if finder.note():
            notes.append(finder.note())
    if splits is None and "Flickr tokens" in kinds.values():
        splits = {k: v for file in files for k, v in flickr.lists_beside(file).items()} or None
        if splits:
            names = ", ".join(Path(file).name for file in splits.values())
            notes.append(f"Splits from {names}.")
    if isinstance(splits, str):
        examples = [replace(example, split=splits) for example in examples]
    elif splits is not None:
        examples, wrong = apply_lists(examples, {k: Path(v) for k, v in splits.items()})
        problems += wrong
    if examples and not any(example.split for example in examples):
        examples, note = draw_splits(examples)
        notes.append(note)
    for example in examples:
        if not example.split:
            name, _, where = example.source.partition(":")
            file = next((file for file in files if file.name == name), files[0])
            problems.append(Problem(file, where, "has no split, while others have one; add it."))
    kind = ", ".join(dict.fromkeys(kinds.values()))
    return Dataset(tuple(examples), kind, tuple(notes), files[0]), tuple(problems)


def entries(path: Path, kind: str, choices: Choices = NO_CHOICES) -> Iterator[Found]:
    """All that a file of a kind (see `detect`) says of its pictures, in its own splits."""
    for item in _SOURCES[kind].read(path, choices):
        if isinstance(item, Entry) and not writable(item.id, item.name, item.split, *item.captions):
            message = "holds a character that is not one (half a surrogate pair); correct it."
            yield Problem(path, item.where(), message)
        else:
            yield item


def detect(path: Path, choices: Choices = NO_CHOICES) -> str:
    """The kind of a captions file, from its content. Raises DataError when it is none."""
    if path.is_dir():  # `files_of` lets only such folders pass
        return _SIDECARS
    require_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(
            f"{path} can't be read ({reason(error)}); check its permissions."
        ) from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16 text; save it as UTF-8.")
    if head.startswith(parquet.MAGIC):
        return "parquet"
    if webdataset.fits(path, head):
        return "webdataset"
    for start, what in _OTHER_FILES:
        if head.startswith(start):
            raise DataError(f"{path} is not a captions file, but {what}; {ACCEPTED}")
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if not text:
        raise DataError(f"{path} is empty; {ACCEPTED}")
    lines = [line.rstrip("\r") for line in text.split("\n")[:5] if line.strip()]
    if imagefolder.fits(path):
        return "imagefolder"
    if text[0] in "{[":
        return _detect_json(path, text, lines[0].rstrip(), choices)
    if any(flickr.parse(line) for line in lines):
        return "Flickr tokens"
    if conceptual.fits(lines):
        return "Conceptual Captions"
    if tables.is_header(lines[0], choices) or path.suffix.lower() in (".csv", ".tsv"):
        return "table"
    if all(tables.headless(line) for line in lines):
        return "table"
    if all(flickr.parse_named(line) for line in lines):
        return "lines of name and caption"
    raise DataError(f"{path} is not a captions file; {ACCEPTED}")


def _detect_json(path: Path, text: str, first: str, choices: Choices) -> str:
    jsonl = path.suffix.lower() in (".jsonl", ".ndjson")
    if text[0] == "{" and (jsonl or "\n" in text or len(text) < _HEAD // 4):
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            if jsonl:
                return "JSONL"  # and its reader names the line
        else:
            several = bool(text.partition("\n")[2].strip())
            if jsonl or (several and isinstance(value, dict)):
                return "JSONL"
    value = read_json(path, DataError, records.CURE)
    if isinstance(value, dict):
        for name, source in _SOURCES.items():
            if source.fits is not None and source.fits(value):
                return name
    if records.objects(value, choices) is not None:
        return "JSON"
    raise DataError(
        f"{path} is JSON, but not of captions: it is {keys_of(value)}; name the keys of pictures "
        f"and captions (--image-column, --caption-column) if they are there; {ACCEPTED}"
    )


def _there(
    file: Path, entered: Sequence[Entry], pictures: Mapping[str, Path], notes: list[str]
) -> list[Entry]:
    """The entries whose pictures are there; what is left out goes to `notes`. Raises DataError
    where none is left."""
    there = [e for e in entered if not e.optional or os.path.lexists(pictures[e.name])]
    if not there:
        raise DataError(
            f"{file}: none of its {len(entered):,} pictures is there, such as "
            f"{pictures[entered[0].name]}; save each under the last part of its address, or name "
            "the folder: --images FOLDER."
        )
    if len(there) < len(entered):
        notes.append(
            f"Rows of {file.name} whose pictures are not there are left out: "
            f"{len(entered) - len(there):,} of {len(entered):,} pictures."
        )
    return there


def files_of(path: Path) -> list[Path]:
    """The captions file or files that a path stands for: itself, or those in a folder."""
    try:
        if not path.is_dir():
            require_file(path)
            return [path]
        next(path.iterdir(), None)  # raises where it can't be read; `glob` finds nothing there
        single, sets, less, archives = (
            [_matching(path, patterns) for patterns in groups]
            for groups in (_IN_FOLDERS, _SETS, _LESS_USUAL, _ARCHIVES)
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read ({reason(error)}); check the name.") from error
    groups = [group for group in (*single, *sets) if group]
    if len(groups) == 1 and groups[0] in sets:
        return groups[0]
    files = [file for group in groups for file in group]
    if not files:
        files = next((group for group in less if len(group) > 1), [])
        if len({(f.parent, split_of(f)) for f in files}) == len(files) > 0:
            return files
    files = files or _others_in(path)
    if not files and sidecars.holds_sidecars(path):
        return [path]
    if not files:
        files = next((group for group in (*less, *archives) if group), [])
        if files:
            return files
        raise DataError(f"{path} holds no captions file; {ACCEPTED}")
    if len(files) > 1:
        names = ", ".join(str(file.relative_to(path)) for file in files)
        raise DataError(f"{path} holds several captions files ({names}); name one of them.")
    return files


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = (file for pattern in patterns for file in sorted(folder.glob(pattern)))
    return list(dict.fromkeys(filter(_is_one, found)))


def _is_one(path: Path) -> bool:
    """Whether a path whose name is that of a captions file may be one."""
    return "lemma" not in path.name and not path.is_dir()


def _others_in(folder: Path) -> list[Path]:
    """Captions files of other names in a folder that has none of a usual name."""
    files = []
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in _SUFFIXES and file.is_file() and file.name[0] != ".":
            try:
                detect(file)
            except DataError:
                continue
            files.append(file)
    return files
