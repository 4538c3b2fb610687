"""The training objective against equation 14 written as loops."""

import math

import pytest
import torch

from saccade.data.dataset import Collate, Item
from saccade.models.captioner import Forward
from saccade.models.contract import Attention, Predictions
from saccade.text import SPECIALS, Vocabulary
from saccade.training.averages import moving_average
from saccade.training.detection import word_detection
from saccade.training.tasks import Context, CrossEntropySettings, build_task, doubly_stochastic


def batch_of(captions):
    items = [
        Item(torch.zeros(3, 2), entry, i, range(len(entry))) for i, entry in enumerate(captions)
    ]
    return Collate(0, 1, 2)(items)


class Fixed(torch.nn.Module):
    """Gives prepared predictions."""

    def __init__(self, logits, alphas):
        super().__init__()
        self.predictions = (logits, alphas)

    def forward(self, batch):
        logits, alphas = self.predictions
        attention = Attention(alphas * batch.live.unsqueeze(-1))
        return Forward(Predictions(logits[batch.live], batch.live, attention))


def test_collate_shifts_sorts_and_pads():
    batch = batch_of([[[5], [6, 7, 8]], [[9, 10]]])
    assert batch.inputs.tolist() == [
        [[1, 6, 7, 8], [1, 5, 0, 0]],
        [[1, 9, 10, 0], [0, 0, 0, 0]],
    ]
    assert batch.targets.tolist() == [
        [[6, 7, 8, 2], [5, 2, 0, 0]],
        [[9, 10, 2, 0], [0, 0, 0, 0]],
    ]
    assert batch.lengths.tolist() == [[4, 2], [3, 0]]
    assert batch.live.sum(-1).equal(batch.lengths)
    assert batch.indices.tolist() == [0, 1]
    assert batch.captions.tolist() == [[1, 0], [0, -1]]


def test_the_objective_is_equation_14_per_word():
    torch.manual_seed(0)
    batch = batch_of([[[5], [6, 7, 8]], [[9, 10]]])
    B, K, T = batch.inputs.shape
    logits, alphas = torch.randn(B, K, T, 12), torch.randn(B, K, T, 3).softmax(-1)
    weight, smoothing = 0.7, 0.1
    nll, smooth, penalty, words = 0.0, 0.0, 0.0, 0
    for b in range(B):
        for k in range(K):
            length = int(batch.lengths[b, k])
            if length == 0:
                continue
            for t in range(length):
                logp = logits[b, k, t].log_softmax(-1)
                nll -= logp[batch.targets[b, k, t]].item()
                gold = (1 - smoothing) * logp[batch.targets[b, k, t]]
                smooth -= (gold + smoothing * logp.mean()).item()
                words += 1
            for i in range(3):
                penalty += (1 - sum(alphas[b, k, t, i].item() for t in range(length))) ** 2
    model = Fixed(logits, alphas)
    context = Context(Vocabulary(SPECIALS), ())
    settings = CrossEntropySettings(weight)
    loss = build_task(settings)(model, batch, context)
    assert int(loss.sums["words"]) == words == 9
    assert math.isclose(loss.sums["nll"].item(), nll, rel_tol=1e-5)
    assert math.isclose(loss.total.item(), (nll + weight * penalty) / words, rel_tol=1e-5)
    loss = build_task(CrossEntropySettings(weight, smoothing))(model, batch, context)
    assert math.isclose(loss.total.item(), (smooth + weight * penalty) / words, rel_tol=1e-5)
    assert math.isclose(loss.sums["nll"].item(), nll, rel_tol=1e-5)
    spread = -sum(
        p * math.log(p)
        for b in range(B)
        for k in range(K)
        for t in range(int(batch.lengths[b, k]))
        for p in alphas[b, k, t].tolist()
        if p > 0
    )
    loss = build_task(CrossEntropySettings(weight, entropy=0.3))(model, batch, context)
    total = (nll + weight * penalty + 0.3 * spread) / words
    assert math.isclose(loss.total.item(), total, rel_tol=1e-5)


def test_the_regulariser_is_zero_when_every_cell_is_seen_once():
    alphas = torch.eye(3).view(1, 1, 3, 3)  # three words, each looks at its own cell
    assert doubly_stochastic(alphas, torch.tensor([[3]])).item() == 0
    stuck = torch.zeros(1, 1, 3, 3)
    stuck[..., 0] = 1  # all words look at the first cell: (1 - 3)^2 + 1 + 1
    assert doubly_stochastic(stuck, torch.tensor([[3]])).item() == 6


def test_word_detection_is_a_softmax_over_words_of_log_sum_exp_over_cells():
    torch.manual_seed(0)
    batch = batch_of([[[5], [6, 7, 8]], [[9, 10]]])
    words = torch.tensor([5, 7, 9, 11])
    seen = torch.randn(2, 4, 4)
    expected = 0.0
    for b, there in enumerate(((0, 1), (2,))):
        odds = [sum(math.exp(seen[b, i, w].item()) for i in range(4)) for w in range(4)]
        expected -= sum(math.log(odds[w] / sum(odds)) for w in there)
    assert math.isclose(word_detection(seen, words, batch).item(), expected / 2, rel_tol=1e-4)


def test_the_moving_average_forgets_the_start_soon():
    average, buffer = torch.zeros(1), torch.tensor(0)
    update, expected = moving_average(0.9), 0.0
    for steps in range(200):
        update([average, buffer], [torch.tensor([float(steps)]), torch.tensor(steps)], steps)
        kept = min(0.9, (1 + steps) / (10 + steps))
        expected = kept * expected + (1 - kept) * steps
        assert average.item() == pytest.approx(expected, rel=1e-5)
        assert buffer.item() == steps
    assert average.item() == pytest.approx(199 - 9, abs=1)  # nine steps behind, as 0.9 should be
