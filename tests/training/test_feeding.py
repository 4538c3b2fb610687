"""What the decoder reads while it is taught: its own words, and dropped ones."""

import math

import pytest
import torch

from saccade.data.dataset import Collate, Item
from saccade.models.captioner import Forward
from saccade.models.contract import Predictions
from saccade.training.tasks import Context, CrossEntropySettings, build_task
from saccade.training.tasks.feeding import drop_words, own_words
from tests.engine.small import small_engine
from tests.models.kinds import KINDS, F, V


def batch_of(captions, pixels=(16, F)):
    torch.manual_seed(0)
    items = [
        Item(torch.randn(pixels), entry, i, range(len(entry))) for i, entry in enumerate(captions)
    ]
    return Collate(0, 1, 2)(items)


BATCH = batch_of([[[5], [6, 7, 8]], [[9, 10]]])
VOCABULARY = small_engine("show_tell").vocabulary


class Certain(torch.nn.Module):
    """Writes one word of each place, whatever it is shown."""

    def __init__(self, words):
        super().__init__()
        self.words = words  # (B, K, T)

    def forward(self, batch):
        assert not self.training
        logits = 1e4 * torch.nn.functional.one_hot(self.words, V).float()
        return Forward(Predictions(logits[batch.live], batch.live, None))


def test_own_words_are_those_written_at_the_place_before():
    words = torch.arange(4, 4 + BATCH.inputs.numel()).view(BATCH.inputs.shape) % V
    words = words.clamp(min=4)
    model = Certain(words).train()
    read = own_words(model, BATCH, VOCABULARY, 1.0)
    assert model.training
    for b, k, t in BATCH.live.nonzero().tolist():
        expected = words[b, k, t - 1] if t else VOCABULARY.bos
        assert read.inputs[b, k, t] == expected
    assert read.inputs[~BATCH.live].eq(VOCABULARY.pad).all()
    assert read.targets.equal(BATCH.targets)
    assert own_words(model, BATCH, VOCABULARY, 0.0).inputs.equal(BATCH.inputs)


def test_special_words_are_never_read():
    """Also where the model is all but sure of them."""
    model = Certain(torch.full_like(BATCH.inputs, VOCABULARY.eos)).train()
    read = own_words(model, BATCH, VOCABULARY, 1.0).inputs[:, :, 1:][BATCH.live[:, :, 1:]]
    assert read.min() >= 4


def test_the_share_of_dropped_words_is_the_one_set():
    batch = batch_of([[[5 + i % 9 for i in range(60)]] * 5] * 8)
    torch.manual_seed(3)
    read = drop_words(batch, VOCABULARY, 0.3)
    words = batch.live.clone()
    words[:, :, 0] = False
    dropped = read.inputs[words] == VOCABULARY.unk
    n = int(words.sum())
    assert abs(dropped.float().mean().item() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / n)
    kept = read.inputs != VOCABULARY.unk
    assert read.inputs[kept].equal(batch.inputs[kept])
    assert read.inputs[:, :, 0].eq(VOCABULARY.bos).all()
    assert read.targets.equal(batch.targets)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_trained_with_both(kind):
    """At the start of training no word is the model's own; later the loss is that of other words
    read, of the same targets."""
    model, vocabulary = small_engine(kind).model.train(), small_engine(kind).vocabulary
    task = build_task(CrossEntropySettings(doubly_stochastic=0.0, scheduled_sampling=1.0))
    plain = build_task(CrossEntropySettings(doubly_stochastic=0.0))
    start = task(model, BATCH, Context(vocabulary, (), 0, 10))
    torch.testing.assert_close(
        start.total, plain(model, BATCH, Context(vocabulary, (), 0, 10)).total
    )
    late = Context(vocabulary, (), 9, 10)
    both = CrossEntropySettings(scheduled_sampling=1.0, word_dropout=0.5)
    loss = build_task(both)(model, BATCH, late)
    assert loss.total.item() != pytest.approx(start.total.item(), rel=1e-5)
    assert loss.counts == start.counts == {"words": BATCH.live.sum(), "pictures": 2}
    loss.total.backward()
    grads = [p.grad for p in model.decoder.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert model.training
