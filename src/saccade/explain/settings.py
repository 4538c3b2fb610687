"""How much an explanation measures."""

from dataclasses import dataclass

from saccade.errors import UsageError
from saccade.evidence import MAPS


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5)  # of the cells covered; their rests, too
    repeats: int = 8  # random orders of the control
    seed: int = 0
    curves: tuple[str, ...] = MAPS  # the maps that are put to the test; attention must be there

    def __post_init__(self) -> None:
        if not self.shares or not all(0 < share <= 0.5 for share in self.shares):
            raise UsageError("the shares of cells to cover are above 0 and at most 0.5.")
        if self.repeats < 2:
            raise UsageError("the control needs at least 2 random orders.")
        if "attention" not in self.curves or not set(self.curves) <= set(MAPS):
            raise UsageError(f"curves are for attention and any others of {', '.join(MAPS)}.")

    @property
    def both(self) -> tuple[float, ...]:
        """The shares and what they leave, 0 and 1 with them, rising."""
        rests = (round(1 - share, 9) for share in self.shares)
        return tuple(sorted({0.0, 1.0, *self.shares, *rests}))
