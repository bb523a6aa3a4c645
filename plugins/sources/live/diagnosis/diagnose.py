"""From the fault that a library reports to the line that a user reads."""

from __future__ import annotations

from pathlib import Path

from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.diagnosis.answers import Question, fault_of_answer, refused
from sitepose.plugins.sources.live.diagnosis.local import fault_of_device, fault_of_file
from sitepose.plugins.sources.live.diagnosis.reach import through_proxy
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.settings import LiveSettings


def diagnose(fault: ConnectionFault, address: CameraAddress, settings: LiveSettings) -> ConnectionFault:
    """Return why a connection gave no picture at all: what is wrong, where, and what would be right.

    A network camera is asked once more, by ourselves; that takes seconds where it does not answer.

    Args:
        fault: What the library says.
        address: Where the camera is.
        settings: How it was treated.
    """
    found = _found(fault, address, settings)
    return ConnectionFault(found.kind, address.secrets.redact(str(found)))


def _found(fault: ConnectionFault, address: CameraAddress, settings: LiveSettings) -> ConnectionFault:
    if fault.kind == "refused":
        return refused(address)
    if fault.kind == "unsupported":
        return fault
    try:
        found = _looked_at(address, settings)
    except ConnectionFault as other:
        found = other
    return found or _unexplained(fault, address, settings)


def _looked_at(address: CameraAddress, settings: LiveSettings) -> ConnectionFault | None:
    """Return what is wrong as far as we can see; None where all seems well."""
    if address.kind == "http" and through_proxy(address):
        return None  # we would ask past it
    if address.kind in ("rtsp", "http"):
        return fault_of_answer(Question(address, settings.verify_tls))
    if address.kind == "v4l2":
        return fault_of_device(Path(address.location))
    if address.kind == "file":
        return fault_of_file(Path(address.location))
    return None


def _unexplained(fault: ConnectionFault, address: CameraAddress, settings: LiveSettings) -> ConnectionFault:
    """Return the fault of a camera with which nothing is wrong as far as we can see."""
    said = str(fault)
    if address.kind == "file":
        return ConnectionFault(fault.kind, f"{address.location} is no video that can be read ({said})")
    if address.kind == "v4l2":
        return ConnectionFault(
            fault.kind, f"{address.location} gives no picture ({said}): close other programs that use it"
        )
    if address.kind == "gst":
        return ConnectionFault(fault.kind, f"the pipeline gives no video ({said}): try it with gst-launch-1.0")
    if address.kind not in ("rtsp", "http"):
        return fault
    help_ = "look at it with another program"
    if address.kind == "rtsp":
        udp = settings.transport == "udp"
        help_ = "try transport tcp, for a firewall may hold UDP back" if udp else "try transport udp"
    return ConnectionFault(fault.kind, f"the camera answers, but no video comes of it ({said}): {help_}")
