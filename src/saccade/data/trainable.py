"""What of a data set training can use, and what it leaves out: `train` and `check` agree on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from saccade.errors import DataError
from saccade.text import has_words, tokenize
from saccade.values.examples import Example


@dataclass(frozen=True)
class Trainable:
    """The pictures to train and to validate on: those with at least one word to learn."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    notes: tuple[str, ...]  # what was left out


def trainable(examples: Sequence[Example]) -> Trainable:
    """The examples of train and val of which a caption has a word.

    Raises DataError when none is left to train on."""
    notes = []
    parts: dict[str, tuple[Example, ...]] = {}
    for split in ("train", "val"):
        there = [example for example in examples if example.split == split]
        parts[split] = tuple(e for e in there if any(map(has_words, e.captions)))
        lost = len(there) - len(parts[split])
        if lost:
            first = next(e for e in there if not any(map(has_words, e.captions)))
            counted = "1 picture" if lost == 1 else f"{lost:,} pictures"
            theirs = "its" if lost == 1 else "their"
            notes.append(
                f"{counted} of {split} left out because no word is in {theirs} captions "
                f"(first: {first.source or first.id})."
            )
        if split == "train" and not parts[split]:
            raise DataError(_nothing(examples, len(there)))
    return Trainable(parts["train"], parts["val"], tuple(notes))


def _nothing(examples: Sequence[Example], in_train: int) -> str:
    if in_train == 1:
        return "the only picture in the split train has no caption with a word in it; fill it in."
    if in_train:
        return (
            f"none of the {in_train:,} pictures in the split train has a caption with a word in "
            "it; fill in their captions."
        )
    names = ", ".join(sorted({example.split or "(none)" for example in examples})) or "none"
    return f"no picture is in the split train (splits: {names}); name it train."


def cut_captions(examples: Sequence[Example], max_words: int) -> str:
    """What to say of captions of train and val that have more than `max_words` words, or ""."""
    lengths = [
        len(tokenize(caption))
        for example in examples
        if example.split in ("train", "val")
        for caption in example.captions
    ]
    return describe_cut(lengths, max_words)


def describe_cut(lengths: Sequence[int], max_words: int) -> str:
    """What to say of captions of these lengths, in words; "" when all fit."""
    longer = sum(length > max_words for length in lengths)
    if not longer:
        return ""
    counted = "1 caption" if longer == 1 else f"{longer:,} captions"
    most = min(max(lengths), 10_000)  # what the settings allow
    total = sum(length > 0 for length in lengths)
    return (
        f"{counted} of {total:,} in train and val are longer than train.max_words "
        f"({max_words}): training cuts them there. All are whole with --set "
        f"train.max_words={most} --set decode.max_words={most}"
    )
