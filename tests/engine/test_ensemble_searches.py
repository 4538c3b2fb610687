"""Every strategy of an ensemble against the same search of a plain mean: each member on its own
features reads every sentence from its beginning."""

import zlib

import pytest
import torch

from saccade.decoding import STRATEGIES, RuleSettings, search
from saccade.engine import EnsembleEngine, encode
from saccade.models.contract import Features, State, Step
from tests.engine.test_ensemble import mixed, photos  # noqa: F401

RULES = RuleSettings(min_words=2, no_repeated_ngram=2, bad_endings=("w3",), banned=("w5",))
SEARCHES = {
    "greedy": {},
    "beam": {"beams": 3},
    "forced": {"beams": 2, "rules": RuleSettings(forced=("w7|w8", "w2"))},
    "diverse_beam": {"beams": 4, "groups": 2},
    "sample": {"samples": 3, "temperature": 0.8, "top_p": 0.95},
    "ruled": {"beams": 3, "rules": RULES},
}


class PlainMean:
    """Words so far, and which photo they are of."""

    def __init__(self, members, pictures, mean):
        self.members, self.mean = members, mean
        self.cells = [encode(member, pictures).features.cells for member in members]

    def start(self, features: Features) -> State:
        count = len(self.cells[0])
        words = torch.zeros(count, 0, dtype=torch.long)
        return State(count, {"words": words}, {"photo": torch.arange(count)})

    def step(self, tokens, state, of=None):
        words = torch.cat((state.rows["words"], tokens.unsqueeze(1)), 1)
        N, t = words.shape
        photo = state.pictures["photo"].repeat_interleave(N // state.count)
        every = []
        for member, cells in zip(self.members, self.cells, strict=True):
            lengths = torch.full((N, 1), t)
            taught = member.model.decoder.teach(Features(cells[photo]), words[:, None], lengths)
            every.append(taught.logits.unflatten(0, (N, t))[:, -1].double().log_softmax(1))
        together = torch.stack(every)
        logits = together.mean(0) if self.mean == "geometric" else together.exp().mean(0).log()
        return Step(logits, state.advance(words=words), None)


def test_every_strategy_is_among_them():
    assert STRATEGIES.keys() <= SEARCHES.keys()


@torch.no_grad()
@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@pytest.mark.parametrize("name", SEARCHES)
def test_an_ensemble_writes_what_the_plain_mean_writes(name, mean, mixed, photos):  # noqa: F811
    row = STRATEGIES.get(name, STRATEGIES["beam"])
    settings = row.settings(max_words=5, **SEARCHES[name])
    both = EnsembleEngine(mixed, mean=mean)
    encoded = encode(both, photos)
    seeds = [zlib.crc32(item.pixels.numpy().tobytes()) for item in encoded.prepared]
    plainly = search(
        PlainMean(mixed, photos, mean), encoded.features, both.vocabulary, settings, 3, seeds
    )
    for caption, entries in zip(both.write(encoded, settings, 3), plainly, strict=True):
        written = [caption, *caption.others]
        assert [one.ids for one in written] == [h.ids for h in entries[: len(written)]]
        for one, h in zip(written, entries, strict=False):
            assert one.score == pytest.approx(h.score, abs=1e-4)
            assert one.logprobs == pytest.approx(h.logprobs, abs=1e-4)
            assert one.heads.shape == (len(one.ids), 3, 8, 8)  # of the members with attention
