"""Where the attributes of an HTML tag stand, by the HTML standard's rules for them (13.2.5.32 to
13.2.5.40)."""

from __future__ import annotations

from typing import NamedTuple

_SPACES = "\t\n\f\r "


class Attribute(NamedTuple):
    """Places in the tag: `tag[start:stop]` is the attribute, `tag[start:named]` its name."""

    name: str  # in small letters
    start: int
    named: int
    stop: int


def attributes(tag: str) -> list[Attribute]:
    """Of a whole start tag, `<` to `>`, in their order, a repeated one too."""
    found: list[Attribute] = []
    at = _until(tag, 1, f"{_SPACES}/>")
    while True:
        while at < len(tag) and tag[at] in f"{_SPACES}/":
            at += 1
        if at >= len(tag) or tag[at] == ">":
            return found
        start = at
        named = _until(tag, at + 1, f"{_SPACES}/>=")  # a "=" that comes first is of the name
        at = named
        value = _after_spaces(tag, named)
        if tag[value : value + 1] == "=":
            value = _after_spaces(tag, value + 1)
            quote = tag[value : value + 1]
            if quote in ("'", '"'):
                at = min(_until(tag, value + 1, quote) + 1, len(tag))
            else:
                at = _until(tag, value, f"{_SPACES}>")
        found.append(Attribute(tag[start:named].lower(), start, named, at))


def without(tag: str, name: str) -> str:
    """The tag without an attribute; what stands around it stays, but for the space before it."""
    for attribute in reversed(attributes(tag)):
        if attribute.name != name:
            continue
        start = attribute.start
        if tag[start - 1] in _SPACES and tag[attribute.stop : attribute.stop + 1] in f"{_SPACES}>":
            start -= 1
        tag = tag[:start] + tag[attribute.stop :]
    return tag


def _until(tag: str, at: int, stops: str) -> int:
    while at < len(tag) and tag[at] not in stops:
        at += 1
    return at


def _after_spaces(tag: str, at: int) -> int:
    while at < len(tag) and tag[at] in _SPACES:
        at += 1
    return at
