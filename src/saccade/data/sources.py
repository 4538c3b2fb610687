"""`read`: captions from whatever file or folder they come in, the kind found by its content."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saccade.data import coco, flickr, karpathy, records, sidecars, tables
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.finding import Finder
from saccade.data.reading import Entry, Found, Note, Problem, keys_of, place, writable
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

_IN_FOLDERS = (  # a folder's captions file is looked for in this order
    ("captions.jsonl", "metadata.jsonl"),
    ("captions.csv", "captions.tsv", "metadata.csv"),
    ("dataset.json", "dataset_*.json"),
    ("captions.json", "captions_*.json", "annotations/captions_*.json"),
    ("*.token", "*.token.txt"),
    ("captions.txt", "results.csv"),
)
_SIDECARS = "text files beside pictures"
_READERS: dict[str, Callable[[Path, Choices], Iterator[Found]]] = {
    "JSONL": records.read_jsonl,
    "JSON": records.read_document,
    "table": tables.read,
    "Karpathy": karpathy.read,
    "COCO captions": coco.read,
    "Flickr tokens": flickr.read,
    "lines of name and caption": flickr.read_named,
    _SIDECARS: sidecars.read,
}
_OTHER_FILES = (  # how files begin that people have captions in, and what to do with them
    (b"PAR1", "a Parquet file; save it as CSV or JSONL (pandas.read_parquet, then to_csv)"),
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
        finder = Finder(file, folder, _near(file, kind))
        entered: list[Entry] = []
        for item in entries(file, kind, choices):
            if isinstance(item, Problem):
                problems.append(item)
            elif isinstance(item, Note):
                notes.append(item.text if len(files) == 1 else f"{file.name}: {item.text}")
            else:
                entered.append(item)
        pictures = finder.find([entry.name for entry in entered])
        examples += (
            Example(
                pictures[entry.name],
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
    for item in _READERS[kind](path, choices):
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
    for start, what in _OTHER_FILES:
        if head.startswith(start):
            raise DataError(f"{path} is not a captions file, but {what}; {ACCEPTED}")
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if not text:
        raise DataError(f"{path} is empty; {ACCEPTED}")
    lines = [line.rstrip("\r") for line in text.split("\n")[:5] if line.strip()]
    if text[0] in "{[":
        return _detect_json(path, text, lines[0].rstrip(), choices)
    if any(flickr.parse(line) for line in lines):
        return "Flickr tokens"
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
    if isinstance(value, dict) and isinstance(value.get("images"), list) and value["images"]:
        if isinstance(value.get("annotations"), list):
            return "COCO captions"
        if any(isinstance(entry, dict) and "sentences" in entry for entry in value["images"]):
            return "Karpathy"
    if records.objects(value, choices) is not None:
        return "JSON"
    raise DataError(
        f"{path} is JSON, but not of captions: it is {keys_of(value)}; name the keys of pictures "
        f"and captions (--image-column, --caption-column) if they are there; {ACCEPTED}"
    )


def _near(path: Path, kind: str) -> tuple[str, ...]:
    """The folders beside a captions file where its kind's pictures usually lie."""
    if kind == "COCO captions":
        return coco.near(path)
    if kind == "Flickr tokens":
        return flickr.NEAR
    if kind == _SIDECARS:
        return (path.name,)
    return ("", "images", "..") if kind == "Karpathy" else ("", "images")


def files_of(path: Path) -> list[Path]:
    """The captions file or files that a path stands for: itself, or those in a folder."""
    try:
        if not path.is_dir():
            require_file(path)
            return [path]
        next(path.iterdir(), None)  # raises where it can't be read; `glob` finds nothing there
        groups = [
            sorted({f for p in patterns for f in path.glob(p) if "lemma" not in f.name})
            for patterns in _IN_FOLDERS
        ]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read ({reason(error)}); check the name.") from error
    files = [file for group in groups for file in group] or _others_in(path)
    if not files and sidecars.holds_sidecars(path):
        return [path]
    if not files:
        raise DataError(f"{path} holds no captions file; {ACCEPTED}")
    coco_files = groups[3]
    if len(files) > 1 and (files != coco_files or len({f.parent for f in files}) > 1):
        names = ", ".join(str(file.relative_to(path)) for file in files)
        raise DataError(f"{path} holds several captions files ({names}); name one of them.")
    return files


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
