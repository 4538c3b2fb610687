"""The speed of the metrics and of pycocoevalcap, in one run on the same captions:

    pip install 'saccade-captioner[java]' && OMP_NUM_THREADS=1 python benchmarks/metrics.py

Both sides run in this one process (Java, where pycocoevalcap starts it, in its own), both once
before they are timed, alternately, and the best of three runs counts. Captions are made up, or
those of the JSONL file that the variable CAPTIONS names. `--quick` runs a tenth of the size.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from timing import best

from saccade.metrics import frequencies_of, score, tokenize_all
from saccade.metrics.bleu import bleu
from saccade.metrics.cider import cider
from saccade.metrics.rewards import CiderD
from saccade.metrics.rouge import rouge_l

CAPTIONS = os.environ.get("CAPTIONS")  # also seen by the processes of `growth`
Groups = list[list[str]]


def captions(pictures: int) -> tuple[Groups, list[str]]:
    """Five references and a hypothesis per picture: the hypothesis is another person's caption of
    it with a few words changed, so that it is none of the references."""
    rng = random.Random(0)
    if CAPTIONS:
        lines = Path(CAPTIONS).read_text("utf-8").splitlines()
        rows = [json.loads(line)["captions"] for line in lines]
    else:
        words = [f"word{n}" for n in range(3000)]
        odds = [1 / (n + 1) for n in range(3000)]
        rows = [
            [" ".join(rng.choices(words, odds, k=11)) + " ." for _ in range(5)] for _ in range(7000)
        ]
    vocabulary = sorted(
        {word for row in rows for text in row for word in text.split() if word.isalpha()}
    )

    def vary(text: str, share: float) -> str:
        return " ".join(rng.choice(vocabulary) if rng.random() < share else w for w in text.split())

    groups = []
    for number in range(pictures):  # repeated, with variations, when there are not so many
        row = rows[number % len(rows)]
        groups.append(row if number < len(rows) else [vary(text, 0.15) for text in row])
    return groups, [vary(rng.choice(group), 0.2) for group in groups]


def line(name: str, theirs: float, ours: float) -> None:
    print(f"{name:34} {theirs:9.3f} s {ours:9.4f} s {theirs / ours:7.1f} x", flush=True)


def quietly(run: Callable[[], object]) -> Callable[[], object]:
    def silent() -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            return run()

    return silent


def compare(pictures: int) -> None:
    """Every part against pycocoevalcap's."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    groups, texts = captions(pictures)
    raw = {i: [{"caption": text} for text in group] for i, group in enumerate(groups)}
    given = {i: [{"caption": text}] for i, text in enumerate(texts)}
    flat = [text for group in groups for text in group]
    tokenizer = PTBTokenizer()
    wanted, answer = tokenizer.tokenize(raw), tokenizer.tokenize(given)
    references, hypotheses = [tokenize_all(group) for group in groups], tokenize_all(texts)
    assert references == list(wanted.values()), "tokens differ"
    assert [[text] for text in hypotheses] == list(answer.values()), "tokens differ"

    print(
        f"\n{pictures} pictures, {len(flat)} references\n{'':34} pycocoevalcap   saccade   faster"
    )
    parts = {
        "tokenizer": (
            lambda: (tokenizer.tokenize(raw), tokenizer.tokenize(given)),
            lambda: (tokenize_all(flat), tokenize_all(texts)),
        ),
        "BLEU-1..4": (
            quietly(lambda: Bleu(4).compute_score(wanted, answer, verbose=0)),
            lambda: bleu(references, hypotheses),
        ),
        "ROUGE-L": (
            lambda: Rouge().compute_score(wanted, answer),
            lambda: rouge_l(references, hypotheses),
        ),
        "CIDEr": (
            lambda: Cider().compute_score(wanted, answer),
            lambda: cider(references, hypotheses),
        ),
    }
    theirs = 0.0
    for name, (original, own) in parts.items():
        slow, fast = best(original, own)
        theirs += slow
        line(name, slow, fast)
    (whole,) = best(lambda: score(groups, texts))
    line("all, from raw text", theirs, whole)


