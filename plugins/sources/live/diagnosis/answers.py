"""What a network camera's answer says about why there is no picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.diagnosis.request import UNAUTHORIZED, Reply, ask
from sitepose.plugins.sources.live.events import ConnectionFault

FORBIDDEN = 403
NOT_FOUND = 404
FULL = (453, 503)
"""Not enough bandwidth (RTSP), service unavailable (HTTP): a camera that serves as many as it can."""

REDIRECTS = range(300, 400)
FINE = range(200, 300)

JPEG_BEGINS = b"\xff\xd8\xff"

_PLAYLIST_TYPES = ("mpegurl", "m3u")


@dataclass(frozen=True, slots=True)
class Question:
    """What a camera is asked about.

    Attributes:
        address: Where it is, and who asks.
        verify_tls: Whether its certificate must be one that this computer trusts.
    """

    address: CameraAddress
    verify_tls: bool

    def ask(self, location: str | None = None) -> Reply:
        """Return the camera's answer.

        Raises:
            ConnectionFault: There is none.
        """
        return ask(self.address, verify_tls=self.verify_tls, location=location)


def refused(address: CameraAddress) -> ConnectionFault:
    """Return the fault of a camera that wants another login."""
    if address.credentials is not None:
        return ConnectionFault("refused", "the camera refuses the user or password: correct them")
    scheme = urlsplit(address.location).scheme or "rtsp"
    reason = f"the camera asks for a user and a password: give them, or write {scheme}://USER:PASSWORD@HOST/..."
    return ConnectionFault("refused", reason)


def fault_of_answer(question: Question) -> ConnectionFault | None:
    """Return what is wrong with a network camera; None where its answer is as it should be.

    Raises:
        ConnectionFault: It cannot be reached, or answers what is no answer.
    """
    reply = question.ask()
    expected = "RTSP" if question.address.kind == "rtsp" else "HTTP"
    if reply.protocol != expected:
        other = reply.protocol
        return ConnectionFault(
            "unreachable",
            f"the port speaks {other}, not {expected}: write {other.lower()}://, or correct the port",
        )
    if reply.status in (UNAUTHORIZED, FORBIDDEN):
        return refused(question.address)
    if reply.status not in FINE:
        return _fault_of_status(question.address, reply)
    return _fault_of_description(reply) if expected == "RTSP" else _fault_of_content(question, reply)


def _fault_of_status(address: CameraAddress, reply: Reply) -> ConnectionFault:
    path = urlsplit(address.label).path or "/"
    what = f"{reply.status} {address.secrets.redact(reply.reason)}".strip()
    if reply.status == NOT_FOUND:
        reason = f"the camera has no stream at {path}: look its path up in the camera's manual"
    elif reply.status in FULL:
        reason = f"the camera serves nobody more ({what}): close another viewer"
    elif reply.status in REDIRECTS:
        reason = f"the camera sends us elsewhere ({what}): write the address that it leads to"
    else:
        reason = f"the camera answers {what} for {path}: look its address up in the camera's manual"
    return ConnectionFault("unreachable", reason)


def _fault_of_description(reply: Reply) -> ConnectionFault | None:
    if re.search(rb"(?m)^m=video ", reply.body):
        return None
    sends = "sound only" if b"m=audio " in reply.body else "no video"
    return ConnectionFault(
        "unsupported", f"the camera sends {sends} here: write the address of its video stream"
    )


def _fault_of_content(question: Question, reply: Reply) -> ConnectionFault | None:
    kind = reply.header("content-type").partition(";")[0].strip().lower()
    path = urlsplit(question.address.location).path.lower()
    if kind == "text/html" or reply.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return _not_video("sends a web page, not video: write the address of its stream itself")
    if path.endswith(".m3u8") or any(name in kind for name in _PLAYLIST_TYPES):
        return _fault_of_playlist(question, reply, question.address.location)
    if kind.startswith("multipart/"):
        return _fault_of_parts(reply)
    if kind.startswith("image/"):
        return _not_video("sends one picture, not video: write the address of its MJPEG stream")
    if kind.startswith(("text/", "application/json", "application/xml")):
        return _not_video(f"sends {kind}, not video: write the address of its stream itself")
    return None


def _fault_of_parts(reply: Reply) -> ConnectionFault | None:
    """Return what is wrong with an MJPEG stream: pictures with a head each."""
    if JPEG_BEGINS in reply.body:
        return None
    begun = b"\n\r\n" in reply.body or b"\n\n" in reply.body
    if not begun and reply.ended:
        return ConnectionFault("ended", "the camera ends its stream before the first picture: restart it")
    if not begun:
        return ConnectionFault("stalled", "the camera begins its stream, but sends no picture: restart it")
    return _not_video("sends what is no JPEG picture as one: choose another stream of it")


def _fault_of_playlist(
    question: Question, reply: Reply, location: str, *, depth: int = 0
) -> ConnectionFault | None:
    """Return what is wrong with an HLS playlist, or with the first thing that it names."""
    if b"#EXTM3U" not in reply.body[:200]:
        return _not_video("sends what is no HLS playlist: correct its address")
    lines = reply.body.decode("utf-8", "replace").splitlines()
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not named:
        return ConnectionFault("unreachable", "the playlist names no video: wait until the camera has some")
    target = urljoin(location, named[0])
    if urlsplit(target).netloc != urlsplit(location).netloc:
        return None  # somebody else's computer, whom nobody has asked us to ask
    answer = question.ask(target)
    if answer.status not in FINE:
        what = f"{answer.status} {question.address.secrets.redact(answer.reason)}".strip()
        return ConnectionFault(
            "unreachable", f"the playlist names what is not there ({what}): restart the camera's stream"
        )
    if depth == 0 and urlsplit(target).path.lower().endswith(".m3u8"):
        return _fault_of_playlist(question, answer, target, depth=1)
    return None


def _not_video(what: str) -> ConnectionFault:
    return ConnectionFault("broken", f"the camera {what}")
