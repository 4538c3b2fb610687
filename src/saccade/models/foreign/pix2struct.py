"""Pix2Struct (Lee et al. 2022, arXiv 2210.03347), as it captions; a prompt is the caption's
beginning.

Its processor gives each photo as many patches as fit, in a grid of its own, and normalises by the
photo's own mean; here all stand on one canvas (`Canvas`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.models.foreign.canvas import Canvas, check_canvas
from saccade.models.foreign.contract import Parts, complete, ids_of
from saccade.models.foreign.cross import CrossAttention

if TYPE_CHECKING:
    from transformers import GenerationConfig


def fit_pix2struct(processor: Any, name: str) -> Canvas:
    """Photos on the largest square of patches. Raises CheckpointError for a processor that paints
    questions on the photo, or does something else that is not known."""
    settings = processor.to_dict()
    if settings.get("is_vqa"):
        raise CheckpointError(
            f"{name} answers questions that are painted on the picture (is_vqa in its image "
            "processor's settings); use one that captions, such as google/pix2struct-textcaps-base."
        )
    patch = settings["patch_size"]["height"]
    side = patch * int(settings["max_patches"] ** 0.5)
    normalise = _standardised if settings.get("do_normalize", True) else Tensor.float
    canvas = Canvas(processor, side, normalise)
    return check_canvas(canvas, lambda pixels: _patches(pixels, patch), "flattened_patches", name)


def _standardised(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) of 0 to 255, each picture to mean 0 and standard deviation 1."""
    flat = pixels.float().flatten(1)  # (B, 3 * H * W)
    std = flat.std(1, correction=0).clamp(min=flat.size(1) ** -0.5)
    return (pixels - flat.mean(1).view(-1, 1, 1, 1)) / std.view(-1, 1, 1, 1)


def _patches(pixels: Tensor, patch: int) -> Tensor:
    """Normalised pixels (B, 3, H, W) -> (B, L, 2 + patch * patch * 3): each patch's row and column,
    from 1, and its pixels."""
    B, C, H, W = pixels.shape
    h, w = H // patch, W // patch
    cut = pixels.view(B, C, h, patch, w, patch).permute(0, 2, 4, 3, 5, 1).flatten(3)  # (B, h, w, .)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    places = torch.stack((rows, columns), -1).to(cut) + 1  # (h, w, 2)
    return torch.cat((places.expand(B, -1, -1, -1), cut), -1).flatten(1, 2)


def pix2struct(parts: Parts) -> CrossAttention:
    """See `saccade.models.foreign.table`."""
    from transformers.modeling_outputs import BaseModelOutput

    model: Any = parts.model
    config, generation = model.config, model.generation_config
    text = config.text_config
    begin = ids_of(
        generation.decoder_start_token_id,
        config.to_dict().get("decoder_start_token_id"),
        text.to_dict().get("decoder_start_token_id"),
        text.pad_token_id,
    )
    prompt: Sequence[int] = ()
    if parts.prompt is not None:
        prompt = parts.tokenizer.encode(parts.prompt, add_special_tokens=False)
    ends = ids_of(generation.eos_token_id, text.eos_token_id, parts.tokenizer.eos_token_id)
    complete(parts, begin, ends)
    start = (*begin, *prompt)
    # Numbers of a patch: the encoder's patches are square.
    patch = round((config.vision_config.patch_embed_hidden_size / 3) ** 0.5)

    def rows(pixels: Tensor) -> Tensor:
        patches = _patches(pixels, patch)
        every = torch.ones(patches.shape[:2], device=pixels.device)
        return model.encoder(flattened_patches=patches, attention_mask=every).last_hidden_state

    def search(rows: Tensor, settings: GenerationConfig) -> Tensor:
        settings.decoder_start_token_id = start[0]
        return model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=rows),
            decoder_input_ids=torch.tensor(start, device=rows.device).expand(len(rows), -1),
            generation_config=settings,
        )

    return CrossAttention(
        rows,
        lambda rows: rows,
        model.decoder,
        search,
        generation,
        (parts.size[0] // patch, parts.size[1] // patch),
        start,
        ends,
        parts.name,
        {},
    )
