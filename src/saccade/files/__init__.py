"""Files: reading what comes from outside, and writing so that nothing is lost."""

from saccade.files.names import HubId, hub_or_folder
from saccade.files.reading import (
    decode,
    parse_json,
    read_bytes,
    read_json,
    read_lines,
    reason,
    require_file,
)
from saccade.files.streams import JsonStream
from saccade.files.writing import (
    atomic_file,
    check_folder,
    check_writable,
    previous,
    refuse_inputs,
    replace_folder,
    settle_folder,
    surviving_folder,
    temporary_name,
    to_json,
    write_bytes,
    write_error,
    write_json,
    write_text,
)

__all__ = [
    "HubId",
    "JsonStream",
    "atomic_file",
    "check_folder",
    "check_writable",
    "decode",
    "hub_or_folder",
    "parse_json",
    "previous",
    "read_bytes",
    "read_json",
    "read_lines",
    "reason",
    "refuse_inputs",
    "replace_folder",
    "require_file",
    "settle_folder",
    "surviving_folder",
    "temporary_name",
    "to_json",
    "write_bytes",
    "write_error",
    "write_json",
    "write_text",
]
