"""What `score` accepts, turned into one form: ids, reference captions, one hypothesis each.

Plain text in any usual container: dictionaries by picture, lists in the same order, generators,
numpy arrays, COCO's lists of results, and pycocoevalcap's `{id: [{"caption": ...}]}`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from pathlib import Path, PurePath
from typing import Any

from saccade.errors import DataError

Caption = str | Mapping[str, Any]  # text, or {"caption": text}
References = Mapping[Any, Caption | Iterable[Caption]] | Iterable[Caption | Iterable[Caption]] | str
Hypotheses = Mapping[Any, Caption | Sequence[Caption]] | Iterable[Caption | Sequence[Caption]] | str

_ACCEPTED = (
    'a dictionary by picture ({42: ["a dog", "the dog"]} and {42: "a dog"}), a list in the same '
    'order, or COCO\'s results ([{"image_id": 42, "caption": "a dog"}])'
)
_FILES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".token", ".npz")


def aligned(
    references: References, hypotheses: Hypotheses
) -> tuple[tuple[Hashable, ...], list[list[str]], list[str]]:
    """The pictures' ids, their references and their hypotheses, in the references' order.

    Raises DataError for anything else, and for pictures that only one of the two has."""
    if isinstance(hypotheses, str) and not _is_file(hypotheses):  # of one picture
        group: Any = references
        references = [group] if _is_flat(group) else references
        hypotheses = [hypotheses]
    groups, texts = _side(references, "references"), _side(hypotheses, "hypotheses")
    if isinstance(groups, dict) != isinstance(texts, dict):
        raise DataError(
            "references and hypotheses must both be dictionaries by picture, or both lists in the "
            f"same order, not {_kind(references)} and {_kind(hypotheses)}."
        )
    if isinstance(groups, dict) and isinstance(texts, dict):
        missing = [key for key in groups if key not in texts]
        extra = [key for key in texts if key not in groups]
        if missing or extra:
            raise DataError(mismatch(missing, extra))
        texts = [texts[key] for key in groups]
    elif len(groups) != len(texts):
        raise DataError(
            f"there are references for {len(groups)} pictures but {len(texts)} hypotheses; "
            "one hypothesis per picture is needed, in the same order."
        )
    ids = tuple(groups) if isinstance(groups, dict) else tuple(range(len(groups)))
    if not ids:
        raise DataError("there is no picture to score: the references are empty.")
    values = groups.values() if isinstance(groups, dict) else groups
    captions = [captions_of(key, group) for key, group in zip(ids, values, strict=True)]
    return ids, captions, [_hypothesis(key, text) for key, text in zip(ids, texts, strict=True)]


def captions_of(key: Hashable, group: Any, what: str = "reference caption") -> list[str]:
    """One picture's captions as a list. Raises DataError when there is none, or one is not text."""
    if isinstance(group, str | Mapping):  # one caption, not one per character or key
        group = [group]
    if isinstance(group, bytes) or not isinstance(group, Iterable):
        raise DataError(f"picture {key!r} has a {what} that is not text but {_kind(group)}.")
    items = sorted(group, key=str) if isinstance(group, Set) else list(group)
    texts = [_text(item) for item in items]
    if not texts:
        raise DataError(f"picture {key!r} has no {what}; add one or leave the picture out.")
    for item, text in zip(items, texts, strict=True):
        if text is None:
            raise DataError(
                f"picture {key!r} has a {what} that is not text but {_kind(item)}; write it as "
                'text, or as {"caption": text}.'
            )
    return [text for text in texts if text is not None]


def mismatch(missing: Sequence[Hashable], extra: Sequence[Hashable]) -> str:
    """One sentence naming the pictures that only one side has."""
    parts = []
    if missing:
        parts.append(f"{some(missing)} without a hypothesis")
    if extra:
        parts.append(f"{some(extra)} without references")
    cure = ""
    if missing and {str(key) for key in missing} & {str(key) for key in extra}:
        cure = " The ids are of two types: make them all text, or all numbers."
    return f"the two sets hold different pictures: {'; '.join(parts)}.{cure}"


def some(ids: Sequence[Hashable], shown: int = 5) -> str:
    """ "7 pictures ('1', '2', '3', '4', '5' and 2 more)"."""
    names = ", ".join(repr(key) for key in ids[:shown])
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return f"{len(ids)} picture{'s' * (len(ids) != 1)} ({names}{more})"


def _side(value: Any, name: str) -> dict[Any, Any] | list[Any]:
    """References or hypotheses as a dictionary by picture, or a list."""
    if isinstance(value, PurePath) or _is_file(value):
        raise DataError(
            f"{name}: {str(value)!r} is the name of a file, not captions; score files with "
            "`saccade score`, or read the file first."
        )
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        if isinstance(value.get("annotations"), list):  # a whole COCO file
            return _by_image(value["annotations"], name)
        return dict(value)
    if isinstance(value, bytes | Set) or not isinstance(value, Iterable):
        raise DataError(f"{name} must be {_ACCEPTED}, not {_kind(value)}.")
    items = list(value)
    if items and all(isinstance(item, Mapping) and "image_id" in item for item in items):
        return _by_image(items, name)
    return items


def _by_image(rows: Sequence[Mapping[str, Any]], name: str) -> dict[Any, Any]:
    """COCO's rows, {"image_id": 42, "caption": "a dog"}, by picture."""
    groups: dict[Any, list[Any]] = {}
    for row in rows:
        if not isinstance(row, Mapping) or "image_id" not in row or _text(row) is None:
            raise DataError(
                f'{name}: {row!r:.80} is not a caption of a picture; it must have an "image_id" '
                'and a "caption" that is text.'
            )
        groups.setdefault(row["image_id"], []).append(row)
    return groups


def _hypothesis(key: Hashable, value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 1:
        raise DataError(
            f"picture {key!r} must have one caption as text, not {len(value)}; for several per "
            "picture use saccade.metrics.score_several."
        )
    if value is None or isinstance(value, bytes | int | float):
        raise DataError(f"picture {key!r} must have one caption as text, not {_kind(value)}.")
    (text,) = captions_of(key, value, "hypothesis")[:1]
    return text


def _text(item: Any) -> str | None:
    if isinstance(item, Mapping):
        item = item.get("caption")
    return str(item) if isinstance(item, str) else None


def _is_flat(value: Any) -> bool:
    """Whether references are those of one picture: texts, not groups of them."""
    return isinstance(value, list | tuple) and all(_text(item) is not None for item in value)


def _is_file(value: Any) -> bool:
    return (
        isinstance(value, str)
        and Path(value[:300]).suffix.lower() in _FILES
        and (len(value.split()) == 1)
    )


def _kind(value: Any) -> str:
    names = {bytes: "bytes", type(None): "None", dict: "a dictionary", list: "a list", str: "text"}
    kind = type(value)
    return names.get(kind, f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}")
