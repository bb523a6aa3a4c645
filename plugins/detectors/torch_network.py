"""What detectors made with PyTorch share: device, precision, frames in, people out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from sitepose.core.errors import ConfigError, PluginError
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import RuntimeInfo
from sitepose.plugins.api import Capabilities, PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings
from sitepose.plugins.detectors.network_input import NetworkInput
from sitepose.plugins.detectors.people import people_of_frame

MAX_BATCH = 8
"""Frames that go through the network at once."""


class TorchDetector(ABC):
    """A detector made of a PyTorch module; a subclass makes it and says how its outputs become people.

    Remembers the network and nothing of the frames. One call runs on all of PyTorch's threads, so there is
    nothing to gain from several at once.
    """

    requires: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str] = "sitepose[torch]"
    default_card: ClassVar[str | None] = None

    def __init__(self, settings: BoxSettings, context: PluginContext) -> None:
        self.settings = settings
        self._device = choose_device(context.device)
        self._dtype = choose_dtype(context.precision)
        self.input = self.make_input(context)
        network = self.make_network(context)
        self._network: Any = network.eval().requires_grad_(requires_grad=False).to(self._device)
        self.capabilities = Capabilities(skeleton=self.skeleton())
        self.runtime = runtime_info(self._device, context.precision, context.threads)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of each frame, best first."""
        if self._network is None:
            raise PluginError(f"{type(self).__name__} is closed")
        people: list[Detections] = []
        for start in range(0, len(frames), MAX_BATCH):
            people += self._batch(frames[start : start + MAX_BATCH])
        return people

    def close(self) -> None:
        """Give the network back; calling it twice is fine."""
        self._network = None

    @abstractmethod
    def make_input(self, context: PluginContext) -> NetworkInput:
        """Return how frames become the network's input."""

    @abstractmethod
    def make_network(self, context: PluginContext) -> Any:
        """Return the network, a ``torch.nn.Module`` with its weights."""

    @abstractmethod
    def decode(self, outputs: Any) -> list[Detections]:
        """Return who scores above the least in each frame of a batch, in corner coordinates of the input.

        Args:
            outputs: What the network gave for the batch.
        """

    def skeleton(self) -> Skeleton | None:
        """Return what keypoints the network gives; None where it gives boxes alone."""
        return None

    def _batch(self, frames: Sequence[Frame]) -> list[Detections]:
        import torch

        batch, fits = self.input.batch(frames)
        with torch.inference_mode(), self._autocast():
            found = self.decode(self._network(torch.from_numpy(batch).to(self._device)))
        nms_iou = self.settings.nms_iou
        return [people_of_frame(one, fit, nms_iou=nms_iou) for one, fit in zip(found, fits, strict=True)]

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast(self._device.type, self._dtype) if self._dtype is not None else nullcontext()


def choose_device(name: str) -> Any:
    """Return the ``torch.device`` that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` stands for.

    Raises:
        ConfigError: The machine has no such device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {name!r}: this PyTorch ({torch.__version__}) finds no CUDA device")
    device = torch.device(name)
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise ConfigError(f"device {name!r}: there are {torch.cuda.device_count()} CUDA devices")
    return device


def choose_dtype(precision: str) -> Any:
    """Return the type that a network computes in beside float32; None where it is float32 alone.

    ``auto`` is float32: how the networks of users take less is not known.

    Raises:
        ConfigError: PyTorch does not compute in this precision.
    """
    import torch

    if precision in {"auto", "fp32"}:
        return None
    known = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if precision not in known:
        raise ConfigError(f"precision {precision!r}: PyTorch detectors have fp32, bf16 and fp16")
    return known[precision]


def runtime_info(device: Any, precision: str, threads: int) -> RuntimeInfo:
    """Return what is really used, after giving PyTorch its threads."""
    import torch

    torch.set_num_threads(threads)
    return RuntimeInfo(
        library="torch",
        version=torch.__version__,
        device=str(device),
        precision="fp32" if precision == "auto" else precision,
        streams=1,
        threads_per_stream=torch.get_num_threads(),
    )


def numpy_of(tensor: Any) -> Any:
    """Return a tensor of any device and type as float32 numpy array."""
    return tensor.float().cpu().numpy()
