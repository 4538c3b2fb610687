"""A text file beside each photo."""

from __future__ import annotations

from pathlib import Path

from saccade.files import write_text
from saccade.publish.contract import AltText


class TextFiles:
    """`photo.txt` beside `photo.jpg`: one line."""

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite

    def done(self, photo: Path) -> bool:
        """See `Form`: any file of that name counts."""
        return not self.overwrite and photo.with_suffix(".txt").exists()

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        write_text(photo.with_suffix(".txt"), f"{alt.text}\n")

    def flush(self) -> None:
        """Each file is whole already."""
