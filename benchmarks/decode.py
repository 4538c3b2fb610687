"""Decoding and training against plain.py and the machine's limit, in one run:

    python benchmarks/decode.py                    # CPU: table of docs/performance.md
    python benchmarks/decode.py --keep-memory      # with saccade.cli.allocator, as the program runs
    python benchmarks/decode.py --device cuda      # float32, bfloat16 and captured graphs
    python benchmarks/decode.py --model runs/flickr8k --data flickr8k/
                                                   # do both give a trained model's captions?

The limit is the number of operations over this machine's best rate for products of the same shapes,
measured in the same run. Operations, with D = E = A = 512 (hidden, embedding, attention), C = 512
projected from F = 2048 features, L = 196 cells, V = 9,488 words; a product of (m, k) and (k, n) is
2mkn:

    once per picture   2L(FC + CA)
    per word           2(D(A + 4D + E + 1) + C(4D + E) + 4DE + EV) + 2LA + 2LC

The second line is what h_t, z_t and the word are multiplied with (query, gates, deep output, beta;
gates, deep output; gates), the vocabulary, and attention's energies and sum. Backward counts twice,
except that grid features need no gradient. The straightforward implementation is plain.py.
"""

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import plain
import torch
from timing import best
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from saccade.cli.allocator import keep_memory
from saccade.decoding import Tokens, ban, beam_search, greedy
from saccade.models.captioner import Forward
from saccade.models.contract import Features, Stepper
from saccade.models.decoders.soft_attention import products
from saccade.models.decoders.soft_attention.decoder import (
    SoftAttentionDecoder,
    SoftAttentionSettings,
)
from saccade.text import SPECIALS, Vocabulary
from saccade.training.tasks import Context, CrossEntropySettings, build_task
from saccade.values.batch import Batch

F, L, V = 2048, 196, 9488
WORDS = 16
TOKENS, BANNED = Tokens(bos=1, eos=2), (0, 1, 3)
RULES = [ban(BANNED)]


@dataclass(frozen=True)
class Operations:
    """Numbers of floating-point operations of one decoder."""

    picture: int
    word: int
    features: int  # of `picture`, what has no gradient of its inputs

    @classmethod
    def of(cls, config: SoftAttentionSettings) -> "Operations":
        D, E, A, C = config.hidden, config.embedding, config.attention, config.features
        products_ = D * (A + 4 * D + E + 1) + C * (4 * D + E) + 4 * D * E + E * V
        return cls(2 * L * (F * C + C * A), 2 * products_ + 2 * L * (A + C), 2 * L * F * C)

    def decoding(self, pictures: int, hypotheses: int) -> int:
        return pictures * self.picture + pictures * hypotheses * WORDS * self.word

    def training(self, pictures: int, words: int) -> int:
        return pictures * (3 * self.picture - self.features) + 3 * words * self.word


def rate(shapes: list[tuple[int, int, int]], device: torch.device) -> float:
    """The best operations/s for products of these (rows, in, out), over all of them together."""
    operations, seconds = 0, 0.0
    for rows, width, out in shapes:
        x, weight = torch.randn(rows, width, device=device), torch.randn(out, width, device=device)
        ways = [products._plain(weight, None)]
        if device.type == "cpu" and products.can_pack():
            ways.append(products._packed(weight, None))
        times = 20 if rows < 100 else 5
        seconds += min(best(*(waiting(way, x, device) for way in ways), times=times))
        operations += 2 * rows * width * out
    return operations / seconds


def waiting(way: Callable[[Tensor], Tensor], x: Tensor, device: torch.device) -> Callable:
    """The call until its end: a GPU returns before it has finished."""

    def run() -> None:
        way(x)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def shapes(rows: int, pictures: int, config: SoftAttentionSettings) -> list[tuple[int, int, int]]:
    """The products of `rows` words at once and of the pictures before them."""
    D, E, A, C = config.hidden, config.embedding, config.attention, config.features
    words = [(rows, D, A + 4 * D + E + 1), (rows, C, 4 * D + E), (rows, E, 4 * D), (rows, E, V)]
    return [(pictures * L, F, C), (pictures * L, C, A), *(WORDS * words)]


