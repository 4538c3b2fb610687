"""What a run logs: log.jsonl and TensorBoard, from the main process only."""

from typing import Any

from saccade.files import to_json
from saccade.training.run import Run


class RunLog:
    """The log of one process; only where it `writes` anything is written. step: that of the start,
    0 or more for a run that goes on."""

    def __init__(self, run: Run, step: int, writes: bool) -> None:
        self.run, self.step, self.writes = run, step, writes

    def __enter__(self) -> "RunLog":
        if self.writes:
            from tensorboardX import SummaryWriter

            self.file = self.run.log_path.open("a", encoding="utf-8")
            self.board = SummaryWriter(
                str(self.run.folder / "tensorboard"), purge_step=self.step + 1
            )
        return self

    def __call__(self, record: dict[str, Any]) -> None:
        if not self.writes:
            return
        rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}
        self.file.write(to_json(rounded) + "\n")
        self.file.flush()
        for key, value in record.items():
            if isinstance(value, float) and key not in ("epoch", "seconds"):
                self.board.add_scalar(f"{record['event']}/{key}", value, record["step"])

    def __exit__(self, *_: object) -> None:
        if self.writes:
            self.file.close()
            self.board.close()
