"""Files: reading what comes from outside, and writing so that nothing is lost."""

from saccade.files.reading import (
    decode,
    parse_json,
    read_bytes,
    read_json,
    read_lines,
    reason,
    require_file,
)
from saccade.files.writing import (
    atomic_file,
    previous,
    replace_folder,
    surviving_folder,
    write_json,
    write_text,
)

__all__ = [
    "atomic_file",
    "decode",
    "parse_json",
    "previous",
    "read_bytes",
    "read_json",
    "read_lines",
    "reason",
    "replace_folder",
    "require_file",
    "surviving_folder",
    "write_json",
    "write_text",
]
