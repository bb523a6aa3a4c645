"""A camera as a source of frames: always the newest one, through every fault, until it is closed."""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import ClassVar, Self

from sitepose.core.errors import SourceError
from sitepose.core.structures import Frame, ImageArray
from sitepose.plugins.api import PluginContext, SourceInfo
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.diagnosis.diagnose import diagnose
from sitepose.plugins.sources.live.events import Listener, SceneChanged, State
from sitepose.plugins.sources.live.intake import Delivery, Intake, LiveStats, Mail
from sitepose.plugins.sources.live.keyframes import KeyframeViewer
from sitepose.plugins.sources.live.packets import PacketHub, PacketSink, StreamFormat
from sitepose.plugins.sources.live.rules import Rules
from sitepose.plugins.sources.live.scene import SceneWatch
from sitepose.plugins.sources.live.settings import LiveSettings
from sitepose.plugins.sources.live.supervisor import Connection, Supervisor

CLOSE_S = 1.0
"""Longest time that closing takes, whatever the camera does."""

TAKE_S = 0.1
"""How often one who waits for a frame looks whether the source has given up."""

_log = logging.getLogger(__name__)


class LiveSource(ABC):
    """What all live sources share. It connects at once, and again after every fault.

    Frames are taken by iteration, which waits for the next one and ends when the source is closed. Frames that
    nobody takes in time are replaced by newer ones; recorders get every packet all the same.

    Args:
        settings: Where the camera is, and how it is treated.
        context: From the program; live sources need nothing of it.
        listener: Is told of every event, from the first connection on.

    Raises:
        SourceError: The address is none.
        PluginError: A library is missing.
    """

    Settings: ClassVar[type[LiveSettings]] = LiveSettings

    def __init__(
        self, settings: LiveSettings, context: PluginContext | None = None, *, listener: Listener | None = None
    ) -> None:
        self.settings = settings
        self.address: CameraAddress = settings.address()
        self.check()
        self._hub = PacketHub(preroll_s=settings.preroll_s)
        self._watch = SceneWatch()
        self._look_at = 0.0 if settings.watch_s else math.inf
        self._intake = Intake(self._hub)
        self._frame_at = time.monotonic()
        self._last_timestamp = 0.0
        self._supervisor = Supervisor(
            self.address.label,
            self._intake,
            self.connection,
            Rules(
                stall_s=settings.silence_s,
                connect_timeout_s=settings.connect_timeout_s,
                retry_failed_s=settings.retry_failed_s,
                retry_s=settings.retry_s,
                decodes=settings.decode,
                loops=self.address.kind == "file",
            ),
            self.address.secrets,
            lambda fault: diagnose(fault, self.address, settings),
        )
        if listener is not None:
            self._supervisor.listen(listener)
        self._keyframes: KeyframeViewer | None = None
        if settings.watch_s and not settings.decode:
            self._keyframes = KeyframeViewer(self._look, settings.watch_s)
            self._hub.attach(self._keyframes)
        self._supervisor.start()

    @abstractmethod
    def connection(self, delivery: Delivery) -> Connection:
        """Return a new connection that delivers to ``delivery``."""

    @abstractmethod
    def check(self) -> None:
        """Say at once what no connection can mend: a missing library, an address of the wrong kind."""

    @property
    def info(self) -> SourceInfo:
        """What is known of the source; waits for the first picture.

        Raises:
            SourceError: There is none within ``connect_timeout_s``.
        """
        stream = self.stream(self.settings.connect_timeout_s)
        if stream is None:
            raise SourceError(f"{self.address.label}: {self.why()}")
        return SourceInfo(
            source_id=self.address.label, size_wh=stream.size_wh, frame_rate=stream.frame_rate, live=True
        )

    def stream(self, timeout_s: float = 0.0) -> StreamFormat | None:
        """Return what the camera sends now, or did last; None where nothing has come in time."""
        deadline = time.monotonic() + timeout_s
        while (stream := self._intake.stream) is None and time.monotonic() < deadline:
            if self._supervisor.state in ("failed", "closed"):
                break
            time.sleep(0.01)
        return stream

    @property
    def state(self) -> State:
        """What the source is doing."""
        return self._supervisor.state

    @property
    def stats(self) -> LiveStats:
        """Counters of frames, up to the newest one taken."""
        return self._intake.stats()

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged or could not be converted so far."""
        return self._intake.damaged

    def why(self) -> str:
        """Return why the last connection ended, in one line."""
        fault = self._supervisor.fault
        return str(fault) if fault is not None else "no picture has come yet"

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every event from now on, in the source's own threads."""
        self._supervisor.listen(listener)

    def unlisten(self, listener: Listener) -> None:
        """Tell a listener nothing more; one that was never told anything is fine."""
        self._supervisor.unlisten(listener)

    def retry_now(self) -> None:
        """Connect at once in place of waiting for the next attempt."""
        self._supervisor.retry_now()

    def attach(self, sink: PacketSink, *, preroll_s: float | None = None) -> None:
        """Give a sink every encoded packet from now on, after the pre-roll, which begins with a keyframe.

        Args:
            sink: Usually a recorder.
            preroll_s: Seconds of pre-roll; none takes all that is kept, 0 takes nothing.
        """
        self._hub.attach(sink, preroll_s=preroll_s)

    def detach(self, sink: PacketSink) -> None:
        """Give a sink nothing more."""
        self._hub.detach(sink)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        """Return the newest frame that was not taken yet, and wait for it.

        Raises:
            StopIteration: The source was closed.
            SourceError: Nothing has come for ``give_up_s``, or nothing ever will; only where that is set.
        """
        while (frame := self.newest(TAKE_S)) is None:
            if self._intake.mailbox.closed:
                raise StopIteration
            self._check_patience()
        self._frame_at = time.monotonic()
        return frame

    def newest(self, timeout_s: float) -> Frame | None:
        """Return the newest frame that was not taken yet; None where none has come in time."""
        mail = self._intake.mailbox.take(timeout_s)
        return None if mail is None else self._frame(mail)

    def close(self) -> None:
        """Close the camera within a second; calling it twice is fine."""
        self._intake.mailbox.close()
        if not self._supervisor.stop(CLOSE_S):
            _log.warning("%s: the camera does not close; its thread is left to itself", self.address.label)
        if self._keyframes is not None:
            self._keyframes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _frame(self, mail: Mail) -> Frame | None:
        try:
            image = mail.picture.to_rgb()
        except (ValueError, OSError) as error:  # PyAV's errors are both
            _log.warning("%s: a picture cannot be converted: %s", self.address.label, error)
            self._intake.damaged += 1
            return None
        self._intake.delivered(mail.stamp.index)
        self._last_timestamp = max(self._last_timestamp, mail.stamp.timestamp)
        self._look(image, self._last_timestamp)
        return Frame(
            image=image,
            index=mail.stamp.index,
            timestamp=self._last_timestamp,
            pts=mail.arrival.pts,
            time_base=Fraction(mail.arrival.time_base),
            captured_at=mail.arrival.captured_at,
            source_id=self.address.label,
        )

    def _look(self, image: ImageArray, timestamp: float) -> None:
        """Look, now and then, whether the camera still shows what it did."""
        if timestamp < self._look_at:
            return
        self._look_at = timestamp + self.settings.watch_s
        change = self._watch.look(image)
        if change is not None:
            self._supervisor.tell(SceneChanged, change=change.kind, text=change.message)

    def _check_patience(self) -> None:
        patience = self.settings.give_up_s
        if patience is None:
            return
        if self.state == "failed" or time.monotonic() - self._frame_at > patience:
            raise SourceError(f"{self.address.label}: {self.why()}")
