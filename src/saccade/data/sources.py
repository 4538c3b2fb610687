"""`read`: captions from whatever file or folder they come in, the kind found by its content."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saccade.data import coco, flickr, karpathy, records
from saccade.data.reading import Found, Problem, read_json, read_lines
from saccade.errors import DataError
from saccade.values.examples import Example

Splits = str | Mapping[str, Path | str]

ACCEPTED = """accepted are:
  captions.jsonl   {"image": "images/1.jpg", "captions": ["A dog runs."], "split": "train"}
                   {"image": "images/2.jpg", "captions": ["A red kite."], "split": "val"}
  captions.csv     image,caption,split
                   images/1.jpg,A dog runs.,train
  dataset_*.json   Karpathy's splits of COCO, Flickr8k, Flickr30k
  captions_*.json  COCO captions
  *.token(.txt)    Flickr token file, its split lists beside it
or a folder with one of them."""

_IN_FOLDERS = (  # a folder's captions file is looked for in this order
    ("captions.jsonl", "metadata.jsonl"),
    ("captions.csv", "captions.tsv", "metadata.csv"),
    ("dataset.json", "dataset_*.json"),
    ("captions.json", "captions_*.json", "annotations/captions_*.json"),
    ("*.token", "*.token.txt"),
    ("captions.txt", "results.csv"),
)
_READERS: dict[str, Callable[[Path, Path | None], Iterator[Found]]] = {
    "JSONL": records.read_jsonl,
    "JSON list": records.read_list,
    "table": records.read_table,
    "Karpathy": karpathy.read,
    "COCO captions": coco.read,
    "Flickr tokens": flickr.read,
}
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
) -> Dataset:
    """Pictures and captions of a file, a folder with one, or several files.

    images: the folder that picture names are relative to, when it is not near the captions.
    splits: one split's name for all pictures, or split lists {"train": file, "val": file} of
    picture names, in place of the source's own; a picture on no list gets the split "extra".
    Raises DataError with file, line and cure at the first thing wrong (`gather` finds all)."""
    dataset, problems = gather(path, images, splits)
    fatal = [problem for problem in problems if problem.fatal]
    if fatal:
        error = fatal[0].error()
        if len(fatal) > 1:
            error = DataError(f"{error} ({len(fatal) - 1} more: saccade check {dataset.path})")
        raise error
    if not dataset.examples:
        raise DataError(f"{dataset.path} holds no pictures; {ACCEPTED}")
    return dataset


def select(dataset: Dataset, split: str) -> list[Example]:
    """The examples of one split."""
    return [example for example in dataset.examples if example.split == split]


def gather(
    path: Path | str | Sequence[Path | str],
    images: Path | str | None = None,
    splits: Splits | None = None,
) -> tuple[Dataset, tuple[Problem, ...]]:
    """Like `read`, but every malformed line is collected as a Problem instead of raised.

    Raises DataError only when there is no such file, or nothing of it can be understood."""
    given = [path] if isinstance(path, Path | str) else path
    files = [file for item in given for file in _files(Path(item))]
    folder = None if images is None else Path(images)
    if folder is not None and not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the one that holds the pictures.")
    kinds = {file: detect(file) for file in files}
    examples: list[Example] = []
    problems: list[Problem] = []
    for file, kind in kinds.items():
        for found in _READERS[kind](file, folder):
            if isinstance(found, Problem):
                problems.append(found)
            elif not _writable(found):
                message = "holds a character that is not one (half a surrogate pair); mend it."
                problems.append(Problem(file, found.source.partition(":")[2], message))
            else:
                examples.append(found)
    notes: list[str] = []
    if splits is None and "Flickr tokens" in kinds.values():
        splits = {k: v for file in files for k, v in flickr.lists_beside(file).items()} or None
        if splits:
            names = ", ".join(Path(file).name for file in splits.values())
            notes.append(f"Splits from {names}.")
    if isinstance(splits, str):
        examples = [replace(example, split=splits) for example in examples]
    elif splits is not None:
        examples, wrong = _apply_lists(examples, {k: Path(v) for k, v in splits.items()})
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


def _writable(example: Example) -> bool:
    """Whether its texts can be written to a file, hours later: JSON can hold what UTF-8 can't."""
    try:
        "".join((example.id, example.split, *example.captions)).encode()
    except UnicodeEncodeError:
        return False
    return True


