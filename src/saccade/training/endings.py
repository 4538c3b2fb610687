"""How many captions end as none should: the sign of a reward that counts n-grams only."""

from collections.abc import Sequence

from saccade.decoding import BAD_ENDINGS


def bad_endings(captions: Sequence[Sequence[str]]) -> float:
    """The share of captions, as words, whose last word is one of `BAD_ENDINGS`."""
    return sum(bool(c) and c[-1] in BAD_ENDINGS for c in captions) / max(len(captions), 1)
