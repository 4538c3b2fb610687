"""Explanations as tables on the terminal."""

import math

from rich.table import Table

from saccade.cli.doubt import with_doubts
from saccade.explain.judging import loss, supports
from saccade.text.printing import Screen, row
from saccade.values.evidence import Explanation, WordEvidence

_COLOURS = {
    "seen": "green",
    "supported": "green",
    "guessed": "yellow",
    "contradicted": "red",
}


def legend(tested: str, covered_with: str) -> tuple[str, ...]:
    """What the columns mean, a line each."""
    return (
        "lost: nats of log-probability that the word loses without the picture",
        f"effect: nats lost by covering the cells that the {tested} map ranks highest, beyond",
        f"  random cells, with a 95% interval; covered cells hold {covered_with}",
    )


def show(explanation: Explanation, every_map: bool = False) -> None:
    """One caption: a row per word, then what else was measured; every_map: also a row per map."""
    screen = Screen()
    caption, tested = explanation.caption, explanation.verdict_on
    who = "typed" if explanation.typed else f"log-probability {caption.logprob:.2f}"
    name = "" if caption.photo is None else f"{caption.photo}: "
    sentence = f'"{caption.text}"' if caption.text else "(no words)"
    screen.line(f"{name}{sentence} ({who})", "bold")
    if explanation.words:
        screen.table(_table(explanation.words, tested, screen.width))
    if caption.doubt is not None:
        screen.marked(with_doubts(caption))
    if every_map and explanation.words:
        screen.table(_maps(explanation))
        for name, reason in explanation.absent.items():
            screen.line(f"No map '{name}': {reason}.", "yellow")
    for item in explanation.instead:
        gap = item.said.logprob - item.other.logprob
        screen.line(
            f"Why not '{item.other.word}' for word {item.place + 1}, '{item.said.word}'? Its "
            f"probability there is {_probability(item.other.logprob)}, {gap:.2f} nats less:"
        )
        screen.table(_table((item.said, item.other), tested, screen.width))
    for beam in explanation.beams:
        screen.line(f'Beam "{beam.caption.text}" ({beam.caption.logprob:.2f})')
        if beam.words:
            screen.table(_table(beam.words, beam.verdict_on, screen.width))
    if explanation.pixels is not None:
        screen.line(explanation.pixels.sentence)


def _maps(explanation: Explanation) -> Table:
    """Every map that was put to the test, over all words."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("map", overflow="fold")
    for name in ("mean effect", "supported", "area under deletion (random)"):
        table.add_column(name, justify="right")
    words = explanation.words
    for name, label in explanation.labels.items():
        curves = [word.curves[name] for word in words if name in word.curves]
        if not curves:
            continue
        supported = sum(supports(curve.effect) for curve in curves)
        effect, area, chance = (
            sum(values) / len(curves)
            for values in (
                [curve.effect.value for curve in curves],
                [curve.deletion_area for curve in curves],
                [curve.random_deletion_area for curve in curves],
            )
        )
        row(
            table,
            label,
            f"{effect:+.2f}",
            f"{supported} of {len(curves)}",
            f"{area:.3f} ({chance:.3f})",
        )
    return table


def _table(words: tuple[WordEvidence, ...], tested: str, width: int) -> Table:
    """Fits 80 columns; wider terminals also show how the other maps agree."""
    gated = any(word.beta is not None for word in words)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("word", overflow="fold")
    for name in ("prob.", "entropy", "gate")[: 3 if gated else 2]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("lost", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    pairs = [pair for pair in words[0].agreement if pair.startswith(f"{tested}-")]
    others = ", ".join(pair.partition("-")[2] for pair in pairs) if width >= 100 else ""
    if others:
        table.add_column(f"agrees with {others}", justify="right", no_wrap=True)
    chances = any(word.chance is not None for word in words)
    if chances:
        table.add_column("right", justify="right", no_wrap=True)
    for word in words:
        effect = word.curves[tested].effect
        lost = loss(word.logprob, word.without_mean, word.without_blank)
        cells: list[object] = [word.word, _probability(word.logprob), f"{word.entropy:.2f}"]
        if gated:
            cells.append("" if word.beta is None else f"{word.beta:.2f}")
        cells += [
            f"{lost:+.2f}",
            (word.seen, _COLOURS.get(word.seen, "")),
            f"{effect.value:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]",
            (word.verdict, _COLOURS.get(word.verdict, "")),
        ]
        if others:
            cells.append("  ".join(f"{word.agreement[pair].rank:+.2f}" for pair in pairs))
        if chances:
            cells.append("" if word.chance is None else f"{word.chance:.2f}")
        row(table, *cells)
    return table


def _probability(logprob: float) -> str:
    value = math.exp(logprob)
    return f"{value:.2f}" if value >= 0.005 else f"{value:.0e}"