def draw_splits(examples: Sequence[Example]) -> tuple[list[Example], str]:
    """Splits for a source without any: about a tenth of the pictures becomes val.

    Drawn by a hash of the picture's id, so that a picture keeps its split when others come or go.
    Also returns the note that says so."""
    ranks = [int(hashlib.sha256(e.id.encode()).hexdigest()[:8], 16) for e in examples]
    chosen = {index for index, rank in enumerate(ranks) if rank % 10 == 0}
    if len({example.id for example in examples}) > 1:  # neither may stay empty
        order = sorted(range(len(ranks)), key=lambda index: (ranks[index], examples[index].id))
        if not chosen:
            chosen = {i for i in order if examples[i].id == examples[order[0]].id}
        elif len(chosen) == len(examples):
            chosen -= {i for i in order if examples[i].id == examples[order[-1]].id}
    else:
        chosen = set()
    drawn = [
        replace(example, split="val" if index in chosen else "train")
        for index, example in enumerate(examples)
    ]
    note = (
        f"No splits are given: drawn by name, {len(drawn) - len(chosen)} pictures train and "
        f"{len(chosen)} val, the same every time."
    )
    return drawn, note


def detect(path: Path) -> str:
    """The kind of a captions file, from its content. Raises DataError when it is none."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror or error}).") from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16 text; save it as UTF-8.")
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if not text:
        raise DataError(f"{path} is empty; {ACCEPTED}")
    first = text.partition("\n")[0].rstrip()
    if text[0] in "{[":
        return _detect_json(path, text, first)
    if any(flickr.LINE.fullmatch(line.rstrip("\r")) for line in text.split("\n")[:5]):
        return "Flickr tokens"
    if records.is_header(first) or path.suffix.lower() in (".csv", ".tsv"):
        return "table"
    raise DataError(f"{path} is not a captions file; {ACCEPTED}")


def _detect_json(path: Path, text: str, first: str) -> str:
    jsonl = path.suffix.lower() in (".jsonl", ".ndjson")
    if text[0] == "{" and (jsonl or "\n" in text or len(text) < _HEAD // 4):
        try:
            value = json.loads(first)
        except json.JSONDecodeError:
            if jsonl:
                return "JSONL"  # and its reader names the line
        else:
            if jsonl or records.is_record(value):
                return "JSONL"
    value = read_json(path)
    if isinstance(value, list):
        if value and records.is_record(value[0]):
            return "JSON list"
    elif isinstance(value, dict) and isinstance(value.get("images"), list):
        if isinstance(value.get("annotations"), list):
            return "COCO captions"
        if any(isinstance(entry, dict) and "sentences" in entry for entry in value["images"]):
            return "Karpathy"
    raise DataError(f"{path} is JSON, but not of captions; {ACCEPTED}")


def _files(path: Path) -> list[Path]:
    """The captions file or files that a path stands for."""
    if not path.exists():
        raise DataError(f"{path} does not exist; check the name.")
    if not path.is_dir():
        return [path]
    found = [
        sorted({f for p in patterns for f in path.glob(p) if "lemma" not in f.name})
        for patterns in _IN_FOLDERS
    ]
    files = [file for group in found for file in group]
    if not files:
        raise DataError(f"{path} holds no captions file; {ACCEPTED}")
    coco_files = found[3]
    if len(files) > 1 and (files != coco_files or len({f.parent for f in files}) > 1):
        names = ", ".join(str(file.relative_to(path)) for file in files)
        raise DataError(f"{path} holds several captions files ({names}); name one of them.")
    return files


def _apply_lists(
    examples: Sequence[Example], lists: Mapping[str, Path]
) -> tuple[list[Example], list[Problem]]:
    """Splits from lists of picture names; "extra" for pictures on none of them."""
    splits: dict[str, tuple[str, Path, int]] = {}
    problems: list[Problem] = []
    for split, path in lists.items():
        if not path.is_file():
            raise DataError(f"{path} does not exist; name the list of {split} pictures.")
        for number, line in read_lines(path):
            if isinstance(line, Problem):
                problems.append(line)
                continue
            name = line.strip()
            if not name:
                continue
            known = splits.setdefault(name, (split, path, number))
            if known[0] != split:
                other = f"{known[1].name}:{known[2]}"
                message = f"{name} is on the {known[0]} list too ({other}); leave it on one."
                problems.append(Problem(path, str(number), message))
    names = {name for e in examples for name in (e.id, e.image.name)}
    for name, (_, path, number) in splits.items():
        if name not in names:
            message = f"{name} has no captions in the captions file."
            problems.append(Problem(path, str(number), message, fatal=False))
    nowhere = ("extra", Path(), 0)
    return [
        replace(e, split=splits.get(e.id, splits.get(e.image.name, nowhere))[0]) for e in examples
    ], problems
