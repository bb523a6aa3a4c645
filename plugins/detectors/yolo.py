"""Ultralytics' YOLO networks, for boxes or for poses, as PyTorch or ONNX files, through their public interface.

Ultralytics is licensed AGPL-3.0: whoever gives this plug-in to others, or offers it over a network, has duties
that the rest of Sitepose does not bring.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from pydantic import Field

from sitepose.core.errors import ConfigError, PluginError, WeightsError
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.models.networks.torchvision_ops import prepare_torchvision
from sitepose.models.runtimes.onnx_file import read_onnx
from sitepose.plugins.api import Capabilities, PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings
from sitepose.plugins.detectors.network_input import Fit
from sitepose.plugins.detectors.people import people_of_frame
from sitepose.plugins.detectors.torch_network import MAX_BATCH, choose_device, numpy_of, runtime_info

ENVIRONMENT: Mapping[str, str] = {
    "ULTRALYTICS_SAFE_LOAD": "1",  # a network file is data: nothing in it is run
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
    "YOLO_VERBOSE": "false",
}
"""What Ultralytics reads when it is imported: load safely, install nothing, ask nobody, stay silent."""

PLAIN_NAME = "network.pt"
"""What the library gets to see of a file's name."""

PERSON = "person"
"""Name of the class that counts; networks without it are taken to have people first."""

SKELETON = "coco17"
"""The keypoints of the published pose networks."""

MOST_PEOPLE = 300
"""People of a frame; what Ultralytics itself takes."""


class YoloDetector:
    """A YOLO network for boxes or poses, whichever its file holds.

    Frames of one size go through the network at once. Its library cuts boxes at the frame's border.
    """

    class Settings(BoxSettings):
        """Settings of ``yolo`` and ``yolo-pose``."""

        side: int = Field(640, ge=32, multiple_of=32)
        """Longer side of the input in pixels; ONNX files of a fixed size have their own."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "torchvision", "ultralytics")
    extra: ClassVar[str] = "sitepose[yolo]"
    licence: ClassVar[str] = "AGPL-3.0"
    default_card: ClassVar[str | None] = "yolo11n"
    tasks: ClassVar[tuple[str, ...]] = ("detect", "pose")

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        if context.weights is None:
            raise PluginError(f"{type(self).__name__} needs a network file; name one: --detector yolo:FILE")
        if context.precision not in {"auto", "fp32", "fp16"}:
            raise ConfigError(f"precision {context.precision!r}: YOLO networks have fp32 and fp16")
        self.settings = settings
        self._device = choose_device(context.device)
        # Exported networks have a fixed batch, of one unless told otherwise.
        self._batch = 1 if context.weights.suffix == ".onnx" else MAX_BATCH
        self._half = context.precision == "fp16"
        self._network: Any = load_network(context.weights)
        if self._network.task not in self.tasks:
            what, wanted = self._network.task, " or ".join(self.tasks)
            raise WeightsError(f"{context.weights}: a network for {what!r}, expected one for {wanted}")
        self.capabilities = Capabilities(skeleton=_skeleton(self._network))
        self.runtime = runtime_info(self._device, context.precision, context.threads)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of each frame, best first."""
        if self._network is None:
            raise PluginError(f"{type(self).__name__} is closed")
        people: dict[int, Detections] = {}
        for rows in _rows_of_equal_size(frames, most=self._batch):
            images = [cv2.cvtColor(frames[row].image, cv2.COLOR_RGB2BGR) for row in rows]
            people |= zip(rows, self._same_size(images), strict=True)
        return [people[row] for row in range(len(frames))]

    def close(self) -> None:
        """Give the network back; calling it twice is fine."""
        self._network = None

    def _same_size(self, images: list[Any]) -> list[Detections]:
        results = self._network.predict(
            images,
            imgsz=self.settings.side,
            conf=self.settings.min_score,
            iou=self.settings.nms_iou,
            classes=[_person_class(self._network.names)],
            max_det=MOST_PEOPLE,
            device=self._device,
            verbose=False,
            save=False,
            **({"half": True} if self._half else {}),
        )
        # The library suppresses doubles as the settings say, but not for networks that mean to give none.
        skeleton = self.capabilities.skeleton
        nms_iou = self.settings.nms_iou
        return [
            people_of_frame(_found(result, skeleton), _same(result.orig_shape), nms_iou=nms_iou)
            for result in results
        ]


