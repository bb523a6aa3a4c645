"""The nouns of the pipeline: frozen dataclasses of parallel arrays.

P people, K keypoints, M candidates. Images are RGB uint8. Everything is in float32 full-frame pixels, x right,
y down; the centre of the top-left pixel is (0, 0), so the whole frame is the box (-.5, -.5, W-.5, H-.5).
Scores are 0..1. Arrays are made read-only by the constructor, which also checks their shapes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ImageArray = NDArray[np.uint8]

UNTRACKED = -1
"""The track id of a person whom no tracker has named."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a source, with every stamp that it came with.

    Attributes:
        image: RGB, shape (H, W, 3), uint8, read-only.
        index: Place in the capture sequence of its source, from 0; gaps are drops.
        timestamp: Seconds since the first frame of the source; never goes back, across reconnects too.
        pts: The container's own stamp, unchanged, in units of ``time_base``; None where there is none.
        time_base: Seconds per unit of ``pts``.
        captured_at: ``time.monotonic()`` at which the frame reached this program.
        source_id: Name of the source, without credentials.
        name: File name or image id of a still image.
    """

    image: ImageArray
    index: int
    timestamp: float
    pts: int | None = None
    time_base: Fraction | None = None
    captured_at: float = 0.0
    source_id: str = ""
    name: str | None = None

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"Frame.image has shape {image.shape} and {image.dtype}, expected (H, W, 3) uint8")
        object.__setattr__(self, "image", _read_only(image))

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


class _PerPerson:
    """What all tables of people share: length, and selection of the same rows in every field."""

    __slots__ = ()

    def __len__(self) -> int:
        first: NDArray[Any] = getattr(self, dataclasses.fields(self)[0].name)  # type: ignore[arg-type]
        return len(first)

    def __getitem__(self, rows: ArrayLike | slice) -> Self:
        """Select people by mask, index array or slice, in every field."""
        index = rows if isinstance(rows, slice) else np.atleast_1d(np.asarray(rows))
        if isinstance(index, np.ndarray) and index.size == 0 and index.dtype != np.bool_:
            index = index.astype(np.intp)
        selected = {}
        for spec in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, spec.name)
            selected[spec.name] = None if value is None else value[index]
        return type(self)(**selected)


@dataclass(frozen=True, eq=False, slots=True)
class Detections(_PerPerson):
    """People's boxes in one frame, best first.

    Attributes:
        boxes: ``xyxy``, shape (P, 4), never clipped to the frame.
        scores: Shape (P,), 0..1.
        keypoints: Shape (P, K, 2), from one-stage detectors; else None.
        keypoint_scores: Shape (P, K), 0..1; given exactly when ``keypoints`` is.
        track_ids: Shape (P,) int64, from detectors that track; else None.
        from_tracks: Shape (P,) bool; True where the box was moved on from a track, not detected.
    """

    boxes: FloatArray
    scores: FloatArray
    keypoints: FloatArray | None = None
    keypoint_scores: FloatArray | None = None
    track_ids: IntArray | None = None
    from_tracks: BoolArray = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        people = len(np.asarray(self.boxes).reshape(-1, 4)) if np.size(self.boxes) == 0 else len(self.boxes)
        _set(self, "boxes", (people, 4))
        _set(self, "scores", (people,))
        if (self.keypoints is None) != (self.keypoint_scores is None):
            raise ValueError("Detections.keypoints and keypoint_scores go together; one is missing")
        if self.keypoints is not None:
            keypoints = np.shape(self.keypoints)[1] if np.ndim(self.keypoints) == 3 else 0
            _set(self, "keypoints", (people, keypoints, 2))
            _set(self, "keypoint_scores", (people, keypoints))
        if self.track_ids is not None:
            _set(self, "track_ids", (people,), np.int64)
        _set_default(self, "from_tracks", np.zeros(people, np.bool_))

    @classmethod
    def empty(cls) -> Self:
        """Return the detections of a frame without people."""
        return cls(boxes=np.empty((0, 4), np.float32), scores=np.empty(0, np.float32))


@dataclass(frozen=True, eq=False, slots=True)
class PoseCandidates(_PerPerson):
    """Up to M heatmap peaks per person and keypoint, best first; missing ones are NaN with score 0.

    Attributes:
        keypoints: Shape (P, K, M, 2), NaN where there is no such peak.
        scores: Shape (P, K, M), 0..1; the response at the peak.
        radii: Shape (P, K, M); standard deviation of the response in frame pixels. SimCC and one-stage
            networks have M = 1 and a radius derived from the box.
        boxes: The boxes that the crops were made from, ``xyxy``, shape (P, 4).
        box_scores: Shape (P,), 0..1.
        track_ids: Shape (P,) int64, passed on from a detector that tracks; else None.
        from_tracks: Shape (P,) bool; True where the box was moved on from a track, not detected.
    """

    keypoints: FloatArray
    scores: FloatArray
    radii: FloatArray
    boxes: FloatArray
    box_scores: FloatArray
    track_ids: IntArray | None = None
    from_tracks: BoolArray = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        if np.ndim(self.keypoints) != 4:
            raise ValueError(
                f"PoseCandidates.keypoints has shape {np.shape(self.keypoints)}, expected (P, K, M, 2)"
            )
        people, keypoints, peaks = np.shape(self.keypoints)[:3]
        _set(self, "keypoints", (people, keypoints, peaks, 2))
        _set(self, "scores", (people, keypoints, peaks))
        _set(self, "radii", (people, keypoints, peaks))
        _set(self, "boxes", (people, 4))
        _set(self, "box_scores", (people,))
        if self.track_ids is not None:
            _set(self, "track_ids", (people,), np.int64)
        _set_default(self, "from_tracks", np.zeros(people, np.bool_))

    @classmethod
    def empty(cls, num_keypoints: int, num_peaks: int = 1) -> Self:
        """Return the candidates of a frame without people."""
        return cls(
            keypoints=np.empty((0, num_keypoints, num_peaks, 2), np.float32),
            scores=np.empty((0, num_keypoints, num_peaks), np.float32),
            radii=np.empty((0, num_keypoints, num_peaks), np.float32),
            boxes=np.empty((0, 4), np.float32),
            box_scores=np.empty(0, np.float32),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Poses(_PerPerson):
    """People's poses in one frame.

    Attributes:
        keypoints: Shape (P, K, 2).
        keypoint_scores: Shape (P, K), 0..1.
        boxes: The person's box, ``xyxy``, shape (P, 4): the detector's, or the tracker's where the detector
            was not asked or missed.
        box_scores: Shape (P,), 0..1.
        scores: Score of the person as a whole, shape (P,), 0..1.
        track_ids: Shape (P,) int64; ``UNTRACKED`` where no tracker has named the person.
        observed: Shape (P,) bool; False where a tracker carried a person through a frame without evidence.
        from_tracks: Shape (P,) bool; True where ``boxes`` came from a track, not from the detector.
    """

    keypoints: FloatArray
    keypoint_scores: FloatArray
    boxes: FloatArray
    box_scores: FloatArray
    scores: FloatArray
    track_ids: IntArray = field(default=None)  # type: ignore[arg-type]
    observed: BoolArray = field(default=None)  # type: ignore[arg-type]
    from_tracks: BoolArray = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        if np.ndim(self.keypoints) != 3:
            raise ValueError(f"Poses.keypoints has shape {np.shape(self.keypoints)}, expected (P, K, 2)")
        people, keypoints = np.shape(self.keypoints)[:2]
        _set(self, "keypoints", (people, keypoints, 2))
        _set(self, "keypoint_scores", (people, keypoints))
        _set(self, "boxes", (people, 4))
        _set(self, "box_scores", (people,))
        _set(self, "scores", (people,))
        _set_default(self, "track_ids", np.full(people, UNTRACKED, np.int64))
        _set_default(self, "observed", np.ones(people, np.bool_))
        _set_default(self, "from_tracks", np.zeros(people, np.bool_))

    @classmethod
    def empty(cls, num_keypoints: int) -> Self:
        """Return the poses of a frame without people."""
        return cls(
            keypoints=np.empty((0, num_keypoints, 2), np.float32),
            keypoint_scores=np.empty((0, num_keypoints), np.float32),
            boxes=np.empty((0, 4), np.float32),
            box_scores=np.empty(0, np.float32),
            scores=np.empty(0, np.float32),
        )

    def replace(self, **changes: NDArray[Any]) -> Self:
        """Return a copy with some fields exchanged."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False, slots=True)
