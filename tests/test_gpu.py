"""On a GPU the same numbers as on the CPU. Skipped where there is none."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from saccade import Captioner
from saccade.config import merge
from saccade.decoding import STRATEGIES, RuleSettings, Tokens, ban, beam_search, changed, search
from saccade.engine.coverings import CellwiseCoverings
from saccade.models.build import DECODERS, build_decoder
from saccade.models.contract import Features
from saccade.text import SPECIALS, Vocabulary
from saccade.training.run import read_log
from saccade.training.train import resume, train
from tests.conftest import TINY
from tests.training.ranks import weights
from tests.training.test_processes import STILL, arguments, close

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

V, F, L, BOS, EOS = 50, 24, 12, 1, 2


KINDS = {
    "soft_attention": {"hidden": 32, "embedding": 24, "attention": 16, "features": 20},
    "show_tell": {"hidden": 32, "embedding": 24},
    "transformer": {"hidden": 32, "heads": 4, "feedforward": 48},
}


@pytest.fixture(params=sorted(DECODERS))
def models(request):
    """The same decoder on the CPU and on the GPU, float32 products exact."""
    kind = request.param
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        settings = DECODERS[kind].settings(**KINDS[kind], dropout=0.0)
        found.append(build_decoder(settings, V, F).eval().to(device))
    yield found
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.fixture
def grid():
    return torch.randn(3, L, F, generator=torch.Generator().manual_seed(1))


def test_beam_search_finds_the_same_sentences(models, grid):
    found = []
    for model in models:
        stepper = model.stepper()
        state = stepper.start(Features(grid.to(next(model.parameters()).device)))
        found.append(beam_search(stepper, state, Tokens(BOS, EOS), [ban((0, 1, 3))], 4, 8))
    for one, other in zip(*found, strict=True):
        assert [h.ids for h in one] == [h.ids for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-4)
        if one[0].alphas is not None:
            np.testing.assert_allclose(one[0].alphas, other[0].alphas, atol=1e-5)


RULES = RuleSettings(
    min_words=3, no_repeated_word=True, no_repeated_ngram=2, trigram_penalty=1.0,
    bad_endings=("w4", "w5"), banned=("w6",),
)  # fmt: skip


@pytest.mark.parametrize("strategy", [*STRATEGIES, "forced"])
def test_every_strategy_under_rules_finds_the_same_sentences(models, grid, strategy):
    vocabulary = Vocabulary((*SPECIALS, *(f"w{i}" for i in range(4, V))))
    name = "beam" if strategy == "forced" else strategy
    settings = changed(STRATEGIES[name].settings(rules=RULES), name, max_words=8)
    if strategy == "forced":
        settings = changed(settings, forced=["w9|w10", "w20"])
    found = []
    for model in models:
        features = Features(grid.to(next(model.parameters()).device))
        found.append(search(model.stepper(), features, vocabulary, settings, 3, [1, 2, 3]))
    for one, other in zip(*found, strict=True):
        assert [h.ids for h in one[:3]] == [h.ids for h in other[:3]]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-4)


def test_gradients_are_the_same(models, grid):
    captions = torch.randint(4, V, (3, 2, 6), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([[6, 3], [5, 5], [4, 0]])
    gradients = []
    for model in models:
        device = next(model.parameters()).device
        taught = model.teach(Features(grid.to(device)), captions.to(device), lengths.to(device))
        taught.logits.square().mean().backward()
        gradients.append([p.grad.cpu() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 1e-5 * one.norm() + 1e-8


def test_masked_runs_are_the_same(models, grid):
    rng = np.random.default_rng(0)
    masks, wanted = rng.random((20, L)) < 0.5, rng.random((20, 4)) < 0.5
    found = []
    for model in models:
        device = next(model.parameters()).device
        stepper = model.stepper().cellwise()
        if stepper is None:
            pytest.skip("this kind mixes its cells at once")
        features = Features(grid[:1].to(device))
        coverings = CellwiseCoverings(stepper, features, grid[1:].to(device), BOS)
        found.append(coverings.logprobs(masks, (5, 9, 11, 7), wanted))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


# Through `train` -----------------------------------------------------------------------------------


def losses(run) -> list[float]:
    return [r["loss"] for r in read_log(run / "log.jsonl") if r["event"] == "train"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_mixed_precision_trains_and_resumes(kind, precision, data, tmp_path):
    """Weights stay in full precision; steps whose scaled gradients overflow (fp16) are left out."""
    if precision == "bf16" and not torch.cuda.is_bf16_supported(False):
        pytest.skip("this GPU has no bf16")
    decoder = {"kind": kind, **KINDS[kind], "dropout": 0.0}
    for name in ("no", precision):
        settings = {**merge(TINY, {"train": {"precision": name, "epochs": 4}}), "decoder": decoder}
        train(data, tmp_path / name, settings=settings, show=False)
    rough, exact = losses(tmp_path / precision), losses(tmp_path / "no")
    assert rough[0] == pytest.approx(exact[0], rel=0.02)
    assert rough[-1] == pytest.approx(exact[-1], rel=0.2)
    assert rough != exact
    resume(tmp_path / precision, show=False, epochs=5)
    assert len(losses(tmp_path / precision)) == len(exact) // 4 * 5
    for value in weights(tmp_path / precision).values():
        assert value.dtype not in (torch.float16, torch.bfloat16)
        assert not value.is_floating_point() or value.isfinite().all()


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_self_critical_steps_with_a_divergence(precision, run, data, tmp_path):
    task = {"kind": "self_critical", "samples": 4, "kl": 0.1, "entropy": 0.01, "max_words": 8}
    changes = {"select": "CIDEr", "max_steps": 6, "precision": precision, "task": task}
    train(data, tmp_path / "run", settings={"train": changes}, start=run, show=False)
    records = [r for r in read_log(tmp_path / "run" / "log.jsonl") if r["event"] == "train"]
    assert len(records) == 6
    assert all(r[name] is not None for r in records for name in ("reward", "kl", "gradient_norm"))


def test_checkpointed_stages_give_the_same_weights(backbone, data, tmp_path):
    encoder = {"backbone": str(backbone), "image_size": [64, 64], "freeze": "none"}
    for name, checkpointed in (("plain", False), ("checkpointed", True)):
        own = {"max_steps": 4, "gradient_checkpointing": checkpointed}
        settings = merge({**STILL, "encoder": encoder}, {"train": own})
        train(data, tmp_path / name, settings=settings, show=False)
    close(tmp_path / "plain", tmp_path / "checkpointed", 1e-4)


def test_an_ensemble_writes_the_same_on_both(run, data):
    both = [run / "best", run / "last"]
    photo = data / "images" / "018.png"
    texts = {
        device: [
            Captioner.ensemble(both, device=device).caption(photo, strategy=name, keep=1).text
            for name in STRATEGIES
        ]
        for device in ("cpu", "cuda")
    }
    assert texts["cpu"] == texts["cuda"]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two GPUs here")
def test_two_gpus_equal_one_with_the_doubled_batch(data, tmp_path):
    """Validation sees each picture once on both; the losses are those of one GPU, too."""
    train(data, tmp_path / "one", settings=merge(STILL, {"train": {"batch": 8}}), show=False)
    command = arguments(data, tmp_path / "two", STILL)
    command.remove("--cpu")
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port"]
    port = str(20000 + os.getpid() % 20000)
    ended = subprocess.run(
        [sys.executable, *launcher, port, "-m", "saccade", *command],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    close(tmp_path / "one", tmp_path / "two", 1e-4)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-3)
