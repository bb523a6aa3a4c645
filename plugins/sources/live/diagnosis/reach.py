"""Whether a computer answers on a port at all, and in which language."""

from __future__ import annotations

import errno
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sitepose.plugins.sources.live.address import DEFAULT_PORTS, CameraAddress
from sitepose.plugins.sources.live.events import ConnectionFault

ANSWER_S = 2.0
"""How long a camera may take for one answer: on a local network it takes milliseconds."""

NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)

NOT_NOW = (socket.EAI_AGAIN, socket.EAI_FAIL)
"""Errors of name servers, not of the name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network camera listens.

    Attributes:
        scheme: ``rtsp``, ``rtsps``, ``http`` or ``https``.
        host: Name or number.
        port: The one of the address, else the usual one.
        verify_tls: Whether its certificate must be one that this computer trusts.
    """

    scheme: str
    host: str
    port: int
    verify_tls: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme in ("rtsps", "https")

    @property
    def protocol(self) -> str:
        """``RTSP`` or ``HTTP``."""
        return self.scheme[:4].upper()

    def __str__(self) -> str:
        return f"port {self.port} of {self.host}"


def place_of(address: CameraAddress, *, verify_tls: bool = True) -> Place:
    """Return where a network camera listens."""
    parts = urlsplit(address.location)
    return Place(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme], verify_tls)


def reach(place: Place, timeout_s: float = ANSWER_S) -> socket.socket:
    """Return a connection, encrypted where the address says so.

    Args:
        place: Where to.
        timeout_s: For the connection, and for every answer that is read from it.

    Raises:
        ConnectionFault: There is none; the message says what to do.
    """
    try:
        plain = socket.create_connection((place.host, place.port), timeout_s)
    except (OSError, UnicodeError) as error:
        raise ConnectionFault("unreachable", _why_unreachable(place, error)) from None
    if not place.encrypted:
        return plain
    try:
        return _context(verify=place.verify_tls).wrap_socket(plain, server_hostname=place.host)
    except (OSError, ValueError) as error:
        plain.close()
        raise ConnectionFault("unreachable", _why_not_encrypted(place, error)) from None


def speaks_tls(place: Place) -> bool:
    """Return whether a place that was to be plain answers to TLS."""
    with suppress(OSError, ValueError), socket.create_connection((place.host, place.port), ANSWER_S) as plain:
        _context(verify=False).wrap_socket(plain, server_hostname=place.host).close()
        return True
    return False


def through_proxy(address: CameraAddress) -> bool:
    """Return whether libraries reach a camera by way of a proxy, as the environment says."""
    parts = urlsplit(address.location)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _why_unreachable(place: Place, error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno in NOT_NOW:
        return f"the name {place.host} cannot be looked up now: check this computer's network"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no computer is called {place.host}: check the name, or write its number, such as 192.168.1.20"
    if isinstance(error, ConnectionRefusedError):
        return f"{place} is closed: switch {place.protocol} on in the camera, or correct the port"
    if isinstance(error, TimeoutError):
        return f"{place} does not answer: check that the camera is on, in this network, and its address"
    if getattr(error, "errno", None) in NO_WAY:
        return f"no way leads to {place.host}: check the address, and that this computer is in its network"
    return f"{place} cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"


def _why_not_encrypted(place: Place, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"this computer does not trust the certificate of {place.host} ({error.verify_message}):"
            " install it here, or accept it (--no-verify-tls)"
        )
    if isinstance(error, TimeoutError):
        return f"{place} answers nothing to TLS: check the port, or write {place.scheme[:4]}://"
    return f"{place} does not speak TLS: write {place.scheme[:4]}://, or correct the port"
