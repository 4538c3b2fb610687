"""Explanations made up for looking at and testing the explorer; nothing here was measured.

Photos of ../shared/data/coco_mini with their boxes when they are there, drawn scenes otherwise.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from saccade.data.scenes import draw as draw_scene
from saccade.photos.opening import open_photo
from saccade.values.captions import Caption
from saccade.values.evidence import (
    MAPS,
    Agreement,
    Counterfactual,
    Curves,
    Explanation,
    Interval,
    WordEvidence,
)
from saccade.values.places import Grid

LABELS = {"attention": "Attention", "gradient": "Gradient × input", "occlusion": "Occlusion"}
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
SPARE = ("man", "woman", "truck", "boat", "dog", "two", "white", "standing", "near", "small")


def placed(size: tuple[int, int], grid=(14, 14), fit: str = "stretch") -> Grid:
    """How a square input lies on a photo that was stretched, cropped or padded to it."""
    width, height = size
    if fit == "stretch":
        return Grid(width, height, (0.0, 0.0, float(width), float(height)), grid)
    side = min(size) if fit == "crop" else max(size)
    left, top = (width - side) / 2, (height - side) / 2
    return Grid(width, height, (left, top, left + side, top + side), grid)


def blob(where: Grid, centre: tuple[float, float], spread: float, floor: float) -> np.ndarray:
    """A map (h, w) that sums to 1 with its peak at a place of the photo, in its pixels."""
    h, w = where.shape
    x0, y0, x1, y1 = where.box
    xs = x0 + (np.arange(w) + 0.5) * (x1 - x0) / w
    ys = y0 + (np.arange(h) + 0.5) * (y1 - y0) / h
    scale = spread * min(where.width, where.height)
    far = ((xs - centre[0])[None] ** 2 + (ys - centre[1])[:, None] ** 2) / scale**2
    values = np.exp(-far / 2) + floor
    return values / values.sum()


def curves(logprob: float, floor: float, gain: float, rng: np.random.Generator) -> Curves:
    """Deletion and insertion between two log-probabilities; `gain` > 0: faithful."""
    shares = np.array(SHARES)

    def fall(power: float) -> np.ndarray:
        noise = rng.normal(0, 0.03, len(shares))
        noise[[0, -1]] = 0
        return np.minimum(0, logprob + (floor - logprob) * shares**power + noise)

    lines = {
        "deletion": fall(np.exp(-gain)),
        "insertion": fall(np.exp(-gain))[::-1],
        "random_deletion": fall(1.6),
        "random_insertion": fall(1.6)[::-1],
    }
    areas = {f"{name}_area": float(np.trapezoid(np.exp(y), shares)) for name, y in lines.items()}
    value = float(np.mean((lines["random_deletion"] - lines["deletion"])[1:6]))
    effect = Interval(value, value - 0.35, value + 0.35)
    return Curves(
        SHARES, **{name: tuple(map(float, y)) for name, y in lines.items()}, **areas, effect=effect
    )


def word(text: str, place: int, where: Grid, rng, centre=None, logprob=None) -> WordEvidence:
    """Evidence for one word; with a centre it is a thing seen there, without one a guessed word."""
    seen = centre is not None
    if centre is None:
        centre = (rng.uniform(0.3, 0.7) * where.width, rng.uniform(0.3, 0.7) * where.height)
    logprob = float(np.log(rng.uniform(0.3, 0.95))) if logprob is None else logprob
    loss = rng.uniform(2, 5) if seen else rng.uniform(0, 0.5)
    gain = rng.uniform(0.3, 1.4) if seen else rng.uniform(-1, 0.4)
    maps = {
        name: blob(
            where,
            tuple(np.array(centre) + rng.normal(0, 0.05, 2) * (where.width, where.height)),
            rng.uniform(0.08, 0.16) if seen else rng.uniform(0.3, 0.6),
            0.02 if seen else 0.5,
        )
        for name in MAPS
    }
    found = {name: curves(logprob, logprob - loss, gain, rng) for name in MAPS}
    effect = found["attention"].effect
    verdict = "supported" if effect.low > 0.1 else "contradicted" if effect.high < 0.35 else "weak"
    told = {
        "supported": "Covering the most attended cells costs this word {:.2f} nats more than "
        "covering random ones; the 95% interval {:.2f} to {:.2f} is above 0.1.",
        "weak": "Covering the most attended cells costs {:+.2f} nats beside random ones; the 95 % "
        "interval {:.2f} to {:.2f} leaves it open.",
        "contradicted": "Covering the most attended cells costs {:+.2f} nats beside random ones; "
        "the whole 95% interval {:.2f} to {:.2f} is below what a look that matters would cost.",
    }[verdict]
    others = [w for w in rng.permutation(SPARE).tolist() if w != text][:4]
    left = 1 - np.exp(logprob)
    runners = tuple(
        (w, float(np.log(max(left, 1e-4) / 2 ** (i + 1)))) for i, w in enumerate(others)
    )
    return WordEvidence(
        word=text,
        place=place,
        logprob=logprob,
        entropy=float(-logprob * 2 + 0.2),
        runners_up=runners,
        beta=float(rng.uniform(0.6, 0.95) if seen else rng.uniform(0.1, 0.5)),
        without_mean=logprob - loss,
        without_blank=logprob - loss * 1.2,
        seen="seen" if loss > 1 else "partly" if loss > 0.3 else "guessed",
        verdict=verdict,
        reason=told.format(effect.value, effect.low, effect.high),
        maps=maps,
        curves=found,
        agreement={
            f"{a}-{b}": Agreement(float(rng.uniform(0.1, 0.8)), float(rng.uniform(0.1, 0.7)))
            for a, b in combinations(MAPS, 2)
        },
    )


def caption(words: list[WordEvidence], where: Grid, **more) -> Caption:
    """The caption that evidence is about."""
    return Caption(
        text=" ".join(item.word for item in words),
        words=tuple(item.word for item in words),
        ids=tuple(range(4, 4 + len(words))),
        logprobs=tuple(item.logprob for item in words),
        alphas=np.stack([item.maps["attention"] for item in words]).astype(np.float32),
        betas=np.array([item.beta for item in words]),
        where=where,
        score=sum(item.logprob for item in words) / len(words),
        end_logprob=-0.3,
        runners_up=tuple(item.runners_up for item in words),
        **more,
    )


def explain(
    text: str,
    image: Image.Image,
    seed: int = 0,
    fit: str = "stretch",
    grid: tuple[int, int] = (14, 14),
    places: dict[str, tuple[float, float]] | None = None,
    photo: Path | None = None,
    beams: int = 3,
) -> Explanation:
    """A whole explanation: other beams (the first of them measured too) and one "why not?"."""
    rng = np.random.default_rng(seed)
    where = placed(image.size, grid, fit)
    places = places or {}

    def sentence(tokens: list[str]) -> list[WordEvidence]:
        return [word(t, i, where, rng, places.get(t)) for i, t in enumerate(tokens)]

    tokens = text.split()
    said = sentence(tokens)
    beam_words = []
    for number in range(1, beams):
        changed = [*tokens]
        changed[-1] = SPARE[(seed + number) % len(SPARE)]
        beam_words.append(sentence(changed))
    others = tuple(caption(words, where, image=image, photo=photo) for words in beam_words)
    others = tuple(
        Caption(**{**vars(other), "ids": (*other.ids[:-1], 100 + number)})
        for number, other in enumerate(others)
    )
    place = next((i for i, t in enumerate(tokens) if t in places), len(tokens) - 1)
    rival = said[place].runners_up[0]
    other = word(rival[0], place, where, rng, logprob=rival[1])
    return Explanation(
        labels=LABELS,
        caption=caption(said, where, others=others, image=image, photo=photo),
        words=tuple(said),
        instead=(Counterfactual(place, said[place], other),),
        beams=(Explanation(others[0], tuple(beam_words[0])),) if others else (),
        settings={
            "shares covered": [0.05, 0.1, 0.2, 0.3, 0.5],
            "random orders": 8,
            "seed": seed,
            "seen from (nats)": 1.0,
        },
    )


def scenes(count: int, size: int = 320, **more) -> list[Explanation]:
    """Drawn scenes, each with its first reference for a caption."""
    found = []
    for index in range(count):
        image, _, references, regions = draw_scene(7, index, size)
        tokens = references[0].split()
        places = {
            tokens[r.word]: ((r.box[0] + r.box[2]) / 2, (r.box[1] + r.box[3]) / 2)
            for r in regions
            if r.caption == 0
        }
        photo = Path(f"scene-{index:04d}.png")
        found.append(explain(references[0], image, index, places=places, photo=photo, **more))
    return found


def coco(folder: Path, count: int) -> list[Explanation]:
    """Photographs with a person's caption and the boxes of what it names; fits taken in turn."""
    told = json.loads((folder / "captions.json").read_text("utf-8"))
    boxed = json.loads((folder / "instances.json").read_text("utf-8"))
    kinds = {item["id"]: item["name"] for item in boxed["categories"]}
    found = []
    for number, image in enumerate(told["images"][:count]):
        said = [a["caption"] for a in told["annotations"] if a["image_id"] == image["id"]]
        tokens = [t.strip(".,").lower() for t in said[0].split()]
        places = {}
        for item in boxed["annotations"]:
            name = kinds[item["category_id"]]
            if item["image_id"] == image["id"]:
                x, y, w, h = item["bbox"]
                names = [name, name + "s", *(("man", "woman", "boy") if name == "person" else ())]
                places |= {n: (x + w / 2, y + h / 2) for n in names if n in tokens}
        photo = folder / "images" / image["file_name"]
        fit = ("stretch", "crop", "pad")[number % 3]
        found.append(
            explain(" ".join(tokens), open_photo(photo), number, fit, places=places, photo=photo)
        )
    return found


def address(made: list[Explanation], photo: int = 0, word: int = 1, beam: int = 1) -> str:
    """Where the explorer shows a word (from 1) of a beam (from 1)."""
    return f"#{made[photo].caption.photo.name}/{word}/{beam}"
