"""How much an explanation measures."""

import zlib
from dataclasses import dataclass

from saccade.errors import UsageError
from saccade.explain.judging import EFFECT_SHARES, Shares
from saccade.explain.maps import DEFAULTS, check
from saccade.values.captions import Caption


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5, 0.8)  # of the cells covered or uncovered
    repeats: int = 8  # random orders of the control
    seed: int = 0
    effect: Shares = EFFECT_SHARES  # verdicts are about coverings between these shares
    maps: tuple[str, ...] = DEFAULTS  # those made; verdicts are about the first that there is
    curves: tuple[str, ...] | None = None  # those put to the test; None: all that are made

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in self.shares):
            raise UsageError("the shares of cells to cover lie between 0 and 1.")
        low, high = self.effect
        if not any(low <= share <= high for share in self.shares):
            raise UsageError(f"some share of cells to cover lies between {low} and {high}.")
        if self.repeats < 2:
            raise UsageError("the control needs at least 2 random orders.")
        check(self.maps)
        if not self.tested or not set(self.tested) <= set(self.maps):
            raise UsageError(f"curves are for some of the maps {', '.join(self.maps)}.")

    @property
    def tested(self) -> tuple[str, ...]:
        """The maps that are put to the test."""
        return self.maps if self.curves is None else self.curves

    def seed_of(self, caption: Caption) -> list[int]:
        """Of a photo's random orders: other ones for every photo, else their luck would be common
        to a whole split; the same whenever the photo comes."""
        name = caption.text if caption.photo is None else caption.photo.name
        # A file's name may hold bytes that are not text.
        return [self.seed, zlib.crc32(name.encode("utf-8", "surrogateescape"))]
