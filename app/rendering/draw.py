"""People drawn on a picture: boxes, skeletons, identities."""

from __future__ import annotations

import numpy as np

from sitepose.app.rendering.bodies import draw_body, person_sizes
from sitepose.app.rendering.boxes import draw_box
from sitepose.app.rendering.labels import Labels
from sitepose.app.rendering.palette import track_color
from sitepose.app.rendering.style import DrawStyle, Sizes, sizes_for
from sitepose.app.rendering.trails import Trails
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import ImageArray, Poses

DEFAULT_STYLE = DrawStyle()


def draw_poses(
    image: ImageArray,
    poses: Poses,
    skeleton: Skeleton,
    *,
    style: DrawStyle = DEFAULT_STYLE,
    trails: Trails | None = None,
    out: ImageArray | None = None,
) -> ImageArray:
    """Return a picture with everybody drawn on it.

    Each track has a colour of its own, for box and label. A person's left side is orange, thick and round, the
    right side is blue, thin and square. People without evidence in this frame are thin and dashed.

    Args:
        image: RGB, shape (H, W, 3); left as it is.
        poses: The people, as many as there are.
        skeleton: What their keypoints are.
        style: What to draw, and how large.
        trails: Where the tracks have come from.
        out: Where to draw, of the image's shape; the image itself may be given. None makes a new one.
    """
    canvas = _canvas(image, out)
    sizes = sizes_for(canvas.shape[1], canvas.shape[0], style.scale)
    if trails is not None:
        trails.draw(canvas, sizes)
    order = np.lexsort((poses.scores, poses.observed)).tolist()  # the best comes last, on top
    for person in order:
        _draw_person(canvas, poses, person, skeleton, style, sizes)
    labels = Labels(canvas, sizes)
    if style.labels or style.scores:
        for person in reversed(order):  # the best chooses its place first
            text = _label(poses, person, style)
            if text and np.isfinite(poses.boxes[person]).all():
                labels.write(text, poses.boxes[person], track_color(int(poses.track_ids[person])))
    return canvas


def _draw_person(
    canvas: ImageArray, poses: Poses, person: int, skeleton: Skeleton, style: DrawStyle, sizes: Sizes
) -> None:
    observed = bool(poses.observed[person])
    box = poses.boxes[person]
    own = person_sizes(sizes, box)
    if style.boxes:
        color = track_color(int(poses.track_ids[person]))
        draw_box(canvas, box, color, own.line if observed else own.thin, dashed=not observed)
    if style.skeletons:
        visible = poses.keypoint_scores[person] >= style.min_keypoint_score
        draw_body(canvas, poses.keypoints[person], visible, skeleton, own, observed=observed)


def _label(poses: Poses, person: int, style: DrawStyle) -> str:
    track_id = int(poses.track_ids[person])
    parts = [str(track_id)] if style.labels and track_id >= 0 else []
    if style.scores:
        parts.append(f"{poses.scores[person]:.2f}")
    return "  ".join(parts)


def _canvas(image: ImageArray, out: ImageArray | None) -> ImageArray:
    if out is None:
        return np.array(image, np.uint8, order="C")
    if out.shape != image.shape or not out.flags.writeable:
        raise ValueError(f"out has shape {out.shape}, expected a writable array of shape {image.shape}")
    if out is not image:
        np.copyto(out, image)
    return out
