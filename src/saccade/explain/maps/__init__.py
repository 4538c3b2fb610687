"""Maps that claim to say which cells a word depends on: a table, name -> function.

A function takes what is measured of one sentence (`Measured`) and gives signed scores (W, L) for
the W words under question, high where covering the cell should hurt the word; or several such maps
by name; or `Absent`, where the model has no such map. A new map is a function and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from saccade.errors import UsageError
from saccade.explain.maps.coverings import occlusion, random_masks
from saccade.explain.maps.density import density, density_of
from saccade.explain.maps.gradients import grad_cam, gradient_times_input, integrated
from saccade.explain.maps.layers import NO_ATTENTION, by_head, by_layer, relevancy, rollout
from saccade.explain.maps.measured import Absent, Measured, Span, windows
from saccade.values.evidence import MAPS as DEFAULTS
from saccade.values.places import Where

Made = np.ndarray | Mapping[str, np.ndarray] | Absent


class Map(NamedTuple):
    """A row of the table."""

    label: str  # for people; of several maps, with {} for what tells them apart
    make: Callable[[Measured], Made]
    needs: str = ""  # a package, which is also the name of our extra


def attention(measured: Measured) -> np.ndarray | Absent:
    """The model's own weights."""
    return NO_ATTENTION if measured.attention is None else measured.attention


def attention_density(measured: Measured) -> np.ndarray | Absent:
    """`density` of the model's own weights."""
    if measured.attention is None:
        return NO_ATTENTION
    return density(measured.where, measured.attention)


MAPS: Mapping[str, Map] = {
    "attention": Map("Attention", attention),
    "density": Map("Attention density", attention_density),
    "gradient": Map("Gradient × input", gradient_times_input),
    "occlusion": Map("Occlusion", occlusion),
    "layers": Map("Attention of layer {}", by_layer),
    "heads": Map("Attention of head {}", by_head),
    "rollout": Map("Attention rollout", rollout),
    "relevancy": Map("Gradient-weighted attention", relevancy),
    "gradcam": Map("Grad-CAM", grad_cam),
    "integrated": Map("Integrated gradients", integrated, needs="captum"),
    "rise": Map("Random masks (RISE)", random_masks),
}


# Maps that need only a caption's attention of one word, of the cells' own shape (*where.shape).
OF_CAPTIONS: Mapping[str, Callable[[Where, np.ndarray], np.ndarray]] = {
    "attention": lambda _, alphas: alphas,
    "density": density_of,
}

JUDGED = "judged"  # the name of maps that come from elsewhere


@dataclass(frozen=True)
class NamedMaps:
    """Those made of one sentence."""

    scores: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> (W, L), as chosen
    labels: Mapping[str, str] = field(default_factory=dict)  # name -> for people
    absent: Mapping[str, str] = field(default_factory=dict)  # name -> why

    def after(self, name: str, scores: np.ndarray) -> NamedMaps:
        """The same after a map (W, L) that comes from elsewhere."""
        return NamedMaps(
            {name: scores, **self.scores}, {name: "The map judged", **self.labels}, self.absent
        )


def make(measured: Measured, names: Sequence[str]) -> NamedMaps:
    """The maps of these names, which `check` has let pass: rows of MAPS, or one of a row that makes
    several ("heads.2.1"). Raises UsageError for one that the row does not make."""
    made: dict[str, Made] = {}
    scores: dict[str, np.ndarray] = {}
    labels: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name in names:
        row, _, part = name.partition(".")
        if row not in made:
            made[row] = MAPS[row].make(measured)
        found = made[row]
        if isinstance(found, Absent):
            absent[name] = found.reason
        elif isinstance(found, np.ndarray):
            scores[name], labels[name] = found, MAPS[row].label
        elif part and part not in found:
            raise UsageError(f"there is no map '{name}'; of this model choose {_some(row, found)}.")
        else:
            for key in (part,) if part else found:
                scores[f"{row}.{key}"] = found[key]
                labels[f"{row}.{key}"] = MAPS[row].label.format(key)
    return NamedMaps(scores, labels, absent)


def check(names: Sequence[str]) -> None:
    """Raises UsageError for what is not a map, for none at all, and for one whose package is not
    installed."""
    if not names:
        raise UsageError(f"name a map at least: {', '.join(MAPS)}.")
    for name in names:
        row, dot, part = name.partition(".")
        if row not in MAPS or (dot and ("{}" not in MAPS[row].label or not part)):
            raise UsageError(f"there is no map '{name}'; choose from {', '.join(MAPS)}.")
        needs = MAPS[row].needs
        if needs and find_spec(needs) is None:
            raise UsageError(
                f"the map '{name}' needs {needs}, which is not installed; run "
                f"`pip install 'saccade-captioner[{needs}]'`, or leave the map out."
            )


def _some(row: str, parts: Mapping[str, np.ndarray], most: int = 8) -> str:
    names = [f"{row}.{key}" for key in parts]
    return ", ".join(names[:most]) + (f", ... {names[-1]}" if len(names) > most else "")


__all__ = [
    "DEFAULTS",
    "MAPS",
    "OF_CAPTIONS",
    "Absent",
    "Map",
    "Measured",
    "NamedMaps",
    "Span",
    "check",
    "make",
    "windows",
]
