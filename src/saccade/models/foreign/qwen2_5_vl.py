"""Qwen2.5-VL (Bai et al. 2025, arXiv 2502.13923): patches merged two by two, positions by row and
column.

Its processor gives each photo a grid of its own; here all stand on one canvas (`Canvas`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saccade.models.foreign.canvas import Canvas, check_canvas
from saccade.models.foreign.contract import Cells, Parts
from saccade.models.foreign.geometry import Normalise
from saccade.models.foreign.prefix import Prefix, chat, with_placeholders

SIDE = 448  # pixels of the canvas, where the processor allows as many


def fit_qwen(processor: Any, name: str) -> Canvas:
    """Photos on a square of `SIDE` pixels, or what the processor's settings allow. Raises
    CheckpointError for a processor that does something else."""
    settings = processor.to_dict()
    patch, merge, times = (
        settings[key] for key in ("patch_size", "merge_size", "temporal_patch_size")
    )
    step = patch * merge
    if not {"shortest_edge", "longest_edge"} <= set(settings["size"] or ()):
        raise ValueError("size says no shortest_edge and longest_edge")
    least, most = (settings["size"][key] ** 0.5 for key in ("shortest_edge", "longest_edge"))
    side = step * max(1, -int(-least // step), min(SIDE // step, int(most // step)))
    normalise = Normalise(settings)
    canvas = Canvas(processor, side, normalise, normalise.zero())
    return check_canvas(
        canvas, lambda pixels: _patches(pixels, patch, merge, times), "pixel_values", name
    )


def _patches(pixels: Tensor, patch: int, merge: int, times: int) -> Tensor:
    """Normalised pixels (B, 3, H, W) -> (B * N, 3 * times * patch * patch), those that are merged
    to a cell next to each other, each repeated as the frames of a film."""
    B, C, H, W = pixels.shape
    across, down = W // (merge * patch), H // (merge * patch)
    cut = pixels.view(B, C, down, merge, patch, across, merge, patch)
    cut = cut.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6)  # (B, down, across, m, m, C, 1, p, p)
    frames = cut.expand(*(-1,) * 6, times, -1, -1)
    return frames.reshape(-1, C * times * patch * patch)


def qwen2_5_vl(parts: Parts) -> Prefix:
    """See `saccade.models.foreign.table`."""
    config: Any = parts.model.config
    vision = config.vision_config
    patch, merge = vision.patch_size, vision.spatial_merge_size
    h, w = (edge // patch for edge in parts.size)  # patches

    def pixels(images: Tensor) -> dict[str, Tensor]:
        return {
            "pixel_values": _patches(images, patch, merge, vision.temporal_patch_size),
            "image_grid_thw": _grids(images),
        }

    def _grids(rows: Tensor) -> Tensor:
        """(R, 3) one frame of h by w patches for each run."""
        return torch.tensor([[1, h, w]], device=rows.device).expand(len(rows), -1)

    def options(inputs: Tensor, _: int) -> dict[str, Tensor]:
        """Which ids stand for cells, and of which grid: they get positions by row and column."""
        return {
            "mm_token_type_ids": (inputs == config.image_token_id).int(),
            "image_grid_thw": _grids(inputs),
        }

    text = chat(
        parts,
        "<|im_start|>user\n<|vision_start|>{image}<|vision_end|>{prompt}<|im_end|>\n"
        "<|im_start|>assistant\n",
    )
    cells = Cells((h // merge, w // merge))  # the canvas is of whole cells
    return with_placeholders(parts, cells, text, pixels=pixels, options=options)
