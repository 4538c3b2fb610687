"""The lab report of a run as one HTML file that opens without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from saccade.files import write_text
from saccade.values.captions import Caption
from saccade.viz import lettering
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
    "fixed rule": "At even distances, by a fixed rule",
}


class _Picture(NamedTuple):
    """An image inside the page."""

    address: str
    text: str  # for who can't see it


def _inline(data: bytes, kind: str, text: str) -> _Picture:
    return _Picture(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", text)


def _curve(records: Sequence[Mapping[str, Any]]) -> _Picture:
    target = io.BytesIO()
    loss_curve(records).savefig(target, format="png", dpi=140)
    held = [r for r in records if r.get("event") == "validation"]
    text = "Train and validation loss over steps."
    if held:
        text += f" The last validation loss is {held[-1]['loss']:.3f} nats per word."
    return _inline(target.getvalue(), "png", text)


def _attention(caption: Caption) -> _Picture:
    target = io.BytesIO()
    figure(caption, width=11.0).savefig(target, format="jpeg", dpi=95, pil_kwargs={"quality": 84})
    text = f"Attention over time for: {caption.text}, one tile per word."
    return _inline(target.getvalue(), "jpeg", text)


def _whole(text: str) -> Markup:
    """Text none of whose words is broken: how wide the longest is, for the style; words that are
    absurdly long are cut, and the whole text is the title."""
    words = text.split(" ")
    shown = " ".join(map(lettering.shortened, words))
    longest = max(lettering.width(lettering.shortened(word), 10.0, bold=True) for word in words)
    title = "" if shown == text else Markup(' title="{}"').format(text)
    span = Markup('<span class="whole" style="--em: {}"{}>{}</span>')
    return span.format(f"{max(1.0, longest / 10):.2f}", title, shown)


def _sample(sample: ReportSample) -> dict[str, Any]:
    caption = sample.caption
    facts = [] if caption.photo is None else [caption.photo.name]
    if sample.score is not None:
        facts.append(f"{sample.score_name} {sample.score:.1f}")
    true = sample.verdict == "true"
    return {
        "caption": caption.text or "(no words)",
        "facts": facts,
        "verdict": sample.verdict if true or not sample.verdict else f"not true: {sample.verdict}",
        "kind": "true" if true else "false",
        "picture": _attention(caption),
        "references": sample.references,
    }


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
    systems: list[tuple[str, Mapping[str, float]]] = [("this run", scores), *yardsticks]
    counts = [(name, f"{count:,}") for name, count in parameters.items()]
    by_group = {
        heading: [sample for sample in samples if sample.group == group]
        for group, heading in _GROUPS.items()
    }
    # What is not ours (captions, names) is escaped by the template.
    pages = Environment(
        loader=PackageLoader("saccade.viz", "assets"), autoescape=True, undefined=StrictUndefined
    )
    pages.filters["whole"] = _whole
    page = pages.get_template("report.html").render(
        title=title,
        groups=[*recipe, ("parameters", counts)],
        curve=_curve(records),
        systems=["", *(name for name, _ in systems)],
        figures=[
            [name, *(f"{values[name]:.2f}" if name in values else "" for _, values in systems)]
            for name in scores
        ],
        attention_rows=attention_rows,
        sections=[
            (h, [_sample(one) for one in chosen]) for h, chosen in by_group.items() if chosen
        ],
    )
    write_text(path, page)
