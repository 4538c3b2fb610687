"""The edges of every numeric setting: what its range says is taken, what lies beyond is refused by
name, and NaN, infinity, text and truth values are never numbers."""

import dataclasses
import math
import typing

import pytest

from saccade.config import EncoderConfig, TrainConfig
from saccade.decoding import STRATEGIES, RuleSettings
from saccade.errors import UsageError
from saccade.models.build import DECODERS
from saccade.training.tasks import TASKS

CLASSES = [
    EncoderConfig,
    TrainConfig,
    RuleSettings,
    *(row.settings for row in (*DECODERS.values(), *STRATEGIES.values(), *TASKS.values())),
]
FIELDS = [
    pytest.param(cls, entry, id=f"{cls.__name__}.{entry.name}")
    for cls in CLASSES
    for entry in dataclasses.fields(cls)
    if "range" in entry.metadata
]
# Fields that must fit another one: their own edges are tried by themselves elsewhere.
COMBINED = ("TransformerSettings", "DiverseBeamSettings", "SelfCriticalSettings")
TOGETHER = {"heads", "hidden", "beams", "groups", "samples"}


def kind_of(cls, entry):
    return typing.get_type_hints(cls)[entry.name]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_number_has_a_range(cls):
    hints = typing.get_type_hints(cls)
    without = [
        entry.name
        for entry in dataclasses.fields(cls)
        if hints[entry.name] in (int, float) and "range" not in entry.metadata
    ]
    # What a stage or a number of frozen stages may be depends on the backbone.
    assert set(without) <= {"stage"}


@pytest.mark.parametrize(("cls", "entry"), FIELDS)
def test_values_beyond_the_edges_are_refused_by_name(cls, entry):
    limits, kind = entry.metadata["range"], kind_of(cls, entry)
    beyond: list[object] = [math.nan, math.inf, -math.inf, "3", True, None, [1]]
    if kind is int:
        beyond += [int(limits.low) - 1, int(limits.high) + 1, -(2**70), 2**70, 1.5]
        if limits.above:
            beyond.append(int(limits.low))
    else:
        beyond += [
            math.nextafter(limits.low, -math.inf) if limits.low else -1e-300,
            math.nextafter(limits.high, math.inf),
            -1e308,
            1e308 if limits.high < 1e308 else math.inf,
        ]
        if limits.above:
            beyond.append(limits.low)
    for value in beyond:
        with pytest.raises(UsageError, match=rf"\.{entry.name} is "):
            cls(**{entry.name: value})


@pytest.mark.parametrize(("cls", "entry"), FIELDS)
def test_values_on_the_edges_are_taken(cls, entry):
    if entry.name in TOGETHER and cls.__name__ in COMBINED:
        return
    limits, kind = entry.metadata["range"], kind_of(cls, entry)
    low = math.nextafter(limits.low, math.inf) if limits.above else limits.low
    for value in (kind(low), kind(limits.high)):
        assert getattr(cls(**{entry.name: value}), entry.name) == value


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": (0.5,)},
        {"mean": (0.5, 0.5, math.nan)},
        {"std": (0.0, 0.5, 0.5)},
        {"std": (-1.0, 0.5, 0.5)},
        {"widths": ()},
        {"widths": (0,)},
        {"halvings": 9},
        {"image_size": (0, 4)},
        {"image_size": (10**9, 10**9)},
        {"fit": "squash"},
    ],
)
def test_lists_of_the_encoder_are_checked_whole(wrong):
    (name,) = wrong
    own = {"backbone": "small-conv", "freeze": "none"} if name in ("widths", "halvings") else {}
    with pytest.raises(UsageError, match=rf"encoder\.{name}"):
        EncoderConfig(**own, **wrong)
