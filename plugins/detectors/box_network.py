"""What detectors with one network file share: open it, feed it frames, choose people from its boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.structures import Detections, FloatArray, Frame
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo, Session
from sitepose.models.runtimes.factory import open_session
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.api import Capabilities, PluginContext, PluginSettings
from sitepose.plugins.detectors.box_nms import suppress_boxes
from sitepose.plugins.detectors.network_input import Fit, NetworkInput, file_size_wh

Share = Annotated[float, Field(ge=0, le=1)]


class BoxSettings(PluginSettings):
    """What every detector of boxes can be told."""

    min_score: Share = 0.3
    """Boxes must score higher than this."""
    nms_iou: Share = 0.5
    """Of two boxes that overlap by more (intersection over union), the worse is dropped."""


class BoxNetwork(ABC):
    """A detector made of one network file; a subclass says how its output becomes boxes.

    Remembers the open network and nothing of the frames; several threads may call it at once.
    """

    default_card: ClassVar[str | None]
    """The model card that this plug-in runs where none is named."""
    default_input: ClassVar[InputSpec]
    """Pre-processing for a file without a card: what the publishers of the architecture trained with."""

    def __init__(self, settings: BoxSettings, context: PluginContext) -> None:
        if context.weights is None:
            raise PluginError(f"{type(self).__name__} needs a network file; name one: --detector NAME:FILE")
        self.settings = settings
        self.capabilities = Capabilities(thread_safe=True)
        self._session: Session | None = open_session(
            context.weights, options=context.runtime, workers=context.workers
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
        outputs = self._session.run(batch)
        return [self._people([output[i] for output in outputs], fit) for i, fit in enumerate(fits)]

    def close(self) -> None:
        """Give the network back; calling it twice is fine."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @abstractmethod
    def decode(self, outputs: Sequence[AnyArray]) -> tuple[FloatArray, FloatArray]:
        """Return boxes, ``xyxy`` corners in input pixels, shape (P, 4), and scores above the least, shape (P,).

        Args:
            outputs: The network's outputs for one frame, without the batch's dimension.
        """

    def _people(self, outputs: Sequence[AnyArray], fit: Fit) -> Detections:
        boxes, scores = self.decode(outputs)
        real = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, scores = fit.boxes(boxes[real]), np.clip(scores[real], 0, 1)
        kept = suppress_boxes(boxes, scores, nms_iou=self.settings.nms_iou)
        return Detections(boxes=boxes[kept], scores=scores[kept])
