"""A text file beside each photo."""

from __future__ import annotations

from pathlib import Path

from saccade.files import read_lines, write_text
from saccade.publish.contract import AltText


class TextFiles:
    """`photo.txt` beside `photo.jpg`: one line. Where a person should look at it, its doubtful
    words stand in `photo.review.txt`, so that the text stays as it is published."""

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite

    def done(self, photo: Path) -> bool:
        """See `Form`: any file of that name counts."""
        return not self.overwrite and photo.with_suffix(".txt").exists()

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        write_text(photo.with_suffix(".txt"), f"{alt.text}\n")
        review = photo.with_suffix(".review.txt")
        if alt.review and (self.overwrite or not review.exists()):
            write_text(review, f"{' '.join(alt.doubtful)}\n")
        elif alt.review is False and self.overwrite:
            review.unlink(missing_ok=True)  # of the text before

    def flush(self) -> None:
        """Each file is whole already."""

    def read(self, photo: Path) -> AltText | None:
        """See `Form`: the file's lines as one."""
        path = photo.with_suffix(".txt")
        text = " ".join(read_lines(path)).strip() if path.exists() else ""
        return AltText(text, "") if text else None

    def replace(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        self.write(photo, alt)
