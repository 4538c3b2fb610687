"""One command of the real program, in this process: how it ended, with hangs and tracebacks counted."""

import signal

from saccade.cli import main
from tests.faults.tally import count

SECONDS = 60  # of the processor: more is a hang
PATIENCE = 600  # seconds that a program may take where many others run beside it


class Hang(BaseException):
    """Raised by the alarm, so that nothing takes it for its own error."""


def _alarm(*_: object) -> None:
    raise Hang


def attempt(arguments: list[str], capsys) -> tuple[str, str, str]:
    """(outcome, stdout, stderr) of a command: "fine", "refused", "traceback" or "hang"."""
    count("inputs tried")
    capsys.readouterr()
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGPROF, _alarm)
    signal.alarm(PATIENCE)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        code = main(arguments)
        outcome = "fine" if code == 0 else "refused"
    except Hang:
        outcome = "hang"
        count("hangs")
    except BaseException as error:  # whatever it is, a user would see a traceback
        outcome = f"traceback: {type(error).__name__}: {str(error)[:200]}"
        count("tracebacks")
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    captured = capsys.readouterr()
    if outcome == "refused":
        sentence = (captured.err.strip() or captured.out.strip()).splitlines()[-1:] or [""]
        if not sentence[0] or not sentence[0].isprintable() or len(sentence[0]) > 2000:
            outcome = f"no sentence: {sentence[0][:200]!r}"
            count("tracebacks")
    return outcome, captured.out, captured.err
