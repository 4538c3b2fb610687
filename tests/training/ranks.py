"""Several processes of one training without a launcher: forked from the test, so that nothing is
imported again."""

import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate.state import AcceleratorState, GradientState
from safetensors.torch import load_file


def weights(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run / which / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[k].equal(other[k]) for k in one)


class Ranks:
    """`count` processes that run `saccade ARGUMENTS` as torchrun would start them. dies: the step
    after which the last of them kills itself, as the kernel does where memory is short."""

    def __init__(self, folder: Path, arguments: Sequence[str], count: int = 2, dies: int = 0):
        folder.mkdir(parents=True, exist_ok=True)
        self.said = [folder / f"said-{rank}.txt" for rank in range(count)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.pids = []
        for rank in range(count):
            with warnings.catch_warnings():  # of threads that are there, and do nothing
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                _become(rank, count, port, self.said[rank], arguments, dies * (rank == count - 1))
            self.pids.append(pid)

    def signal(self, rank: int, number: int) -> None:
        """Send one of them a signal."""
        os.kill(self.pids[rank], number)

    def end(self, seconds: float = 100) -> list[int]:
        """The exit codes, minus the signal's number where one killed it."""
        codes: dict[int, int] = {}
        until = time.monotonic() + seconds
        while len(codes) < len(self.pids):
            for pid in set(self.pids) - codes.keys():
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    codes[pid] = os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                for pid in set(self.pids) - codes.keys():
                    os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"still running: {[path.read_text() for path in self.said]}")
            time.sleep(0.02)
        return [codes[pid] for pid in self.pids]

    def text(self) -> str:
        """What they said."""
        return "\n".join(path.read_text() for path in self.said)


def _become(rank: int, count: int, port: int, said: Path, arguments: Sequence[str], dies: int):
    """The child's life; it does not return."""
    code = 70
    try:
        descriptor = os.open(said, os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        from saccade.cli import main
        from saccade.training.logs import RunLog

        write = RunLog.__call__

        def dying(self, record):
            write(self, record)
            if dies and record["event"] == "train" and record["step"] == dies:
                os.kill(os.getpid(), signal.SIGKILL)

        RunLog.__call__ = dying
        code = main(arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
