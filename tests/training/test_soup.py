"""Weight averages: the exact mean, its parents on record, and what does not go together refused."""

from dataclasses import replace

import pytest
import torch

import saccade
from saccade.checkpoint import load, read_config, save
from saccade.cli import main
from saccade.errors import UsageError
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.text import Vocabulary
from saccade.training.soup import mean_of_weights


@pytest.fixture(scope="module")
def other(run, tmp_path_factory):
    """The run's best checkpoint with its decoder moved a little."""
    checkpoint = load(run / "best")
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in checkpoint.model.decoder.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    folder = tmp_path_factory.mktemp("other") / "checkpoint"
    save(folder, checkpoint)
    return folder


def test_a_soup_is_the_mean_and_records_its_parents(run, other, data, tmp_path, capsys):
    out = tmp_path / "soup"
    assert main(["soup", str(run), str(other), "--out", str(out)]) == 0
    assert f"Mean of 2 checkpoints: {out}" in capsys.readouterr().out
    ours, theirs, mixed = (load(folder) for folder in (run / "best", other, out))
    weights = (ours.model.state_dict(), theirs.model.state_dict(), mixed.model.state_dict())
    for name, value in weights[2].items():
        if value.is_floating_point():  # batches are counted in whole numbers
            torch.testing.assert_close(value, (weights[0][name] + weights[1][name]) / 2)
    torch.testing.assert_close(mixed.mean_grid, ours.mean_grid)
    parents = read_config(out)["training"]["parents"]
    assert [parent["checkpoint"] for parent in parents] == [str(run), str(other)]
    assert parents[0]["weights_sha256"] == read_config(run / "best")["weights_sha256"]
    photo = data / "images" / "018.png"
    captions = [saccade.Captioner.from_pretrained(f, "cpu").caption(photo) for f in (run, out)]
    assert captions[0].text == captions[1].text
    assert main(["soup", str(run), str(other), "--out", str(out)]) == 2
    assert "exists already; name a new folder" in capsys.readouterr().err


def test_a_checkpoint_with_itself_is_itself(run, tmp_path):
    out = saccade.soup([run, run / "best", run], tmp_path / "same")
    before, after = load(run / "best"), load(out)
    for name, value in before.model.state_dict().items():
        assert torch.equal(value, after.model.state_dict()[name])
    assert torch.equal(before.mean_grid, after.mean_grid)


def test_mean_features_are_not_those_of_another_encoder(run):
    ours, theirs = load(run / "best"), load(run / "best")
    with torch.no_grad():
        next(theirs.model.encoder.parameters()).add_(0.1)
    assert mean_of_weights([ours, theirs], "ab").mean_grid is None


def test_what_does_not_go_together_is_named(run, tmp_path):
    best = load(run / "best")
    encoder, settings = best.model.encoder, best.model.decoder.settings
    V, F = len(best.vocabulary), encoder.features
    words = replace(best, vocabulary=Vocabulary((*best.vocabulary.words[:-1], "zebra")))
    wide = replace(settings, hidden=settings.hidden + 1)
    kind = DECODERS["show_tell"].settings(hidden=8, embedding=8)
    for other, said in (
        (words, "A and B have two vocabularies"),
        (replace(best, model=CaptionModel(encoder, build_decoder(wide, V, F))), "decoder.hidden"),
        (replace(best, model=CaptionModel(encoder, build_decoder(kind, V, F))), "differ in decode"),
    ):
        with pytest.raises(UsageError, match=said):
            mean_of_weights([best, other], ["A", "B"])
    with pytest.raises(UsageError, match="two checkpoints or more"):
        saccade.soup([run], tmp_path / "x")


def test_frozen_encoders_must_be_one(run):
    ours, theirs = load(run / "best"), load(run / "best")
    for checkpoint in (ours, theirs):
        encoder = checkpoint.model.encoder
        encoder.config = replace(encoder.config, freeze="all", backbone="a/b")
    assert mean_of_weights([ours, theirs], "ab").mean_grid is not None
    with torch.no_grad():
        next(theirs.model.encoder.parameters()).add_(0.1)
    with pytest.raises(UsageError, match="have two encoders"):
        mean_of_weights([ours, theirs], ["A", "B"])
