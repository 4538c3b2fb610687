"""Twelve attention pictures by a fixed rule, before and after, as one PNG:

    python benchmarks/twelve_pictures.py BEFORE AFTER --data captions.jsonl --boxes entities \
        --split val --output twelve.png

The photos are the first twelve of the split, by the SHA-256 of their file's name, whose first
reference holds at least two nouns with boxes of their own; the words are the first two such nouns.
Nobody chose them, and the models have no say. Each model reads that reference, so that both show
their attention for the same words. Drawn on each map: the annotated boxes (outlined) and the centre
of the most attended cell (ringed), in the colours of every attention picture: each map is scaled to
its own peak, but to at least four times uniform. Without AFTER, one model alone.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from saccade.api import Captioner
from saccade.data.boxes import Boxes, read_boxes
from saccade.data.sources import read
from saccade.evaluation.boxed import named_words, reference_captions
from saccade.files import atomic_file
from saccade.metrics.grounding import hits
from saccade.photos.opening import photo_size
from saccade.text import has_words, tokenize
from saccade.values.captions import Caption
from saccade.values.examples import Example, NamedWord
from saccade.viz.overlay import blend, heats, photo_of, render_photo
from saccade.viz.scale import nearly_uniform, times_uniform

PHOTOS, WORDS = 12, 2
TILE, GAP, MARGIN, COLOURS = 168, 6, 14, 112
PAPER, INK, SOFT, BOX = "#ffffff", "#16181d", "#5c6370", "#4ade80"
RIGHT, WRONG = "#15803d", "#b91c1c"


class Row(NamedTuple):
    """One photo: the models' readings of one sentence, and the words that are shown."""

    captions: tuple[Caption, ...]  # by model
    words: tuple[NamedWord, ...]


def nouns(words: Sequence[str], named: Sequence[NamedWord]) -> tuple[NamedWord, ...]:
    """The first nouns with boxes, each with boxes that none before it has."""
    chosen: list[NamedWord] = []
    for word in sorted(named, key=lambda word: word.place):
        taken = {box for other in chosen for box in other.boxes}
        said = {words[other.place] for other in chosen}
        if word.head and words[word.place] not in said and not taken.intersection(word.boxes):
            chosen.append(word)
    return tuple(chosen[:WORDS])


def by_rule(examples: Sequence[Example], boxes: Boxes, count: int = PHOTOS) -> list[Example]:
    """The examples that the rule chooses; in the order of their names' hashes."""

    def number(example: Example) -> str:
        return hashlib.sha256(example.image.name.encode()).hexdigest()

    chosen: list[Example] = []
    for example in sorted(examples, key=number):
        first = next(filter(has_words, example.captions), None)
        if first is None or len(chosen) == count:
            continue
        known = boxes.picture(example.image, *photo_size(example.image))
        words = tokenize(first)
        if known is not None and len(nouns(words, known.words(words))) == WORDS:
            chosen.append(example)
    return chosen


def rows(models: Sequence[Path], examples: Sequence[Example], boxes: Boxes) -> list[Row]:
    """What the models say of the examples. A word that a model does not know is left out."""
    readings = []
    for model in models:
        engine = Captioner.from_pretrained(model, device="cpu").engine
        readings.append([caption for _, caption in reference_captions(engine, examples)])
    found = []
    for example, captions in zip(examples, zip(*readings, strict=True), strict=True):
        first = captions[0]
        theirs = nouns(first.words, named_words(example, first, boxes))
        found.append(Row(captions, theirs))
    return found


