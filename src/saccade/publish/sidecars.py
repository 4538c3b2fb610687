"""XMP beside each photo, or in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from saccade.errors import PictureError
from saccade.files import read_bytes, write_bytes
from saccade.publish import embedding, xmp
from saccade.publish.contract import AltText, content_key


class Sidecars:
    """`photo.xmp` beside `photo.jpg`; an existing one keeps its other fields."""

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite
        xmp.alt_texts(xmp.with_alt(None, AltText("x", "x")))  # refuses now where lxml is missing

    def done(self, photo: Path) -> bool:
        """See `Form`: it has an alternative text, in whatever language."""
        path = photo.with_suffix(".xmp")
        if self.overwrite or not path.exists():
            return False
        return bool(xmp.alt_texts(read_bytes(path), str(path)))

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        path = photo.with_suffix(".xmp")
        packet = read_bytes(path) if path.exists() else None
        write_bytes(path, xmp.with_alt(packet, alt, self.overwrite, str(path)))

    def flush(self) -> None:
        """Each file is whole already."""

    def read(self, photo: Path) -> AltText | None:
        """See `Form`."""
        path = photo.with_suffix(".xmp")
        return xmp.alt_text(read_bytes(path), str(path)) if path.exists() else None

    def replace(self, photo: Path, alt: AltText) -> None:
        """See `Form`: the default and the language of `alt`; other languages stay."""
        path = photo.with_suffix(".xmp")
        write_bytes(path, xmp.with_alt(read_bytes(path), alt, True, str(path)))

    def key(self, photo: Path) -> str:
        """See `Form`."""
        return content_key(photo)


class Embedded:
    """The same packet in the photo's own file, whose pixels stay as they are."""

    def __init__(self, overwrite: bool = False) -> None:
        self.overwrite = overwrite
        xmp.alt_texts(xmp.with_alt(None, AltText("x", "x")))

    def done(self, photo: Path) -> bool:
        """See `Form`."""
        if self.overwrite:
            return False
        packet = embedding.packet_in(photo)
        return packet is not None and bool(xmp.alt_texts(packet, str(photo)))

    def write(self, photo: Path, alt: AltText) -> None:
        """See `Form`. Raises PictureError for a file that is no JPEG, PNG or WebP."""
        data = read_bytes(photo, PictureError)
        packet = embedding.packet_of(data, str(photo))
        packet = xmp.with_alt(packet, alt, self.overwrite, str(photo))
        write_bytes(photo, embedding.with_packet(data, packet, str(photo)))

    def flush(self) -> None:
        """Each file is whole already."""

    def read(self, photo: Path) -> AltText | None:
        """See `Form`."""
        packet = embedding.packet_in(photo)
        return None if packet is None else xmp.alt_text(packet, str(photo))

    def replace(self, photo: Path, alt: AltText) -> None:
        """See `Form`."""
        data = read_bytes(photo, PictureError)
        packet = xmp.with_alt(embedding.packet_of(data, str(photo)), alt, True, str(photo))
        write_bytes(photo, embedding.with_packet(data, packet, str(photo)))

    def key(self, photo: Path) -> str:
        """See `Form`: of all but the packet, which edits change."""
        data = embedding.with_packet(read_bytes(photo, PictureError), b"", str(photo))
        return hashlib.sha256(data).hexdigest()
