"""Shared by the benchmarks: the fastest of a few runs, side by side."""

import time
from collections.abc import Callable


def best(*runs: Callable[[], object], times: int = 3) -> list[float]:
    """Seconds of the fastest run of each, warmed up, run alternately."""
    for run in runs:
        run()
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(times):
        for run, seconds in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
    return [min(seconds) for seconds in taken]
