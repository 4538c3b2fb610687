"""`saccade score`: metrics of one file of captions against another."""


def score() -> None:
    """Score captions against references."""
