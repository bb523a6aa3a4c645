"""One question to a network camera, in RTSP or HTTP, whose forms are the same."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sitepose.plugins.sources.live.address import CameraAddress, Credentials
from sitepose.plugins.sources.live.diagnosis.reach import ANSWER_S, Place, place_of, reach, speaks_tls
from sitepose.plugins.sources.live.events import ConnectionFault

MOST_BYTES = 1 << 16
"""Of an answer: enough for a description, a playlist, or the begin of a picture."""

UNAUTHORIZED = 401

_STATUS = re.compile(rb"(RTSP|HTTP)/\d\.\d (\d{3}) ?([^\r\n]*)\r?\n")
_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a camera has answered.

    Attributes:
        protocol: ``RTSP`` or ``HTTP``.
        status: 200 is fine.
        reason: The camera's own word for it, printable.
        headers: Names in small letters, and values.
        body: The begin of what follows.
        ended: Whether the camera hung up behind it.
    """

    protocol: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ended: bool

    def header(self, name: str) -> str:
        """Return the first header of a name; empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")


def ask(address: CameraAddress, *, verify_tls: bool = True, location: str | None = None) -> Reply:
    """Ask a camera for its description (RTSP) or its stream (HTTP), and log in at most once.

    Args:
        address: Where it is, and who asks.
        verify_tls: Whether its certificate must be one that this computer trusts.
        location: Another address of the same camera, in place of its own.

    Raises:
        ConnectionFault: It cannot be reached, or answers what is no answer.
    """
    location = location or address.location
    place = place_of(CameraAddress(address.kind, location), verify_tls=verify_tls)
    method, uri = _question(place, location)
    reply = _exchange(place, method, uri)
    if reply.status == UNAUTHORIZED and address.credentials is not None:
        offers = [value for name, value in reply.headers if name == "www-authenticate"]
        proof = authorization(offers, method, uri, address.credentials)
        if proof:
            return _exchange(place, method, uri, f"Authorization: {proof}\r\n")
    return reply


def authorization(offers: Sequence[str], method: str, uri: str, login: Credentials) -> str:
    """Return the header that proves a login; empty where none of the ways that are offered is known.

    Args:
        offers: Values of ``WWW-Authenticate``.
        method: Of the question.
        uri: As it stands in the question.
        login: Who asks.

    >>> authorization(['Basic realm="camera"'], "GET", "/", Credentials("u", "p"))
    'Basic dTpw'
    """
    for offer in offers:
        scheme, _, rest = offer.strip().partition(" ")
        fields = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
        if scheme.lower() == "digest" and fields.get("algorithm", "MD5").upper() in _HASHES:
            return _digest(fields, method, uri, login)
    if any(offer.strip().lower().startswith("basic") for offer in offers):
        return "Basic " + b64encode(f"{login.user}:{login.password}".encode()).decode()
    return ""


def _digest(fields: dict[str, str], method: str, uri: str, login: Credentials) -> str:
    """Return the proof of RFC 2617 and 7616: the password itself is not sent."""
    algorithm = fields.get("algorithm", "MD5").upper()

    def digest(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    who, what = digest(f"{login.user}:{realm}:{login.password}"), digest(f"{method}:{uri}")
    words = {"username": login.user, "realm": realm, "nonce": nonce, "uri": uri}
    bare = f", algorithm={algorithm}"
    if "auth" in re.split(r"[\s,]+", fields.get("qop", "")):
        ours = digest(f"{time.monotonic_ns()}")[:16]
        words |= {"cnonce": ours, "response": digest(f"{who}:{nonce}:00000001:{ours}:auth:{what}")}
        bare += ", nc=00000001, qop=auth"
    else:
        words["response"] = digest(f"{who}:{nonce}:{what}")
    if "opaque" in fields:
        words["opaque"] = fields["opaque"]
    return "Digest " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in words.items()) + bare


def _quoted(value: str) -> str:
    """Return a value as it may stand between quotes in a header."""
    return re.sub(r'(["\\])', r"\\\1", "".join(filter(str.isprintable, value)))


def _question(place: Place, location: str) -> tuple[str, str]:
    if place.protocol == "RTSP":
        return "DESCRIBE", location
    parts = urlsplit(location)
    return "GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchange(place: Place, method: str, uri: str, proof: str = "") -> Reply:
    host = f"[{place.host}]" if ":" in place.host else place.host
    form, extra = ("RTSP/1.0", "CSeq: 1\r\nAccept: application/sdp\r\n")
    if place.protocol == "HTTP":
        form, extra = "HTTP/1.0", f"Host: {host}:{place.port}\r\nAccept: */*\r\n"
    question = f"{method} {uri} {form}\r\n{extra}User-Agent: sitepose\r\n{proof}\r\n"
    with reach(place) as connection:
        try:
            connection.sendall(question.encode())
        except OSError as error:
            raise ConnectionFault("broken", _why_no_answer(place, b"", hung_up=True)) from error
        answer, ended = _read(connection, place.protocol)
    return _parsed(place, answer, ended=ended)


def _read(connection: socket.socket, protocol: str) -> tuple[bytes, bool]:
    """Return what comes until the answer is whole or takes too long, and whether the camera has hung up."""
    answer, deadline = b"", time.monotonic() + ANSWER_S
    try:
        while len(answer) < MOST_BYTES and time.monotonic() < deadline:
            part = connection.recv(MOST_BYTES)
            if not part:
                return answer, True
            answer += part
            head, gap, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
            if gap and (len(body) >= int(length[1]) if length else protocol == "RTSP"):
                break
    except ssl.SSLError:
        return answer, True  # some end TLS without a word
    except TimeoutError:
        pass
    except OSError:
        return answer, True
    return answer, False


def _parsed(place: Place, answer: bytes, *, ended: bool) -> Reply:
    status = _STATUS.match(answer)
    if status is None:
        raise ConnectionFault("broken", _why_no_answer(place, answer, hung_up=ended))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head[status.end() :].decode("utf-8", "replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    reason = "".join(letter for letter in status[3].decode("ascii", "replace") if letter.isprintable())
    return Reply(status[1].decode(), int(status[2]), reason.strip()[:60], headers, body, ended)


def _why_no_answer(place: Place, answer: bytes, *, hung_up: bool) -> str:
    right = f"check that it is the camera's port for {place.protocol}"
    if not place.encrypted and (answer[:2] == b"\x15\x03" or (hung_up and not answer and speaks_tls(place))):
        return f"{place} speaks TLS: write {place.scheme}s://"
    if answer:
        return f"{place} answers what is not {place.protocol}: {right}"
    if hung_up:
        return f"{place} hangs up without an answer: {right}, and that it is not busy with other viewers"
    return f"{place} takes the connection, but answers nothing: {right}"
