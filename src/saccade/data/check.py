"""The validator: counts what a data set holds and names all that is wrong with it.

Errors are what stops training or makes its scores worthless: lines that can't be read, pictures
that are missing or damaged, a picture in two of train, val and test, nothing to train on. Warnings
are what training survives: empty, repeated and cut captions, duplicates, trouble in splits that
nothing uses.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from saccade.config import TrainConfig
from saccade.data.columns import NO_CHOICES, Choices
from saccade.data.finding import suggest
from saccade.data.labelled import doubtful
from saccade.data.reading import caption_source
from saccade.data.sources import gather
from saccade.data.splits import Splits
from saccade.data.trainable import describe_cut, trainable
from saccade.errors import DataError, PictureError
from saccade.photos.opening import open_photo, photo_size, picture_digest
from saccade.progress import progress
from saccade.text import tokenize
from saccade.values.examples import Example

USED = ("train", "val", "test")
MIN_COUNT, MAX_WORDS = TrainConfig.min_count, TrainConfig.max_words
_SUGGESTED = 50  # missing pictures for which files of nearly their names are looked for


@dataclass(frozen=True)
class Finding:
    """One thing wrong, at one place."""

    kind: str  # the heading it stands under: "Missing pictures", ...
    error: bool  # False for a warning
    source: str  # "captions.jsonl:17"
    message: str


@dataclass(frozen=True)
class Spread:
    """Least, mean and greatest of some counts."""

    least: int = 0
    mean: float = 0.0
    most: int = 0

    @classmethod
    def of(cls, counts: Sequence[int]) -> "Spread":
        return cls(min(counts), sum(counts) / len(counts), max(counts)) if counts else cls()


@dataclass(frozen=True)
class SplitCount:
    """How much is in one split."""

    name: str
    pictures: int
    captions: int
    per_picture: Spread
    words: Spread  # of a caption


@dataclass(frozen=True)
class CheckReport:
    """What `check` found."""

    path: Path
    kind: str
    notes: tuple[str, ...]
    splits: tuple[SplitCount, ...]
    words: int  # different words in the training captions
    vocabulary: int  # of these, seen at least `min_count` times
    coverage: float  # share of all training words that are in the vocabulary
    pictures: int  # different picture files
    found: int  # of these, there
    decoded: bool  # False when only headers were read
    seconds: float
    findings: tuple[Finding, ...]
    inputs: frozenset[Path] = field(repr=False, default=frozenset())  # captions file and pictures
    min_count: int = MIN_COUNT  # of a word, to enter the vocabulary
    max_words: int = MAX_WORDS  # of a caption

    @property
    def errors(self) -> int:
        return sum(finding.error for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors

    def groups(self) -> dict[str, list[Finding]]:
        """The findings by kind, kinds with errors first, each in the order of its lines."""
        groups: dict[str, list[Finding]] = defaultdict(list)
        for finding in sorted(self.findings, key=lambda finding: not finding.error):
            groups[finding.kind].append(finding)
        for findings in groups.values():
            findings.sort(key=lambda f: [int(part) for part in re.findall(r"\d+", f.source)])
        return dict(groups)

    def to_json(self) -> dict[str, Any]:
        """Everything but the inputs, as plain JSON values."""
        shown = asdict(self)
        del shown["inputs"]
        return {
            **shown,
            "path": str(self.path),
            "errors": self.errors,
            "warnings": self.warnings,
        }


def check(
    path: Path | str | Sequence[Path | str],
    images: Path | str | None = None,
    splits: Splits | None = None,
    quick: bool = False,
    show: bool = False,
    workers: int = 4,
    choices: Choices = NO_CHOICES,
    min_count: int = MIN_COUNT,
    max_words: int = MAX_WORDS,
) -> CheckReport:
    """Validate the data that `saccade.data.sources.read` reads with the same arguments.

    min_count, max_words: the settings of train that decide which words and captions can be used.

    Every picture is decoded, by `workers` threads; with `quick` only its header is read, which
    finds neither damage further in nor equal pictures under other names. `show`: progress bars on
    stderr. Raises DataError only when nothing of the data can be understood."""
    began = time.monotonic()
    dataset, problems = gather(path, images, splits, choices)
    examples = dataset.examples
    findings = [
        Finding(
            "Unusable lines" if problem.fatal else "Lines without effect",
            problem.fatal,
            problem.source,
            problem.message,
        )
        for problem in problems
    ]
    counts, vocabulary, lengths = _captions(examples, findings, show)
    looks = dict(_look_at(examples, quick, show, workers))
    _pictures(examples, looks, findings)
    _same(examples, looks, findings)
    for example in examples:
        if example.boxes and not looks[example.image].fault:
            findings += [
                Finding("Boxes", False, example.source, f"{_name(example)}: {message}")
                for message in doubtful(example)
            ]
    notes = [*dataset.notes]
    where = dataset.path.name or str(dataset.path)
    try:
        usable = trainable(examples)
        notes += usable.notes
        if not usable.validation:
            there = any(example.split == "val" for example in examples)
            nothing = "with a word in its captions " if there else ""
            message = f"no picture {nothing}is in the split val: training can't choose its best "
            message += "checkpoint."
            findings.append(Finding("Splits", False, where, message))
    except DataError as error:
        if examples or not any(finding.error for finding in findings):  # else it is reported
            findings.append(Finding("Splits", True, where, str(error)))
    if cut := describe_cut(lengths, max_words):
        findings.append(Finding("Long captions", False, where, cut))
    kept = [count for count in vocabulary.values() if count >= min_count]
    if vocabulary and not kept:
        message = f"no word in train is seen {min_count} times, as train.min_count says: training "
        message += "needs --set train.min_count=1."
        findings.append(Finding("Vocabulary", True, where, message))
    return CheckReport(
        path=dataset.path,
        kind=dataset.kind,
        notes=tuple(notes),
        splits=counts,
        words=len(vocabulary),
        vocabulary=len(kept),
        coverage=sum(kept) / max(1, vocabulary.total()),
        pictures=len(looks),
        found=sum(not look.missing for look in looks.values()),
        decoded=not quick,
        seconds=round(time.monotonic() - began, 2),
        findings=tuple(findings),
        inputs=frozenset((dataset.path, *looks)),
        min_count=min_count,
        max_words=max_words,
    )


def _captions(
    examples: Sequence[Example], findings: list[Finding], show: bool
) -> tuple[tuple[SplitCount, ...], Counter[str], list[int]]:
    """Counts of each split and of the training words, and the lengths of the captions of train and
    val; names empty and repeated captions."""
    per_picture: dict[str, list[int]] = defaultdict(list)
    lengths: dict[str, list[int]] = defaultdict(list)
    vocabulary: Counter[str] = Counter()
    with progress("Reading captions", len(examples), show) as task:
        for example in examples:
            per_picture[example.split].append(len(example.captions))
            if not example.captions:
                findings.append(
                    Finding(
                        "Empty captions", False, example.source, f"{_name(example)}: no captions."
                    )
                )
            seen: dict[tuple[str, ...], int] = {}
            for index, caption in enumerate(example.captions):
                words = tokenize(caption)
                lengths[example.split].append(len(words))
                if example.split == "train":
                    vocabulary.update(words)
                if not words:
                    what = f"no word in {caption.strip()!r}" if caption.strip() else "it is empty"
                    message = f"{_name(example)}, caption {index + 1}: {what}."
                    place = caption_source(example, index)
                    findings.append(Finding("Empty captions", False, place, message))
                elif (first := seen.setdefault(tuple(words), index)) != index:
                    message = (
                        f"{_name(example)}, captions {first + 1} and {index + 1}: {_cut(caption)}"
                    )
                    place = caption_source(example, index)
                    findings.append(Finding("Repeated captions", False, place, message))
            task.advance()
    order = sorted(per_picture, key=lambda name: (USED.index(name) if name in USED else 9, name))
    counts = tuple(
        SplitCount(
            name,
            len(per_picture[name]),
            sum(per_picture[name]),
            Spread.of(per_picture[name]),
            Spread.of(lengths[name]),
        )
        for name in order
    )
    return counts, vocabulary, lengths["train"] + lengths["val"]


def _name(example: Example) -> str:
    """A picture's name for people: its id, unless that is a bare number."""
    return example.id if example.image.stem in example.id else example.image.name


