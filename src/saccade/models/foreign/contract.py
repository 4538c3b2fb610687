"""What a family of transformers' captioners is: the facts of an architecture, in one object.

Letters as in `saccade.models.contract`; M = X + L rows of a picture, Q places that predict, S
places of the text decoder's sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.models.contract import Attention, Features, Layers

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


class Taught(NamedTuple):
    """What teacher forcing says in R runs."""

    logits: Tensor  # (R, Q, V)
    layers: Layers | None = None  # on request


@dataclass(frozen=True)
class Parts:
    """What a family is built from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    size: tuple[int, int]  # (H, W) of the pixels
    prompt: str | None  # None: the family's own
    name: str  # for messages


class FillerCache(Protocol):
    """What a decoder keeps of one picture and its fillers, row by row."""

    def covered(self, masks: Tensor, filler: int) -> Any:
        """masks (R, M) bool, which rows are covered -> what `Family.teach` takes as `cache`."""
        ...

    @property
    def numbers(self) -> int:
        """How many numbers a run holds at a time."""
        ...


class Family(Protocol):
    """One model of one family."""

    @property
    def start(self) -> tuple[int, ...]:
        """Ids that stand before a caption."""
        ...

    @property
    def ends(self) -> tuple[int, ...]:
        """Ids that end it."""
        ...

    @property
    def lead(self) -> str:
        """White space between the prompt and the first word."""
        ...

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) cells."""
        ...

    @property
    def shift(self) -> tuple[float, float]:
        """How far right and down of its place on an even grid a cell looks, in cells."""
        ...

    @property
    def generation(self) -> GenerationConfig:
        """The model's own settings of `generate`."""
        ...

    def encode(self, pixels: Tensor) -> Features:
        """Normalised pixels (B, 3, H, W) -> what the text decoder takes."""
        ...

    def teach(
        self,
        features: Features,
        ids: Tensor,
        places: Tensor,
        attention: bool = False,
        cache: Any = None,
    ) -> Taught:
        """ids (R, P) of captions -> what each says at places (Q,) of 0 to P, place t being the
        piece t's own. cache: from `FillerCache.covered`, in the place of the features' rows."""
        ...

    def generate(self, features: Features, settings: GenerationConfig) -> Tensor:
        """The library's search: ids (N, T) of N = B * K captions, without what stands before
        them, padded."""
        ...

    def memory(self, features: Features, fillers: Tensor) -> FillerCache | None:
        """Of one picture and fillers (F', M, F), where the decoder treats each row by itself before
        it attends to them; else None."""
        ...


def look(layers: Layers, places: Tensor, heads: bool = False) -> Attention:
    """Where Q places looked, by the mean over all layers and heads; the share on class tokens, on
    the prompt and on the words is `elsewhere`."""
    seen = layers.cross or layers.own
    of = layers.pieces[places]  # (Q,)
    by_head = torch.stack([part[:, :, of][..., layers.cells] for part in seen], 2)
    by_head = by_head.permute(0, 3, 2, 1, 4).flatten(2, 3)  # (R, Q, layers * H, L)
    weights = by_head.mean(2)
    elsewhere = (1 - weights.sum(-1)).clamp(min=0)
    return Attention(weights, elsewhere, None, by_head if heads else None)


def split_rows(rows: Tensor, grid: tuple[int, int], name: str, most: int = 31) -> Features:
    """Rows (B, M, F), the last of which are the cells of a grid (h, w), those before them at most
    `most` extra vectors. Raises CheckpointError, naming the model, where the rows form no grid."""
    L = grid[0] * grid[1]
    extra = rows.size(1) - L
    if not 0 <= extra <= most:
        raise CheckpointError(
            f"{name}: its encoder gives {rows.size(1)} rows where {L} cells of a grid are "
            "expected; this encoder is not supported."
        )
    return Features(rows[:, extra:], None, rows[:, :extra] if extra else None)


def _number(values: Sequence[Any] | Mapping[str, Any] | int | None) -> int | None:
    """A patch size as configurations have it: a number, or several that are equal."""
    if isinstance(values, int):
        return values
    if isinstance(values, Mapping):
        values = list(values.values())
    if values and all(value == values[0] for value in values):
        return int(values[0])
    return None


def grid_of(parts: Parts, config: Any) -> tuple[int, int]:
    """(h, w) cells of a vision transformer's input, from its patch size; a hierarchical one halves
    its grid after every stage but the last. Raises CheckpointError where it has none."""
    values = config.to_dict()
    patch = _number(values.get("patch_size"))
    if patch is None:
        raise CheckpointError(
            f"{parts.name}: its encoder ({config.model_type}) cuts pictures into no square "
            "patches; this encoder is not supported."
        )
    stages = values.get("depths")
    step = patch * 2 ** (len(stages) - 1) if isinstance(stages, list | tuple) else patch
    return parts.size[0] // step, parts.size[1] // step


def ids_of(*entries: Any) -> tuple[int, ...]:
    """The first entry that is set, an id or a list of ids, as a tuple."""
    for entry in entries:
        if entry is not None:
            return tuple(entry) if isinstance(entry, list | tuple) else (int(entry),)
    return ()


def complete(parts: Parts, start: Sequence[int | None], ends: Sequence[int | None]) -> None:
    """Raises CheckpointError where a model does not say how captions begin and end."""
    for what, ids in (("begins (decoder_start_token_id)", start), ("ends (eos_token_id)", ends)):
        if not ids or None in ids:
            raise CheckpointError(
                f"{parts.name}: its config does not say how a caption {what}; add it to "
                "generation_config.json."
            )
