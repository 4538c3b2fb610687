"""XMP: the alternative text and the description of a photo (IPTC Photo Metadata Standard 2022.1).

Fields: `Iptc4xmpCore:AltTextAccessibility` and `dc:description`, each a text by language with the
default `x-default`. All else in an existing packet is kept as it is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from saccade.errors import DataError, UsageError
from saccade.publish.contract import AltText

if TYPE_CHECKING:
    from lxml.etree import _Element

X = "adobe:ns:meta/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
IPTC = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
SACCADE = "https://github.com/saccade-captioner/saccade/ns/1.0/"
ALT_TEXT, DESCRIPTION = f"{{{IPTC}}}AltTextAccessibility", f"{{{DC}}}description"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_PLACE = "\ue000saccade\ue000"  # for a text in a packet to be filled in
_EMPTY = (
    f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="{X}">\n <rdf:RDF xmlns:rdf="{RDF}">\n'
    f'  <rdf:Description rdf:about=""/>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)


def _library() -> Any:
    try:
        from lxml import etree
    except ImportError:
        raise UsageError(
            "XMP needs the package lxml: pip install 'saccade-captioner[publish]'."
        ) from None
    return etree


@cache
def _parser() -> Any:
    """One for all packets."""
    return _library().XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def _parse(packet: bytes, name: str) -> tuple[Any, _Element]:
    """The tree of a packet and its rdf:RDF. Nothing outside it is loaded, no entity expanded."""
    etree = _library()
    parser = _parser()
    try:
        tree = etree.fromstring(packet, parser).getroottree()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DataError(f"{name}: is damaged XMP ({error}); repair or remove it.") from error
    if tree.docinfo.doctype:
        raise DataError(f"{name}: XMP has no document type; remove the DOCTYPE line.")
    root = tree.getroot()
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")
    if rdf is None:
        raise DataError(f"{name}: is XML but not XMP (it has no rdf:RDF); remove or rename it.")
    return tree, rdf


def _texts(rdf: _Element, tag: str) -> dict[str, str]:
    """A field's text by language; one without a language is the default."""
    texts = {}
    for field in rdf.iterfind(f"{{{RDF}}}Description/{tag}"):
        for item in field.iter(f"{{{RDF}}}li"):
            texts[item.get(_LANGUAGE, "x-default")] = "".join(map(str, item.itertext()))
        if not texts and (field.text or "").strip():
            texts["x-default"] = field.text or ""
    for description in rdf.iterfind(f"{{{RDF}}}Description"):
        if description.get(tag):  # the short form, as an attribute
            texts.setdefault("x-default", description.get(tag, ""))
    return {language: text for language, text in texts.items() if text.strip()}


def alt_texts(packet: bytes, name: str = "the packet") -> dict[str, str]:
    """The alternative text by language. Raises DataError for what is no XMP."""
    return _texts(_parse(packet, name)[1], ALT_TEXT)


def descriptions(packet: bytes, name: str = "the packet") -> dict[str, str]:
    """The description by language. Raises DataError for what is no XMP."""
    return _texts(_parse(packet, name)[1], DESCRIPTION)


def alt_text(packet: bytes, name: str = "the packet") -> AltText | None:
    """The alternative text with what was judged of it: the default, else that of any language.
    Raises DataError for what is no XMP."""
    rdf = _parse(packet, name)[1]
    texts = _texts(rdf, ALT_TEXT)
    if not texts:
        return None
    language = next((key for key in texts if key != "x-default"), "en")
    text = texts.get("x-default") or next(iter(texts.values()))
    review, doubtful = None, []
    for about in rdf.iterfind(f"{{{RDF}}}Description"):
        for field in about.iterfind(f"{{{SACCADE}}}review"):
            review = {"True": True, "False": False}.get((field.text or "").strip())
        for field in about.iterfind(f"{{{SACCADE}}}doubtful"):
            doubtful = ["".join(map(str, item.itertext())) for item in field.iter(f"{{{RDF}}}li")]
    return AltText(text, "", language, review, tuple(doubtful))


