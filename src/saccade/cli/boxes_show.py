"""Tables of maps and boxes on the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saccade.cli.intervals import figure_with, percent_with

if TYPE_CHECKING:
    from saccade.evaluation.boxfigures import BoxFigures, Group
    from saccade.evaluation.chances import ChanceFigures
    from saccade.metrics.resample import Comparison
    from saccade.values.evidence import Interval


def show_boxes(figures: "BoxFigures | None", title: str = "") -> None:
    """Every map over the words with boxes, then by size and kind, then by verdict."""
    if figures is None:
        return
    of = f"{title}: " if title else ""
    pairs = {pair.metric: pair for pair in figures.pairs}
    for group in (figures.heads, figures.all):
        rows = [
            (
                name,
                percent_with(group.peak[name]),
                percent_with(group.mass[name]),
                *_beyond(pairs, group, name),
            )
            for name in figures.maps
        ]
        heading = f"{of}{group.name}, {_counted(group)}"
        show_table(
            heading, ("map", "peak in the box", "mass in the box", "peak beyond centre"), rows
        )
    parts = (("boxes of the photo", figures.sizes), ("kind of thing", figures.kinds))
    for what, groups in parts:
        if groups:
            shares = [
                (group.name, str(group.words), *(_percent(group.peak[m]) for m in figures.maps))
                for group in groups
            ]
            heading = f"{of}{figures.heads.name}: peak in the box"
            show_table(heading, (what, "words", *figures.maps), shares)
    parts = (("verdict", figures.verdicts), ("needs the picture", figures.seen))
    for what, groups in parts:
        if groups:
            judged = [_judged(group, figures.tested) for group in groups]
            heading = f"{of}{figures.heads.name}: does the {figures.tested} map name the thing?"
            show_table(
                heading, (what, "words", "peak in the box", "centre", "mass in the box"), judged
            )
    own = [pair for pair in figures.pairs if "uniform" not in pair.metric]
    if own:
        show_table(f"{of}maps in pairs, {figures.heads.name}", _PAIRED, [_paired(p) for p in own])


def show_against(compared: Sequence["Comparison"], model: str, other: str) -> None:
    """One captioner minus another."""
    if compared:
        rows = [_paired(item) for item in compared]
        show_table(f"{model} - {other}, on the same pictures", _PAIRED, rows)


def show_chances(figures: "ChanceFigures | None") -> None:
    """How well chances of pointing right tell right from wrong, and how right they are."""
    if figures is None:
        return
    rows = [
        (
            row.name,
            figure_with(row.area),
            figure_with(row.error),
        )
        for row in figures.rows
    ]
    heading = (
        f"a word's chance that its {figures.kept.tested} points right, from what is known without "
        f"boxes: {figures.words:,} words, each by a model of the other half of the pictures "
        f"(right chances would be off by {figures.by_luck:.3f} by luck)"
    )
    show_table(heading, ("known", "area under ROC", "calibration error"), rows)
    bins = [
        (f"{entry.chance:.2f}", f"{entry.share:.2f}", str(entry.words)) for entry in figures.bins
    ]
    show_table("all clues, words of about the same chance", ("chance", "right", "words"), bins)


_PAIRED = ("difference", "points", "95% interval", "p")


def _paired(item: "Comparison") -> tuple[str, ...]:
    sure = "" if item.sure else " (not sure)"
    points, low, high = (f"{100 * value:+.1f}" for value in (item.difference, item.low, item.high))
    return item.metric, points, f"{low} to {high}{sure}", f"{item.p:.3f}"


def _judged(group: "Group", name: str) -> tuple[str, ...]:
    peak, centre, mass = group.peak[name], group.peak["centre"], group.mass[name]
    return group.name, str(group.words), percent_with(peak), _percent(centre), percent_with(mass)


def _beyond(pairs: dict[str, "Comparison"], group: "Group", name: str) -> tuple[str]:
    pair = pairs.get(f"{name} - centre, peak in the box")
    if pair is None or group.name != "the thing's word":
        return ("",)
    return (f"{100 * pair.difference:+.1f} ({100 * pair.low:+.1f} to {100 * pair.high:+.1f})",)


def _counted(group: "Group") -> str:
    return f"{group.words:,} in {group.pictures:,} pictures"


def _percent(share: "Interval") -> str:
    return f"{100 * share.value:.1f}%"


def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of texts, the first column to the left."""
    from rich.table import Table
    from rich.text import Text

    from saccade.text.printing import Screen, printable, row

    table = Table(title=Text(printable(title)), title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for cells in rows:
        row(table, *cells)
    Screen().table(table)
