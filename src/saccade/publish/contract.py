"""What a form of output is: where a photo's caption goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from saccade.photos.opening import picture_digest


@dataclass(frozen=True)
class AltText:
    """A caption as it is published."""

    text: str
    model: str  # which model wrote it: the name or a digest of its checkpoint
    language: str = "en"  # of the text, as in RFC 5646
    review: bool | None = None  # a person should look at it; None: not judged
    doubtful: tuple[str, ...] = ()  # its words that may be wrong


class Form(Protocol):
    """One place for captions. What was there is kept, unless it was to be overwritten."""

    def done(self, photo: Path) -> bool:
        """Whether the photo has its text there already. Raises SaccadeError for a damaged file."""
        ...

    def write(self, photo: Path, alt: AltText) -> None:
        """Raises SaccadeError where it can't be written; other photos are not affected."""
        ...

    def flush(self) -> None:
        """What was written is on the disk afterwards."""
        ...

    def read(self, photo: Path) -> AltText | None:
        """The photo's text, if it has one. Raises SaccadeError for a damaged file."""
        ...

    def replace(self, photo: Path, alt: AltText) -> None:
        """Put a text in the place of the one that `read` gave, as `write` does."""
        ...

    def key(self, photo: Path) -> str:
        """By which an edit finds its photo: `content_key`, unless `replace` would change it. Raises
        SaccadeError for a damaged file."""
        ...


def content_key(photo: Path) -> str:
    """The SHA-256 of a photo's file: the same photo elsewhere, or under another name, has the same.
    Raises PictureError."""
    return picture_digest(photo)
