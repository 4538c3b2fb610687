"""Figures with their intervals, as tables and sentences print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saccade.values.evidence import Interval


def percent_with(share: Interval) -> str:
    """84.0% (81.7 to 86.3)"""
    return f"{100 * share.value:.1f}% ({100 * share.low:.1f} to {100 * share.high:.1f})"


def figure_with(interval: Interval, sign: str = "") -> str:
    """0.805 (0.792 to 0.818); sign "+": with the sign of each."""
    value, low, high = (f"{x:{sign}.3f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"
