"""Prints what all fault tests tried, summed over the test processes, also of a run that is stopped."""

from collections import Counter

import pytest

from tests.faults import tally

_sent: Counter[str] = Counter()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What a worker of pytest-xdist has counted goes to the controller with each test."""
    if call.when == "teardown" and hasattr(item.config, "workerinput"):
        item.user_properties.append(("tally", dict(tally.counts - _sent)))
        _sent.update(tally.counts - _sent)
    return (yield)


def pytest_runtest_logreport(report) -> None:
    if report.when == "teardown" and getattr(report, "node", None) is not None:
        tally.counts.update(dict(report.user_properties).get("tally", {}))


def pytest_terminal_summary(terminalreporter) -> None:
    if tally.counts:
        terminalreporter.section("faults", sep="=")
        for row in tally.ROWS:
            terminalreporter.line(f"{row:20}{tally.counts[row]:7,}")
