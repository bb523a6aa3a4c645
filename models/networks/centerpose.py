"""CenterNet for poses (arXiv 1904.07850): a heatmap of people's centres, the rest told by the centre's cell.

Backbones: ResNet-18 and -50 with transposed convolutions, DLA-34 with deformable convolutions. Weights may have
the names of the publishers' files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sitepose.core.errors import WeightsError
from sitepose.models.networks.checkpoints import load_state
from sitepose.models.networks.dla import DlaUp
from sitepose.models.networks.resnet import ResNet

HEADS = {"hm": 1, "wh": 2, "hps": 34, "reg": 2, "hm_hp": 17, "hp_offset": 2}
"""Channels of the heads: centres, width and height, ways to the keypoints, place of the centre in its cell,
heatmaps of the keypoints, place of a keypoint in its cell."""

PRIOR_BIAS = -2.19
"""Starting bias of the heatmaps: a response of .1 everywhere."""

DROPPED = (r"base\.fc\.", r"base\.level[34]\.project\.")
"""Beginnings of published names that no output depends on."""

PUBLISHED_NAMES = (
    (r"^(conv1|bn1|layer[1-4])\.", r"features.backbone.\1."),
    (r"^deconv_layers\.", "features.deconvolutions."),
    (r"^base\.base_layer\.", "features.backbone.stem."),
    (r"^(base\..*)\.conv1\.", r"\1.first.0."),
    (r"^(base\..*)\.conv2\.", r"\1.second.0."),
    (r"^(base\..*)\.bn1\.", r"\1.first.1."),
    (r"^(base\..*)\.bn2\.", r"\1.second.1."),
    (r"^(base\..*)\.root\.conv\.", r"\1.root.0."),
    (r"^(base\..*)\.root\.bn\.", r"\1.root.1."),
    (r"\.tree1(?=\.)", ".left"),
    (r"\.tree2(?=\.)", ".right"),
    (r"^base\.", "features.backbone."),
    (r"^dla_up\.ida_(\d)\.", r"features.steps.\1."),
    (r"^ida_up\.", "features.last."),
    (r"\.proj_1\.", ".projects.0."),
    (r"\.proj_2\.", ".projects.1."),
    (r"\.proj_3\.", ".projects.2."),
    (r"\.node_1\.", ".nodes.0."),
    (r"\.node_2\.", ".nodes.1."),
    (r"\.node_3\.", ".nodes.2."),
    (r"\.up_1\.", ".ups.0."),
    (r"\.up_2\.", ".ups.1."),
    (r"\.up_3\.", ".ups.2."),
    (r"\.conv\.conv_offset_mask\.", ".convolution.look."),
    (r"\.conv\.(weight|bias)$", r".convolution.\1"),
    (r"\.actf\.0\.", ".norm."),
    (r"^(hm|wh|hps|reg|hm_hp|hp_offset)\.", r"heads.\1."),
)
"""From the names of published files to ours: every line in turn."""


class ResNetUp(nn.Module):
    """A ResNet and three transposed convolutions: a map of stride 4.

    Args:
        depth: 18 or 50.
    """

    channels = 256

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.backbone = ResNet(depth)
        steps: list[nn.Module] = []
        channels_in = self.backbone.channels
        for _ in range(3):
            steps += [
                nn.ConvTranspose2d(channels_in, self.channels, 4, 2, 1, bias=False),
                nn.BatchNorm2d(self.channels),
                nn.ReLU(inplace=True),
            ]
            channels_in = self.channels
        self.deconvolutions = nn.Sequential(*steps)

    def forward(self, images: Tensor) -> Tensor:
        """Return the map, shape (N, 256, H / 4, W / 4)."""
        return self.deconvolutions(self.backbone(images))


class CenterPose(nn.Module):
    """Features of stride 4 and the heads on them.

    Args:
        backbone: ``resnet18``, ``resnet50`` or ``dla34``.
        head_channels: Of the convolution in each head.
    """

    def __init__(self, backbone: str, *, head_channels: int = 64) -> None:
        super().__init__()
        self.features: DlaUp | ResNetUp = (
            DlaUp() if backbone == "dla34" else ResNetUp(int(backbone.removeprefix("resnet")))
        )
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(self.features.channels, head_channels, 3, padding=1),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(head_channels, channels, 1),
                )
                for name, channels in HEADS.items()
            }
        )
        for name in ("hm", "hm_hp"):
            nn.init.constant_(self.heads[name][2].bias, PRIOR_BIAS)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return each head's output by its name, shape (N, channels, H / 4, W / 4)."""
        features = self.features(images)
        return {name: head(features) for name, head in self.heads.items()}


def centerpose_from_state(state: Mapping[str, Any], *, path: Path) -> CenterPose:
    """Return the network that a file holds, with its weights.

    Args:
        state: Weights by our names or by the publishers'.
        path: For messages.

    Raises:
        WeightsError: It is no such network.
    """
    ours = {our_name(name): value for name, value in state.items() if not _is_dropped(name)}
    first = ours.get("heads.hm.0.weight")
    if first is None:
        raise WeightsError(f"{path}: not a CenterNet for poses: it has no head 'hm'")
    network = CenterPose(_backbone(ours), head_channels=len(first))
    load_state(network, ours, path=path)
    return network


def our_name(name: str) -> str:
    """Return our name of a published weight.

    >>> our_name("base.level3.tree1.tree2.conv1.weight")
    'features.backbone.level3.left.right.first.0.weight'
    >>> our_name("dla_up.ida_1.node_2.actf.0.bias")
    'features.steps.1.nodes.1.norm.bias'
    """
    for pattern, replacement in PUBLISHED_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _is_dropped(name: str) -> bool:
    return any(re.match(pattern, name) for pattern in DROPPED)


def _backbone(state: Mapping[str, Any]) -> str:
    if "features.backbone.level0.0.weight" in state:
        return "dla34"
    return "resnet50" if "features.backbone.layer1.0.conv3.weight" in state else "resnet18"
