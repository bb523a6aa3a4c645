"""DLA-34 (arXiv 1707.06484): blocks whose outputs are joined in trees, and its upsampling for dense outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sitepose.models.networks.deformable import DeformableConvolution

CHANNELS = (16, 32, 64, 128, 256, 512)
"""Of the six levels of DLA-34, strides 1 to 32."""


def conv_bn(channels_in: int, channels: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution and its batch norm."""
    convolution = nn.Conv2d(channels_in, channels, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels))


class Block(nn.Module):
    """Two convolutions beside a short cut that is given to it."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = conv_bn(channels_in, channels, stride=stride)
        self.second = conv_bn(channels, channels)

    def forward(self, maps: Tensor, short_cut: Tensor | None = None) -> Tensor:
        """Return maps of shape (N, channels, H / stride, W / stride)."""
        inner = self.second(self.first(maps).relu())
        return (inner + (maps if short_cut is None else short_cut)).relu()


class Tree(nn.Module):
    """Two blocks, or two trees, whose outputs meet in a root, together with others.

    Args:
        depth: 1 for a tree of blocks.
        channels_in: Of its input.
        channels: Of its output.
        stride: Of its first block.
        joined: Channels of what joins the two blocks in the root.
        keeps_input: Whether its own input joins too.
    """

    def __init__(
        self, depth: int, channels_in: int, channels: int, stride: int, *, joined: int = 0,
        keeps_input: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        joined += channels_in if keeps_input else 0
        self.keeps_input = keeps_input
        self.shrink = nn.MaxPool2d(stride) if stride > 1 else nn.Identity()
        if depth == 1:
            self.left: Tree | Block = Block(channels_in, channels, stride)
            self.right: Tree | Block = Block(channels, channels, 1)
            self.root = conv_bn(2 * channels + joined, channels, size=1)
            self.project = conv_bn(channels_in, channels, size=1) if channels_in != channels else nn.Identity()
        else:
            self.left = Tree(depth - 1, channels_in, channels, stride)
            self.right = Tree(depth - 1, channels, channels, 1, joined=joined + channels)

    def forward(self, maps: Tensor, joined: Sequence[Tensor] = ()) -> Tensor:
        """Return maps of shape (N, channels, H / stride, W / stride)."""
        small = self.shrink(maps)
        joined = [*joined, small] if self.keeps_input else [*joined]
        if isinstance(self.left, Tree):
            left = self.left(maps)
            return self.right(left, [*joined, left])
        left = self.left(maps, self.project(small))
        right = self.right(left)
        return self.root(torch.cat([right, left, *joined], dim=1)).relu()


class Dla34(nn.Module):
    """The backbone: six maps, of strides 1 to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, CHANNELS[0], size=7)
        self.level0 = conv_bn(CHANNELS[0], CHANNELS[0])
        self.level1 = conv_bn(CHANNELS[0], CHANNELS[1], stride=2)
        self.level2 = Tree(1, CHANNELS[1], CHANNELS[2], 2)
        self.level3 = Tree(2, CHANNELS[2], CHANNELS[3], 2, keeps_input=True)
        self.level4 = Tree(2, CHANNELS[3], CHANNELS[4], 2, keeps_input=True)
        self.level5 = Tree(1, CHANNELS[4], CHANNELS[5], 2, keeps_input=True)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the map of each level, finest first."""
        maps = [self.level0(self.stem(images).relu()).relu()]
        maps.append(self.level1(maps[-1]).relu())
        for level in (self.level2, self.level3, self.level4, self.level5):
            maps.append(level(maps[-1]))
        return maps


class Deform(nn.Module):
    """A deformable convolution, batch norm and ReLU."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.convolution = DeformableConvolution(channels_in, channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of shape (N, channels, H, W)."""
        return self.norm(self.convolution(maps)).relu()


class Merge(nn.Module):
    """Brings coarse maps to the size and channels of the finest, one after the other (iterative aggregation).

    Args:
        channels: Of the maps, finest first; all get those of the finest.
        factors: How much coarser each of them is.
    """

    def __init__(self, channels: Sequence[int], factors: Sequence[int]) -> None:
        super().__init__()
        fine = channels[0]
        self.projects = nn.ModuleList(Deform(coarse, fine) for coarse in channels[1:])
        self.nodes = nn.ModuleList(Deform(fine, fine) for _ in channels[1:])
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(fine, fine, 2 * f, f, f // 2, groups=fine, bias=False) for f in factors[1:]
        )
        for up in self.ups:
            _make_bilinear(up.weight)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the finest map, then what each coarser one adds to it; all of the same shape."""
        merged = [maps[0]]
        for coarse, project, up, node in zip(maps[1:], self.projects, self.ups, self.nodes, strict=True):
            merged.append(node(up(project(coarse)) + merged[-1]))
        return merged


class DlaUp(nn.Module):
    """DLA-34 with a dense output of stride 4, 64 channels."""

    channels = CHANNELS[2]

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Dla34()
        levels = CHANNELS[2:]
        # From the coarsest two maps on, each step takes in the next finer one.
        self.steps = nn.ModuleList(
            Merge([levels[i], levels[i + 1], *[levels[i + 1]] * (2 - i)], [1] + [2] * (3 - i))
            for i in (2, 1, 0)
        )
        self.last = Merge(CHANNELS[2:5], [1, 2, 4])

    def forward(self, images: Tensor) -> Tensor:
        """Return the map, shape (N, 64, H / 4, W / 4)."""
        maps = self.backbone(images)[2:]
        best = [maps[3]]
        merged = [maps[3]]
        for i, step in zip((2, 1, 0), self.steps, strict=True):
            merged = step([maps[i], *merged])
            best.insert(0, merged[-1])
        return self.last(best[:3])[-1]


def _make_bilinear(weight: Tensor) -> None:
    """Make a transposed convolution of each channel by itself a bilinear enlargement."""
    side = weight.shape[2]
    factor = (side + 1) // 2
    place = torch.arange(side)
    middle = (2 * factor - 1 - factor % 2) / (2 * factor)
    ramp = 1 - (place / factor - middle).abs()
    with torch.no_grad():
        weight.copy_((ramp[:, None] * ramp)[None, None])
