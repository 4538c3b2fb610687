"""`read_references`: captions by picture, for scores; no picture needs to be there.

Reads what `saccade.data.sources` reads, and plain text of one caption per line where nothing else
fits; the pictures of such a file are called "1", "2", ... by their lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.data import flickr, sources
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.reading import Entry, Found, Note, Problem, place, read_lines
from saccade.data.splits import apply_lists, draw_splits
from saccade.errors import DataError
from saccade.files import require_file
from saccade.values.examples import Example

_NOT_TEXT = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")


@dataclass(frozen=True)
class References:
    """The captions of each picture."""

    captions: dict[str, tuple[str, ...]]  # by the picture's id as text
    names: dict[str, str]  # the picture's file as written there, by its id
    left_out: frozenset[str]  # ids of pictures that have no caption (left)
    splits: tuple[str, ...]  # that the files name, whichever was read
    elsewhere: frozenset[str]  # ids of pictures that are only in splits that were not read
    notes: tuple[str, ...]  # what was decided


def read_references(
    paths: Sequence[Path | str], split: str | None = None, choices: Choices = NO_CHOICES
) -> References:
    """The captions of each picture, of files or folders of any kind that `check` reads.

    split: only the pictures of this one. Several files are put together: the captions of a picture
    that is in more than one are all its own. Raises DataError naming file
    and line."""
    files = [file for path in paths for file in sources.files_of(Path(path))]
    kinds = {file: text_or_kind(file, choices) for file in files}
    examples: list[Example] = []
    problems: list[Problem] = []
    notes: list[str] = []
    lines: dict[Path, int] = {}
    files_by_source: dict[str, Path] = {}
    for file, kind in kinds.items():
        for item in entries(file, kind, choices):
            if isinstance(item, Problem):
                problems.append(item)
            elif isinstance(item, Note):
                notes.append(item.text if len(files) == 1 else f"{file.name}: {item.text}")
            else:
                where = place(file, item.where())
                if files_by_source.setdefault(where, file) != file:
                    where = f"{file}{where.removeprefix(file.name)}"  # two files of one name
                    files_by_source[where] = file
                captions = tuple(item.captions)
                name = Path(item.name.replace("\0", "\ufffd"))
                examples.append(Example(name, captions, item.split, item.id, where))
                lines[file] = lines.get(file, 0) + 1
    sources.raise_first(problems, files[0])
    counts = [lines.get(file, 0) for file, kind in kinds.items() if kind == "text"]
    if len(set(counts)) > 1:
        raise DataError(
            f"the text files {', '.join(map(str, files))} have {', '.join(map(str, counts))} "
            "lines; line n of each belongs to picture n, so they must be as many."
        )
    if 0 < len(counts) < len(files):
        text = next(file for file, kind in kinds.items() if kind == "text")
        raise DataError(
            f"{text} is plain text, whose pictures are called 1, 2, ..., and the other files are "
            "not; use files of one kind."
        )
    splits = tuple(sorted({example.split for example in examples if example.split}))
    ids = {example.id for example in examples}
    if split is not None:
        examples = _of_split(files, kinds, examples, split, notes)
    groups: dict[str, list[str]] = {}
    seen: dict[str, Example] = {}
    several = 0
    for example in examples:
        before = seen.get(example.id)
        if before and files_by_source[before.source] == files_by_source[example.source]:
            raise DataError(
                f"{example.source}: picture {example.id!r} stands at {before.source} already; "
                "keep one, or choose a split."
            )
        several += before is not None
        seen[example.id] = example
        groups.setdefault(example.id, []).extend(example.captions)
    if several and "text" not in kinds.values():
        counted = "1 picture is" if several == 1 else f"{several:,} pictures are"
        notes.append(f"{counted} in several files; the captions are put together.")
    left_out = frozenset(key for key, captions in groups.items() if not captions)
    if len(left_out) == len(groups):
        raise DataError(f"{files[0]} has no captions in it; {sources.ACCEPTED}")
    if left_out:
        first = seen[next(key for key in groups if key in left_out)]
        counted = "1 picture" if len(left_out) == 1 else f"{len(left_out):,} pictures"
        notes.append(f"{counted} without a caption left out, the first at {first.source}.")
    return References(
        {key: tuple(captions) for key, captions in groups.items() if captions},
        {key: str(example.image) for key, example in seen.items()},
        left_out,
        splits,
        frozenset(ids - set(groups)),
        tuple(notes),
    )


def text_or_kind(path: Path, choices: Choices = NO_CHOICES) -> str:
    """The kind of a file as `sources.detect` has it, or "text" for plain lines of captions."""
    try:
        return sources.detect(path, choices)
    except DataError:
        require_file(path)
        if path.suffix.lower() in _NOT_TEXT:
            raise
        with path.open("rb") as file:
            start = file.read(4096)
        if b"\0" in start or not start or start.lstrip()[:2] in (b'{"', b"[{", b'["'):
            raise
        return "text"


def entries(path: Path, kind: str, choices: Choices = NO_CHOICES) -> Iterator[Found]:
    """All that a file says of its pictures; `kind` is what `text_or_kind` found."""
    return _text(path) if kind == "text" else sources.entries(path, kind, choices)


def _text(path: Path) -> Iterator[Found]:
    lines = list(read_lines(path))
    if lines and lines[-1][1] == "":  # what follows the last line's end
        lines.pop()
    for number, line in lines:
        if isinstance(line, Problem):
            yield line
        else:
            yield Entry(str(number), str(number), [line], "", [str(number)])


def _of_split(
    files: Sequence[Path],
    kinds: dict[Path, str],
    examples: list[Example],
    split: str,
    notes: list[str],
) -> list[Example]:
    """The examples of a split, which split lists beside a token file name, or else the draw."""
    if "Flickr tokens" in kinds.values():
        lists = {k: v for file in files for k, v in flickr.lists_beside(file).items()}
        if lists:
            examples, _ = apply_lists(examples, lists)
            notes.append(f"Splits from {', '.join(path.name for path in lists.values())}.")
    if "text" not in kinds.values() and not any(example.split for example in examples):
        examples, note = draw_splits(examples)
        notes.append(note)
    there = sorted({example.split for example in examples if example.split})
    examples = [example for example in examples if example.split == split]
    if not examples:
        has = f"it has {', '.join(there)}" if there else "its pictures belong to no split"
        raise DataError(f"{files[0]} has no picture in the split {split!r}; {has}.")
    return examples
