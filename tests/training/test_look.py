"""Attention taught by boxes: the loss against a plain loop, and what training makes of it."""

import math

import pytest
import torch

from saccade.config import merge
from saccade.data.dataset import Collate, Item
from saccade.data.entities import read_entities
from saccade.errors import SaccadeError
from saccade.models.captioner import Forward
from saccade.models.contract import Attention, Predictions
from saccade.text import SPECIALS, Vocabulary
from saccade.training.look import LookSettings, Shares
from saccade.training.run import read_log
from saccade.training.tasks import Context, CrossEntropySettings, build_task
from saccade.training.train import train
from saccade.values.examples import Example
from tests.conftest import TINY, squares

ANNOTATION = """<annotation><size><width>96</width><height>64</height></size>
<object><name>1</name><bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>64</ymax></bndbox>
</object></annotation>"""


class Fixed(torch.nn.Module):
    def __init__(self, logits, alphas):
        super().__init__()
        self.logits, self.alphas = logits, alphas

    def forward(self, batch):
        weights = self.alphas * batch.live.unsqueeze(-1)
        return Forward(Predictions(self.logits[batch.live], batch.live, Attention(weights)))


@pytest.mark.parametrize("loss", ["mass", "cells"])
def test_value_and_gradient_are_those_of_a_plain_loop(tmp_path, loss):
    """Two pictures, the second mirrored; the first one's captions are sorted by length."""
    torch.manual_seed(0)
    items = [
        Item(torch.zeros(4, 2), [[5], [6, 7, 8]], 0, [0, 2]),
        Item(torch.zeros(4, 2), [[9, 10]], 1, [1], True),
    ]
    batch = Collate(0, 1, 2)(items)
    examples = tuple(Example(tmp_path / f"{n}.png", ("",) * 3, "train", n) for n in "ab")
    table = torch.rand(3, 1, 4)
    rows = {("a", 2): ((1, 0), (2, 1), (9, 1)), ("a", 0): ((0, 2),), ("b", 1): ((1, 0),)}
    words = [(0, 0, 1, 0), (0, 0, 2, 1), (0, 1, 0, 2), (1, 0, 1, 0)]  # b, k, t, row
    logits = torch.randn(2, 2, 4, 12)
    alphas = torch.randn(2, 2, 4, 4).softmax(-1).requires_grad_()
    context = Context(Vocabulary(SPECIALS), examples, 0, 10, Shares((1, 4), table, rows))
    task = build_task(LookSettings(weight=0.7, loss=loss))
    result = task(Fixed(logits, alphas), batch, context)
    (gradient,) = torch.autograd.grad(result.total, alphas)

    expected, mass = 0.0, 0.0
    for b, k, t, row in words:
        share = table[row, 0].flip(0) if b == 1 else table[row, 0]
        inside = sum(alphas[b, k, t, i] * share[i] for i in range(4))
        mass += inside.item()
        if loss == "mass":
            expected = expected - inside.log()
        else:
            for i in range(4):
                expected = expected - share[i] / share.sum() * alphas[b, k, t, i].log()
    plain = build_task(CrossEntropySettings(0.0))(Fixed(logits, alphas), batch, context)
    total = plain.total + 0.7 * expected / len(words)
    assert math.isclose(result.total.item(), total.item(), rel_tol=1e-5)
    torch.testing.assert_close(gradient, torch.autograd.grad(total, alphas)[0])
    assert int(result.sums["boxed"]) == len(words)
    assert math.isclose(result.sums["box_mass"].item(), mass, rel_tol=1e-5)


def test_first_taught_then_free(tmp_path):
    batch = Collate(0, 1, 2)([Item(torch.zeros(4, 2), [[5, 6]], 0, [0])])
    model = Fixed(torch.randn(1, 1, 3, 12), torch.full((1, 1, 3, 4), 0.25))
    shares = Shares((2, 2), torch.eye(4)[:1].view(1, 2, 2), {("a", 0): ((0, 0),)})
    examples = (Example(tmp_path / "a.png", ("",), "train", "a"),)
    task = build_task(LookSettings(weight=1.0, until=0.5))
    early, late = (
        task(model, batch, Context(Vocabulary(SPECIALS), examples, step, 10, shares)).total
        for step in (4, 5)
    )
    assert (early - late).item() == pytest.approx(math.log(4), rel=1e-4)


def entities(data, folder):
    """Boxes of the half where each square is, in photos annotated at twice the size."""
    import json

    (folder / "Sentences").mkdir(parents=True)
    (folder / "Annotations").mkdir()
    for line in (data / "captions.jsonl").read_text().splitlines():
        entry = json.loads(line)
        stem = entry["image"].split("/")[-1][:-4]
        first = entry["captions"][0]
        phrase = " ".join(first.split()[:3])
        marked = first.replace(phrase, f"[/EN#1/other {phrase.title()}]") + " ."
        (folder / "Sentences" / f"{stem}.txt").write_text(marked + "\n")
        left = first.endswith("left")
        box = (1, 48) if left else (49, 96)
        (folder / "Annotations" / f"{stem}.xml").write_text(ANNOTATION.format(*box))
    return folder


