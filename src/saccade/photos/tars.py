"""Members of a tar file, read where they lie: nothing is extracted, links are not followed."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from saccade.errors import PictureError
from saccade.files import reason, require_file


class TarMember(NamedTuple):
    """Where the content of a regular member stands in the tar file."""

    offset: int
    size: int


def tar_members(path: Path) -> Mapping[str, TarMember]:
    """The regular members by name, in their order; folders, links and devices do not count.

    Raises PictureError for a file that is no tar file, is compressed or cut off, and for a name
    that stands twice."""
    require_file(path, PictureError, "tar file")
    status = path.stat()
    return _members(path, status.st_mtime_ns, status.st_size)


def read_tar_member(path: Path, name: str) -> bytes:
    """A member's content. Raises PictureError as `tar_members`, and where it has no such member."""
    member = tar_members(path).get(name)
    if member is None:
        raise PictureError(f"{path} has no member {name}; check the name.")
    try:
        with path.open("rb") as file:
            file.seek(member.offset)
            return file.read(member.size)
    except (OSError, MemoryError) as error:
        raise PictureError(
            f"{path}/{name} can't be read ({reason(error)}); check the disk."
        ) from error


@lru_cache(maxsize=16)
def _members(path: Path, changed: int, size: int) -> Mapping[str, TarMember]:
    """The index of a file as it was changed last."""
    members: dict[str, TarMember] = {}
    try:
        with tarfile.open(path, "r:") as archive:  # "r:": no compression, so that one can seek
            for entry in archive:
                if not entry.isreg() or entry.issparse():
                    continue
                if entry.offset_data + entry.size > size:
                    raise PictureError(f"{path}: is cut off at {entry.name}; copy it again.")
                if entry.name in members:
                    raise PictureError(
                        f"{path}: the member {entry.name} stands twice; pack it again with names "
                        "of their own."
                    )
                members[entry.name] = TarMember(entry.offset_data, entry.size)
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        with path.open("rb") as file:
            packed = file.read(4)[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5")
        cure = "is compressed; unpack it to .tar first" if packed else "is damaged; copy it again"
        raise PictureError(f"{path}: {cure} ({reason(error)}).") from error
    return members
