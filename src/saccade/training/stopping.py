"""Ctrl-C and other signals end training after the current step, with everything saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from saccade.errors import SaccadeError

_KNOWN = signal.Signals.__members__  # Windows lacks SIGHUP
_ASKING = [_KNOWN[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in _KNOWN]


class Stopped(SaccadeError):
    """Training was stopped; everything is saved. The exit code is 128 and the signal's number, as
    in shells."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopFlag:
    """Whether a signal asked training to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.number: int = signal.SIGINT

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first asks for a stop after this step, a second stops at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked, self.number = True, number


@contextmanager
def stop_flag() -> Iterator[StopFlag]:
    """A flag that SIGINT (Ctrl-C), SIGTERM and SIGHUP set; a signal that is ignored (nohup) stays
    ignored. In another thread than the main one it is never set."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {}
    for number in _ASKING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, flag.ask)
    try:
        yield flag
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
