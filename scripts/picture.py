"""Make the README's picture: Sitepose's own poses on frames of CC BY 4.0 clips, drawn at twice the size.

Run as ``python scripts/picture.py CLIP:FRAME ... PICTURE``; each clip is run with the default networks.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from sitepose.app.api import track_video
from sitepose.app.rendering.draw import draw_poses
from sitepose.core.geometry import resize_points
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import FloatArray, ImageArray, Poses, TrackedFrame

SCALE = 2
SIZE_WH = (480 * SCALE, 270 * SCALE)


def enlarged(tracked: TrackedFrame) -> ImageArray:
    """Return a frame with its people, scaled before they are drawn so that lines stay sharp."""
    image = np.asarray(cv2.resize(tracked.frame.image, SIZE_WH, interpolation=cv2.INTER_CUBIC), np.uint8)
    scale: FloatArray = np.array(SIZE_WH, np.float32) / np.array(tracked.frame.size_wh, np.float32)
    boxes = resize_points(tracked.poses.boxes.reshape(-1, 2), scale).reshape(-1, 4)
    poses: Poses = tracked.poses.replace(boxes=boxes, keypoints=resize_points(tracked.poses.keypoints, scale))
    return draw_poses(image, poses, load_skeleton("coco17"))


def main() -> None:
    """Draw the named frames below each other."""
    *places, picture = sys.argv[1:]
    rows = []
    for place in places:
        clip, _, frame = place.rpartition(":")
        rows.append(enlarged(next(t for t in track_video(clip) if t.frame.index == int(frame))))
    cv2.imwrite(picture, cv2.cvtColor(np.hstack(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
