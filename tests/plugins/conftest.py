"""Real networks and real images: what the tests of detectors and pose networks share."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import pytest

from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import load_card
from sitepose.models.zoo.store import cached, locate
from sitepose.plugins.api import PluginContext
from sitepose.plugins.registry import load_plugin

FILES = {
    "picodet-s-320-pedestrian": "picodet_s_320_pedestrian.onnx",
    "tinypose-256x192": "tinypose_256x192.onnx",
    "yolox-nano": "yolox_nano.onnx",
}
"""Networks among the test data, by their cards."""

BOX_FLOOR = 0.05
"""The figures of the detectors were published with boxes above this score and a box NMS of .5."""


@pytest.fixture
def collector_sees_only_what_is_new() -> Iterator[None]:
    """All that a session has loaded takes the collector a third of a second each time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with Workers(2) as workers:
        yield workers


@pytest.fixture(scope="session")
def portable() -> Callable[[str], Path]:
    """Return the file of a card that a registry offers; the tests skip where it has not been pulled."""

    def portable(name: str) -> Path:
        card = load_card(name)
        if not cached(card):
            pytest.skip(f"needs the model: sitepose models pull {name}")
        return locate(card)

    return portable


@pytest.fixture(scope="session")
def weights(data, portable) -> Callable[[str], Path]:
    """Return the file of a card, from the test data or from a registry."""
    return lambda name: data / "models" / FILES[name] if name in FILES else portable(name)


@pytest.fixture(scope="session")
def coco(data) -> Any:
    """Labelled images, as pycocotools reads them."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(data / "coco" / "person_keypoints.json"))


@pytest.fixture(scope="session")
def coco_frames(data, coco) -> dict[int, Frame]:
    """Every image as a frame, by its id."""
    images = [coco.imgs[i] for i in sorted(coco.imgs)]
    pixels = [cv2.imread(str(data / "coco" / "images" / image["file_name"]))[..., ::-1] for image in images]
    return {
        image["id"]: Frame(image=rgb, index=i, timestamp=0.0, name=image["file_name"])
        for i, (image, rgb) in enumerate(zip(images, pixels, strict=True))
    }


@pytest.fixture(scope="session")
def detected(weights, workers, coco_frames) -> Callable[[str], dict[int, Detections]]:
    """Return whom a detector finds in each of these images, at float32; it looks once."""

    @cache
    def detected(name: str) -> dict[int, Detections]:
        plugin = load_plugin("detector", name)
        card = plugin.default_card
        runtime = RuntimeOptions(precision="fp32")
        context = PluginContext(weights=weights(card), card=load_card(card), workers=workers, runtime=runtime)
        with contextlib.closing(plugin(plugin.Settings(min_score=BOX_FLOOR), context)) as detector:
            return {image: detector.detect([frame])[0] for image, frame in coco_frames.items()}

    return detected


@pytest.fixture(scope="session")
def average_precision(coco) -> Callable[..., float]:
    """Return pycocotools' AP of COCO results, of ``bbox`` or ``keypoints``."""
    from pycocotools.cocoeval import COCOeval

    def average_precision(results: list[dict[str, Any]], kind: str) -> float:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(coco, coco.loadRes(results), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return float(evaluation.stats[0])

    return average_precision
