"""Self-critical training: its gradient against plain loops and against the exact one, what it makes
of a captioner, and what it refuses."""

import json
import math
from itertools import product

import pytest
import torch
from safetensors.torch import load_file

from saccade.cli import main
from saccade.config import merge
from saccade.decoding import GreedySettings, SampleSettings, search
from saccade.errors import DataError, UsageError
from saccade.metrics.cider import cider
from saccade.training.endings import bad_endings
from saccade.training.run import read_log
from saccade.training.tasks import TASKS, Context, Materials, build_task
from saccade.training.tasks.self_critical import Drawn, _max_margin, _risk
from saccade.training.train import resume, train
from saccade.values.batch import Batch
from saccade.values.examples import Example
from tests.conftest import TINY
from tests.engine.small import small_engine
from tests.models.kinds import KINDS, F

CAPTIONS = (("w1 w2 w3", "w1 w2"), ("w4 w5", "w5 w1 unheard"), ("w2 w4",))
SETTINGS = TASKS["self_critical"].settings


def small(kind, tmp_path, **settings):
    """A task, its model, two of three pictures, and the context."""
    engine = small_engine(kind)
    model, vocabulary = engine.model, engine.vocabulary
    examples = tuple(
        Example(tmp_path / f"{n}.png", captions, "train", str(n))
        for n, captions in enumerate(CAPTIONS)
    )
    reward = settings.pop("reward", None)
    task = build_task(SETTINGS(**settings), Materials(model, vocabulary, examples, reward))
    torch.manual_seed(1)
    ids = torch.ones(2, 1, 2, dtype=torch.long)
    batch = Batch(
        torch.randn(2, 16, F), ids, ids, ids.sum(2), ids > 0, torch.tensor([2, 0]), ids[:, 0], None
    )
    return task, model, batch, Context(vocabulary, examples)


def sampled(model, batch, vocabulary, samples, words):
    """Captions as ids, ends included, by the public search with the seeds of the task."""
    features = model.features(batch.pictures)
    seeds = torch.randint(2**62, (2,)).tolist()
    drawing = SampleSettings(samples=samples, max_words=words)
    stepper = model.decoder.stepper()
    several = search(stepper, features, vocabulary, drawing, samples, seeds)
    best = search(stepper, features, vocabulary, GreedySettings(max_words=words))
    return [
        [[*h.ids, *([2] if h.finished else [])] for h in entries] for entries in (*several, *best)
    ]


def log_probability(model, cells, ids):
    """Of one caption, word by word through the decoder's own steps, without PAD, BOS and UNK."""
    state, before, total = model.decoder.start(cells), 1, 0.0
    for word in ids:
        step = model.decoder.step(torch.tensor([before]), state)
        kept = step.logits[0].clone()
        kept[[0, 1, 3]] = -torch.inf
        total = total + kept.log_softmax(0)[word]
        before, state = word, step.state
    return total


def gradients(model):
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("baseline", ["leave_one_out", "greedy"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_a_plain_loop(kind, baseline, tmp_path):
    task, model, batch, context = small(kind, tmp_path, samples=4, max_words=5, baseline=baseline)
    torch.manual_seed(7)
    loss = task(model, batch, context)
    loss.total.backward()
    found = gradients(model)

    model.zero_grad()
    model.eval()
    torch.manual_seed(7)
    with torch.no_grad():
        *captions, best_of_first, best_of_second = sampled(model, batch, context.vocabulary, 4, 5)
    words = context.vocabulary.words

    def text(ids):
        return " ".join(words[i] for i in ids)

    everything = [[f"{caption} <eos>" for caption in group] for group in CAPTIONS]
    groups, texts = [], []
    for picture, entries, best in (
        (2, captions[0], best_of_first),
        (0, captions[1], best_of_second),
    ):
        for ids in (*entries, *best):
            groups.append(everything[picture])
            texts.append(text(ids))
    from saccade.metrics import Frequencies

    rewards = cider(groups, texts, Frequencies.of(everything))[1].reshape(2, 5)
    total = 0.0
    for b in range(2):
        for k, ids in enumerate(captions[b]):
            others = [r for j, r in enumerate(rewards[b, :4]) if j != k]
            base = sum(others) / 3 if baseline == "leave_one_out" else rewards[b, 4]
            features = model.features(batch.pictures[b : b + 1])
            total = total - (rewards[b, k] - base) * log_probability(model, features, ids) / 8
    total.backward()
    assert math.isclose(loss.total.item(), total.item(), rel_tol=1e-4, abs_tol=1e-6)
    assert loss.figures["reward"] == pytest.approx(rewards[:, :4].mean())
    plain = gradients(model)
    assert found.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-6)


def test_on_average_it_is_the_gradient_of_the_expected_reward(tmp_path):
    """All captions of at most two words, each with its probability; the second picture's too."""

    def reward(captions, references):
        return [len(set(caption.split())) + 2 * caption.endswith("w7") for caption in captions]

    task, model, batch, context = small(
        "soft_attention", tmp_path, samples=1000, max_words=2, cider=0.0, reward=reward
    )
    for seed in range(20):
        torch.manual_seed(seed)
        (task(model, batch, context).total / 20).backward()
    found = torch.cat([g.flatten() for g in gradients(model).values()])
    model.zero_grad()
    model.eval()
    usable = [2, *range(4, len(context.vocabulary))]
    every = [[2], *([a, b] for a, b in product(usable[1:], usable))]
    texts = [" ".join(context.vocabulary.decode(ids)) for ids in every]
    earned = torch.tensor(reward(texts, []), dtype=torch.float)
    total = 0.0
    inputs = torch.tensor([[1, ids[0]] for ids in every])
    for b in range(2):
        features = model.features(batch.pictures[b : b + 1])
        lengths = torch.tensor([[len(ids) for ids in every]])
        order = lengths[0].argsort(descending=True, stable=True)
        forward = model.decoder.teach(features, inputs[order].unsqueeze(0), lengths[:, order])
        logits = forward.logits.clone()
        logits[:, [0, 1, 3]] = -torch.inf
        targets = torch.tensor([w for i in order.tolist() for w in every[i]])
        own = logits.log_softmax(1).gather(1, targets.unsqueeze(1))[:, 0]
        placed = own.new_zeros(forward.live.shape).masked_scatter(forward.live, own)
        probabilities = placed.sum(2)[0].exp()
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-4)
        total = total - (probabilities * earned[order]).sum() / 2
    total.backward()
    exact = torch.cat([g.flatten() for g in gradients(model).values()])
    assert (found - exact).norm() < 0.1 * exact.norm()


