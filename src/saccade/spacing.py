"""Choosing some of many by a rule that nobody can tune."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` items at equal distances, the first among them; all of them where there are fewer."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
