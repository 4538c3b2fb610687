"""Explanations as tables on the terminal."""

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from saccade.explain.judging import loss
from saccade.values.evidence import Explanation, WordEvidence

_COLOURS = {
    "seen": "green",
    "supported": "green",
    "guessed": "yellow",
    "contradicted": "red",
}


LEGEND = """\
lost: nats that the word loses without the picture
look's effect: nats that covering the most attended cells costs beyond random
  ones, with a 95 % interval; covered cells hold {}"""


def show(explanation: Explanation) -> None:
    """One caption: a row per word, then what else was asked."""
    console = Console()
    caption = explanation.caption
    who = "typed" if explanation.typed else f"log-probability {caption.logprob:.2f}"
    name = "" if caption.photo is None else f"{caption.photo}: "
    console.print(Text(f'{name}"{caption.text}" ({who})', style="bold"), soft_wrap=True)
    console.print(_table(explanation.words, console.width))
    for item in explanation.instead:
        gap = item.said.logprob - item.other.logprob
        console.print(
            f"Why not '{item.other.word}' for word {item.place + 1}, '{item.said.word}'? It is "
            f"{_probability(item.other.logprob)} likely there, {gap:.2f} nats less:"
        )
        console.print(_table((item.said, item.other), console.width))
    for beam in explanation.beams:
        console.print(
            Text(f'Beam "{beam.caption.text}" ({beam.caption.logprob:.2f})'), soft_wrap=True
        )
        console.print(_table(beam.words, console.width))
    if explanation.pixels is not None:
        console.print(explanation.pixels.sentence)


def _table(words: tuple[WordEvidence, ...], width: int) -> Table:
    """Fits 80 columns; wider terminals also see how the other maps agree."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("word", overflow="fold")
    for name in ("prob.", "entropy", "gate"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("lost", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("look's effect", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    wide = width >= 100
    if wide:
        table.add_column("agrees with gradient, occlusion", justify="right", no_wrap=True)
    for word in words:
        effect = word.curves["attention"].effect
        lost = loss(word.logprob, word.without_mean, word.without_blank)
        cells = [
            word.word,
            _probability(word.logprob),
            f"{word.entropy:.2f}",
            f"{word.beta:.2f}",
            f"{lost:+.2f}",
            Text(word.seen, style=_COLOURS.get(word.seen, "")),
            f"{effect.value:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]",
            Text(word.verdict, style=_COLOURS.get(word.verdict, "")),
        ]
        if wide:
            pairs = (word.agreement["attention-gradient"], word.agreement["attention-occlusion"])
            cells.append("  ".join(f"{pair.rank:+.2f}" for pair in pairs))
        table.add_row(*cells)
    return table


def _probability(logprob: float) -> str:
    value = math.exp(logprob)
    return f"{value:.2f}" if value >= 0.005 else f"{value:.0e}"
