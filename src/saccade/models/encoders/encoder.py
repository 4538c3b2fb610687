"""Any backbone of transformers as an encoder: pixels -> grid features.

The contract: pixels (B, 3, H, W) -> grid features (B, L, F) with L = h * w, rows first. Resizing
and normalisation belong to the encoder and are saved with it.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saccade.config import SMALL_CONV, EncoderConfig, to_dict
from saccade.errors import CheckpointError, UsageError
from saccade.models.encoders.small_conv import SmallConv
from saccade.photos.fitting import least_size, to_input
from saccade.photos.opening import Opened, Photo, read_photo
from saccade.values.places import Grid

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """A backbone, how photos enter it, and the grid that comes out."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, config: EncoderConfig, backbone: nn.Module, shape: tuple[int, int, int] | None = None
    ) -> None:
        """shape: (F, h, w) of the grid where it is known; else a dry run tells."""
        super().__init__()
        assert config.mean is not None
        assert config.std is not None
        self.config = config
        self.backbone = backbone
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)
        if not config.trainable:
            # Channels last: up to 1.2 times faster, features 4e-6 apart (benchmarks/encoder.py).
            backbone.requires_grad_(False).to(memory_format=torch.channels_last)
        self.features, h, w = shape or self._measure()
        self.grid = (h, w)

    def _measure(self) -> tuple[int, int, int]:
        """(F, h, w) of any backbone, by running it once."""
        was_training = self.training
        self.eval()
        with torch.no_grad():
            found = self._grid(torch.zeros(1, 3, *self.config.image_size))
        self.train(was_training)
        return found.size(1), found.size(2), found.size(3)

    def train(self, mode: bool = True) -> "Encoder":
        """A frozen backbone stays in evaluation mode: its statistics are not ours to move."""
        super().train(mode and self.config.trainable)
        return self

    def prepare(self, photo: Photo) -> tuple[Tensor, Grid]:
        """A photo -> pixels (3, H, W) uint8 and the where of its grid. JPEGs far larger than the
        input are decoded at a half, a quarter or an eighth of their size, several times faster.
        Raises PictureError as `open_photo` does."""
        return self.fitted(self.opened(photo))

    def opened(self, photo: Photo, keep: int = 0) -> Opened:
        """A photo read as large as the input needs it; keep: see `read_photo`."""
        target, fit = self.config.image_size, self.config.fit
        return read_photo(photo, lambda size: least_size(size, target, fit), keep)

    def fitted(self, photo: Opened) -> tuple[Tensor, Grid]:
        """What `prepare` makes, of a photo that `opened` has read."""
        return to_input(
            photo.image, self.config.image_size, self.config.fit, self.grid, photo.size
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels (B, 3, H, W) uint8 -> grid features (B, L, F)"""
        scaled = (pixels.to(self.mean.dtype) / 255 - self.mean) / self.std
        if not self.config.trainable:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        return self._grid(scaled).flatten(2).transpose(1, 2)

    def _grid(self, pixels: Tensor) -> Tensor:
        """Normalised pixels -> (B, F, h, w), whatever shape the backbone speaks in."""
        if isinstance(self.backbone, SmallConv):
            return self.backbone(pixels)
        output = self.backbone(pixel_values=pixels, output_hidden_states=self.config.stage != -1)
        states = output.last_hidden_state
        if self.config.stage != -1:
            states = output.hidden_states[self.config.stage]
        if states.dim() == 4:  # convolutional: already a map
            return states
        return _tokens_to_map(states, pixels.shape[-2:], self.backbone.config)

    def digest(self) -> str:
        """What the features depend on, as a hash: weights, preprocessing, stage."""
        told = {k: v for k, v in to_dict(self.config).items() if k not in _NOT_IN_DIGEST}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
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
_NOT_IN_DIGEST = ("backbone", "revision", "include", "trainable", "widths", "halvings")


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
            f"encoder {config.model_type}: its {S} output tokens at {height}x{width} are no grid; "
            "choose another stage, input size or backbone."
        )
    return states.transpose(1, 2).reshape(B, F, h, S // h)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers prints a report about unused classifier weights; that is as it should be."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    from transformers.utils import logging as hub_logging

    hub_logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        hub_logging.enable_progress_bar()


def _vision_part(model: nn.Module) -> nn.Module:
    """CLIP, SigLIP and the like hold a picture tower beside a text tower: keep the former."""
    if "vision_config" in model.config.to_dict():
        model = model.get_submodule("vision_model")
    return model


def _resolve_statistics(config: EncoderConfig, folder: str | None) -> EncoderConfig:
    """Fill in mean and std: given, or the backbone's own preprocessor, or ImageNet's."""
    if config.mean is not None and config.std is not None:
        return config
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if config.backbone == SMALL_CONV:
        mean = std = (0.5, 0.5, 0.5)
    elif folder is not None:
        from transformers.image_processing_base import ImageProcessingMixin

        try:
            told, _ = ImageProcessingMixin.get_image_processor_dict(
                folder, revision=config.revision
            )
            mean = tuple(told.get("image_mean", mean))
            std = tuple(told.get("image_std", std))
        except OSError:
            pass  # no preprocessor_config.json: ImageNet's statistics are the convention
    return replace(config, mean=config.mean or mean, std=config.std or std)


def load_encoder(config: EncoderConfig) -> Encoder:
    """An encoder with its pretrained weights, from a local folder or, when a hub id is named, the
    hub. Raises UsageError naming the backbone when it can't be had."""
    if config.backbone == SMALL_CONV:
        return Encoder(_resolve_statistics(config, None), SmallConv(config.widths, config.halvings))
    name = config.backbone
    local = Path(name).is_dir()
    if not local and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise UsageError(
            f"{name}: there is no such folder, and it is no hub id (owner/name) either; "
            "give the folder of a transformers backbone, or an id such as microsoft/resnet-101."
        )
    from transformers import AutoConfig, AutoModel

    try:
        with _quiet():
            own = AutoConfig.from_pretrained(name, revision=config.revision, **config.settings)
            backbone = AutoModel.from_pretrained(
                name, config=own, revision=config.revision, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        cure = (
            "the folder must hold config.json and model.safetensors of a transformers model"
            if local
            else "it is not in the local cache and could not be fetched; check the id and the "
            "network, or give a local folder with --encoder FOLDER"
        )
        raise UsageError(f"encoder {name} could not be loaded ({reason}); {cure}.") from error
    return Encoder(_resolve_statistics(config, name), _vision_part(backbone).eval())


def rebuild_encoder(
    config: EncoderConfig, own: dict[str, Any] | None, shape: tuple[int, int, int] | None = None
) -> Encoder:
    """The encoder's shape without its weights, from a checkpoint's own words: no network. They are
    all to be loaded: until then they are whatever the memory held.

    own: the backbone's transformers config as saved; None for small-conv. shape: (F, h, w)."""
    if own is None:
        return Encoder(config, SmallConv(config.widths, config.halvings), shape)
    from transformers import AutoConfig, AutoModel
    from transformers.initialization import no_init_weights

    try:
        with _quiet(), no_init_weights():  # drawing 42 million numbers takes most of a second
            rest = {key: value for key, value in own.items() if key != "model_type"}
            backbone = AutoModel.from_config(AutoConfig.for_model(own["model_type"], **rest))
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"config.json describes a backbone that this transformers can't build ({error}); "
            "install a newer transformers."
        ) from error
    return Encoder(config, backbone, shape)


def describe_backbone(encoder: Encoder) -> dict[str, Any] | None:
    """What `rebuild_encoder` needs as `own`."""
    if isinstance(encoder.backbone, SmallConv):
        return None
    told = encoder.backbone.config.to_dict()
    for noise in ("id2label", "label2id", "architectures", "transformers_version"):
        told.pop(noise, None)
    return told
