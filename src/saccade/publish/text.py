"""A text file beside each photo."""

from __future__ import annotations

from pathlib import Path

from saccade.files import read_lines, write_error, write_text
from saccade.publish.contract import AltText, content_key


class TextFiles:
    """`photo.txt` beside `photo.jpg`: one line. Where a person should look at it, its doubtful
    words stand in `photo.review.txt`, so that the text stays as it is published. A file of that
    name with other words than the text's is somebody else's, and stays."""

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite

    def done(self, photo: Path) -> bool:
        """See `Form`: any file of that name counts."""
        return not self.overwrite and photo.with_suffix(".txt").exists()

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        review = photo.with_suffix(".review.txt")
        before = self.read(photo) if self.overwrite and review.exists() else None
        write_text(photo.with_suffix(".txt"), f"{alt.text}\n")
        own = before is not None and before.review is True
        if alt.review and (own or not review.exists()):
            write_text(review, f"{' '.join(alt.doubtful)}\n")
        elif own:
            _remove(review)

    def flush(self) -> None:
        """Each file is whole already."""

    def read(self, photo: Path) -> AltText | None:
        """See `Form`: the file's lines as one."""
        path, review = photo.with_suffix(".txt"), photo.with_suffix(".review.txt")
        text = " ".join(" ".join(read_lines(path)).split()) if path.exists() else ""
        if not text:
            return None
        words = tuple(" ".join(read_lines(review)).split()) if review.exists() else ()
        own = bool(words) and all(word in text for word in words)
        return AltText(text, "", review=True if own else None, doubtful=words if own else ())

    def replace(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        self.write(photo, alt)

    def key(self, photo: Path) -> str:
        """See `Form`."""
        return content_key(photo)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise write_error(path, error) from error
