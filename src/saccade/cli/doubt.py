"""Words to doubt: fitted by `saccade survey`, shown by `saccade caption`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saccade.cli.boxes_show import show_table
from saccade.cli.intervals import figure_with, percent_with
from saccade.errors import UsageError
from saccade.text.printing import echo, printable

if TYPE_CHECKING:
    from rich.text import Text

    from saccade.api import Captioner
    from saccade.evaluation.doubt import DoubtFigures
    from saccade.evaluation.split import Captioned
    from saccade.explain import Explainer
    from saccade.explain.doubt import Doubter
    from saccade.values.captions import Caption

SIGN = "?"  # behind a doubtful word


# Fitting ------------------------------------------------------------------------------------------


def check_doubt(doubt: bool, samples: int, store: bool) -> None:
    """Raises UsageError for options that make no sense together."""
    if not doubt and (samples or store):
        name = "--doubt-samples" if samples else "--store-doubt"
        raise UsageError(f"{name} goes with --doubt; add it.")


def check_doubt_model(captioner: Captioner, decoding: Mapping[str, Any], store: bool) -> None:
    """Raises UsageError where nothing can be fitted or stored, before anything is captioned."""
    from saccade.explain.doubt import clues_of

    clues_of(captioner.explainer())
    if store and decoding:
        raise UsageError(
            "--store-doubt keeps what holds for the checkpoint's own decoding: leave out "
            f"{', '.join(decoding)}."
        )
    if store and captioner.source is None:
        raise UsageError("--store-doubt needs a checkpoint folder.")


def fitted_doubt(
    explainer: Explainer,
    captioned: Sequence[Captioned],
    samples: int,
    about: Mapping[str, Any],
    stop: Callable[[], bool],
) -> DoubtFigures:
    """Fit doubts on captions and show what they reach. Raises UsageError for too few words."""
    from saccade.evaluation.doubt import judged_words, measure_doubt
    from saccade.explain.doubt import clues_of

    words = judged_words(clues_of(explainer, samples), captioned, stop=stop)
    figures = measure_doubt(words, samples, about)
    if figures is None:
        raise UsageError(
            "--doubt: too few words to fit; that takes captions of some dozens of pictures with "
            "references, with right words and wrong ones."
        )
    show_doubt(figures)
    return figures


def store_fitted(captioner: Captioner, figures: DoubtFigures) -> None:
    """Keep the fitted doubt in the captioner's checkpoint folder."""
    from saccade.checkpoint.fitted import store_doubt

    assert captioner.source is not None
    store_doubt(captioner.source, figures.kept)
    echo(f"Doubt: kept in {captioner.source} (saccade caption PHOTO --doubt)")


def show_doubt(figures: DoubtFigures) -> None:
    """How well doubts tell wrong words from right ones, and how right they are."""
    wrong = "not true of its scene" if figures.scenes else "in no reference"
    rows = [(row.name, figure_with(row.area), figure_with(row.error)) for row in figures.rows]
    heading = (
        f"a content word's probability to be wrong ({wrong}: {percent_with(figures.wrong)} of "
        f"{figures.words:,} words in {figures.pictures:,} pictures), each from a model of the "
        f"other half of the pictures (right ones would be off by {figures.by_luck:.3f} by luck)"
    )
    show_table(heading, ("known", "area under ROC", "calibration error"), rows)
    bins = [(f"{b.chance:.2f}", f"{b.share:.2f}", f"{b.words:,}") for b in figures.bins]
    show_table("words of about the same doubt", ("doubt", "wrong", "words"), bins)
    echo(f"Beyond log-probability and entropy: area {figure_with(figures.gain, sign='+')}")
    if figures.doubtful is not None and figures.caught is not None:
        echo(
            f"Doubtful words (from 0.5 on): {percent_with(figures.doubtful)} are wrong; of the "
            f"wrong words {percent_with(figures.caught)} are doubtful"
        )


# Showing ------------------------------------------------------------------------------------------


def doubter_for(
    captioner: Captioner, doubt: bool, doubt_from: float | None, doubt_below: float | None
) -> Doubter | None:
    """What --doubt, --doubt-from and --doubt-below mean. Raises UsageError."""
    if doubt_below is not None:
        return captioner.doubter(doubt_below, act=True)
    if doubt or doubt_from is not None:
        return captioner.doubter(doubt_from)
    return None


def check_limits(doubt_from: float | None, doubt_below: float | None) -> None:
    """Raises UsageError for limits that are no probabilities, or that are two."""
    for name, value in (("--doubt-from", doubt_from), ("--doubt-below", doubt_below)):
        if value is not None and not 0 < value < 1:
            raise UsageError(f"{name} is a probability above 0 and below 1, not {value:g}.")
    if doubt_from is not None and doubt_below is not None:
        raise UsageError("--doubt-below marks from its own limit on; leave out --doubt-from.")


def with_doubts(caption: Caption) -> Text:
    """The caption with doubtful words in bold, a sign behind each, then its figure and what it
    replaced."""
    from rich.text import Text

    text = Text()
    doubt = caption.doubt
    assert doubt is not None
    if not doubt.review:
        text.append(printable(caption.text or "(no words)"))
    else:
        for place, word in enumerate(caption.words):
            text.append(" " if place else "")
            if place in doubt.places:
                text.append(printable(f"{word}{SIGN}"), "bold")
            else:
                text.append(printable(word))
    more = [doubt.sentence]
    if doubt.review:
        wrong = [f"{caption.words[t]} {doubt.wrong[t]:.0%}" for t in doubt.places]
        more = [f"{doubt.sentence}: {', '.join(wrong)}", "review"]
    if doubt.changed:
        more.append(f"instead of: {doubt.changed}")
    text.append(printable(f"  ({'; '.join(more)})"), "dim")
    return text