def _cut(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


@dataclass(frozen=True)
class _Look:
    """What looking at a picture's file showed."""

    fault: str = ""
    missing: bool = False
    digest: str = ""


def _look_at(
    examples: Sequence[Example], quick: bool, show: bool, workers: int
) -> Iterator[tuple[Path, _Look]]:
    """Every picture once. Decoding frees Python's lock, so that threads are enough."""

    def look(path: Path) -> tuple[Path, _Look]:
        try:
            if quick:
                photo_size(path)
                return path, _Look()
            open_photo(path, draft=(1, 1))  # the least work that still reads the whole file
            return path, _Look(digest=picture_digest(path))
        except PictureError as error:
            return path, _Look(str(error), missing=isinstance(error.__cause__, FileNotFoundError))

    paths = iter(dict.fromkeys(example.image for example in examples))
    total = len({example.image for example in examples})
    with (
        progress("Reading headers" if quick else "Decoding pictures", total, show) as task,
        ThreadPoolExecutor(max(1, workers)) as pool,
    ):
        while chunk := list(islice(paths, 256)):  # a whole data set of futures would be large
            for result in pool.map(look, chunk):
                yield result
                task.advance()


def _pictures(
    examples: Iterable[Example], looks: dict[Path, _Look], findings: list[Finding]
) -> None:
    """Names what is missing or unreadable, at the first entry that uses it."""
    named: set[Path] = set()
    for example in examples:
        look = looks[example.image]
        if look.fault and example.image not in named:
            named.add(example.image)
            kind, message = "Unreadable pictures", look.fault
            if look.missing:
                kind = "Missing pictures"
                close = suggest(example.image) if len(named) <= _SUGGESTED else ""
                message = f"{message.rstrip('.')}{close}" if close else message
            findings.append(Finding(kind, example.split in USED, example.source, message))


def _same(examples: Sequence[Example], looks: dict[Path, _Look], findings: list[Finding]) -> None:
    """Names pictures that come twice, by file or by content: leaks across splits, or duplicates.

    Each is compared with the first one of every split, so that ten thousand copies of one
    placeholder take no longer than any other ten thousand pictures."""
    files: dict[Path, dict[str, Example]] = defaultdict(dict)
    contents: dict[str, dict[str, Example]] = defaultdict(dict)
    compared: set[tuple[Path, str]] = set()
    for example in examples:
        file = files[example.image]
        _compare(example, list(file.values()), "Duplicate pictures", "comes again, as in", findings)
        file.setdefault(example.split, example)
        digest = looks[example.image].digest
        if digest and (example.image, example.split) not in compared:
            compared.add((example.image, example.split))
            others = [e for e in contents[digest].values() if e.image != example.image]
            kind = "Equal pictures under several names"
            _compare(example, others, kind, "has the same content as", findings)
            contents[digest].setdefault(example.split, example)


def _compare(
    example: Example, others: list[Example], kind: str, how: str, findings: list[Finding]
) -> None:
    """Names an example that equals others before it; a leak, if there is one, is the worst."""
    if not others:
        return
    used = example.split in USED
    leaks = [e for e in others if used and e.split in USED and e.split != example.split]
    other = (leaks or others)[0]
    name = "" if other.image == example.image else f"{_name(other)}, "
    message = f"{_name(example)} {how} {name}{other.source}"
    if leaks:
        message += f"; one is in {other.split}, one in {example.split}."
        findings.append(Finding("Leaks between splits", True, example.source, message))
    else:
        findings.append(Finding(kind, False, example.source, f"{message}."))
