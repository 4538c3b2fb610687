"""Settings are checked when they are made, and a misspelt one never takes its default in silence."""

import pytest

from saccade.config import (
    Config,
    EncoderConfig,
    TrainConfig,
    from_dict,
    load_preset,
    merge,
    parse_settings,
    to_dict,
)
from saccade.decoding import BeamSettings
from saccade.errors import UsageError
from saccade.models.build import DECODERS
from saccade.training.tasks import CrossEntropySettings
from saccade.training.train import TAGS, configure, load_config


def test_a_config_survives_json():
    config = Config(encoder=EncoderConfig(settings={"output_stride": 16}, widths=(1, 2)))
    assert from_dict(Config, to_dict(config)).encoder == config.encoder
    whole = load_config({"encoder": {"settings": {"output_stride": 16}, "widths": [1, 2]}})
    assert load_config(to_dict(whole)) == whole
    assert whole.decoder == DECODERS["soft_attention"].settings()


def test_another_kind_leaves_the_presets_settings_of_the_old_one_out():
    config = configure("scenes", {"decoder": {"kind": "show_tell", "embedding": 32}})
    assert config.decoder == DECODERS["show_tell"].settings(embedding=32)
    assert config.train.task == CrossEntropySettings(doubly_stochastic=0.0, detection=1.0)
    same = configure("scenes", {"decoder": {"kind": "soft_attention", "hidden": 7}})
    assert (same.decoder.hidden, same.decoder.embedding) == (7, 64)  # the preset's own stays
    with pytest.raises(UsageError, match=r"no decoder\.kind 'gru'; known here: show_tell, soft"):
        configure("scenes", {"decoder": {"kind": "gru"}})
    with pytest.raises(UsageError, match=r"unknown setting 'decoder\.attention'"):
        configure("scenes", {"decoder": {"kind": "show_tell", "attention": 3}})


def test_a_tasks_settings_have_short_names():
    short = configure("scenes", {"train": {"detection": 0.5, "label_smoothing": 0.1}})
    full = configure("scenes", {"train": {"task": {"detection": 0.5, "label_smoothing": 0.1}}})
    assert short == full
    assert short.train.task.detection == 0.5


def test_every_tagged_section_says_its_kind_in_json():
    told = to_dict(configure("show_attend_tell", {}))
    assert told["decoder"]["kind"] == "soft_attention"
    assert told["decode"]["strategy"] == "beam"
    assert told["train"]["task"]["kind"] == "cross_entropy"
    assert set(TAGS) == {"decoder", "decode", "train.task"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"trian": {}}, "unknown setting 'trian'; known here: decode, decoder, encoder, train"),
        ({"train": {"epoch": 3}}, r"unknown setting 'train\.epoch'"),
        ({"train": {"epochs": "three"}}, r"train\.epochs is a whole number, not 'three'"),
        ({"train": {"epochs": True}}, r"train\.epochs is a whole number, not True"),
        ({"train": {"flip": 1}}, r"train\.flip is true or false, not 1"),
        (
            {"encoder": {"image_size": 224}},
            r"encoder\.image_size is a list, such as \[224, 224\], not 224",
        ),
        (
            {"train": {"tracking": "wandb"}},
            r'train\.tracking is a list, such as \["wandb"\], not \'wandb\'',
        ),
        ({"encoder": {"image_size": [0, 224]}}, "two positive numbers"),
        ({"encoder": {"fit": "squash"}}, "one of stretch, crop, pad"),
        ({"encoder": {"backbone": "small-conv"}}, "freeze = none"),
        ({"train": {"schedule": "wave"}}, "one of constant, cosine"),
        ({"train": 3}, "train is a table"),
    ],
)
def test_what_is_wrong_is_named(values, says):
    with pytest.raises(UsageError, match=says):
        from_dict(Config, values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TrainConfig(epochs=0),
        lambda: TrainConfig(learning_rate=0.0),
        lambda: TrainConfig(clip=0.0),
        lambda: CrossEntropySettings(label_smoothing=1.0),
        lambda: TrainConfig(average=1.0),
        lambda: TrainConfig(monitor=-1),
        lambda: TrainConfig(select="BLEU"),
        lambda: DECODERS["soft_attention"].settings(dropout=1.0),
        lambda: DECODERS["soft_attention"].settings(hidden=0),
        lambda: DECODERS["soft_attention"].settings(features=-1),
        lambda: BeamSettings(beams=0),
        lambda: BeamSettings(max_words=0),
        lambda: BeamSettings(length_power=-1.0),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_settings_from_the_command_line():
    assert parse_settings(
        ["train.epochs=3", "train.flip=true", "encoder.fit=crop", "encoder.image_size=[64, 64]"]
    ) == {
        "train": {"epochs": 3, "flip": True},
        "encoder": {"fit": "crop", "image_size": [64, 64]},
    }
    with pytest.raises(UsageError, match=r"section\.name=value"):
        parse_settings(["epochs"])


def test_tables_are_laid_over_each_other():
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "e": 4}) == {
        "a": {"b": 9, "c": 2},
        "d": 3,
        "e": 4,
    }


def test_presets_by_name_and_by_file(tmp_path):
    assert load_preset("show_attend_tell")["train"]["epochs"] == 5
    own = tmp_path / "mine.toml"
    own.write_text("[train]\nepochs = 2\n")
    assert load_preset(str(own)) == {"train": {"epochs": 2}}
    own.write_text("epochs =")
    with pytest.raises(UsageError, match=r"mine\.toml"):
        load_preset(str(own))
    with pytest.raises(UsageError, match=r"choose scenes, .*, show_attend_tell"):
        load_preset("nonsense")
    with pytest.raises(UsageError, match="no such preset file"):
        load_preset(str(tmp_path / "missing.toml"))
