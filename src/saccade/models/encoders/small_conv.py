"""A small convolutional encoder, trained from scratch with the decoder (for drawn scenes)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SmallConv(nn.Module):
    """3x3 convolutions; the first `halvings` stages halve the picture, the others add to it.

    A cell should see about one thing: with a smaller receptive field kinds are confused, and with
    the whole scene in every cell attention has nothing to point at. Three extra planes come with
    the pixels: how strong an edge is, whatever the colours on its sides (shapes are learned sooner
    so), and where a cell lies (x and y from -1 to 1)."""

    def __init__(self, widths: tuple[int, ...], halvings: int) -> None:
        super().__init__()
        stages = []
        before = 3 + 1 + 2
        for index, width in enumerate(widths):
            stride = 2 if index < halvings else 1
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

    @staticmethod
    def _places(like: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 2, h, w): each cell's x and y in -1..1."""
        B, _, h, w = like.shape
        y = torch.linspace(-1, 1, h, device=like.device, dtype=like.dtype)
        x = torch.linspace(-1, 1, w, device=like.device, dtype=like.dtype)
        places = torch.stack((x.expand(h, w), y[:, None].expand(h, w)))
        return places.expand(B, 2, h, w)

    @staticmethod
    def _edges(pixels: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1, H, W): the length of the gradient over all colours."""
        right = F.pad(pixels, (0, 1, 0, 0), mode="replicate").diff(dim=3)
        down = F.pad(pixels, (0, 0, 0, 1), mode="replicate").diff(dim=2)
        return (right.square() + down.square()).sum(1, keepdim=True).sqrt()

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels (B, 3, H, W) -> (B, F, H / 2**halvings, W / 2**halvings)"""
        x = torch.cat((pixels, self._edges(pixels), self._places(pixels)), 1)
        for stage in self.stages:
            y = stage(x)
            x = x + y if x.shape == y.shape else y
        # Three times as loud: relations are learned sooner.
        return self.last(torch.cat((x, 3 * self._places(x)), 1))
