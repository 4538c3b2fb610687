"""Errors that a user can act on: one sentence that names what is wrong and how to fix it."""

import re

_ENDLESS = re.compile(r"[^\s/]{400,}")  # longer than the name of any file


class SaccadeError(Exception):
    """Something that the user can fix. The message is one clear sentence; the program prints it
    without a traceback and exits with `exit_code` (1: bad input or state, 2: bad usage). Of a value
    in it that is as long as a page its ends are shown."""

    exit_code = 1

    def __str__(self) -> str:
        return _ENDLESS.sub(lambda match: f"{match[0][:60]}...{match[0][-20:]}", super().__str__())


class UsageError(SaccadeError):
    """The command was called with arguments that can't work."""

    exit_code = 2


class PictureError(SaccadeError):
    """A picture is missing, damaged, too large or not a picture."""


class DataError(SaccadeError):
    """A caption file is missing or malformed; the message names the file and the line."""


class CheckpointError(SaccadeError):
    """A checkpoint folder is incomplete, damaged or does not fit."""


class CacheError(SaccadeError):
    """A feature cache can't be written or read."""


class TrainingError(SaccadeError):
    """Training can't continue (a non-finite loss, no usable pictures, ...)."""
