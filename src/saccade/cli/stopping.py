"""Stopping on a signal: finished work is kept, and the message says what is complete."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from saccade.text.printing import echo

_KNOWN = signal.Signals.__members__
_ASKING = [_KNOWN[name] for name in ("SIGTERM", "SIGHUP") if name in _KNOWN]  # Windows lacks one


class StoppedBySignal(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, frame: FrameType | None) -> None:
    raise StoppedBySignal(number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the work as Ctrl-C does, so that files are finished. A signal
    that is ignored (nohup) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in _ASKING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def ended(stop: KeyboardInterrupt | int, done: str) -> typer.Exit:
    """Print what is complete; the exit code is 128 and the signal's number, as in shells. stop: the
    number, or what the signal raised."""
    if isinstance(stop, int):
        number = stop
    else:
        number = stop.number if isinstance(stop, StoppedBySignal) else int(signal.SIGINT)
    echo(f"saccade: stopped by {signal.Signals(number).name}; {done}.", err=True)
    return typer.Exit(128 + number)
