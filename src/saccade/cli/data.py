"""The data and the model of `evaluate` and `survey`, and the old ways of naming them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saccade.errors import DataError, UsageError
from saccade.text.printing import echo

if TYPE_CHECKING:
    from saccade.data.columns import Choices
    from saccade.values.examples import Example


@dataclass(frozen=True)
class Data:
    """A split that was read."""

    path: Path  # as it was named
    examples: tuple["Example", ...]
    files: tuple[Path, ...]  # all that must not be overwritten


def model_of(command: str, data: Sequence[Path] | None, model: list[str] | None) -> list[str]:
    """The models. Raises UsageError for none, naming the new form where the old was typed."""
    if not model and data and len(data) == 2:
        old, new = shlex.quote(str(data[0])), shlex.quote(str(data[1]))
        raise UsageError(
            f"the model is now named by an option: saccade {command} {new} --model {old}"
        )
    if not model:
        raise UsageError(f"name the model: saccade {command} DATA --model CHECKPOINT_OR_RUN")
    if data and len(data) > 1:
        raise UsageError(f"name one DATA, not {len(data)}: saccade {command} DATA --model MODEL")
    return model


def refuse_old_forms(arguments: Sequence[str]) -> None:
    """Raise UsageError for `explain --split`, which is `survey` now, with the line to type."""
    if not arguments or arguments[0] != "explain":
        return
    words = [part for word in arguments[1:] for part in _parts(word)]
    if "--split" not in words:
        return
    data = ["DATA"]
    if "--data" in words[:-1]:
        place = words.index("--data")
        data = [words[place + 1]]
        del words[place : place + 2]
    line = shlex.join(["saccade", "survey", *data, *words])
    raise UsageError(f"a whole split is surveyed by a command of its own: {line}")


def _parts(word: str) -> list[str]:
    """`--split=val` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if equals and name.startswith("--") else [word]


def data_of(
    models: Sequence[str],
    data: Sequence[Path] | None,
    split: str,
    images: Path | None,
    choices: "Choices",
) -> Data:
    """The pictures of a split, of the data named or else of those that the first run among the
    models was trained on. Raises UsageError when neither is known, DataError as the readers do."""
    from saccade.data.columns import NO_CHOICES
    from saccade.data.sources import read
    from saccade.training.run import own_data

    if data:
        path = data[0]
    else:
        own = [entry for model in models if (entry := own_data(Path(model))) is not None]
        if not own:
            raise UsageError(f"{', '.join(models)} is not a run that knows its data: name DATA.")
        path, folder, own_choices = own[0]
        images = images or folder
        choices = own_choices if choices == NO_CHOICES else choices
    dataset = read(path, images=images, choices=choices)
    for note in dataset.notes:
        echo(note, err=True)
    examples = tuple(e for e in dataset.examples if split in ("all", e.split))
    if not examples:
        known = ", ".join(sorted({e.split or "(none)" for e in dataset.examples})) or "none"
        raise DataError(
            f"{dataset.path} has no split '{split}' (found: {known}); name one with --split."
        )
    files = (path, dataset.path, *(e.image for e in dataset.examples))
    return Data(path, examples, files)