def test_losses_over_sets_are_their_formulas():
    logprobs = torch.tensor([[-1.0, -2.0, -4.0]])
    rewards = torch.tensor([[0.2, 1.0, 0.1]])
    lengths = torch.tensor([[4, 2, 1]])
    ids = torch.zeros(1, 3, 4)
    batch = Batch(ids, ids, ids, lengths, ids > 0, lengths[:, 0], lengths, None)
    drawn = Drawn(batch, rewards, None, {})
    odds = [math.exp(-1), math.exp(-2), math.exp(-4)]
    risk = -sum(o * r for o, r in zip(odds, [0.2, 1.0, 0.1], strict=True)) / sum(odds)
    assert _risk(logprobs, drawn).item() == pytest.approx(risk)
    scores = [-0.25, -1.0, -4.0]
    worst = max(1.0 - r + s for r, s in zip([0.2, 1.0, 0.1], scores, strict=True))
    assert _max_margin(logprobs, drawn).item() == pytest.approx(worst + 1.0)


def test_entropy_and_divergence_are_sums_over_all_words(tmp_path):
    task, model, batch, context = small("transformer", tmp_path, entropy=0.5, kl=0.25, max_words=4)
    torch.manual_seed(3)
    same = task(model, batch, context)
    assert same.figures["kl"] == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        model.decoder.output.weight.mul_(1.5)
    torch.manual_seed(3)
    apart = task(model, batch, context)
    assert apart.figures["kl"] > 0.001
    assert 0 < apart.figures["entropy"] < math.log(20)
    plain = build_task(
        SETTINGS(max_words=4), Materials(model, context.vocabulary, context.examples)
    )
    torch.manual_seed(3)
    total = plain(model, batch, context).total - 0.5 * apart.figures["entropy"]
    assert apart.total.item() == pytest.approx(
        (total + 0.25 * apart.figures["kl"]).item(), abs=1e-5
    )


def test_bad_endings_are_counted():
    assert bad_endings([["a", "dog", "on", "a"], ["a", "dog"], [], ["with"]]) == 0.5


# Through `train` -----------------------------------------------------------------------------------

CRITICAL = {
    "train": {
        "batch": 6, "epochs": 8, "learning_rate": 3e-3, "select": "CIDEr", "validate_every": 12,
        "monitor": 0, "task": {"kind": "self_critical", "samples": 6, "max_words": 8},
    }
}  # fmt: skip
PLAIN = {"cpu": True, "show": False}


@pytest.fixture(scope="module")
def taught(data, tmp_path_factory):
    """A captioner that has just begun to learn."""
    out = tmp_path_factory.mktemp("taught") / "run"
    longer = {"epochs": 16, "learning_rate": 1e-2, "validate_every": 500, "monitor": 0}
    settings = merge(TINY, {"train": longer, "decoder": {"dropout": 0.0}})
    train(data, out, settings=settings, **PLAIN)
    return out


