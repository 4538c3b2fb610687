"""What a family of transformers' captioners is: the facts of an architecture, in one object.

Letters as in `saccade.models.contract`; M = X + L rows of a picture, Q places that predict, S
places of the text decoder's sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

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
    def extent(self) -> tuple[float, float]:
        """The share of the pixels that the grid covers, from the left and from the top."""
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


class Cells(NamedTuple):
    """Where an encoder's rows lie on its input."""

    grid: tuple[int, int]  # (h, w)
    extent: tuple[float, float] = (1.0, 1.0)  # the share of the input that they cover, x and y


def cells_of(parts: Parts, config: Any, fixed: bool = True) -> Cells:
    """Of a vision transformer, from its patch size; a hierarchical one halves its grid after every
    stage but the last. Pixels that fill no patch are not seen. fixed: it takes pictures of one
    size. Raises CheckpointError where there is no grid, or the image processor gives other
    pictures."""
    values = config.to_dict()
    patch = _number(values.get("patch_size"))
    if patch is None or patch < 1:
        raise CheckpointError(
            f"{parts.name}: its encoder ({config.model_type}) cuts pictures into no square "
            "patches; this encoder is not supported."
        )
    H, W = parts.size
    side = _number(values.get("image_size"))
    if fixed and side is not None and parts.size != (side, side):
        raise CheckpointError(
            f"{parts.name}: its image processor gives pictures of {W}x{H} pixels, its encoder "
            f"takes {side}x{side}; they are not of one model: get preprocessor_config.json again."
        )
    stages = values.get("depths")
    step = patch * 2 ** (len(stages) - 1) if isinstance(stages, list | tuple) else patch
    h, w = H // step, W // step
    if not h * w or (step != patch and (H % step or W % step)):
        raise CheckpointError(
            f"{parts.name}: its encoder does not divide {W}x{H} pixels into cells evenly, so it is "
            "not known where they lie; such models are not supported."
        )
    return Cells((h, w), (w * step / W, h * step / H))


@contextmanager
def words_in_the_graph(model: nn.Module) -> Iterator[None]:
    """For gradients at every layer's attention: the first layer's among the words alone depends
    neither on the picture nor on a weight that is trained."""

    def rooted(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        if output.requires_grad:
            return output
        return output.requires_grad_().clone()  # to the clone, models may add in place

    embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    hooks = [module.register_forward_hook(rooted) for module in embeddings]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def ids_of(*entries: Any) -> tuple[int, ...]:
    """The first entry that is set, an id or a list of ids, as a tuple."""
    for entry in entries:
        if entry is not None:
            return tuple(entry) if isinstance(entry, list | tuple) else (int(entry),)
    return ()


def vocabulary_of(config: Any) -> int:
    """How many pieces a model's text decoder knows."""
    return int(config.get_text_config(decoder=True).vocab_size)


def positions_of(config: Any) -> int | None:
    """How many places the text of a model has, where they are numbered."""
    values = config.get_text_config(decoder=True).to_dict()
    places = values.get("max_position_embeddings") or values.get("n_positions")
    return None if places is None else int(places)


def complete(parts: Parts, start: Sequence[int | None], ends: Sequence[int | None]) -> None:
    """Raises CheckpointError where a model does not say how captions begin and end."""
    for what, ids in (("begins (decoder_start_token_id)", start), ("ends (eos_token_id)", ends)):
        if not ids or None in ids:
            raise CheckpointError(
                f"{parts.name}: its config does not say how a caption {what}; add it to "
                "generation_config.json."
            )
        rows = vocabulary_of(parts.model.config)
        strange = next((i for i in ids if i is not None and not 0 <= i < rows), None)
        if strange is not None:
            raise CheckpointError(
                f"{parts.name}: a caption {what} with the piece {strange}, but its vocabulary has "
                f"{rows}, numbered from 0; get its tokenizer and configs again."
            )