class TrackedFrame:
    """What leaves the pipeline: a frame, its people, and what it cost.

    Attributes:
        frame: The picture and its stamps.
        poses: Everybody in it.
        timings: Seconds spent in each stage, by the stage's name.
        dropped: Frames of the same source lost since the last one that came through.
        candidates: What the pose network said before the pose-NMS, kept only when asked for.
    """

    frame: Frame
    poses: Poses
    timings: Mapping[str, float] = field(default_factory=dict)
    dropped: int = 0
    candidates: PoseCandidates | None = None


def concatenate(tables: Sequence[Poses], *, num_keypoints: int) -> Poses:
    """Join the people of several tables into one.

    Args:
        tables: Any number of tables with the same number of keypoints.
        num_keypoints: K of the result when ``tables`` is empty.
    """
    if not tables:
        return Poses.empty(num_keypoints)
    names = [spec.name for spec in dataclasses.fields(Poses)]
    return Poses(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view, leaving the caller's array as it was."""
    view = array.view()
    view.flags.writeable = False
    return view


def _set(table: Any, name: str, shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> None:
    """Store a field as a read-only array of the right type, or say what is wrong with its shape."""
    array = np.asarray(getattr(table, name), dtype=dtype)
    if array.shape != shape:
        if array.size == 0 and 0 in shape:
            array = array.reshape(shape)
        else:
            raise ValueError(f"{type(table).__name__}.{name} has shape {array.shape}, expected {shape}")
    object.__setattr__(table, name, _read_only(array))


def _set_default(table: Any, name: str, default: NDArray[Any]) -> None:
    """Store a field like its default: same shape and type; the default itself where none was given."""
    if getattr(table, name) is None:
        object.__setattr__(table, name, default)
    _set(table, name, default.shape, default.dtype.type)