def batch(pictures: int, captions: int, device: torch.device) -> Batch:
    """Captions of 9 to 16 words, longest first."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(9, WORDS + 1, (pictures, captions), generator=generator)
    lengths = lengths.sort(1, descending=True).values
    ids = torch.randint(4, V, (pictures, captions, WORDS + 1), generator=generator)
    live = torch.arange(WORDS) < lengths.unsqueeze(-1)
    grid = torch.randn(pictures, L, F, generator=generator).relu()
    inputs, targets = ids[..., :-1].contiguous(), ids[..., 1:].contiguous()
    which = torch.arange(captions).expand(pictures, captions)
    mirrored = torch.zeros(pictures, dtype=torch.bool)
    parts = (grid, inputs, targets, lengths, live, torch.arange(pictures), which, mirrored)
    return Batch(*(part.to(device) for part in parts))


class Model(nn.Module):
    """What the training task sees of a captioner, its encoder left out."""

    def __init__(self, decoder: SoftAttentionDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, given: Batch) -> Forward:
        return Forward(self.decoder.teach(Features(given.pictures), given.inputs, given.lengths))


def training_steps(
    decoder: SoftAttentionDecoder, given: Batch
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The straightforward and the fast step: loss, backward, clipping, Adam."""
    decoder.train()
    model, task = Model(decoder), build_task(CrossEntropySettings(0.1))
    context = Context(Vocabulary(SPECIALS), ())
    parameters = list(decoder.parameters())
    usual = torch.optim.Adam(parameters, 1e-5)
    fused = torch.optim.Adam(parameters, 1e-5, fused=True)

    def finish(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        optimizer.zero_grad()
        if given.pictures.is_cuda:
            torch.cuda.synchronize()

    return (
        lambda: finish(plain.loss(decoder, given.pictures, given, 0.1), usual),
        lambda: finish(task(model, given, context).total, fused),
    )


def peak(step: Callable[[], None]) -> float:
    """The peak MiB that a call allocates, by torch's profiler."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    return max(itertools.accumulate(size for _, size in sorted(changes))) / 2**20


def memory(given: Batch) -> None:
    """What a training step needs in addition to the weights and Adam's moments."""
    steps = training_steps(SoftAttentionDecoder(SoftAttentionSettings(), V, F), given)
    for step in steps:
        step()
    slow, fast = (peak(step) for step in steps)
    print(f"{'its memory, MiB':28} {slow:9.0f} {fast:9.0f} {fast / slow:8.2f} of plain")


def line(name: str, slow: float, fast: float, limit: float) -> None:
    print(
        f"{name:28} {slow * 1e3:9.0f} {fast * 1e3:9.1f} {slow / fast:8.1f} x "
        f"{limit * 1e3:9.1f} {fast / limit:8.2f} x {slow / limit:8.1f} x",
        flush=True,
    )


def table(device: torch.device, pictures: int, dtype: torch.dtype, graphs: bool) -> None:
    torch.manual_seed(0)
    config = SoftAttentionSettings()
    operations = Operations.of(config)
    decoder = SoftAttentionDecoder(config, V, F).to(device, dtype).eval()
    stepper = decoder.stepper()
    if graphs:
        stepper.step = torch.compile(stepper.step, mode="reduce-overhead")
    every = torch.randn(pictures, L, F).relu().to(device, dtype)
    print(f"{'':28} {'plain ms':>9} {'fast ms':>9} {'ratio':>10} {'limit ms':>9} {'of it':>10} "
          f"{'most':>10}")  # fmt: skip
    for name, count, beams in (
        (f"beam 5, {pictures} pictures", pictures, 5),
        ("beam 5, 1 picture", 1, 5),
        (f"greedy, {pictures} pictures", pictures, 1),
    ):
        grid = every[:count]
        usual, ours = twins(decoder, stepper, grid, beams)
        slow, fast = best(usual, ours, times=3 if count > 1 else 20)
        fastest = rate(shapes(count * beams, count, config), device)
        line(name, slow, fast, operations.decoding(count, beams) / fastest)
    given = batch(16, 5, device)
    if dtype == torch.float32:
        words = int(given.lengths.sum())
        slow, fast = best(*training_steps(decoder, given), times=3)
        fastest = rate(shapes(80, 16, config), device)
        line("training step, 16 x 5", slow, fast, operations.training(16, words) / fastest)


def twins(
    decoder: SoftAttentionDecoder, stepper: Stepper, grid: Tensor, beams: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    special = (TOKENS.bos, TOKENS.eos, BANNED)
    features = Features(grid)
    if beams == 1:
        return (
            lambda: plain.greedy(decoder, grid, *special, WORDS),
            lambda: greedy(stepper, stepper.start(features), TOKENS, RULES, WORDS),
        )
    return (
        lambda: plain.beam(decoder, grid, *special, beams, WORDS),
        lambda: beam_search(stepper, stepper.start(features), TOKENS, RULES, beams, WORDS),
    )


def identical(model: str, data: str, count: int) -> None:
    """Caption photos with a trained model both ways, and print how far they agree."""
    from saccade.api import Captioner
    from saccade.data.sources import read

    captioner = Captioner.from_pretrained(model, device="cpu")
    photos = [e.image for e in read(Path(data)).examples if e.split == "val"][:count]
    engine = captioner.engine
    words, config = engine.vocabulary, engine.decoding
    banned = (words.pad, words.bos, words.unk)
    tokens = Tokens(words.bos, words.eos)
    decoder, stepper = engine.model.decoder, engine.stepper()
    same, worst = 0, 0.0
    for at in range(0, len(photos), 50):
        features = captioner.encode(photos[at : at + 50]).features
        slow = plain.beam(
            decoder,
            features.cells,
            words.bos,
            words.eos,
            banned,
            5,
            config.max_words,
            config.length_power,
        )
        fast = beam_search(
            stepper,
            stepper.start(features),
            tokens,
            [ban(banned)],
            5,
            config.max_words,
            config.length_power,
        )
        for (score, ids, _), (hypothesis, *_) in zip(slow, fast, strict=True):
            if hypothesis.ids == tuple(ids):
                same += 1
                worst = max(worst, abs(hypothesis.score - score))
    print(f"{same} of {len(photos)} captions identical; scores differ by at most {worst:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", type=int, default=0, help="50; 256 on a GPU")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-memory", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--data")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.keep_memory:
        keep_memory()
    if given.model:
        return identical(given.model, given.data, given.pictures or 200)
    device = torch.device(given.device)
    pictures = given.pictures or (256 if device.type == "cuda" else 50)
    packed = device.type == "cpu" and products.can_pack()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{given.threads} threads"
    print(f"torch {torch.__version__}, {name}; packed products: {'yes' if packed else 'no'}")
    table(device, pictures, torch.float32, graphs=False)
    if device.type == "cuda":
        for dtype, graphs in (
            (torch.float32, True),
            (torch.bfloat16, False),
            (torch.bfloat16, True),
        ):
            print(f"\n{dtype}, {'captured graphs' if graphs else 'eager'}")
            table(device, pictures, dtype, graphs)
    else:
        memory(batch(16, 5, device))
    return None


if __name__ == "__main__":
    main()
