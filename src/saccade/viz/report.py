"""The lab report of a run as one HTML file that opens without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from saccade.files import write_text
from saccade.values.captions import Caption
from saccade.viz.attention import figure
from saccade.viz.curves import loss_curve


@dataclass(frozen=True)
class ReportSample:
    """One captioned picture of the report."""

    caption: Caption
    references: tuple[str, ...]
    score: float | None  # of this picture, as papers print it
    score_name: str
    verdict: str | None  # on scenes: "true", or what is wrong
    group: Literal["good", "bad", "fixed rule"]


_GROUPS = {
    "good": "The best scored",
    "bad": "The worst scored",
    "fixed rule": "At even distances (nobody chose these)",
}

_STYLE = """
:root { --ink: #1b1b1f; --faint: #6b6b74; --paper: #fff; --line: #e4e4ea; --good: #15803d;
  --bad: #b91c1c; --card: #fafafc; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1; --faint: #9b9ba6; --paper: #16161a;
  --line: #303038; --good: #4ade80; --bad: #f87171; --card: #1e1e24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; }
h3 { font-size: 1rem; margin: 1.8rem 0 .6rem; color: var(--faint); }
p.lead, .faint { color: var(--faint); }
.groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .8rem 1rem; min-width: 0; }
.card h3 { margin: 0 0 .4rem; text-transform: capitalize; }
dl { display: grid; grid-template-columns: minmax(0, 1fr) fit-content(60%); gap: .15rem .9rem;
  margin: 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--faint); font-weight: 600; }
img { width: 100%; height: auto; border-radius: .4rem; background: #fff; display: block; }
article { border-top: 1px solid var(--line); padding: 1.2rem 0; }
article > p { margin: .3rem 0; } .said { font-size: 1.15rem; font-weight: 600; }
.true { color: var(--good); } .false { color: var(--bad); }
ul { margin: .4rem 0 1rem; padding-left: 1.2rem; color: var(--faint); font-size: .92rem; }
details summary { cursor: pointer; color: var(--faint); font-size: .92rem; }
@media print { body { max-width: none; padding: 0; } article { break-inside: avoid; } }
"""


def _picture(data: bytes, kind: str, text: str) -> str:
    address = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{address}" alt="{escape(text, quote=True)}" loading="lazy">'


def _curve(records: Sequence[Mapping[str, Any]]) -> str:
    target = io.BytesIO()
    loss_curve(records).savefig(target, format="png", dpi=140)
    held = [r for r in records if r.get("event") == "validation"]
    text = "Train and validation loss over steps."
    if held:
        text += f" The last validation loss is {held[-1]['loss']:.3f} nats per word."
    return _picture(target.getvalue(), "png", text)


def _attention(caption: Caption) -> str:
    target = io.BytesIO()
    figure(caption, width=11.0).savefig(target, format="jpeg", dpi=95, pil_kwargs={"quality": 84})
    return _picture(
        target.getvalue(), "jpeg", f"Attention over time for: {caption.text}, one tile per word."
    )


def _rows(pairs: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in pairs)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _sample(sample: ReportSample) -> str:
    caption = sample.caption
    name = "" if caption.photo is None else caption.photo.name
    told = [escape(name)] if name else []
    if sample.score is not None:
        told.append(f"{escape(sample.score_name)} {sample.score:.1f}")
    if sample.verdict is not None:
        kind = "true" if sample.verdict == "true" else "false"
        shown = "true" if kind == "true" else f"not true: {sample.verdict}"
        told.append(f'<span class="{kind}">{escape(shown)}</span>')
    references = "".join(f"<li>{escape(reference)}</li>" for reference in sample.references)
    people = (
        f"<details><summary>What people wrote ({len(sample.references)})</summary>"
        f"<ul>{references}</ul></details>"
        if references
        else ""
    )
    return (
        f'<article><p class="said">{escape(caption.text) or "(no words)"}</p>'
        f'<p class="faint">{" · ".join(told)}</p>{_attention(caption)}{people}</article>'
    )


def write_report(
    path: Path | str,
    *,
    title: str,
    recipe: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    parameters: Mapping[str, int],
    records: Sequence[Mapping[str, Any]],
    scores: Mapping[str, float],
    yardsticks: Sequence[tuple[str, Mapping[str, float]]] = (),
    samples: Sequence[ReportSample] = (),
    attention_rows: Sequence[tuple[str, str, str, str]] = (),
) -> None:
    """Write the report, atomically: everything inline, no script, light and dark.

    recipe: named groups of (what, value); parameters: numbers by part; records: lines of log.jsonl;
    scores: this run's figures by name, and of others beside it in `yardsticks`; attention_rows:
    (what, this model, uniform attention, always the centre)."""
    groups = "".join(
        f'<section class="card"><h3>{escape(name)}</h3><dl>{_rows(pairs)}</dl></section>'
        for name, pairs in recipe
    )
    counts = _rows([(name, f"{count:,}") for name, count in parameters.items()])
    groups += f'<section class="card"><h3>parameters</h3><dl>{counts}</dl></section>'
    systems: list[tuple[str, Mapping[str, float]]] = [("this run", scores), *yardsticks]
    figures = [
        [name, *(f"{values[name]:.2f}" if name in values else "" for _, values in systems)]
        for name in scores
    ]
    parts = [
        f"<h1>{escape(title)}</h1>",
        '<p class="lead">What was trained, how it went, what it says and where it looks.</p>',
        f'<h2>Recipe</h2><div class="groups">{groups}</div>',
        f"<h2>Loss</h2>{_curve(records)}",
        "<h2>Scores</h2>",
        _table(["", *(name for name, _ in systems)], figures),
    ]
    if attention_rows:
        parts += [
            "<h2>Attention, beside its baselines</h2>",
            _table(["", "this model", "uniform", "always the centre"], attention_rows),
            '<p class="faint">A map shows what was weighed, not why a word was chosen: a sharp map '
            "can be beside the point, and a diffuse one can be honest.</p>",
        ]
    for group, heading in _GROUPS.items():
        chosen = [sample for sample in samples if sample.group == group]
        if chosen:
            parts.append(f"<h2>{heading}</h2>")
            parts += [_sample(sample) for sample in chosen]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - Saccade</title><style>{_STYLE}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )
    write_text(path, page)
