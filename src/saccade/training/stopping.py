"""Ctrl-C and other signals end training after the current step, with everything saved."""

import signal
import threading
import time
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


ECHO = 10.0  # seconds within which a launcher passes on a signal that its processes had, too


class StopFlag:
    """Whether a signal asked training to stop. several: there are several processes."""

    def __init__(self, several: bool = False) -> None:
        self.asked, self.several = False, several
        self.number: int = signal.SIGINT
        self.time = 0.0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first asks for a stop after this step, a second stops at once.
        Ctrl-C goes to torchrun and to its processes, and torchrun sends it again."""
        if not self.asked:
            self.asked, self.number, self.time = True, number, time.monotonic()
        elif not (self.several and time.monotonic() - self.time < ECHO):
            raise KeyboardInterrupt


@contextmanager
def stop_flag(several: bool = False) -> Iterator[StopFlag]:
    """A flag that SIGINT (Ctrl-C), SIGTERM and SIGHUP set; a signal that is ignored (nohup) stays
    ignored. In another thread than the main one it is never set. several: processes, of which each
    may be sent the signal twice; once asked to stop, this one ends."""
    flag = StopFlag(several)
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
            signal.signal(known, signal.SIG_IGN if flag.asked and several else handler)
