"""Prints what all fault tests tried, summed over the test processes."""

from tests.faults import tally


def pytest_sessionfinish(session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker of pytest-xdist: hand the counts to the controller
        output["tally"] = dict(tally.counts)


def pytest_testnodedown(node) -> None:
    tally.counts.update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter) -> None:
    if tally.counts:
        terminalreporter.section("faults", sep="=")
        for row in tally.ROWS:
            terminalreporter.line(f"{row:20}{tally.counts[row]:7,}")
