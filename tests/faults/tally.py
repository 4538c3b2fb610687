"""Counts of what the fault tests tried, and how far: `make faults` sets SACCADE_FAULTS=long."""

import os
from collections import Counter

LONG = os.environ.get("SACCADE_FAULTS") == "long"
ROWS = ("inputs tried", "tracebacks", "hangs", "silently wrong", "kills", "resumes bit-exact")

counts: Counter[str] = Counter()


def count(row: str, number: int = 1) -> None:
    """Add to one of ROWS; printed at the end of the session."""
    assert row in ROWS
    counts[row] += number


def many(short: int, long: int) -> int:
    """How many inputs to try: few in the test run, all of them in the long form."""
    return long if LONG else short
