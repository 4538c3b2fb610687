"""The options of a search, written once for every command that captions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.options import finite, some_text

if TYPE_CHECKING:
    from saccade.api import Captioner
    from saccade.decoding import Decoding

PANEL = "Decoding"

# What was typed, by the names of settings (`saccade.decoding`).
Typed = Mapping[str, Any]


def _option(kind: Any, help: str, *names: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(*names, help=help, rich_help_panel=PANEL, **more)]


# Setting -> its option. Ranges are those of the settings; --set reaches the others.
OPTIONS: Mapping[str, Any] = {
    "strategy": _option(str | None, "greedy, beam, diverse_beam or sample.", callback=some_text),
    "beams": _option(int | None, "Width of the search; 1 is greedy.", min=1, max=1000),
    "samples": _option(
        int | None,
        "Captions of each photo: drawn, or with --strategy beam or diverse_beam the best.",
        min=1,
        max=1000,
    ),
    "temperature": _option(float | None, "Of sampling: below 1 sharper, above 1 flatter."),
    "top_k": _option(int | None, "Draw only from this many of the likeliest words; 0: all."),
    "top_p": _option(float | None, "Draw from the words that hold this probability."),
    "min_p": _option(float | None, "Draw from words with this share of the likeliest's."),
    "seed": _option(int | None, "Of the draws."),
    "groups": _option(int | None, "Of a diverse beam: groups that avoid each other's words."),
    "length_power": _option(
        float | None, "Rank by log-probability / words ** this.", callback=finite
    ),
    "max_words": _option(int | None, "Cut longer captions.", min=1, max=10_000),
    "min_words": _option(int | None, "No caption is shorter."),
    "allow_unk": _option(bool | None, "Allow <unk>, a word not in the vocabulary.", "--allow-unk"),
    "forced": _option(
        list[str] | None,
        "A word that must come, or one of several: 'dog|puppy' (up to three times).",
        "--force",
    ),
    "banned": _option(list[str] | None, "A word that never comes (repeatable).", "--ban"),
    "no_repeated_ngram": _option(int | None, "No sequence of this many words twice in a caption."),
    "set_": _option(
        list[str] | None,
        "Any other setting, e.g. --set decode.rules.trigram_penalty=2 (repeatable).",
        "--set",
    ),
}


def decoding_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the parameter `decoding: Typed`, which takes all of these options."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for name, p in signature.parameters.items() if name != "decoding"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in OPTIONS.items()
    ]

    @functools.wraps(command)
    def with_options(**values: Any) -> None:
        typed = {name: value for name in OPTIONS if (value := values.pop(name)) not in (None, [])}
        command(**values, decoding=_with_set(typed))

    with_options.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    with_options.__annotations__ = {}
    return with_options


def _with_set(typed: dict[str, Any]) -> Typed:
    """Options with the assignments of --set laid over them. Raises UsageError for sections other
    than decode."""
    assigned = typed.pop("set_", [])
    if not assigned:
        return typed
    from saccade.config import parse_settings
    from saccade.decoding import side_by_side
    from saccade.errors import UsageError

    settings = parse_settings(assigned)
    decode = settings.pop("decode", {})
    if settings or not isinstance(decode, Mapping):
        name = next(iter(settings), "decode")
        raise UsageError(f"--set {name}...: only settings of decoding (decode.NAME=VALUE) go here.")
    return {**typed, **side_by_side(decode)}


def check_decoding(typed: Typed) -> None:
    """Raise UsageError for options that contradict each other whatever the checkpoint's own
    settings are; called before anything is loaded."""
    from saccade.decoding import GreedySettings, changed

    loose = dict(typed)
    if "groups" in loose:
        loose.setdefault("beams", loose.get("samples", loose["groups"]))
    _chosen(lambda **changes: changed(GreedySettings(max_words=10_000), **changes), loose)


def decoding_of(captioner: Captioner, typed: Typed) -> tuple[Decoding, int]:
    """The captioner's settings with what was typed laid over them, and how many captions of each
    photo are to be shown. Raises UsageError, also for a word that the model does not know."""
    from saccade.decoding import check_words
    from saccade.engine import EnsembleEngine, ModelEngine

    decoding, count = _chosen(captioner.settings, typed)
    if isinstance(captioner.engine, ModelEngine | EnsembleEngine):
        check_words(decoding.rules, captioner.engine.vocabulary)
    return decoding, count


def _chosen(settings: Callable[..., Decoding], typed: Typed) -> tuple[Decoding, int]:
    from saccade.decoding import SampleSettings
    from saccade.errors import UsageError

    changes = dict(typed)
    count = changes.get("samples", 1)
    strategy = changes.get("strategy")
    forced = strategy is None and "forced" in changes
    searched = forced or strategy in ("greedy", "beam", "diverse_beam")
    if "samples" in changes and (searched or changes.keys() & {"beams", "groups"}):
        del changes["samples"]
        if strategy == "greedy":
            raise UsageError("--samples: a greedy search has one caption; name another --strategy.")
        if not isinstance(count, int) or changes.setdefault("beams", count) < count:
            raise UsageError(f"--samples {count} needs as many --beams, not {changes['beams']}.")
    decoding = settings(**changes)
    return decoding, decoding.samples if isinstance(decoding, SampleSettings) else count
