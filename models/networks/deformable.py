"""Deformable convolution (DCNv2, arXiv 1811.11168): by torchvision where its operators load, else by PyTorch.

The convolution looks at its nine places moved by learned ways and weighted by learned shares.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sitepose.models.networks.torchvision_ops import has_deformable_convolution


class DeformableConvolution(nn.Module):
    """A 3x3 convolution of stride 1 that predicts where it looks."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.look = nn.Conv2d(channels_in, 27, 3, padding=1)
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        # Starts as an ordinary convolution with half the weight.
        nn.init.zeros_(self.look.weight)
        nn.init.zeros_(self.look.bias if self.look.bias is not None else torch.empty(0))
        self._convolve = deform_by_torchvision if has_deformable_convolution() else deform_by_sampling

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same size, shape (N, channels out, H, W)."""
        looked = self.look(maps)
        ways, shares = looked[:, :18], looked[:, 18:].sigmoid()
        return self._convolve(maps, ways, shares, self.weight, self.bias)


def deform_by_torchvision(maps: Tensor, ways: Tensor, shares: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the deformable convolution by torchvision's compiled operator; arguments as below."""
    from torchvision.ops import deform_conv2d

    convolved: Tensor = deform_conv2d(maps, ways, weight, bias, padding=1, mask=shares)
    return convolved


def deform_by_sampling(maps: Tensor, ways: Tensor, shares: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the deformable convolution by sampling the map at nine places for each cell.

    Args:
        maps: Shape (N, C, H, W).
        ways: Down and right, in cells, for each of the nine places in turn; shape (N, 18, H, W).
        shares: Weight of each place, 0..1, shape (N, 9, H, W).
        weight: Shape (C out, C, 3, 3).
        bias: Shape (C out,).
    """
    batch, channels, height, width = maps.shape
    down, right = ways[:, 0::2], ways[:, 1::2]
    places = torch.arange(9, device=maps.device)
    y = torch.arange(height, device=maps.device)[:, None] + (places // 3 - 1)[:, None, None] + down
    x = torch.arange(width, device=maps.device) + (places % 3 - 1)[:, None, None] + right
    # grid_sample counts from -1 to 1 over the outer edges of the cells; beyond them everything is 0.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    samples = functional.grid_sample(
        maps, grid.reshape(batch, 9 * height, width, 2).to(maps.dtype), align_corners=False
    ).reshape(batch, channels, 9, height, width)
    weighted = (samples * shares[:, None]).reshape(batch, channels * 9, height * width)
    convolved = weight.reshape(len(weight), -1) @ weighted
    return convolved.reshape(batch, len(weight), height, width) + bias[:, None, None]