class YoloPose(YoloDetector):
    """A YOLO network for poses."""

    class Settings(YoloDetector.Settings):
        """Settings of ``yolo-pose``."""

    default_card: ClassVar[str | None] = "yolo11n-pose"
    tasks: ClassVar[tuple[str, ...]] = ("pose",)


def load_network(path: Path) -> Any:
    """Return Ultralytics' own object for a network file.

    Raises:
        WeightsError: The file is missing, damaged, or holds more than a network.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    ultralytics = import_ultralytics()
    try:
        if path.suffix == ".onnx":
            return ultralytics.YOLO(path, task=_onnx_task(path), verbose=False)
        return _under_a_plain_name(path, ultralytics)
    except Exception as error:  # the library raises nearly anything
        # The library calls the file by the name that it was given, and shouts.
        reason = re.sub(r"^ERROR\W+|\S*" + re.escape(PLAIN_NAME), "", " ".join(str(error).split())).strip()
        reason = reason or type(error).__name__
        raise WeightsError(f"{path}: not a YOLO network that can be loaded safely: {reason}") from error


def _under_a_plain_name(path: Path, ultralytics: Any) -> Any:
    """Load a file whose name says nothing: for some names the library would fetch another network instead."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / PLAIN_NAME
        shutil.copyfile(path, plain)
        return ultralytics.YOLO(plain, verbose=False)


def import_ultralytics() -> Any:
    """Return the library, imported so that it stays by itself.

    Raises:
        PluginError: Somebody has imported it before, with unsafe loading.
    """
    if "ultralytics" not in sys.modules:
        # It writes its settings as soon as it is imported: to a folder that goes with this process.
        folder = tempfile.mkdtemp(prefix="sitepose-yolo-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ.update(ENVIRONMENT, YOLO_CONFIG_DIR=folder)
        threads = cv2.getNumThreads()
        prepare_torchvision()
        # It also sets how everybody's arrays are printed.
        with np.printoptions():
            import ultralytics

        ultralytics.settings.update({"sync": False})
        cv2.setNumThreads(threads)
    if os.environ.get("ULTRALYTICS_SAFE_LOAD") != "1":
        raise PluginError("ultralytics was imported before, without ULTRALYTICS_SAFE_LOAD=1 in the environment")
    return sys.modules["ultralytics"]


def _onnx_task(path: Path) -> str:
    """Return what an exported network is for, from what its exporter wrote into it."""
    return next(
        (entry.value for entry in read_onnx(path).model.metadata_props if entry.key == "task"), "detect"
    )


def _skeleton(network: Any) -> Skeleton | None:
    return load_skeleton(SKELETON) if network.task == "pose" else None


def _person_class(names: Mapping[int, str]) -> int:
    return next((number for number, name in names.items() if name.lower() == PERSON), 0)


def _rows_of_equal_size(frames: Sequence[Frame], *, most: int) -> list[list[int]]:
    """Return which frames go together: the library pads frames of unlike sizes otherwise than each alone."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, frame in enumerate(frames):
        groups.setdefault(frame.size_wh, []).append(row)
    return [rows[i : i + most] for rows in groups.values() for i in range(0, len(rows), most)]


def _same(shape_hw: tuple[int, int]) -> Fit:
    """Return the fit of results that are in the frame's own size already."""
    size_wh = (shape_hw[1], shape_hw[0])
    return Fit(size_wh, size_wh)


def _found(result: Any, skeleton: Skeleton | None) -> Detections:
    boxes, scores = numpy_of(result.boxes.xyxy), numpy_of(result.boxes.conf)
    if skeleton is None:
        return Detections(boxes=boxes, scores=scores)
    shape = (len(boxes), skeleton.num_keypoints)
    if len(boxes) and result.keypoints.xy.shape[1] != skeleton.num_keypoints:
        told = result.keypoints.xy.shape[1]
        raise WeightsError(f"the network gives {told} keypoints, expected {shape[1]} of {skeleton.name}")
    sure = result.keypoints.conf
    shares = np.ones(shape, np.float32) if sure is None else numpy_of(sure)
    points = numpy_of(result.keypoints.xy).reshape(*shape, 2)
    return Detections(boxes=boxes, scores=scores, keypoints=points, keypoint_scores=shares)