def tile(caption: Caption, word: NamedWord) -> tuple[Image.Image, bool]:
    """A word's map on its photo, with boxes and peak; and whether the peak is in a box."""
    alpha = caption.alphas
    if alpha is None:
        raise SystemExit("A model without attention has no attention pictures.")
    where = caption.where
    photo = render_photo(photo_of(caption), where, TILE)
    one = heats(caption, size=TILE)[word.place]
    picture = blend(photo, one)
    scale = picture.width / where.width
    draw = ImageDraw.Draw(picture)
    for box in word.boxes:
        x0, y0, x1, y1 = (round(edge * scale) for edge in box)
        draw.rectangle((x0, y0, max(x1 - 1, x0 + 3), max(y1 - 1, y0 + 3)), outline=BOX, width=2)
    peak = int(alpha[word.place].argmax())
    x0, y0, x1, y1 = where.boxes()[peak]
    x, y = (x0 + x1) / 2 * scale, (y0 + y1) / 2 * scale
    for radius, colour, wide in ((7, "#000000", 4), (6, "#ffffff", 2)):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=colour, width=wide)
    return picture, bool(hits(where, word.boxes).flat[peak])


def letters(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    weight = "bold" if bold else "normal"
    path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
    return ImageFont.truetype(path, size)


def sheet(found: Sequence[Row], names: Sequence[str]) -> Image.Image:
    """All rows beneath each other: for each word the models side by side."""
    small, normal, bold = letters(11), letters(13), letters(13, True)
    count = len(names)
    columns = [i * (TILE + GAP) + (i // count) * 2 * GAP for i in range(WORDS * count)]
    width = 2 * MARGIN + columns[-1] + TILE
    pictures = [
        [[tile(caption, word) for caption in row.captions] for word in row.words] for row in found
    ]
    tall = [max(one.height for word in row for one, _ in word) for row in pictures]
    head, foot, gap = 24, 18, 12
    note = 46
    page = Image.new(
        "RGB", (width, MARGIN * 2 + note + sum(h + head + foot + gap for h in tall)), PAPER
    )
    draw = ImageDraw.Draw(page)
    top = MARGIN
    for row, made, height in zip(found, pictures, tall, strict=True):
        for w, word in enumerate(row.words):
            for m, (picture, right) in enumerate(made[w]):
                caption, x = row.captions[m], MARGIN + columns[w * count + m]
                name = caption.words[word.place]
                if m == 0:
                    draw.text((x, top), name, INK, bold)
                draw.text((x + TILE, top), names[m], SOFT, normal, anchor="ra")
                page.paste(picture, (x, top + head))
                below = top + head + height + 4
                assert caption.alphas is not None
                one = caption.alphas[word.place : word.place + 1]
                verdict = ("in box", RIGHT) if right else ("outside", WRONG)
                draw.text((x, below), verdict[0], verdict[1], small)
                times = f"{times_uniform(one)[0]:.1f}×"
                flat = nearly_uniform(one)[0]
                times = f"nearly uniform, {times}" if flat else f"{times} uniform"
                draw.text((x + TILE, below), times, SOFT, small, anchor="ra")
        top += head + height + foot + gap
    lines = (
        "Outlined: the annotated boxes. Ringed: the most attended cell, in a box or outside.",
        "Colour: each map to its own peak, but to at least 4× uniform attention.",
    )
    for number, line in enumerate(lines):
        draw.text((MARGIN, top + 8 + 15 * number), line, SOFT, small)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--output", type=Path, default=Path("twelve.png"))
    asked = parser.parse_args()
    if len(asked.models) > 2:
        parser.error("name one model, or two: before and after")
    examples = [e for e in read(asked.data).examples if e.split == asked.split]
    boxes = read_boxes(asked.boxes, [e.image for e in examples])
    chosen = by_rule(examples, boxes)
    if len(chosen) < PHOTOS:
        print(f"only {len(chosen)} photos of the split '{asked.split}' fit the rule")
    found = [row for row in rows(asked.models, chosen, boxes) if row.words]
    if not found:
        raise SystemExit("No photo of the split has two nouns with boxes in its first reference.")
    page = sheet(found, ("before", "after")[: len(asked.models)] if asked.models[1:] else ("",))
    with atomic_file(asked.output) as temporary:
        page.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            temporary, format="PNG", optimize=True
        )
    print(f"{asked.output}: {len(found)} photos, {asked.output.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