def rewards(pictures: int) -> None:
    """Self-critical rewards: token ids against cached references, same document frequencies."""
    from pycocoevalcap.cider.cider_scorer import CiderScorer

    groups, _ = captions(pictures)
    words = {
        w: n for n, w in enumerate(dict.fromkeys(w for g in groups for t in g for w in t.split()))
    }
    ids = [[[words[word] + 3 for word in text.split()] for text in group] for group in groups]
    scorer = CiderD(ids, end=2, pad=0, frequencies=frequencies_of(ids))
    as_text = [[" ".join(map(str, row)) for row in group] for group in ids]
    counter = CiderScorer()
    for group in as_text:
        counter += (group[0], group)
    counter.compute_doc_freq()
    rng = np.random.default_rng(0)

    class Fixed(CiderScorer):
        """pycocoevalcap's scorer with the document frequencies of the whole corpus."""

        def run(self) -> list[float]:
            self.document_frequency = counter.document_frequency
            size = len
            module = sys.modules[CiderScorer.__module__]
            module.len = lambda what: pictures if what is self.crefs else size(what)
            try:
                return self.compute_cider()
            finally:
                del module.len

    print(f"\nCIDEr-D rewards of sampled captions, references of {pictures} pictures cached")
    for count in (80, 320, 1360):
        owner = np.repeat(rng.choice(pictures, count // 5, replace=False), 5)
        batch = np.zeros((count, 24), np.int64)
        for row, picture in enumerate(owner):
            source = ids[picture][rng.integers(len(ids[picture]))][:22]
            drawn = [int(rng.integers(3, len(words))) if rng.random() < 0.3 else w for w in source]
            batch[row, : len(drawn) + 1] = [*drawn, 2]
        lists = [row[: list(row).index(2)] for row in batch.tolist()]

        def original(lists: list[list[int]] = lists, owner: np.ndarray = owner) -> list[float]:
            fixed = Fixed()
            for row, picture in zip(lists, owner, strict=True):
                fixed += (" ".join(map(str, row)), as_text[picture])
            return fixed.run()

        def own(batch: np.ndarray = batch, owner: np.ndarray = owner) -> np.ndarray:
            return scorer.rewards(batch, owner)

        assert np.allclose(original(), own(), atol=1e-9), "rewards differ"
        slow, fast = best(original, own, times=7)
        line(f"{count} captions", slow, fast)


def peak() -> float:
    """The most memory that this process has held, in GB."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would have the parent's in it
        found = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(found.split()[1]) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _alone(pictures: int, out: "multiprocessing.Queue[tuple[float, float, float]]") -> None:
    groups, texts = captions(pictures)
    before = peak()
    taken = []
    for _ in range(3):
        start = time.process_time()
        score(groups, texts)
        taken.append(time.process_time() - start)
    out.put((min(taken), before, peak()))


def growth(sizes: list[int]) -> None:
    """Processor time and memory as the corpus grows, each size in a fresh process."""
    print("\nscore() as the corpus grows      seconds   microseconds per picture   peak memory")
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        queue: multiprocessing.Queue[tuple[float, float, float]] = context.Queue()
        process = context.Process(target=_alone, args=(size, queue))
        process.start()
        seconds, before, most = queue.get()
        process.join()
        each = 1e6 * seconds / size
        print(
            f"{size:8} pictures {seconds:22.2f} {each:16.0f} {most:22.2f} GB ({before:.2f} before)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    scale = 10 if parser.parse_args().quick else 1
    try:
        import pycocoevalcap  # noqa: F401
    except ImportError:
        sys.exit("pycocoevalcap is not installed; run: pip install 'saccade-captioner[java]'")
    compare(5000 // scale)
    rewards(5000 // scale)
    growth([size // scale for size in (5000, 10_000, 20_000, 40_504)])


if __name__ == "__main__":
    main()
