"""Explanations as tables on the terminal."""

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from saccade.evidence import Explanation, WordEvidence

_COLOURS = {
    "seen": "green",
    "supported": "green",
    "guessed": "yellow",
    "contradicted": "red",
}


def show(explanation: Explanation) -> None:
    """One caption: a row per word, then what else was asked."""
    console = Console(soft_wrap=False)
    caption = explanation.caption
    who = "typed" if explanation.typed else f"log-probability {caption.logprob:.2f}"
    name = "" if caption.photo is None else f"{caption.photo}: "
    console.print(Text(f'{name}"{caption.text}" ({who})', style="bold"))
    console.print(_table(explanation.words))
    for item in explanation.instead:
        gap = item.said.logprob - item.other.logprob
        console.print(
            f"Why not '{item.other.word}' for word {item.place + 1}, '{item.said.word}'? It is "
            f"{_probability(item.other.logprob)} likely there, {gap:.2f} nats less:"
        )
        console.print(_table((item.said, item.other)))
    for beam in explanation.beams:
        console.print(Text(f'Beam "{beam.caption.text}" ({beam.caption.logprob:.2f})'))
        console.print(_table(beam.words))
    if explanation.pixels is not None:
        console.print(explanation.pixels.sentence)


def _table(words: tuple[WordEvidence, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("word")
    for name in ("prob.", "entropy", "gate", "lost without"):
        table.add_column(name, justify="right")
    table.add_column("so it was")
    table.add_column("effect of its look", justify="right")
    table.add_column("so the look is")
    table.add_column("other maps", justify="right")
    for word in words:
        effect = word.curves["attention"].effect
        rank = word.agreement["attention-occlusion"].rank
        loss = word.logprob - max(word.without_mean, word.without_blank)
        table.add_row(
            word.word,
            _probability(word.logprob),
            f"{word.entropy:.2f}",
            f"{word.beta:.2f}",
            f"{loss:+.2f}",
            Text(word.seen, style=_COLOURS.get(word.seen, "")),
            f"{effect.value:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]",
            Text(word.verdict, style=_COLOURS.get(word.verdict, "")),
            f"{word.agreement['attention-gradient'].rank:+.2f} {rank:+.2f}",
        )
    return table


def _probability(logprob: float) -> str:
    value = math.exp(logprob)
    return f"{value:.2f}" if value >= 0.005 else f"{value:.0e}"
