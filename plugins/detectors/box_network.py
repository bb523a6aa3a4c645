"""What detectors with one network file share: open it, feed it frames, choose people from its boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo, Session
from sitepose.models.runtimes.factory import open_session
from sitepose.models.runtimes.onnx_file import read_onnx
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.api import Capabilities, PluginContext, PluginSettings
from sitepose.plugins.detectors.network_input import NetworkInput, file_size_wh
from sitepose.plugins.detectors.people import people_of_frame

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=64, le=4096, multiple_of=32)]


class BoxSettings(PluginSettings):
    """What every detector of boxes can be told."""

    min_score: Share = 0.3
    """Boxes must score higher than this."""
    nms_iou: Share = 0.5
    """Of two boxes that overlap by more (intersection over union), the worse is dropped."""


class NetworkSettings(BoxSettings):
    """What every detector made of one network file can be told."""

    input_wh: tuple[Side, Side] | None = None
    """Width and height that frames are looked at in, multiples of 32: larger ones find smaller people and take
    longer. The file's own by default; some networks allow no other."""
    threads: int = Field(1, ge=1, le=64)
    """Threads that look at one frame: more pay for a large network that is asked now and then
    (``--detect-every``), or live. Where every frame is looked at, one thread for each of several is faster."""


class BoxNetwork(ABC):
    """A detector made of one network file; a subclass says how its output becomes boxes.

    Remembers the open network and nothing of the frames; several threads may call it at once.
    """

    default_card: ClassVar[str | None]
    """The model card that this plug-in runs where none is named."""
    default_input: ClassVar[InputSpec]
    """Pre-processing for a file without a card: what the publishers of the architecture trained with."""
    skeleton_name: ClassVar[str | None] = None
    """What keypoints the network gives; None where it gives boxes alone."""
    one_by_one: ClassVar[bool] = False
    """Whether the number of rows in its output depends on the frame, so that frames cannot share a batch."""
    needed_columns: ClassVar[int | None] = None
    """How many entries of the output's last axis are read; those beyond are not computed. None for all."""

    def __init__(self, settings: NetworkSettings, context: PluginContext) -> None:
        if context.weights is None:
            raise PluginError(f"{type(self).__name__} needs a network file; name one: --detector NAME:FILE")
        self.settings = settings
        skeleton = load_skeleton(self.skeleton_name) if self.skeleton_name else None
        self.capabilities = Capabilities(skeleton=skeleton, thread_safe=True)
        size_wh = settings.input_wh
        self._session: Session | None = open_session(
            context.weights if size_wh is None else read_onnx(context.weights).for_size(size_wh),
            options=replace(context.runtime, threads_per_item=settings.threads),
            workers=context.workers,
            columns=self.needed_columns,
        )
        self.runtime: RuntimeInfo | None = self._session.info
        spec = context.card.input if context.card else self.default_input
        try:
            self.input = NetworkInput(spec, size_wh=file_size_wh(self._session.input_shapes[0], spec))
        except WeightsError as error:
            self.close()
            raise WeightsError(f"{context.weights}: {error}") from error

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of each frame, best first."""
        if self._session is None:
            raise PluginError(f"{type(self).__name__} is closed")
        if not frames:
            return []
        batch, fits = self.input.batch(frames)
        answers = self._answers(self._session, batch)
        nms_iou = self.settings.nms_iou
        return [
            people_of_frame(self.decode(outputs), fit, nms_iou=nms_iou)
            for outputs, fit in zip(answers, fits, strict=True)
        ]

    def close(self) -> None:
        """Give the network back; calling it twice is fine."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _answers(self, session: Session, batch: AnyArray) -> list[list[AnyArray]]:
        """Return the outputs for each frame, without the batch's dimension."""
        if self.one_by_one:
            return [[output[0] for output in session.run(batch[i : i + 1])] for i in range(len(batch))]
        outputs = session.run(batch)
        return [[output[i] for output in outputs] for i in range(len(batch))]

    @abstractmethod
    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return who scores above the least, in any order, in corner coordinates of the input.

        Args:
            outputs: The network's outputs for one frame, without the batch's dimension.
        """
