"""An overlay from poses that were saved before."""

from __future__ import annotations

from pathlib import Path

from sitepose.app.outputs.overlay import OverlayWriter
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.skeleton import Skeleton
from sitepose.plugins.api import FrameSource


def draw_overlay(source: FrameSource, poses: Path, overlay: Path, *, skeleton: Skeleton) -> None:
    """Write an overlay of a video with the people of a ``poses.jsonl`` of it.

    Args:
        source: The video, at its first frame.
        poses: Its saved people; frames without a line are left out.
        overlay: The file to write.
        skeleton: What the people have.

    Raises:
        RecordingError: The overlay cannot be written.
    """
    info = source.info
    frames = iter(source)
    with OverlayWriter(overlay, size_wh=info.size_wh, frame_rate=info.frame_rate, skeleton=skeleton) as writer:
        for record in read_poses(poses):
            frame = next((frame for frame in frames if frame.index == record.index), None)
            if frame is None:
                return
            writer.write(frame, record.poses)