def with_alt(
    packet: bytes | None, alt: AltText, overwrite: bool = False, name: str = "the packet"
) -> bytes:
    """A packet (None: a new one) with the text in both fields; a field that has a text keeps it
    unless `overwrite`, which replaces the default and this language and keeps other languages.

    Raises DataError for what is no XMP, UsageError without lxml."""
    if packet is None:
        text = escape(_allowed(alt.text), quote=False).replace("\r", "&#13;")
        return _new(replace(alt, text=_PLACE, model="")).replace(_PLACE.encode(), text.encode())
    return _changed(packet, alt, overwrite, name)


@lru_cache(maxsize=64)
def _new(alt: AltText) -> bytes:
    """A new packet: most differ in the text alone, which goes to its place in one."""
    return _changed(_EMPTY.encode(), alt, True, "the packet")


def _changed(packet: bytes, alt: AltText, overwrite: bool, name: str) -> bytes:
    etree = _library()
    tree, rdf = _parse(packet, name)
    for tag, prefix, space in ((ALT_TEXT, "Iptc4xmpCore", IPTC), (DESCRIPTION, "dc", DC)):
        texts = _texts(rdf, tag)
        if texts and not overwrite:
            continue
        texts = {"x-default": alt.text, alt.language: alt.text} | {
            language: text
            for language, text in texts.items()
            if language not in ("x-default", alt.language)
        }
        _replace(etree, rdf, tag, prefix, space, texts)
        if tag == ALT_TEXT:
            _judgement(etree, rdf, alt)
    written: bytes = etree.tostring(tree, encoding="utf-8", xml_declaration=False)
    return written + b"\n"


def _remove(rdf: _Element, tag: str) -> None:
    for description in rdf.findall(f"{{{RDF}}}Description"):
        for field in description.findall(tag):
            tail, before = field.tail, field.getprevious()
            if tail and tail.strip():  # no field has text behind it; keep it all the same
                if before is not None:
                    before.tail = (before.tail or "") + tail
                else:
                    description.text = (description.text or "") + tail
            description.remove(field)
        if tag in description.attrib:
            del description.attrib[tag]
        text = f"{description.text or ''}{description.tail or ''}".strip()
        more = len(description) or text or set(description.attrib) - {f"{{{RDF}}}about"}
        if not more and description.getprevious() is not None:
            rdf.remove(description)  # it said nothing but this


def _home(etree: Any, rdf: _Element, prefix: str, space: str) -> _Element:
    """A new rdf:Description that knows a name space, at the end."""
    about = rdf.find(f"{{{RDF}}}Description")
    subject = "" if about is None else about.get(f"{{{RDF}}}about", "")
    home: _Element = etree.SubElement(
        rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": subject}, nsmap={prefix: space}
    )
    home.tail = "\n"
    return home


def _replace(
    etree: Any, rdf: _Element, tag: str, prefix: str, space: str, texts: dict[str, str]
) -> None:
    _remove(rdf, tag)
    field = etree.SubElement(_home(etree, rdf, prefix, space), tag)
    choices = etree.SubElement(field, f"{{{RDF}}}Alt")
    for language, text in texts.items():
        item = etree.SubElement(choices, f"{{{RDF}}}li", {_LANGUAGE: language})
        item.text = _allowed(text)


def _judgement(etree: Any, rdf: _Element, alt: AltText) -> None:
    """`saccade:review` and `saccade:doubtful`, where the caption was judged; those of the text
    before go."""
    for name in ("review", "doubtful"):
        _remove(rdf, f"{{{SACCADE}}}{name}")
    if alt.review is None:
        return
    home = _home(etree, rdf, "saccade", SACCADE)
    etree.SubElement(home, f"{{{SACCADE}}}review").text = str(alt.review)
    if alt.doubtful:
        bag = etree.SubElement(home, f"{{{SACCADE}}}doubtful")
        bag = etree.SubElement(bag, f"{{{RDF}}}Bag")
        for word in alt.doubtful:
            etree.SubElement(bag, f"{{{RDF}}}li").text = _allowed(word)


_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _allowed(text: str) -> str:
    """Without what XML can't hold: control characters and surrogates."""
    return _FORBIDDEN.sub("", text)
