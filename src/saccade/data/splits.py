"""Splits for captions that come without any: from lists of names, or drawn by name."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from saccade.data.reading import Problem, read_lines, short
from saccade.values.examples import Example

Splits = str | Mapping[str, Path | str]


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
        f"The data names no splits: drawn by name, {len(drawn) - len(chosen)} for train and "
        f"{len(chosen)} for val, the same every time."
    )
    return drawn, note


def apply_lists(
    examples: Sequence[Example], lists: Mapping[str, Path]
) -> tuple[list[Example], list[Problem]]:
    """Splits from lists of picture names; "extra" for pictures on none of them."""
    splits: dict[str, tuple[str, Path, int]] = {}
    problems: list[Problem] = []
    for split, path in lists.items():
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
                message = f"{short(name)} is on the {known[0]} list too ({other}); leave it on one."
                problems.append(Problem(path, str(number), message))
    names = {name for e in examples for name in (e.id, e.image.name)}
    for name, (_, path, number) in splits.items():
        if name not in names:
            message = f"{short(name)} has no captions in the captions file."
            problems.append(Problem(path, str(number), message, fatal=False))
    nowhere = ("extra", Path(), 0)
    return [
        replace(e, split=splits.get(e.id, splits.get(e.image.name, nowhere))[0]) for e in examples
    ], problems
