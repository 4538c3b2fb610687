"""Settings that contradict each other, or the data, are refused before anything expensive."""

import pytest

from saccade.config import merge
from saccade.decoding import BeamSettings, RuleSettings, SampleSettings
from saccade.errors import UsageError
from saccade.training.train import configure, train
from tests.conftest import TINY

CRITICAL = {"train": {"select": "CIDEr", "task": {"kind": "self_critical"}}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decode": {"rules": {"forced": ["zebra"]}}}, r"forced: .*not know the word 'zebra'"),
        (
            {"decode": {"rules": {"banned": ["squares"]}}},
            r"'squares' \(near: square\); leave it out",
        ),
        ({"decode": {"strategy": "diverse_beam", "beams": 4, "groups": 3}}, "must divide"),
        ({"decode": {"top_p": 0}}, r"decode\.top_p is above 0"),
        ({"decode": {"strategy": "greedy", "beams": 3}}, "greedy' has no setting 'beams'"),
        ({"decode": {"beams": 3, "num_beams": 4}}, "beams and its other name have two values"),
        ({"decode": {"min_words": 1, "rules": {"min_words": 2}}}, "min_words and its other name"),
        ({"decode": {"rules": {"beams": 3}}}, r"unknown setting 'decode\.rules\.beams'"),
        ({"decode": {"rules": 3}}, r"decode\.rules is a table: name the rule"),
        ({"decode": 3}, "decode is a table, not 3"),
        (
            {"decoder": {"kind": "show_tell"}, "train": {"task": {"entropy": 0.1}}},
            "sharpens attention, and a decoder of kind show_tell has none",
        ),
        ({"train": {"precision": "fp16"}}, "fp16 needs a GPU"),
        ({"train": {"average": 1.0}}, r"train\.average is 0 to 0\.9999999, not 1\.0"),
        (CRITICAL, "goes on from a trained captioner"),
    ],
)
def test_before_a_run_begins(wrong, message, data, tmp_path):
    base = {name: table for name, table in TINY.items() if name not in wrong or name == "train"}
    with pytest.raises(UsageError, match=message):
        train(data, tmp_path / "run", settings=merge(base, wrong), cpu=True, show=False)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("loss", ["risk", "max_margin"])
def test_losses_over_sets_take_no_baseline(loss, run, data, tmp_path):
    own = {"train": {"task": {"baseline": "greedy", "loss": loss}}}
    with pytest.raises(UsageError, match=f"baseline is for .* reinforce, and {loss} compares"):
        train(data, tmp_path / "run", settings=merge(CRITICAL, own), start=run, cpu=True)


@pytest.mark.parametrize(("name", "value"), [("encoder_rate", 0.1), ("crop", 0.5), ("colour", 0.2)])
def test_what_is_done_to_pixels_needs_an_encoder_that_is_trained(
    name, value, backbone, data, tmp_path
):
    encoder = {"backbone": str(backbone), "image_size": [64, 64]}
    settings = {**TINY, "encoder": encoder, "train": {**TINY["train"], name: value}}
    with pytest.raises(UsageError, match=rf"train\.{name} is for an encoder that is trained"):
        train(data, tmp_path / "run", settings=settings, cache=tmp_path / "cache", cpu=True)


def test_more_stages_than_a_backbone_has(backbone, data, tmp_path):
    encoder = {"backbone": str(backbone), "image_size": [64, 64], "freeze": 5}
    with pytest.raises(UsageError, match="has 4 stages, not 5; choose a smaller number, or all"):
        train(data, tmp_path / "run", settings={**TINY, "encoder": encoder}, cpu=True)


def test_a_presets_decoding_knows_the_names_of_transformers_and_implies_a_strategy(tmp_path):
    preset = tmp_path / "mine.toml"
    preset.write_text("[decode]\nnum_beams = 3\nmax_words = 9\n[decode.rules]\nmin_words = 2\n")
    rules = RuleSettings(min_words=2, no_repeated_ngram=3)
    changes = {"decode": {"no_repeat_ngram_size": 3}}
    assert configure(str(preset), changes).decode == BeamSettings(3, max_words=9, rules=rules)
    drawn = configure(str(preset), {"decode": {"temperature": 0.5}}).decode
    assert drawn == SampleSettings(temperature=0.5, max_words=9, rules=RuleSettings(min_words=2))
    assert configure(None, {}).decode == BeamSettings()
