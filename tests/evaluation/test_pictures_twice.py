"""A picture that stands twice in the data is scored with the captions of both places."""

from dataclasses import replace

from saccade.api import Captioner, evaluate
from saccade.config import merge
from saccade.data.sources import read
from saccade.training.train import train
from tests.conftest import TINY


def test_the_captions_of_both_places_count(data, tmp_path):
    train(data, tmp_path / "run", settings=merge(TINY, {"train": {"epochs": 1}}), cpu=True, show=False)  # fmt: skip
    captioner = Captioner.from_pretrained(tmp_path / "run", device="cpu")
    pictures = [e for e in read(data).examples if e.split == "val"]
    (written, *_) = evaluate(captioner, pictures, show=False).captioned
    own = replace(pictures[0], captions=(written.caption.text or "x",))
    once = evaluate(captioner, [own, *pictures[1:]], show=False)
    twice = evaluate(captioner, [own, pictures[0], *pictures[1:]], show=False)
    assert twice.scores["ROUGE-L"] == once.scores["ROUGE-L"]  # its own words are a reference still
