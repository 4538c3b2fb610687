"""Options of every command that reads caption files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saccade.data.columns import Choices

ImageColumn = Annotated[
    str | None,
    typer.Option("--image-column", help="Column or JSON key that names the picture."),
]
CaptionColumn = Annotated[
    str | None,
    typer.Option("--caption-column", help="Column or JSON key that holds the captions."),
]
KeepRejected = Annotated[
    bool,
    typer.Option(
        "--keep-rejected", help="Count captions that the data marks as rejected or canned."
    ),
]


def choices(image_column: str | None, caption_column: str | None, keep_rejected: bool) -> Choices:
    """The options as the readers take them."""
    from saccade.data.columns import Choices

    return Choices(image_column, caption_column, keep_rejected)


def spelled(choices: Choices) -> str:
    """The options as they are typed, to repeat them in the next command."""
    import shlex

    typed = ""
    if choices.image_column is not None:
        typed += f" --image-column {shlex.quote(choices.image_column)}"
    if choices.caption_column is not None:
        typed += f" --caption-column {shlex.quote(choices.caption_column)}"
    return typed + " --keep-rejected" * choices.keep_rejected