def test_the_reward_rises_and_the_best_is_chosen_on_validation(taught, data, tmp_path):
    out = tmp_path / "run"
    command = ["train", str(data), "--out", str(out), "--from", str(taught), "--cpu"]
    command += ["--preset", "self_critical"]
    for name, value in CRITICAL["train"].items():
        for key, inner in value.items() if isinstance(value, dict) else [("", value)]:
            command += ["--set", f"train.{name}{key and '.'}{key}={json.dumps(inner)}"]
    assert main(command) == 0
    records = read_log(out / "log.jsonl")
    rewards = [r["reward"] for r in records if r["event"] == "train"]
    assert sum(rewards[-6:]) > 1.4 * sum(rewards[:6])
    for name in ("bad_endings", "cut", "different", "length", "reward_std"):
        assert all(name in r for r in records if r["event"] == "train")
    validations = [r for r in records if r["event"] == "validation"]
    assert [r["step"] for r in validations] == [0, 12, 24]
    assert all("bad_endings" in r for r in validations)
    best = max(validations, key=lambda r: r["CIDEr"])
    config = json.loads((out / "best" / "config.json").read_text())
    assert config["training"]["step"] == best["step"]
    assert config["decoder"] == json.loads((taught / "best" / "config.json").read_text())["decoder"]


def test_it_resumes_bit_for_bit_and_from_the_same_checkpoint_only(taught, data, tmp_path):
    settings = merge(CRITICAL, {"train": {"epochs": 2, "task": {"kl": 0.1}}})
    options = {"settings": settings, "start": taught / "best", **PLAIN}
    train(data, tmp_path / "whole", **options)
    shorter = merge(settings, {"train": {"epochs": 1}})
    train(data, tmp_path / "parts", **{**options, "settings": shorter})
    resume(tmp_path / "parts", cpu=True, show=False, epochs=2)
    whole, parts = (load_file(tmp_path / r / "last/model.safetensors") for r in ("whole", "parts"))
    assert all(whole[name].equal(parts[name]) for name in whole)
    about = json.loads((tmp_path / "parts/run.json").read_text())
    about["start"]["weights"] = "0" * 64
    (tmp_path / "parts/run.json").write_text(json.dumps(about))
    with pytest.raises(DataError, match="another checkpoint than the one that"):
        resume(tmp_path / "parts", cpu=True, show=False, epochs=3)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda captions, references: [math.nan] * len(captions), "returned nan for the caption"),
        (lambda captions, references: [1.0], r"shape \(1,\) for 4 captions"),
        (lambda captions, references: [[1.0]] * len(captions), r"shape \(4, 1\)"),
        (lambda captions, references: captions, "something else than numbers"),
    ],
)
def test_a_reward_that_is_no_number_for_each_caption_is_refused_at_once(
    reward, message, taught, data, tmp_path
):
    with pytest.raises(UsageError, match=message):
        train(data, tmp_path / "run", settings=CRITICAL, start=taught, reward=reward, **PLAIN)
    assert not (tmp_path / "run").exists()


def test_a_reward_from_python_counts_and_is_needed_to_go_on(taught, data, tmp_path):
    def short(captions, references):
        assert all(isinstance(texts, list) for texts in references)
        return [-len(caption.split()) for caption in captions]

    settings = merge(CRITICAL, {"train": {"task": {"cider": 0.0}}})
    train(data, tmp_path / "run", settings=settings, start=taught, reward=short, **PLAIN)
    lengths = [r["length"] for r in read_log(tmp_path / "run/log.jsonl") if r["event"] == "train"]
    assert sum(lengths[-4:]) < 0.8 * sum(lengths[:4])
    with pytest.raises(UsageError, match=r"trained with the reward .*short, Python code of yours"):
        resume(tmp_path / "run", cpu=True, show=False)


@pytest.mark.parametrize(
    ("settings", "begins", "message"),
    [
        ({}, False, "add --from RUN/best"),
        ({"train": {"select": "loss"}}, True, "train.select=CIDEr"),
        ({"train": {"task": {"cider": 0.0}}}, True, "rewards nothing"),
        ({"train": {"task": {"samples": 1}}}, True, "train.task.samples is 2 or more"),
        ({"decoder": {"kind": "show_tell"}}, True, "decoder.kind is soft_attention in"),
        ({"decoder": {"hidden": 9}}, True, r"do not fit decoder\.hidden"),
        ({"encoder": {"widths": [3]}}, True, r"encoder\.widths is the checkpoint's"),
    ],
)
def test_what_contradicts_itself_is_refused(settings, begins, message, taught, data, tmp_path):
    start = taught if begins else None
    with pytest.raises(UsageError, match=message):
        train(data, tmp_path / "run", settings=merge(CRITICAL, settings), start=start, **PLAIN)
    assert not (tmp_path / "run").exists()
