"""RT-DETR (arXiv 2304.08069) and D-FINE (arXiv 2410.13842) by Hugging Face's transformers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.structures import Detections
from sitepose.models.networks.torchvision_ops import prepare_torchvision
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings
from sitepose.plugins.detectors.network_input import NetworkInput
from sitepose.plugins.detectors.torch_network import TorchDetector, numpy_of

PERSON = "person"
"""Name of the class that counts; networks without it are taken to have people first."""

CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
"""Files of a model's folder."""


class TransformersDetector(TorchDetector):
    """A network of transformers that gives a fixed number of boxes; a subclass names the architectures.

    The file named is any of a model's folder: ``FOLDER/model.safetensors``. Only safetensors are read.
    """

    class Settings(BoxSettings):
        """Settings of ``rtdetr`` and ``dfine``."""

        model: str | None = None
        """A model's folder, or its name on the Hugging Face hub, in place of a file; a name that is not in the
        hub's cache on this machine is fetched."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    extra: ClassVar[str] = "sitepose[transformers]"
    model_types: ClassVar[tuple[str, ...]]
    """What ``config.json`` may call the architecture."""
    settings: Settings
    _person = 0

    def make_input(self, context: PluginContext) -> NetworkInput:
        """Return how frames become the input: the card's way, else that of the model's folder."""
        if context.card is not None:
            return NetworkInput(context.card.input)
        return NetworkInput(input_of_folder(self._model_folder(context)))

    def make_network(self, context: PluginContext) -> Any:
        """Return the network with its weights."""
        folder = self._model_folder(context)
        config = _read_json(folder / CONFIG)
        if config.get("model_type") not in self.model_types:
            told, wanted = config.get("model_type"), " or ".join(self.model_types)
            raise WeightsError(f"{folder / CONFIG}: a model of type {told!r}, expected {wanted}")
        names = {int(number): str(name) for number, name in config.get("id2label", {}).items()}
        self._person = next((number for number, name in names.items() if name.lower() == PERSON), 0)
        return _load(folder)

    def decode(self, outputs: Any) -> list[Detections]:
        """Return the boxes that show a person."""
        scores = numpy_of(outputs.logits[..., self._person].float().sigmoid())
        centers, sizes = np.split(numpy_of(outputs.pred_boxes), 2, axis=-1)
        scale = np.array([*self.input.size_wh] * 2, np.float32)
        boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1) * scale
        seen = scores > self.settings.min_score
        return [
            Detections(boxes=frame_boxes[rows], scores=frame_scores[rows])
            for frame_boxes, frame_scores, rows in zip(boxes, scores, seen, strict=True)
        ]

    def _model_folder(self, context: PluginContext) -> Path:
        if self.settings.model is not None:
            folder = Path(self.settings.model).expanduser()
            return folder if folder.is_dir() else _from_hub(self.settings.model)
        if context.weights is None:
            name = type(self).__name__.lower()
            raise PluginError(f"{name} needs a model; name one: --detector {name}:FOLDER/{WEIGHTS}")
        return context.weights.parent


class RtDetr(TransformersDetector):
    """RT-DETR and RT-DETRv2."""

    class Settings(TransformersDetector.Settings):
        """Settings of ``rtdetr``."""

    default_card: ClassVar[str | None] = "rtdetr-r18"
    model_types: ClassVar[tuple[str, ...]] = ("rt_detr", "rt_detr_v2")


class DFine(TransformersDetector):
    """D-FINE."""

    class Settings(TransformersDetector.Settings):
        """Settings of ``dfine``."""

    default_card: ClassVar[str | None] = "dfine-n"
    model_types: ClassVar[tuple[str, ...]] = ("d_fine",)


def input_of_folder(folder: Path) -> InputSpec:
    """Return the pre-processing that a model's folder describes; stretched to 640x640 where it says nothing."""
    path = folder / PREPROCESSOR
    told = _read_json(path) if path.is_file() else {}
    size = told.get("size") or {"width": 640, "height": 640}
    normalize = bool(told.get("do_normalize"))
    return InputSpec(
        size_wh=(size["width"], size["height"]),
        scale=told.get("rescale_factor", 1 / 255) if told.get("do_rescale", True) else 1.0,
        mean=tuple(told["image_mean"]) if normalize else (0.0, 0.0, 0.0),
        std=tuple(told["image_std"]) if normalize else (1.0, 1.0, 1.0),
    )


def _load(folder: Path) -> Any:
    transformers = _transformers()
    try:
        return transformers.AutoModelForObjectDetection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:  # the library raises nearly anything
        raise WeightsError(f"{folder}: cannot be loaded: {' '.join(str(error).split())}") from error


def _from_hub(name: str) -> Path:
    """Return the folder of a model on the hub, from the cache on this machine where it is there."""
    _transformers()
    from huggingface_hub import snapshot_download

    files = [CONFIG, PREPROCESSOR, WEIGHTS]
    try:
        try:
            return Path(snapshot_download(name, allow_patterns=files, local_files_only=True))
        except FileNotFoundError:
            return Path(snapshot_download(name, allow_patterns=files))
    except Exception as error:  # the library raises nearly anything
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"model {name!r} is no folder, and cannot be fetched from the hub: {reason}"
        ) from error


def _transformers() -> Any:
    # Read when the libraries are imported: nothing is reported about the machine or the model.
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    prepare_torchvision()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: not a table")
    return content
