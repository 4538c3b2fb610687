"""Progress of long work: a live bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from saccade.text.printing import echo, printable

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal


class Bar(Protocol):
    """One piece of work with a known size."""

    def advance(self, done: int = 1, note: str = "") -> None:
        """`done` more are finished; `note` is shown beside the bar."""
        ...

    def say(self, text: str) -> None:
        """A line of its own that stays, above the bar."""
        ...


class _Silent:
    def advance(self, done: int = 1, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass


class _Plain:
    """Lines such as `Encoding pictures: 640 of 7000, 68/s`, for logs and pipes."""

    def __init__(self, name: str, total: int, done: int) -> None:
        self.name, self.total = name, total
        self.done, self.before, self.note = done, done, ""
        self.began = self.printed = time.monotonic()

    def advance(self, done: int = 1, note: str = "") -> None:
        self.done += done
        self.note = note or self.note
        now = time.monotonic()
        if now - self.printed >= _PLAIN_EVERY or (done and self.done >= self.total):
            self.printed = now
            rate = (self.done - self.before) / max(now - self.began, 1e-9)
            note = f", {self.note}" if self.note else ""
            self.say(f"{self.name}: {self.done} of {self.total}, {rate:.1f}/s{note}")

    def say(self, text: str) -> None:
        echo(text, err=True)


@contextmanager
def progress(name: str, total: int, show: bool = True, done: int = 0) -> Iterator[Bar]:
    """A bar to advance, of which `done` was done before. Nothing is shown without `show`."""
    if not show:
        yield _Silent()
        return
    if not sys.stderr.isatty():
        yield _Plain(name, total, done)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=total, completed=done, note="")

        class _Live:
            def advance(self, done: int = 1, note: str = "") -> None:
                if note:  # a column that reads markup
                    bars.update(task, note=escape(printable(note)))
                bars.update(task, advance=done)

            def say(self, text: str) -> None:
                bars.console.print(printable(text), markup=False, highlight=False, emoji=False)

        yield _Live()