def test_phrases_keep_their_words_kinds_and_boxes(data, tmp_path):
    folder = entities(data, tmp_path / "entities")
    (sentence,) = read_entities(folder, ["000", "not there"])["000"].sentences
    (phrase,) = sentence.phrases
    assert sentence.words[phrase.start : phrase.stop] == ("a", "red", "square")
    assert phrase.kinds == ("other",)
    assert phrase.boxes[0] in ((0, 0, 48, 64), (48, 0, 96, 64))


def test_taught_attention_points_where_the_boxes_are(tmp_path):
    data = squares(tmp_path / "squares", 48, 12)
    folder = entities(data, tmp_path / "entities")
    masses = {}
    for weight in (0.0, 2.0):
        task = {"kind": "look", "boxes": str(folder), "weight": weight}
        own = {"task": task, "epochs": 12, "batch": 8, "learning_rate": 1e-2, "flip": False}
        settings = merge(TINY, {"train": own, "decoder": {"dropout": 0.0}})
        outcome = train(data, tmp_path / str(weight), settings=settings, cpu=True, show=False)
        records = read_log(outcome.folder / "log.jsonl")
        assert all(0 < r["boxed"] < 1 for r in records if r["event"] == "train")
        masses[weight] = [r["box_mass"] for r in records if r["event"] == "validation"][-1]
    assert masses[2.0] > 0.9
    assert masses[0.0] < 0.8


def test_what_teaches_nothing_is_one_sentence_before_training(data, tmp_path):
    folder = entities(data, tmp_path / "entities")
    strangers = entities(data, tmp_path / "strangers")
    for path in (strangers / "Sentences").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    others = entities(data, tmp_path / "others")
    for path in (others / "Sentences").iterdir():
        path.write_text("[/EN#1/other Another sentence] .\n")
    looks = [
        ({"boxes": str(tmp_path / "none")}, {}, r"train\.task\.boxes: there is no .*none"),
        ({"boxes": str(strangers)}, {}, "no phrase of the .* has a box"),
        ({"boxes": str(others)}, {}, "no phrase of the .* has a box"),
        ({}, {}, r"train\.task\.boxes is empty and the captions have no boxes"),
        ({"boxes": str(folder), "kinds": ["cats"]}, {}, "kind 'cats'; the kinds are other"),
        ({"boxes": str(folder)}, {"kind": "show_tell"}, "show_tell has none"),
        ({"boxes": str(folder), "weight": -1}, {}, r"train\.task\.weight"),
        ({"boxes": str(folder), "loss": "other"}, {}, r"train\.task\.loss"),
    ]
    for number, (look, decoder, message) in enumerate(looks):
        settings = merge(TINY, {"train": {"task": {"kind": "look", **look}}})
        if decoder:
            settings["decoder"] = decoder
        out = tmp_path / f"run{number}"
        with pytest.raises(SaccadeError, match=message):
            train(data, out, settings=settings, cpu=True, show=False)
        assert not (out / "run.json").exists()


def test_boxes_of_scenes_and_of_coco_reach_their_cells(data, tmp_path):
    """A scene's regions count words at white space; COCO's boxes are in pixels of its own size."""
    import json

    from saccade.training.look import read_shares
    from saccade.values.examples import Region
    from tests.engine.small import small_engine

    encoder = small_engine("show_tell").model.encoder
    h, w = encoder.grid
    image = data / "images" / "000.png"  # 48 x 32
    captions = ("A -- dog, left", "two dogs")
    left = Region(0, 2, (0.0, 0.0, 24.0, 32.0))  # "dog,", the second word with letters
    drawn = Example(image, captions, "train", "a", regions=(left,))
    shares = read_shares(LookSettings(), [drawn], [], encoder)
    assert shares.rows == {("a", 0): ((1, 0),)}
    half = torch.zeros(h, w)
    half[:, : w // 2] = 1
    if w % 2:
        half[:, w // 2] = 0.5
    torch.testing.assert_close(shares.table[0], half)

    coco = {
        "images": [{"id": 1, "file_name": "000.png", "width": 480, "height": 320}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 18, "bbox": [0, 0, 240, 320]}],
        "categories": [{"id": 18, "name": "dog"}],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(coco))
    plain = Example(image, captions, "train", "a")
    shares = read_shares(LookSettings(boxes=str(path)), [plain], [], encoder)
    assert shares.rows == {("a", 0): ((1, 0),), ("a", 1): ((1, 1),)}
    torch.testing.assert_close(shares.table, torch.stack([half, half]))
    with pytest.raises(SaccadeError, match=r"train\.task\.kinds needs"):
        read_shares(LookSettings(boxes=str(path), kinds=("people",)), [plain], [], encoder)
