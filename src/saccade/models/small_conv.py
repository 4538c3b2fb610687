"""A small convolutional encoder, trained from scratch with the decoder (for drawn scenes)."""

import torch
from torch import Tensor, nn


class SmallConv(nn.Module):
    """Residual 3x3 convolutions; every stage but the last halves the picture.

    The receptive field stays a small part of the picture on purpose: a cell then knows its own
    place and not the whole scene, so that attention has something to point at. Where a cell lies
    is told by two extra input planes (x and y from -1 to 1)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        stages = []
        before = 3 + 2
        for index, width in enumerate(widths):
            stride = 2 if index < len(widths) - 1 else 1
            stages.append(
                nn.Sequential(
                    nn.Conv2d(before, width, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                )
            )
            before = width
        self.stages = nn.ModuleList(stages)
        self.last = nn.Conv2d(before + 2, before, 1)
        self.stride = 2 ** (len(widths) - 1)

    @staticmethod
    def _places(like: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 2, h, w): each cell's x and y in -1..1."""
        B, _, h, w = like.shape
        y = torch.linspace(-1, 1, h, device=like.device, dtype=like.dtype)
        x = torch.linspace(-1, 1, w, device=like.device, dtype=like.dtype)
        places = torch.stack((x.expand(h, w), y[:, None].expand(h, w)))
        return places.expand(B, 2, h, w)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels (B, 3, H, W) -> (B, F, H / stride, W / stride)"""
        x = torch.cat((pixels, self._places(pixels)), 1)
        for stage in self.stages:
            x = stage(x)
        return self.last(torch.cat((x, self._places(x)), 1))
