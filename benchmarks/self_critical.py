"""A self-critical step beside the cross-entropy step of the same pictures, and the rewards alone:

    OMP_NUM_THREADS=1 python benchmarks/self_critical.py

16 pictures, 5 captions or samples each, decoders of the preset's size on 7x7 cells of 1280 features
as MobileNetV2 gives them, 3,000 words. A step is the loss, its gradient, clipping and Adam. New
weights, with the end as likely as in captions of 11 words. The steps run alternately in this
process. Processor time, so that other programs count little: medians of --times runs, with the
quartiles of the ratio.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from saccade.config import EncoderConfig
from saccade.data.dataset import Collate, Item
from saccade.metrics.mixed_reward import MixedReward
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.encoders.encoder import Encoder
from saccade.models.encoders.small_conv import SmallConv
from saccade.text import SPECIALS, Vocabulary
from saccade.training.tasks import Context, CrossEntropySettings, Materials, build_task
from saccade.training.tasks.self_critical import SelfCriticalSettings
from saccade.values.examples import Example

B, K, L, F, V = 16, 5, 49, 1280, 3000


def captions(rng: np.random.Generator, pictures: int) -> list[list[list[int]]]:
    """Five captions of about 11 words of each picture, commoner words more often."""
    odds = 1 / np.arange(1, V - 3)
    odds /= odds.sum()
    return [
        [(4 + rng.choice(V - 4, rng.integers(7, 16), p=odds)).tolist() for _ in range(K)]
        for _ in range(pictures)
    ]


def model_of(kind: str) -> CaptionModel:
    config = EncoderConfig(
        backbone="small-conv", freeze="none", image_size=(8, 8), widths=(F,), halvings=1,
        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
    )  # fmt: skip
    encoder = Encoder(config, SmallConv(config.widths, config.halvings)).requires_grad_(False)
    decoder = build_decoder(DECODERS[kind].settings(), V, F)
    ends = next(m for n, m in decoder.named_modules() if n == "output")
    with torch.no_grad():
        ends.bias[Vocabulary.eos] = np.log((V - 4) / 11)
    return CaptionModel(encoder, decoder)


def medians(runs: list[Callable[[], object]], times: int) -> np.ndarray:
    """(times, runs) seconds, run alternately."""
    taken = np.zeros((times + 1, len(runs)))
    for row in taken:
        for place, run in enumerate(runs):
            start = time.process_time()
            run()
            row[place] = time.process_time() - start
    return taken[1:]


def steps(kind: str, times: int) -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    rows = captions(rng, B)
    vocabulary = Vocabulary(SPECIALS + tuple(f"w{n}" for n in range(V - 4)))
    texts = [tuple(" ".join(vocabulary.decode(c)) for c in group) for group in rows]
    examples = tuple(Example(Path(f"{n}.jpg"), t, "train", str(n)) for n, t in enumerate(texts))
    batch = Collate(vocabulary.pad, vocabulary.bos, vocabulary.eos)(
        [Item(torch.randn(L, F), group, n, range(K)) for n, group in enumerate(rows)]
    )
    context = Context(vocabulary, examples)

    def step(settings: object) -> Callable[[], object]:
        model = model_of(kind)
        task = build_task(settings, Materials(model, vocabulary, examples))
        trained = [p for p in model.parameters() if p.requires_grad]
        adam = torch.optim.Adam(trained, 1e-6, fused=True)  # weights stay as they are

        def run() -> None:
            model.train()
            task(model, batch, context).total.backward()
            torch.nn.utils.clip_grad_norm_(trained, 5.0)
            adam.step()
            adam.zero_grad()

        return run

    names = ("leave_one_out", "greedy")
    critical = [step(SelfCriticalSettings(samples=K, baseline=name)) for name in names]
    taken = medians([step(CrossEntropySettings()), *critical], times)
    words = np.median(taken[:, 0])
    print(f"{kind:15} cross-entropy {words * 1e3:6.0f} ms", end="")
    for name, column in zip(names, taken[:, 1:].T, strict=True):
        low, middle, high = np.percentile(column / taken[:, 0], (25, 50, 75))
        print(f"   {name} {np.median(column) * 1e3:6.0f} ms, {middle:.2f} x", end="")
        print(f" ({low:.2f} to {high:.2f})", end="")
    print(flush=True)


def rewards(times: int) -> None:
    rng = np.random.default_rng(1)
    references = captions(rng, 6000)
    pictures = np.repeat(rng.choice(6000, 16, replace=False), 6).tolist()
    drawn = [
        [w if rng.random() < 0.7 else int(rng.integers(4, V)) for w in references[p][0]] + [2]
        for p in pictures
    ]
    for name in ("cider", "bleu", "rouge"):
        weights = {"cider": 0.0, name: 1.0}
        mix = MixedReward(references, 2, **weights)
        taken = medians([lambda mix=mix: mix(drawn, pictures)], times)
        print(f"{name:6} of 96 captions, 6000 pictures: median {np.median(taken) * 1e3:.2f} ms, "
              f"best {taken.min() * 1e3:.2f} ms", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--kinds", nargs="*", default=sorted(DECODERS))
    options = parser.parse_args()
    rewards(10 * options.times)
    for kind in options.kinds:
        steps(kind, options.times)


if __name__ == "__main__":
    main()
