"""What can be set on a live source."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from sitepose.plugins.api import PluginSettings
from sitepose.plugins.sources.live.address import CameraAddress, Credentials, parse_address, pipeline_address
from sitepose.plugins.sources.live.backoff import FIRST_DELAY_S, LONGEST_DELAY_S

SEGMENT_S = 15.0
"""Silence that is usual where video comes in pieces: they are up to ten seconds long."""


class LiveSettings(PluginSettings):
    """Settings of every live source. Users and passwords are never shown, nor written with the others."""

    location: str
    """A camera number, ``/dev/...``, ``rtsp://``, ``http(s)://``, ``loop:FILE`` or ``test:``."""
    pipeline: str | None = None
    """A GStreamer pipeline to run in place of ``location``; it may do whatever GStreamer can."""
    user: SecretStr | None = Field(None, exclude=True)
    """Who logs in."""
    password: SecretStr | None = Field(None, exclude=True)
    """The password that goes with ``user``."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP cameras send: ``tcp`` loses nothing, ``udp`` is never late."""
    jitter_ms: int = Field(200, ge=0, le=10_000)
    """How long a packet that was overtaken is waited for over UDP."""
    verify_tls: bool = True
    """Whether ``rtsps://`` and ``https://`` ask for a certificate that this computer trusts; most cameras have
    only one that they signed themselves."""
    size_wh: tuple[int, int] | None = None
    """Width and height asked of a local camera or test pattern; none takes what the camera prefers."""
    frame_rate: float | None = Field(None, gt=0, le=1000)
    """Frames per second asked of a local camera or test pattern."""
    pixels: Literal["auto", "raw", "mjpeg"] = "auto"
    """What a local camera is asked to send; ``auto`` takes MJPEG where there is a choice."""
    decode: bool = True
    """Whether pictures are wanted; without, frames are recorded only, at next to no cost."""
    preroll_s: float = Field(10.0, ge=0, le=120)
    """Seconds of encoded video kept for a recording that begins later."""
    encode_always: bool = False
    """Whether raw pictures are encoded before a recording begins, so that it has a pre-roll."""
    watch_s: float = Field(2.0, ge=0)
    """Seconds between two looks at whether the camera was moved, refocused, or lost its colours; 0 for none."""
    stall_s: float = Field(1.5, ge=0.2, le=600)
    """Silence after which a connection is given up; three frame intervals if that is more, and 15 s for HLS."""
    connect_timeout_s: float = Field(10.0, gt=0, le=600)
    """Time for the first picture of a connection."""
    retry_s: tuple[float, float] = (FIRST_DELAY_S, LONGEST_DELAY_S)
    """First and longest wait before a new connection; it doubles in between, with some jitter."""
    retry_failed_s: float = Field(600.0, ge=1)
    """Wait after a wrong password or a missing codec: cameras lock out who tries often."""
    give_up_s: float | None = Field(None, gt=0)
    """Time without any picture after which the source ends with an error; at once where the camera refuses the
    password. None keeps trying for ever."""

    @property
    def silence_s(self) -> float:
        """Silence after which this kind of connection is given up."""
        return max(self.stall_s, SEGMENT_S) if self.address().segmented else self.stall_s

    def described(self) -> dict[str, Any]:
        """Return what others may read of it: no login, no address, and no pipeline, which may hold one."""
        values = self.model_dump(mode="json", exclude={"location", "pipeline"})
        return {"address": self.address().label, **values}

    def address(self) -> CameraAddress:
        """Return where the camera is, with the login from the fields or the address.

        Raises:
            SourceError: It is no address; the message shows no secret.
        """
        if self.pipeline is not None:
            return pipeline_address(self.pipeline)
        return parse_address(self.location, user=_revealed(self.user), password=_revealed(self.password))


def login_fields(credentials: Credentials | None) -> dict[str, SecretStr]:
    """Return the settings that hold a login; none where there is none."""
    if credentials is None:
        return {}
    return {"user": SecretStr(credentials.user), "password": SecretStr(credentials.password)}


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
