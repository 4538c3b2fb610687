"""Trains a tiny run and kills itself at operation n on the run's files, again and again, or with
half of a line of the log written.

A driver: one process that loads torch once and forks a child for every training.
"""

import json
import os
import signal
import sys
from pathlib import Path

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")


def child(work) -> int:
    """The exit status of a forked process that does `work`: 0, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def watch(folder: str, last: int, counted: Path | None) -> None:
    """Kill this process at its operation number `last` on files in `folder`."""
    done = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal done
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & WRITES):
                return
        elif event in CHANGES:
            path = arguments[0]
        else:
            return
        if isinstance(path, int) or folder not in os.fsdecode(path):
            return
        done += 1
        if counted is not None:
            descriptor = os.open(counted, os.O_WRONLY | os.O_CREAT)
            os.write(descriptor, str(done).encode())
            os.close(descriptor)
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def tear(last: int) -> None:
    """Kill this process in the middle of line number `last` of the log."""
    from saccade.files import to_json
    from saccade.training.logs import RunLog

    real, lines = RunLog.__call__, 0

    def log(self: RunLog, record: dict) -> None:
        nonlocal lines
        lines += 1
        if lines == last:
            line = to_json(record)
            self.file.write(line[: len(line) // 2])
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, record)

    RunLog.__call__ = log  # type: ignore[method-assign]


def evenly(last: int, sample: int) -> list[int]:
    """Some of 1 to `last`, or all where `sample` is 0."""
    return list(range(1, last + 1, max(1, last // sample) if sample else 1))


def main(data: str, folder: Path, settings: dict, sample: int) -> dict:
    """Which operations and which lines of the log were killed at, and how each went on."""
    from saccade.training.run import read_log
    from saccade.training.train import resume, train

    options = {"settings": settings, "cpu": True, "show": False}
    counted = folder / "count"

    def whole() -> None:
        watch(str(folder / "whole"), 0, counted)
        train(data, folder / "whole", **options)

    assert child(whole) == 0
    operations = int(counted.read_text())
    lines = len((folder / "whole" / "log.jsonl").read_text().splitlines())
    points = [("operation", n) for n in evenly(operations, sample)]
    points += [("line", n) for n in evenly(lines, sample // 2)]
    outcomes = {}
    for kind, point in points:
        run = folder / f"{kind}-{point}"

        def dying(run: Path = run, kind: str = kind, point: int = point) -> None:
            if kind == "line":
                tear(point)
            else:
                watch(str(run), point, None)
            train(data, run, **options)

        def again(run: Path = run) -> None:
            read_log(run / "log.jsonl")  # as `report` does
            if (run / "run.json").exists():
                resume(run, cpu=True, show=False)
            else:
                train(data, run, **options)

        outcomes[run.name] = [child(dying), child(again)]
    return {"operations": operations, "outcomes": outcomes}


if __name__ == "__main__":
    _, data, folder, settings, sample = sys.argv
    found = main(data, Path(folder), json.loads(settings), int(sample))
    print(json.dumps(found))
