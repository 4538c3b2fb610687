"""What doubts cost beside captioning alone, in one run; and what acting on them does:

    python benchmarks/doubt.py --model MODEL --photos PHOTOS          # time of both, their ratio
    python benchmarks/doubt.py --model MODEL --data DATA --below 0.5  # words in no reference, CIDEr

MODEL holds a fitted doubt (saccade survey DATA --model MODEL --doubt --store-doubt). Times are the
least of a few runs that alternate, elapsed and of the processor (which other programs on the
machine disturb less), from files to captions and for decoding alone (encoded photos in memory).
Acting is measured on the pictures of --split: choose one that the doubt was not fitted on.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from saccade import Captioner
from saccade.data.broader import broader, meanings
from saccade.data.sources import read
from saccade.data.synonyms import known_pairs
from saccade.metrics import score
from saccade.metrics.hallucination import in_no_reference
from saccade.metrics.resample import mean_interval
from saccade.photos.folders import find_photos


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--below", type=float, nargs="*", default=[0.5])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    captioner = Captioner.from_pretrained(chosen.model)
    print(f"{torch.get_num_threads()} threads, {captioner.engine.device}")
    if chosen.photos is not None:
        photos = list(find_photos([chosen.photos]).paths)[: chosen.limit or 200]
        cost(captioner, photos, chosen.batch, chosen.times)
    if chosen.data is not None:
        act(captioner, chosen)


def cost(captioner: Captioner, photos: list[Path], batch: int, times: int) -> None:
    """Seconds without and with doubts."""
    doubter = captioner.doubter()

    def whole(doubt: bool) -> object:
        return list(captioner.stream(photos, batch=batch, doubter=doubter if doubt else None))

    groups = [
        captioner.encode(photos[start : start + batch]) for start in range(0, len(photos), batch)
    ]

    def decoding(doubt: bool) -> object:
        with_doubts = doubter if doubt else None
        return [captioner.decode(group, doubter=with_doubts) for group in groups]

    for name, run in (("files to captions", whole), ("decoding alone", decoding)):
        plain, doubted = fastest(lambda r=run: r(False), lambda r=run: r(True), times=times)
        for what, before, after in zip(
            ("elapsed", "of the processor"), plain, doubted, strict=True
        ):
            print(
                f"{name}: {1000 * before / len(photos):.1f} ms {what} a photo, with doubts "
                f"{1000 * after / len(photos):.1f}: {after / before:.2f} times",
                flush=True,
            )


def fastest(*runs: Callable[[], object], times: int) -> list[tuple[float, float]]:
    """Seconds elapsed and of the processor, each the least of a few runs that alternate."""
    taken: list[list[tuple[float, float]]] = [[] for _ in runs]
    for _ in range(times + 1):
        for run, seconds in zip(runs, taken, strict=True):
            elapsed, processor = time.perf_counter(), time.process_time()
            run()
            seconds.append((time.perf_counter() - elapsed, time.process_time() - processor))
    return [(min(e for e, _ in s[1:]), min(p for _, p in s[1:])) for s in taken]


def act(captioner: Captioner, chosen: argparse.Namespace) -> None:
    """Captions before and after."""
    examples = [e for e in read(chosen.data).examples if e.split == chosen.split]
    examples = examples[: chosen.limit or None]
    photos = [example.image for example in examples]
    if chosen.cache is not None:
        captioner.engine.use_cache(photos, chosen.cache)
    names = meanings()
    pairs = known_pairs(names)
    references = {e.id: e.captions for e in examples}
    for limit in (None, *chosen.below):
        doubter = captioner.doubter() if limit is None else captioner.doubter(limit, act=True)
        texts, wrong, content, beams, words = {}, [], [], 0, 0
        results = captioner.stream(photos, batch=chosen.batch, doubter=doubter)
        for example, (_, caption) in zip(examples, results, strict=True):
            judged = in_no_reference(caption.words, example.captions, names, pairs)
            texts[example.id] = caption.text
            wrong.append(sum(value is True for value in judged))
            content.append(sum(value is not None for value in judged))
            if caption.doubt is not None and caption.doubt.changed:
                old = caption.doubt.changed.split()
                pairs_of = list(zip(old, caption.words, strict=False))
                same = len(old) == len(caption.words) and all(
                    new in (word, broader(word), "a", "an") for word, new in pairs_of
                )
                beams, words = beams + (not same), words + same
        share = mean_interval(np.array(wrong), np.array(content))
        scores = score(references, texts)
        name = "as the search has them" if limit is None else f"below {limit:g}"
        print(
            f"{name}: {100 * share.value:.1f} ({100 * share.low:.1f} to {100 * share.high:.1f}) of "
            f"100 content words in no reference; {np.mean(content):.2f} content words a caption; "
            f"CIDEr {100 * scores.values['CIDEr']:.1f}; other beams {beams}, broader words {words}",
            flush=True,
        )


if __name__ == "__main__":
    main()
