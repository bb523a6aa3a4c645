"""Sitepose from Python: the same pipeline as the command line's, frame by frame or into a folder.

Example::

    from sitepose.app.api import track_video

    for tracked in track_video("walk.mp4"):
        print(tracked.frame.timestamp, tracked.poses.track_ids, tracked.poses.keypoints.shape)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sitepose.app.config import RunConfig, read_config
from sitepose.app.factory import build_parts
from sitepose.app.outputs.report import RunReport
from sitepose.app.run import VideoRun, frames_of
from sitepose.core.errors import PipelineError
from sitepose.core.structures import Poses, TrackedFrame

__all__ = ["RunConfig", "process_video", "read_config", "track_video"]


def track_video(video: str | Path, *, config: RunConfig | None = None) -> Iterator[TrackedFrame]:
    """Yield every frame of a video with its people, in order, writing nothing.

    Args:
        video: A video file or a folder of images.
        config: What to run; the defaults otherwise.

    Raises:
        SiteposeError: A part cannot be loaded, the video cannot be read, or a stage failed.
    """
    config = config or RunConfig()
    with build_parts(config) as parts:
        for work in frames_of(str(video), config, parts):
            poses = work.poses if work.poses is not None else Poses.empty(parts.skeleton.num_keypoints)
            yield TrackedFrame(work.frame, poses, work.timings, candidates=work.candidates)


def process_video(video: str | Path, output: str | Path, *, config: RunConfig | None = None) -> RunReport:
    """Turn a video into ``poses.jsonl``, ``overlay.mp4`` and ``run.json`` in the folder ``output``.

    Raises:
        SiteposeError: A part cannot be loaded, the video cannot be read, or a stage failed.
    """
    config = config or RunConfig()
    with build_parts(config) as parts:
        report = VideoRun(str(video), Path(output), config, parts).run()
    if report.error is not None:
        raise PipelineError(report.error)
    return report
