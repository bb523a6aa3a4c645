"""People painted with Qt: the same colours, widths and meanings as in ``overlay.mp4``."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from typing import Any

import numpy as np
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from sitepose.app.gui.model import Layers
from sitepose.app.gui.screen import Picture
from sitepose.app.rendering.bodies import SIDE_COLORS, Side, person_sizes, sides_of
from sitepose.app.rendering.palette import Color, ink_on, track_color
from sitepose.app.rendering.style import Sizes, sizes_for
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, Poses

MIN_KEYPOINT_SCORE = 0.2
"""Keypoints below this score are left out, as in ``overlay.mp4``."""

FADED = 0.3
"""How much is left of people who are not followed."""

RIM = QColor(10, 12, 16, 190)
"""Colour of the rim that keeps lines apart from a bright background."""


class Layer(IntEnum):
    """What lies over what: all lines are below all keypoints."""

    RIMS = 0
    LINES = 1
    POINTS = 2


LABEL_PIXELS = 13
"""Height of a label's letters, in logical pixels."""


class PeoplePainter:
    """Paints the people of a picture. Nothing here copies an image.

    Args:
        painter: Scaled so that its units are pixels of the pane.
        picture: The picture with its people.
        ratio: Pixels of the device per logical pixel.
    """

    def __init__(self, painter: QPainter, picture: Picture, ratio: float) -> None:
        self._painter = painter
        self._picture = picture
        self._ratio = ratio
        self._scale = picture.scale
        self._shift = np.float32(0.5) - np.array(picture.origin, np.float32)
        height, width = picture.pixels.shape[:2]
        self._sizes = sizes_for(width, height)
        self._strokes: dict[tuple[Layer, int, float], list[Any]] = defaultdict(list)

    def paint(self, layers: Layers, followed: int | None) -> None:
        """Paint everybody; people who are not followed are faded where somebody is."""
        result = self._picture.result
        if result is None:
            return
        poses = result.tracked.poses
        painter = self._painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if layers.trails:
            self._paint_trails(followed)
        faded = (poses.track_ids != followed) & (followed is not None)
        for faint in (True, False):
            painter.setOpacity(FADED if faint else 1.0)
            for person in np.lexsort((poses.scores, poses.observed)).tolist():
                if faded[person] == faint:
                    self._paint_person(poses, person, result.skeleton, layers)
            self._paint_strokes()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if layers.labels:
            self._paint_labels(poses, followed)
        painter.setOpacity(1.0)

    def _paint_person(self, poses: Poses, person: int, skeleton: Skeleton, layers: Layers) -> None:
        box = self._placed(poses.boxes[person].reshape(2, 2)).reshape(4)
        sizes = person_sizes(self._sizes, box)
        observed = bool(poses.observed[person])
        if layers.boxes and np.isfinite(box).all():
            color = track_color(int(poses.track_ids[person]))
            self._paint_box(box, color, sizes.line if observed else sizes.thin, dashed=not observed)
        if layers.skeletons:
            keypoints = self._placed(poses.keypoints[person])
            visible = poses.keypoint_scores[person] >= MIN_KEYPOINT_SCORE
            self._collect_body(
                keypoints, visible & np.isfinite(keypoints).all(axis=1), skeleton, sizes, observed
            )

    def _paint_box(self, box: FloatArray, color: Color, width: float, *, dashed: bool) -> None:
        pen = QPen(QColor(*color), max(1.5, width))
        pen.setStyle(Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # upright lines are sharp without
        self._painter.setPen(pen)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.drawRect(QRectF(QPointF(*box[:2].tolist()), QPointF(*box[2:].tolist())))

    def _collect_body(
        self, keypoints: FloatArray, visible: np.ndarray, skeleton: Skeleton, sizes: Sizes, observed: bool
    ) -> None:
        """Take note of the lines and points of a body: those of many are painted together in less time."""
        sides = sides_of(skeleton)
        points = [QPointF(x, y) for x, y in keypoints.tolist()]
        drawn = visible[skeleton.edges].all(axis=1)
        edges = zip(skeleton.edges[drawn].tolist(), sides.edges[drawn].tolist(), strict=True)
        for (first, second), side in edges:
            line = QLineF(points[first], points[second])
            thick = observed and side != Side.RIGHT
            self._strokes[Layer.LINES, side, sizes.line if thick else max(1, sizes.thin)].append(line)
            if observed:
                self._strokes[Layer.RIMS, 0, sizes.line + 2].append(line)
        if observed:
            for index in np.flatnonzero(visible).tolist():
                side = sides.keypoints[index]
                self._strokes[Layer.POINTS, int(side), sizes.marker].append(points[index])

    def _paint_strokes(self) -> None:
        """Paint what was taken note of, from the lowest layer to the highest."""
        painter = self._painter
        for (layer, side, size), strokes in sorted(self._strokes.items(), key=lambda entry: entry[0]):
            if layer == Layer.POINTS:
                self._paint_keypoints(QPolygonF(strokes), Side(side), size)
                continue
            # A rim is dark and thin: smoothing it would take most of the time, and nobody would see it.
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, layer == Layer.LINES)
            pen = QPen(RIM if layer == Layer.RIMS else QColor(*SIDE_COLORS[Side(side)]), size)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLines(strokes)
        self._strokes.clear()

    def _paint_keypoints(self, places: QPolygonF, side: Side, radius: float) -> None:
        # Points of a wide pen: round ones are discs, those with square ends squares.
        cap = Qt.PenCapStyle.SquareCap if side is Side.RIGHT else Qt.PenCapStyle.RoundCap
        self._painter.setRenderHint(QPainter.RenderHint.Antialiasing, side is not Side.RIGHT)
        for paint, width in ((RIM, 2 * radius + 1.5), (QColor(*SIDE_COLORS[side]), 2 * radius)):
            pen = QPen(paint, width)
            pen.setCapStyle(cap)
            self._painter.setPen(pen)
            self._painter.drawPoints(places)

    def _paint_trails(self, followed: int | None) -> None:
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        for track_id, places in self._picture.trails.items():
            color = QColor(*track_color(track_id))
            color.setAlphaF(0.75 if followed in (None, track_id) else 0.2)
            self._painter.setPen(QPen(color, max(1.5, self._sizes.line)))
            self._painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in self._placed(places).tolist()]))

    def _paint_labels(self, poses: Poses, followed: int | None) -> None:
        font = QFont(self._painter.font())
        font.setPixelSize(round(LABEL_PIXELS * self._ratio))
        font.setBold(True)
        self._painter.setFont(font)
        metrics = QFontMetricsF(font)
        for person in range(len(poses)):
            track_id = int(poses.track_ids[person])
            x, y = self._placed(poses.boxes[person, :2].reshape(1, 2))[0].tolist()
            if track_id < 0 or not np.isfinite((x, y)).all() or not self._in_sight(poses.boxes[person]):
                continue
            self._painter.setOpacity(FADED if followed not in (None, track_id) else 1.0)
            text = f"{track_id}"
            width, height = metrics.horizontalAdvance(text) + 10 * self._ratio, metrics.height()
            place = QRectF(max(0.0, x), max(0.0, y - height), width, height)
            color = track_color(track_id)
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(QColor(*color))
            self._painter.drawRoundedRect(place, 3 * self._ratio, 3 * self._ratio)
            self._painter.setPen(QColor(*ink_on(color)))
            self._painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _in_sight(self, box: FloatArray) -> bool:
        """Return whether a box is in the part of the frame that is shown."""
        height, width = self._picture.pixels.shape[:2]
        left, top, right, bottom = self._placed(box.reshape(2, 2)).reshape(4).tolist()
        return right > 0 and bottom > 0 and left < width and top < height

    def _placed(self, points: FloatArray) -> FloatArray:
        """Return points of the frame in pixels of the pane, whose first pixel's centre is at (.5, .5)."""
        return np.asarray((points + self._shift) * self._scale, np.float32)


def person_at(picture: Picture, x: float, y: float) -> int | None:
    """Return the track id of the smallest box around a point of the picture; None where there is nobody."""
    if picture.result is None:
        return None
    poses = picture.result.tracked.poses
    at = np.array([x, y]) / picture.scale + picture.origin - 0.5
    inside = (poses.boxes[:, :2] <= at).all(axis=1) & (at <= poses.boxes[:, 2:]).all(axis=1)
    found = np.flatnonzero(inside & (poses.track_ids >= 0))
    if len(found) == 0:
        return None
    sizes = np.prod(poses.boxes[found, 2:] - poses.boxes[found, :2], axis=1)
    return int(poses.track_ids[found[int(np.argmin(sizes))]])
