"""Karpathy's JSON (dataset_coco.json, dataset_flickr8k.json, ...): the splits of most papers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saccade.data.reading import Finder, Found, Problem, place, read_json, split_name
from saccade.values.examples import Example


def read(path: Path, images: Path | None = None) -> Iterator[Found]:
    """Every picture of "images" with its sentences; "restval" counts as train."""
    finder = Finder(path, images, near=("", "images", ".."))
    entries = read_json(path)["images"]
    for index, entry in enumerate(entries):
        where = f" images[{index}]"
        try:
            yield _example(entry, finder, path, where)
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f'is malformed ({_said(error)}); it needs "filename", "split" and "sentences".'
            )
            yield Problem(path, where, message)


def _said(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _example(entry: Any, finder: Finder, path: Path, where: str) -> Example:
    name = entry["filename"]
    if not isinstance(name, str) or not name:
        raise ValueError("its filename is not text")
    if entry.get("filepath"):
        name = f"{entry['filepath']}/{name}"
    captions = []
    for sentence in entry["sentences"]:
        text = sentence["raw"] if "raw" in sentence else " ".join(sentence["tokens"])
        if not isinstance(text, str):
            raise ValueError("a sentence is not text")
        captions.append(text.strip())
    split = split_name(str(entry.get("split") or ""))
    key = str(entry["cocoid"]) if "cocoid" in entry else name
    return Example(finder(name), tuple(captions), split, key, place(path, where))
