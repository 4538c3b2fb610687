"""Any backbone of transformers as an encoder: pixels -> grid features.

The contract: pixels (B, 3, H, W) -> grid features (B, L, F) with L = h * w, rows first. Resizing
and normalisation belong to the encoder and are saved with it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from saccade.config import EncoderConfig, to_dict
from saccade.errors import UsageError
from saccade.models.encoders.freezing import evaluate_frozen, freeze_stages, rest_statistics
from saccade.models.encoders.small_conv import SmallConv
from saccade.models.marks import Mark, weights_mark
from saccade.photos.fitting import least_size, to_input
from saccade.photos.opening import Opened, Photo, read_photo
from saccade.values.places import Grid

# Pixels of an input that is sooner run than measured by shapes alone, for which torch loads its
# compiler: a second, once per process.
SMALL_INPUT = 256 * 256


class Encoder(nn.Module):
    """A backbone, how photos enter it, and the grid that comes out."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, config: EncoderConfig, backbone: nn.Module, shape: tuple[int, int, int] | None = None
    ) -> None:
        """shape: (F, h, w) of the grid where it is known; else a dry run measures it. Raises
        UsageError where the backbone gives no grid, or has fewer stages than are to be frozen."""
        super().__init__()
        assert config.mean is not None
        assert config.std is not None
        self.config = config
        self.backbone = backbone
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        if config.frozen:
            # Channels last: up to 1.2 times faster, features 4e-6 apart (benchmarks/encoder.py).
            backbone.requires_grad_(False)
            backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        elif config.freeze != "none":
            freeze_stages(backbone, int(config.freeze), config.backbone)
        self.features, h, w = shape or self.measure()
        self.grid = (h, w)
        self._digest: tuple[Mark, str] | None = None

    def _shapes(self) -> dict[str, Tensor]:
        """The backbone's weights without their numbers."""
        tensors = (*self.backbone.named_parameters(), *self.backbone.named_buffers())
        return {name: tensor.to("meta") for name, tensor in tensors}

    def measure(self) -> tuple[int, int, int]:
        """(F, h, w) of the grid, whatever the backbone. Raises UsageError where it gives none."""
        was_training = self.training
        self.eval()
        height, width = self.config.image_size

        def grid_on(device: torch.device | str, weights: Mapping[str, Tensor] | None) -> Tensor:
            return self._grid(torch.zeros(1, 3, height, width, device=device), weights)

        try:
            with torch.no_grad():
                if height * width <= SMALL_INPUT:
                    grid = grid_on(self.mean.device, None)
                else:
                    try:
                        grid = grid_on("meta", self._shapes())
                    except Exception:  # a backbone that looks at numbers, or refuses this input
                        grid = grid_on(self.mean.device, None)
        except UsageError:
            raise
        except Exception as error:  # backbones refuse an input in many ways
            raise UsageError(
                f"encoder {self.config.backbone} can't take images of {height}x{width} "
                f"({first_line(error)}); change encoder.image_size, encoder.stage or the backbone."
            ) from error
        self.train(was_training)
        return grid.size(1), grid.size(2), grid.size(3)

    def train(self, mode: bool = True) -> "Encoder":
        """Frozen stages stay in evaluation mode: their statistics do not move. Nor do those of
        other stages where `config.statistics_rest`."""
        super().train(mode and not self.config.frozen)
        if self.training and self.config.freeze != "none":
            evaluate_frozen(self.backbone)
        if self.training and self.config.statistics_rest:
            rest_statistics(self.backbone)
        return self

    def prepare(self, photo: Photo) -> tuple[Tensor, Grid]:
        """A photo -> pixels (3, H, W) uint8 and its grid on the photo. JPEGs far larger than the
        input are decoded at a half, a quarter or an eighth of their size, several times faster.
        Raises PictureError as `open_photo` does."""
        return self.fitted(self.opened(photo))

    def opened(self, photo: Photo, keep: int = 0) -> Opened:
        """A photo read as large as the input needs it; keep: see `read_photo`."""
        target, fit = self.config.image_size, self.config.fit
        return read_photo(photo, lambda size: least_size(size, target, fit), keep)

    def fitted(self, photo: Opened) -> tuple[Tensor, Grid]:
        """What `prepare` makes, of a photo that `opened` has read."""
        return to_input(photo.image, self.config.image_size, self.config.fit, self.grid, photo.size)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels (B, 3, H, W) uint8 -> grid features (B, L, F)"""
        scaled = (pixels.to(self.mean.dtype) / 255 - self.mean) / self.std
        if self.config.frozen:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        return self._grid(scaled).flatten(2).transpose(1, 2)

    def _grid(self, pixels: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Normalised pixels -> (B, F, h, w), whatever shape the backbone's output has. weights: in
        the place of the backbone's own."""

        def run(*inputs: Any, **options: Any) -> Any:
            if weights is None:
                return self.backbone(*inputs, **options)
            return functional_call(self.backbone, dict(weights), inputs, options)

        if isinstance(self.backbone, SmallConv):
            return run(pixels)
        stages = self.config.stages
        output = run(pixel_values=pixels, output_hidden_states=stages != (-1,))
        return beside([self._map(output, stage, pixels.shape[-2:]) for stage in stages])

    def _map(self, output: Any, stage: int, size: torch.Size) -> Tensor:
        """One hidden state of the backbone's output as a map (B, F, h, w)."""
        states = output.last_hidden_state
        if stage != -1:
            hidden = output.hidden_states
            if not -len(hidden) <= stage < len(hidden):
                raise UsageError(
                    f"encoder.stage: the backbone {self.config.backbone} has hidden states 0 to "
                    f"{len(hidden) - 1}, not {stage}."
                )
            states = hidden[stage]
        if states.dim() == 4:  # convolutional: already a map
            return states
        return _tokens_to_map(states, size, self.backbone.config)

    def digest(self) -> str:
        """What the features depend on, as a hash: weights, preprocessing, stage.

        Hashing 170 MB takes 0.2 s, so a frozen encoder remembers it until a weight changes."""
        if not self.config.frozen:
            return self._hashed()
        mark = weights_mark(self.backbone)
        if self._digest is None or self._digest[0] != mark:
            self._digest = mark, self._hashed()
        return self._digest[1]

    def _hashed(self) -> str:
        settings = {k: v for k, v in to_dict(self.config).items() if k not in _NOT_IN_DIGEST}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name, tensor in sorted(self.backbone.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()[:16]

    def cache_key(self) -> str:
        """What cached features depend on: `digest`, and the way that `prepare` has now."""
        return f"{self.digest()}-{PREPARATION}"


# Counted up when `prepare` gives other pixels: 2 decodes large JPEGs smaller, 3 tells 12, 14 and
# 16 bits apart.
PREPARATION = 3

# The same weights give the same features whatever folder they came from.
_NOT_IN_DIGEST = (
    "backbone",
    "revision",
    "include",
    "freeze",
    "frozen_statistics",
    "widths",
    "halvings",
)


def beside(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, F, h, w) -> (B, sum of F, h, w) on the finest of their grids; coarser ones are
    interpolated between the centres of their cells."""
    finest = max((entry.shape[-2:] for entry in maps), key=lambda size: size[0] * size[1])
    same = [entry if entry.shape[-2:] == finest else _onto(entry, finest) for entry in maps]
    return same[0] if len(same) == 1 else torch.cat(same, 1)


def _onto(entry: Tensor, size: torch.Size) -> Tensor:
    return nn.functional.interpolate(entry, size=tuple(size), mode="bilinear")


def first_line(error: Exception) -> str:
    """The first line of what an exception of another library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _tokens_to_map(states: Tensor, size: torch.Size, config: Any) -> Tensor:
    """Transformer tokens (B, S, F) -> (B, F, h, w), without class and register tokens.

    The grid is the input in patches (ViT, DINOv2, CLIP, ...) or, in hierarchical models such as
    Swin that have no extra tokens, the map of the input's aspect ratio with S cells."""
    B, S, F = states.shape
    height, width = size
    patch = config.to_dict().get("patch_size")
    if isinstance(patch, int):
        h, w = height // patch, width // patch
        if h * w <= S < h * w + 32:  # extra tokens (class, registers) come first
            return states[:, S - h * w :].transpose(1, 2).reshape(B, F, h, w)
    h = round((S * height / width) ** 0.5)
    if h == 0 or S % h or h * width != S // h * height:
        raise UsageError(
            f"encoder {config.model_type}: its {S} output tokens at {height}x{width} form no grid; "
            "choose another stage, input size or backbone."
        )
    return states.transpose(1, 2).reshape(B, F, h, S // h)
