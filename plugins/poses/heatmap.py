"""Top-down pose networks by model card: heatmaps, MoveNet's heads, SimCC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.models.estimator import CropEstimator
from sitepose.models.heads import Head, HeatmapHead
from sitepose.models.heatmaps import DEFAULT_FLOOR, Codec
from sitepose.models.movenet import MoveNetHead
from sitepose.models.preprocessing import CropWriter, fit_to_file
from sitepose.models.runtimes.factory import open_session
from sitepose.models.simcc import SimccHead
from sitepose.models.zoo.card import InputSpec, PoseSpec
from sitepose.plugins.api import (
    Capabilities,
    Detections,
    Frame,
    PluginContext,
    PluginSettings,
    PoseCandidates,
    RuntimeInfo,
)

IMAGENET = InputSpec(
    size_wh=(192, 256), scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), fit="crop"
)
"""Input of a network without a card, as nearly all heatmap networks have it; the size is the file's own."""


class HeatmapPose:
    """A pose network that looks at one person at a time."""

    class Settings(PluginSettings):
        """Settings of ``heatmap`` and of every model card that it runs."""

        codec: Literal["argmax", "quarter", "dark"] | None = None
        """How a heatmap's peak is placed between its cells; the card's way by default."""
        flip: bool = False
        """Whether to look at everybody mirrored too: a little more accurate, half as fast."""
        max_peaks: int = Field(3, ge=1, le=10)
        """Candidates kept per keypoint, for pose-NMS that can choose among them."""
        floor: float = Field(DEFAULT_FLOOR, ge=0, lt=1)
        """Score that a further candidate must exceed."""
        padding: float | None = Field(None, ge=1, le=3)
        """Factor on the person's box before the crop; the card's by default."""

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        if context.weights is None:
            raise PluginError(
                "pose 'heatmap' needs a network file; name a model card, or --pose heatmap:FILE.onnx"
            )
        card = context.card
        pose = (card.pose if card else None) or PoseSpec()
        skeleton = load_skeleton(pose.skeleton)
        self.settings = settings
        self.capabilities = Capabilities(skeleton=skeleton, thread_safe=True)
        outputs = MoveNetHead.output_names if pose.head == "movenet" else None
        session = open_session(
            context.weights,
            options=context.runtime,
            workers=context.workers,
            outputs=outputs,
            items=card.items if card else 1,
        )
        self.runtime: RuntimeInfo = session.info
        try:
            spec = fit_to_file(card.input if card else IMAGENET, session.input_shapes[0])
        except WeightsError as error:
            session.close()
            raise WeightsError(f"{context.weights}: {error}") from error
        self._estimator = CropEstimator(
            session,
            CropWriter(spec, padding=settings.padding or pose.padding, geometry=pose.geometry),
            make_head(pose, skeleton, spec.size_wh, settings),
            skeleton,
            flip=settings.flip,
        )

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        """Return the candidates of each frame; one row for each of its detections, in their order."""
        return self._estimator.estimate(frames, detections)

    def close(self) -> None:
        """Give the network back; calling it twice is fine."""
        self._estimator.close()


def make_head(
    pose: PoseSpec, skeleton: Skeleton, size_wh: tuple[int, int], settings: HeatmapPose.Settings
) -> Head:
    """Return what reads the network's output, as its card and the settings say."""
    peaks, floor = settings.max_peaks, settings.floor
    if pose.head == "movenet":
        return MoveNetHead(skeleton, size_wh, sigma=pose.sigma, max_peaks=peaks, floor=floor)
    if pose.head == "simcc":
        return SimccHead(skeleton, size_wh)
    named = settings.codec or pose.codec
    codec: Codec = "udp-dark" if named == "dark" and pose.geometry == "udp" else named
    return HeatmapHead(pose, skeleton, size_wh, codec=codec, max_peaks=peaks, floor=floor)
